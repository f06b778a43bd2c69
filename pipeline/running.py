"""The composition root: a feed, strategies and sinks become a run, and a run becomes a report."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from signal import SIGINT
from time import perf_counter, perf_counter_ns
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from pipeline.alerts import Alert, Alerts
from pipeline.aside import Aside
from pipeline.broker import Broker, topic_of
from pipeline.building import build
from pipeline.collector import Collector
from pipeline.delivery import Delivery
from pipeline.durations import Duration, nanoseconds
from pipeline.errors import BadRow, InputError, JournalError, ReaderLeft, SinkError, UnknownName, UsageError
from pipeline.feed import Feed, LiveFeed, facts_of, further_of, reading_further
from pipeline.flow import Tape
from pipeline.graph import Fault, Graph
from pipeline.ingest import Ingest, Late, RawRows
from pipeline.interruption import NOBODY_LISTENS, Batches, frozen_heap, stop_between_batches
from pipeline.journaling import THE_DISK, Journaling, RunJournal
from pipeline.notes import notes_on
from pipeline.report import Report
from pipeline.sinks import Sink
from pipeline.sinks.worker import SinkWorker
from pipeline.sources import check_rows, feed_of, occupied_by, rows_of
from pipeline.strategy import Strategy
from pipeline.symbols import MAX_SYMBOLS, SymbolTable
from pipeline.ticks import Ticks
from pipeline.watchdog import Hang, Watchdog

if TYPE_CHECKING:
    import pandas

__all__ = ["OnBad", "Run", "Sinks", "feed_of"]

OnBad = Literal["fail", "skip"]
Sinks = Sequence[Sink | str] | Sink | str
LOG = logging.getLogger("rxtape")


class Run:
    """A run that has been built and waits to `go`; `graph.next_row` tells how far it is.

    `picture` is a file that will be written after it, so that nothing else may be. What happens is published on `broker`, the
    one given or the run's own: alerts (`alerts.STRATEGY.RULE`), what was cut off (`faults.OWNER`), and the report as far as it
    is, once a batch (`progress`). Its own it closes at the end.
    """

    def __init__(
        self,
        feed: "Feed | LiveFeed | Ticks | pandas.DataFrame",
        *strategies: Strategy,
        late: Late = "fail",
        lateness: Duration = "0s",
        on_bad: OnBad = "fail",
        check_first: bool = False,
        max_symbols: int = MAX_SYMBOLS,
        quarantine: str | Path | None = None,
        keep_alerts: bool = True,
        broker: Broker | None = None,
        journal: Journaling | str | Path | None = None,
        on_fault: Callable[[Fault], None] | None = None,
        on_hang: Callable[[Hang], None] | None = None,
        watchdog: Callable[..., Watchdog] = Watchdog,
    ) -> None:
        if late not in get_args(Late):
            raise UnknownName("policy for late rows", late, get_args(Late))
        if on_bad not in get_args(OnBad):
            raise UnknownName("policy for bad rows", on_bad, get_args(OnBad))
        self.feed = feed_of(feed)
        again: dict[str, Any] = {"late": late, "lateness": lateness, "on_bad": on_bad, "max_symbols": max_symbols}
        self.report, self._settings = Report(again=partial(Run, feed, *strategies, **again)), {name: str(again[name]) for name in again}
        self._on_fault, self._on_hang, self._keep = on_fault or LOG.error, on_hang or LOG.warning, keep_alerts
        self.broker, self._own_broker, self._kept = Broker() if broker is None else broker, broker is None, list[Alert]()
        self._batches, self.graph = Batches(), Graph(SymbolTable(limit=max_symbols), self._faulted)
        self.ingest = Ingest(self.graph.symbols, late, nanoseconds(lateness), self._dropped, self._left_out if on_bad == "skip" else None)
        self._check_first = check_first
        columns = self.feed.columns | {"event_time"} if late == "clamp" else self.feed.columns
        self.graph.further = further_of(self.feed) - columns
        self.tape = Tape(self.graph, "tape", frozenset(columns))
        self.collector = Collector(self.graph)
        for strategy in strategies:
            build(strategy, self.tape, self.collector)
        self.ingest.batch_rows = self.collector.batch_rows
        self._watchdog = watchdog(self.graph, lambda: self._batches.busy or self.graph.working == THE_DISK, self._hung)
        self._aside = Aside(self.report, quarantine)
        self._delivery = Delivery((), self._sink_faulted, broker=self.broker)
        self._strategies, self._journaling = strategies, Journaling(journal) if isinstance(journal, str | Path) else journal
        self.journal: RunJournal | None = None
        self.picture: Path | None = None
        self.on_batch: Callable[[Ticks], None] = ignore
        self.on_alerts: Callable[[list[Alert]], None] = ignore
        self.on_oddity: Callable[[object], None] = LOG.warning

    def go(self, sinks: Sinks = (), worker: Callable[..., SinkWorker] = SinkWorker) -> Report:
        """Run to the end of the feed, deliver everything, and close the sinks; once."""
        self.feed = reading_further(self.feed, self.graph.claimed)
        with stop_between_batches(self._batches), self.working(sinks, worker), np.errstate(all="ignore"):
            if self._check_first:
                check_rows(rows_of(self.feed, self._batches), self.ingest)
            self._judge_all()
        return self.report

    @contextmanager
    def working(self, sinks: Sinks = (), worker: Callable[..., SinkWorker] = SinkWorker) -> Iterator[None]:
        """Sinks are open and the watchdog looks; afterwards everything is delivered and the report complete.

        Bad input, a signal and a quarantine file that cannot be written end it early, and are in the report instead of raised.
        """
        report, began, whole, owed = self.report, perf_counter(), False, list[Alert]()
        with ExitStack() as held:
            held.callback(lambda: self._aside.close(whole))
            others = {"the quarantine file": self._aside.destination, "the picture": self.picture}
            occupied = occupied_by(self.feed, others, self._journaling)
            if self._journaling is not None:
                self.journal = held.enter_context(self._journal_opened(self._journaling))
                owed = self._taken_up(self.journal)
            self._delivery = Delivery(sinks, self._sink_faulted, worker, occupied, self.broker, self.journal)
            try:
                with self._watchdog, frozen_heap():
                    if owed:
                        self._leave(owed, 0)
                    yield
                whole = True
            except (InputError, SinkError, JournalError) as error:
                report.incomplete = error
                report.bad_rows += isinstance(error, BadRow)
            except KeyboardInterrupt:
                self.collector.drop()
                self._batches.stopped_by = self._batches.stopped_by or SIGINT
            finally:
                with ExitStack() as ends:  # from the last to the first, whatever one of them raises
                    if self._own_broker:
                        ends.callback(self.broker.close)
                    ends.callback(self._leave_off, RunJournal.shorten)
                    ends.callback(self._close_sinks, whole)
                    ends.callback(self._leave_off, lambda journal: journal.finish(settled=not self._batches.busy))
        report.stopped_by = int(self._batches.stopped_by)
        report.seconds, report.notes = perf_counter() - began, notes_on(self.graph, report)
        report.of_feed = facts_of(self.feed) + ([] if self.journal is None else self.journal.facts())
        report.symbols, report.late_rows, report.alerts = len(self.graph.symbols), self.ingest.late_rows, Alerts(self._kept)

    def _journal_opened(self, how: Journaling) -> RunJournal:
        given, live = (how, self.graph, self._strategies, self.feed.name), not isinstance(self.feed, Feed)
        return RunJournal(*given, live=live, kept_by_hand=bool(self.collector.by_hand), settings=self._settings, say=self.on_oddity)

    def _taken_up(self, journal: RunJournal) -> list[Alert]:
        """Be where the journal ends, if no signal comes first; the alerts that its last rows owe."""
        try:
            owed = journal.resume(self.judged_again)
        except KeyboardInterrupt:
            if not self._batches.stopped_by:
                raise
            return []
        if journal.live and journal.known.last is not None:
            self.ingest.resume(self.graph.next_row, int(journal.known.last.time[0]))
        return owed

    def judged_again(self, batch: Ticks) -> list[Alert]:
        """The alerts of rows that are in the journal."""
        absent = {name: np.full(len(batch), np.nan) for name in self.tape.columns - batch.columns.keys()}
        whole = Ticks(batch.columns | absent, batch.symbols) if absent else batch
        for start in range(0, len(batch), self.collector.batch_rows):
            part = whole[start : start + self.collector.batch_rows]
            self._batches.check()
            with np.errstate(all="ignore"):
                self.graph.enter(len(part))
                self.tape.emit(part)
                self.graph.leave()
        return self.collector.take()

    def _leave_off(self, act: Callable[[RunJournal], None]) -> None:
        """Do something for the end of the journal, if there is one; what stands in the way is in the report."""
        try:
            if self.journal is not None:
                act(self.journal)
        except JournalError as error:
            self.report.incomplete = self.report.incomplete or error

    def _close_sinks(self, whole: bool) -> None:
        soon = bool(self._batches.stopped_by) or not isinstance(self.feed, Feed)  # a live feed ends when somebody stops it
        self.report.undelivered = self._delivery.close(whole, soon=soon)

    def _judge_all(self) -> None:
        try:
            for raw in rows_of(self.feed, self._batches, self.graph.next_row):
                self.accept(raw)
        except InputError:
            self._judge_waiting()
            raise
        self.finish()

    def accept(self, raw: RawRows) -> None:
        """Judge rows of the feed, and deliver the alerts."""
        try:
            for batch in self._new(self.ingest.accept(raw)):
                self._judge(batch)
        finally:
            self._aside.put()

    def finish(self) -> None:
        """Judge what still waits for its turn, and tell everyone that the tape has ended."""
        self._judge_waiting()
        if self.journal is not None:
            self.journal.ended(self.ingest.rows)
        self.tape.complete()
        self._deliver()

    def _judge_waiting(self) -> None:
        for batch in self._new(self.ingest.finish()):
            self._judge(batch)

    def _new(self, batches: Iterator[Ticks]) -> Iterator[Ticks]:
        return batches if self.journal is None else self.journal.known.unseen(batches)

    def _judge(self, batch: Ticks) -> None:
        graph, batches, journal, rows = self.graph, self._batches, self.journal, len(batch)
        if journal is not None:
            journal.write(batch)
        batches.busy = True
        began = perf_counter_ns()
        self.on_batch(batch)
        graph.enter(rows)
        self.tape.emit(batch)
        graph.leave()
        for part in self.collector.parts:
            if part:
                self._deliver()
                break
        self.report.latency.add(perf_counter_ns() - began)
        self.report.ticks += rows
        if self.broker.is_heard:
            self._say("progress", self.report)
        batches.busy = False
        if journal is not None:
            journal.between()
        batches.check()

    def _deliver(self) -> None:
        alerts = self.collector.take()
        if alerts and self.journal is not None:
            self.journal.put(alerts, self._leave)
        elif alerts:
            self._leave(alerts)

    def _leave(self, alerts: list[Alert], frame: int = 0) -> None:
        """Let everyone have alerts; `frame` is theirs in the journal."""
        self.report.count(alerts)
        if self._keep:
            self._kept += alerts
        self._delivery.deliver(alerts, frame)
        self.on_alerts(alerts)

    def _dropped(self, row: dict[str, Any]) -> None:
        self.report.dropped_rows += 1
        self._aside.note(row)

    def put_aside(self, row: dict[str, Any]) -> None:
        """Keep something that never became a row: `source`, `line`, `reason`, and what it was."""
        self._aside.note(row)
        self._aside.put()

    def _left_out(self, bad: BadRow) -> None:
        self.report.bad_rows += 1
        self._aside.note({"source": bad.source, "line": bad.line, "column": bad.column, "value": bad.value, "reason": bad.reason})

    def _faulted(self, fault: Fault) -> None:
        self.report.quarantined.append(fault)
        self._on_fault(fault)
        self._say(topic_of("faults", fault.owner), fault)

    def _say(self, topic: str, event: object) -> None:
        with suppress(UsageError):  # a broker that its owner has closed meanwhile hears no more
            self.broker.publish(topic, event)

    def _sink_faulted(self, name: str, error: BaseException) -> None:
        if isinstance(error, ReaderLeft):
            if self._delivery.unheard and not self._keep:
                self._batches.stopped_by = self._batches.stopped_by or NOBODY_LISTENS
            return
        if self.journal is not None:
            self._say(topic_of("faults", f"sink {name}"), Fault(f"sink {name}", error, self.graph.next_row))
            self.on_oddity(f"{name} fails: {type(error).__name__}: {error}; its alerts wait in the journal, and it is tried again")
        else:
            self._faulted(Fault(f"sink {name}", error, self.graph.next_row))

    def _hung(self, hang: Hang) -> None:
        self.report.hangs.append(hang)
        self._on_hang(hang)


def ignore(item: object) -> None:
    pass
