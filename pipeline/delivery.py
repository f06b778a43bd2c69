"""The sinks of a run: opened together, one worker each, cut off alone, flushed and closed at the end.

graph ──▶ alerts.STRATEGY.RULE ──▶ every worker, which takes alerts.#, and whoever else has subscribed
graph ──▶ journal ──▶ outbox, where there is a journal
"""

from collections.abc import Callable, Container, Sequence
from contextlib import ExitStack

from pipeline.alerts import Alert
from pipeline.broker import Broker
from pipeline.broker.topics import topic_of
from pipeline.errors import ReaderLeft, UsageError
from pipeline.functions import distinct
from pipeline.journal.outbox import Outbox
from pipeline.journaling import RunJournal
from pipeline.plugins import open_sink, sink_label
from pipeline.sinks import Sink
from pipeline.sinks.files import Destinations
from pipeline.sinks.worker import SinkWorker

__all__ = ["ALERTS", "AlertTopics", "Delivery"]

ALERTS = "alerts.#"
MOST_RULES = 10_000


class Delivery:
    """Publishes alerts, and hands them to every sink through its worker; `on_fault(name, error)` hears at once of a sink that is cut off.

    `sinks` are objects or URLs (one may stand alone); if one cannot be opened, those opened before it are closed again. A sink that writes
    to a file says so by `destination`; `occupied` knows those in use already. One that has news of its own gets the broker, by
    `tell_on(broker)`. Raises UsageError where two share one file, and for what is no sink. With a `journal`, sinks follow that, from
    where they were, and no two may have the same name.
    """

    def __init__(
        self, sinks: Sequence[Sink | str] | Sink | str, on_fault: Callable[[str, BaseException], None],
        worker: Callable[..., SinkWorker] = SinkWorker, occupied: Destinations | None = None, broker: Broker | None = None,
        journal: RunJournal | None = None,
    ) -> None:  # fmt: skip
        self.workers: list[SinkWorker] = []
        self.outbox: Outbox | None = None
        self._told = False
        self._broker, self._topic = broker or Broker(), AlertTopics()
        opened: dict[str, Sink] = {}
        destinations = Destinations() if occupied is None else occupied
        with ExitStack() as undo:
            for sink in [sinks] if isinstance(sinks, str | Sink) else sinks:
                made = open_sink(sink) if isinstance(sink, str) else sink
                if not isinstance(made, Sink) or isinstance(made, type):
                    raise UsageError(
                        f"{sink!r:.80} is no sink, which has write, flush and close; for a function write callback({sink!r:.40})"
                    )
                if isinstance(sink, str):
                    undo.callback(made.close)
                name = sink_label(sink) if isinstance(sink, str) else getattr(made, "label", type(sink).__name__)
                name = distinct(name, opened) if journal is None else told_apart(journal.how.conceal(name), opened)
                destinations.occupy(getattr(made, "destination", ""), name)
                if hasattr(made, "tell_on"):
                    made.tell_on(self._broker)
                opened[name] = made
            undo.pop_all()
        if journal is not None:
            self.outbox = Outbox(journal.journal, opened, on_fault, journal.how.patience, say=journal.say)
            journal.done_with = self.outbox.least
            return
        for name, made in opened.items():
            self.workers.append(worker(made, name, lambda error, name=name: on_fault(name, error)))
            self._broker.attach(ALERTS, self.workers[-1])

    @property
    def unheard(self) -> bool:
        """Nobody takes alerts any more, since the reader of a pipe has left."""
        faults = [each.fault for each in (self.workers if self.outbox is None else self.outbox.followers.values())]
        return any(isinstance(fault, ReaderLeft) for fault in faults) and None not in faults

    def deliver(self, alerts: Sequence[Alert], frame: int = 0) -> None:
        """Queue alerts for every sink, and for whoever has subscribed to them; `frame` is theirs in the journal."""
        self._told = True
        if self.outbox is not None and frame:
            self.outbox.offer(frame, alerts)
        if self._broker.is_heard:
            self._broker.publish_all(self._topic, alerts)

    def close(self, whole: bool = True, *, soon: bool = False) -> dict[str, int]:
        """Flush and close every sink; how many alerts the quarantined ones did not get.

        Sinks without an alert of a run that is not `whole` are not flushed: that would replace the alerts of an earlier run by none.
        `soon`: what a slow sink has not taken within its patience waits in the journal, if there is one.
        """
        if self.outbox is not None:
            return self.outbox.close(soon=soon)
        for worker in self.workers:
            self._broker.unsubscribe(worker)
        for worker in self.workers if whole or self._told else ():
            worker.flush()
        for worker in self.workers:
            worker.close()
        owed = [worker for worker in self.workers if worker.undelivered and not isinstance(worker.fault, ReaderLeft)]
        return {worker.name: worker.undelivered for worker in owed}


class AlertTopics:
    """The topic of an alert: of its strategy and rule; of its strategy alone, where a strategy makes up rules without end.

    >>> AlertTopics()(Alert("SPY", 0, strategy="volume_breakout"))
    'alerts.volume_breakout.rule'
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def __call__(self, alert: Alert) -> str:
        return self._known.get((alert.strategy, alert.rule)) or self._new(alert.strategy, alert.rule)

    def _new(self, strategy: str, rule: str) -> str:
        if len(self._known) >= MOST_RULES:
            return topic_of("alerts", strategy)
        self._known[strategy, rule] = topic_of("alerts", strategy, rule)
        return self._known[strategy, rule]


def told_apart(name: str, taken: Container[str]) -> str:
    """The name, by which a journal knows how far its sink is; UsageError where another has it."""
    if name in taken:
        raise UsageError(f"two sinks are called {name}, and a journal knows them by name; give each a name of its own as its `label`")
    return name
