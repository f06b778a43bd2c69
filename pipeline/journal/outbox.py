"""The outbox: the sinks of a run with a journal, each of which follows it from a cursor of its own."""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from pipeline.alerts import Alert
from pipeline.journal.alert_sink import AlertSink, Patience
from pipeline.journal.cursors import Cursors
from pipeline.journal.follower import Follower
from pipeline.journal.log import Journal

__all__ = ["Outbox"]


class Outbox:
    """The sinks of a run with a journal. None of them holds up the run or another sink.

    >>> from tempfile import TemporaryDirectory
    >>> from pipeline.journal.payloads import alerts_record
    >>> from pipeline.sinks.memory import MemorySink
    >>> with TemporaryDirectory() as folder, Journal.open(folder) as journal:
    ...     outbox, alerts = Outbox(journal, {"memory": MemorySink()}, print), [Alert(symbol="SPY", time=1, id="a")]
    ...     frame = journal.append(alerts_record(alerts), urgent=True)
    ...     outbox.offer(frame, alerts)
    ...     outbox.close(), [alert.id for alert in outbox.followers["memory"].sink.alerts]
    ({}, ['a'])
    """

    def __init__(
        self, journal: Journal, sinks: Mapping[str, AlertSink], on_fault: Callable[[str, BaseException], None],
        patience: Patience | None = None, **how: Any,
    ) -> None:  # fmt: skip
        self.cursors, self.patience = Cursors(journal.folder, journal.files), patience or Patience()
        self.followers = {name: Follower(name, sink, journal, self.cursors, on_fault, self.patience, **how) for name, sink in sinks.items()}
        for follower in self.followers.values():
            follower.start()

    def offer(self, frame: int, alerts: Sequence[Alert]) -> None:
        """Alerts of a frame, once it is on the disk."""
        for follower in self.followers.values():
            follower.offer(frame, alerts)

    def least(self) -> int:
        """The last frame that every sink has done with, those of earlier runs too; -1 where one is written anew, which needs all.

        Those whose reader has left need none.
        """
        return min((-1 if each.anew else each.frame - 1 for each in self.cursors.all() if each.status != "left"), default=1 << 62)

    def close(self, *, soon: bool = False) -> dict[str, int]:
        """Deliver what can be delivered, if `soon` within `at_end` seconds, and close the sinks; how many alerts wait, or were refused."""
        until = monotonic() + self.patience.at_end
        for follower in self.followers.values():
            follower.end(until, 0.0 if soon else self.patience.at_end)
        for follower in self.followers.values():
            follower.join()
        return {name: owed for name, follower in self.followers.items() if (owed := follower.owed + follower.refused)}
