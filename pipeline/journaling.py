"""The journal of a run: what came, before it is judged; what was found, before it leaves; and where a restart goes on.

batch --> on the log --> judged --> its alerts on the log --> synced --> sinks, subscribers
            snapshot + the rows of the log after it, judged again = where the run was
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic_ns
from types import TracebackType
from typing import Self

from pipeline.alerts import Alert
from pipeline.durations import Duration, nanoseconds
from pipeline.errors import JournalBroken, JournalError, SnapshotMismatch
from pipeline.graph import Graph
from pipeline.journal import Content, Frame, Journal, Keep, Limits, Record
from pipeline.journal.alert_sink import Patience
from pipeline.journal.behind import WriteBehind
from pipeline.journal.concealment import hidden, revealed
from pipeline.journal.configuration import Chosen, Configuration, config_of, config_record, prints_of, versions_here
from pipeline.journal.cursors import Cursors
from pipeline.journal.files import Files
from pipeline.journal.opening import Warn
from pipeline.journal.payloads import alerts_of, alerts_record, ticks_of, ticks_record, ticks_record_later
from pipeline.journal.reading import last_with_rows
from pipeline.journal.recovery import bytes_in
from pipeline.journal.snapshots import KeptSnapshot, Snapshots, changed
from pipeline.known_rows import KnownRows
from pipeline.strategy import Strategy
from pipeline.ticks import Ticks

__all__ = ["THE_DISK", "Journaling", "RunJournal"]

LOG = logging.getLogger("rxtape")
CHECKED = 1 << 30
"""A log of so many bytes, a second's work, is checked as a whole at a restart; of a larger one what no snapshot stands for."""
THE_DISK = "the journal's disk"
IN_REPLAY = Limits(group_bytes=4 << 20, group_ns=50_000_000)
LIVE = Limits(group_bytes=4 << 20, group_ns=100_000_000)
"""Of live rows only those that caused no alert wait: an alert is synced at once, and its rows with it."""


@dataclass(frozen=True)
class Journaling:
    """How a run keeps a journal: its folder, after how many rows or how long a snapshot is taken, and how much of the log is kept.

    `files` is the file system, that of the machine by default; `conceal` takes secrets out of what is written of the configuration,
    `patience` is that with sinks which fail.

    >>> Journaling("monday", snapshot_every="30s").folder
    'monday'
    """

    folder: str | Path
    snapshot_rows: int = 5_000_000
    snapshot_every: Duration = "1m"
    keep: Keep = field(default_factory=Keep)
    files: Files | None = None
    conceal: Callable[[str], str] = str
    patience: Patience = field(default_factory=Patience)


class RunJournal:
    """The journal of one run, open; one thread uses it. `say` hears of what is odd and goes on.

    `feed` is the name of a feed that begins anew with each run, as a file does: the rows that the journal has are left out of it (`known`).
    A `live` one goes on by itself. `done_with` tells the last frame that every sink has done with. Raises what `Journal.open` and
    `Snapshots.newest` raise.
    """

    def __init__(
        self, how: Journaling, graph: Graph, strategies: Sequence[Strategy], feed: str, *, live: bool, kept_by_hand: bool = False,
        settings: Mapping[str, str] | None = None, say: Warn = LOG.warning, clock_ns: Callable[[], int] = monotonic_ns,
    ) -> None:  # fmt: skip
        self.how, self.graph, self.feed, self.live, self.say, self._clock_ns = how, graph, feed, live, say, clock_ns
        self._kept_by_hand, self._settings, self._configured = kept_by_hand, settings or {}, Configuration()
        self.snapshots, cursors = Snapshots(how.folder, files=how.files, on_warning=say), Cursors(how.folder, how.files)
        trusted = self.snapshots.oldest() if bytes_in(cursors.files, Path(how.folder)) > CHECKED else 0
        self.journal = Journal.open(
            how.folder, trusted=trusted, acknowledged=cursors.seen(), limits=LIVE if live else IN_REPLAY, files=how.files,
            clock_ns=clock_ns, on_warning=say,
        )  # fmt: skip
        self._chosen = [Chosen.by(each).without_secrets(how.conceal, self.journal.identity) for each in strategies]
        self.prints = prints_of(self._chosen)
        self.known = KnownRows(feed, how.folder)
        self._told_kept = self._told_changed = self._is_told = False
        self.done_with: Callable[[], int] = lambda: 0
        self._behind: WriteBehind | None = None
        self._told, self._since_rows, self._since, self._snapshot_ns = set[str](), 0, clock_ns(), nanoseconds(how.snapshot_every)

    # Taking up again.

    def resume(self, judge: Callable[[Ticks], list[Alert]]) -> list[Alert]:
        """Bring the graph to where the log ends; the alerts that its last rows give and that it does not hold yet, now appended."""
        journal, graph = self.journal, self.graph
        kept = self.snapshots.newest(journal)
        before: Mapping[str, str] = {} if kept is None else kept.fingerprints
        owed = self._judge_again(kept if kept is not None and self._fits(before) else None, before, judge)
        if not graph.next_row and kept is not None:  # the log has no rows any more
            graph.next_row = kept.next_row
        self.known = KnownRows(self.feed, self.how.folder, graph.next_row, self._last_row() if journal.end else None)
        if owed or self.live:
            self._tell_configuration()
        if owed:
            journal.append(alerts_record(owed), urgent=True)
        self._behind = None if self.live else WriteBehind(journal)
        return owed

    def _fits(self, before: Mapping[str, str]) -> bool:
        """Whether a snapshot's state is that of these strategies; what is not is told, and rebuilt from the log."""
        changes = changed(before, self.prints)
        if changes and not self._told_changed:
            self._told_changed = True
            begins = f", which begins with frame {self.journal.first:,}" if self.journal.first > 1 else ""
            self.say(f"the journal {self.how.folder} is judged again from its start{begins}: {'; '.join(changes)}")
        return not changes and not self._kept_by_hand

    def _judge_again(self, kept: KeptSnapshot | None, before: Mapping[str, str], judge: Callable[[Ticks], list[Alert]]) -> list[Alert]:
        """Judge the rows after a snapshot, or all; what these strategies owe of the last rows, if the log has no alerts of them."""
        if kept is not None:
            try:
                self.graph.restore(revealed(kept.state, self.graph, self.how.conceal))
            except SnapshotMismatch as error:
                advice = f"remove the snapshots of {self.how.folder}, and the log is judged again from its start"
                raise JournalError(f"{error}; {advice}") from error
        owed, then = list[Alert](), before
        for frame in self.journal.read(self.journal.first if kept is None else kept.seq + 1):
            if frame.content is Content.TICKS:
                self._compare(owed, [], frame, before)
                ticks = ticks_of(frame, self.graph.symbols)
                if not self.graph.next_row:  # the first rows of the log may be gone
                    self.graph.next_row = int(ticks.seq[0])
                owed, self._told, then = judge(ticks), set(), before
                self._since_rows += len(ticks)
            elif frame.content is Content.ALERTS:
                recorded = alerts_of(frame)
                if owed or not (self._told or self._kept_by_hand):  # by hand there may be alerts at the end of a tape
                    self._compare(owed, recorded, frame, before)
                owed = []
                self._told |= {alert.id for alert in recorded}
            elif frame.content is Content.CONFIG:
                self._configured = config_of(frame)
                before = prints_of(self._configured.strategies)
        if kept is None and self.journal.end:
            self._fits(before)
        others = [alert for alert in owed if then.get(alert.strategy, "") not in ("", self.prints[alert.strategy])]
        if others:
            said = f"the last rows of {self.how.folder}, judged by strategies that have changed since, have no alerts on the log"
            self.say(
                f"{said}: there were none, or a run was killed before it told them; the {len(others):,} that there are now are not told"
            )
        return [alert for alert in owed if then.get(alert.strategy) == self.prints[alert.strategy]]

    def _compare(self, found: list[Alert], recorded: list[Alert], frame: Frame, before: Mapping[str, str]) -> None:
        """Rows judged again by the same strategies give the alerts that were recorded, to the last bit; else it is said."""
        if before == self.prints and alerts_record(found) != alerts_record(recorded):
            ids = {alert.id for alert in found} ^ {alert.id for alert in recorded}
            which = f"{len(ids)} alerts, {min(ids)} among them," if ids else "values of alerts"
            self.say(f"frame {frame.seq:,} of {self.how.folder}: {which} are not what its rows give now; what is recorded stands")

    def _last_row(self) -> Ticks | None:
        """The last row of the tape so far."""
        last = last_with_rows(self.journal.read, self.journal.first, self.journal.end)
        return None if last is None else ticks_of(last, self.graph.symbols)[-1:]

    def _tell_configuration(self) -> None:
        """Append it once, if it is not the log's last: before the first rows or alerts, so that a run that is refused leaves nothing."""
        told, self._is_told = self._is_told, True
        if not told and self._configured != (mine := self._configuration()):  # or not known, as nothing since the snapshot tells
            self._drain()
            self._append(config_record(mine), urgent=True)

    def _configuration(self) -> Configuration:
        return Configuration(self.how.conceal(self.feed), self._chosen, dict(self._settings), versions_here())

    # While the run goes on.

    def write(self, batch: Ticks) -> None:
        """Append rows, before they are judged. Raises JournalError where these, or in a replay some before, cannot be written."""
        self._tell_configuration()
        if self._behind is None:
            self._append(ticks_record(batch))
        else:
            self._behind.append(ticks_record_later(batch))
        self._since_rows += len(batch)
        if self._told:
            self._told = set()

    def put(self, alerts: list[Alert], leave: Callable[[list[Alert], int], None]) -> None:
        """Append alerts; `leave` gets them and their frame once they are on the disk: at once in a live run, else on another thread."""
        if self._told:  # the tape had ended before, and says again what it says at its end
            alerts = [alert for alert in alerts if alert.id not in self._told]
        if not alerts:
            return
        self._tell_configuration()
        record = alerts_record(alerts)
        if self._behind is None:
            leave(alerts, self._append(record, urgent=True))
        else:
            self._behind.append(lambda: record, lambda frame: leave(alerts, frame))

    def _append(self, record: Record, *, urgent: bool = False) -> int:
        """Append on the owner's thread, which a disk that hangs holds up: the watchdog is told whose fault that is."""
        self.graph.working = THE_DISK
        try:
            return self.journal.append(record, urgent=urgent)
        finally:
            self.graph.working = None

    def between(self) -> None:
        """Between two batches: a snapshot, if it is time for one."""
        if self._since_rows >= self.how.snapshot_rows or (self._since_rows and self._clock_ns() - self._since >= self._snapshot_ns):
            self._snapshot()

    def _snapshot(self) -> None:
        self._since_rows, self._since = 0, self._clock_ns()
        if self._kept_by_hand:
            self._tell_kept("a strategy of plain Rx, which is judged again from the start")
            return
        self._drain()
        with self._going_on("no snapshot was taken"):  # a restart reads more of the log
            self.snapshots.save(self.journal, hidden(self.graph.snapshot(), self.how.conceal), self.prints)
        self.shorten()

    def shorten(self) -> None:
        """Remove what is not to be kept of the log: with a snapshot, and at the end, when the sinks are done. Raises JournalBroken."""
        failed = self.journal.broken or (self._behind is not None and self._behind.error)
        if failed or not self._is_told or self._kept_by_hand:
            return
        if (done := self.done_with()) < 0:
            self._tell_kept("a sink that each run writes anew (`rxtape sinks forget` drops one)")
        with self._going_on(f"nothing of {self.how.folder} was removed"):
            if self.journal.retain(self.how.keep, min(self.snapshots.oldest(), done)):
                self.journal.append(config_record(self._configuration()))  # whose alerts these are was perhaps said in what is gone

    @contextmanager
    def _going_on(self, without: str) -> Iterator[None]:
        """Say what could not be done, where the log itself is well."""
        try:
            yield
        except JournalBroken:
            raise
        except JournalError as error:
            self.say(f"{without}: {error}")

    def _tell_kept(self, by: str) -> None:
        """Say once that the log grows, where it was to be kept short."""
        if self.how.keep != Keep() and not self._told_kept:
            self._told_kept = True
            self.say(f"nothing of {self.how.folder} is removed, whatever is to be kept of it: all is needed by {by}")

    # The end.

    def ended(self, rows: int) -> None:
        """At the end of a feed, which had so many rows: InputError where the log has more, else it knows of the run, rows or not."""
        if not self.live:
            self.known.check_all_there(rows)
        self._tell_configuration()

    def _drain(self) -> None:
        if self._behind is not None:
            self._behind.drain()

    def sync_if_due(self) -> None:
        """To be called while no rows come."""
        self.journal.sync_if_due()

    def finish(self, settled: bool) -> None:
        """All is on the disk, and leaves; a last snapshot, if the graph stands between two batches (`settled`), of a run not refused."""
        self._drain()
        self.journal.sync()
        if settled and self._is_told and self._since_rows and self.journal.broken is None:
            self._snapshot()

    def close(self) -> None:
        """Let go of the folder."""
        if self._behind is not None:
            self._behind.close()
            if self._behind.stuck:  # whoever holds the disk up would hold this up too; the lock ends with the process
                return
        try:
            self.journal.close()
        except JournalError as error:
            self.say(str(error))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def facts(self) -> list[tuple[str, str]]:
        """What there is to say of it in the report."""
        began = f"went on after row {self.known.count:,} of" if self.known.count else "began"
        return [("journal", f"{began} {self.how.folder}, which ends with frame {self.journal.end:,}")]
