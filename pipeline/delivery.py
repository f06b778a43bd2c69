"""The sinks of a run: opened together, one worker each, cut off alone, flushed and closed at the end."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from pipeline.alerts import Alert
from pipeline.plugins import open_sink
from pipeline.sinks import Sink
from pipeline.sinks.worker import SinkWorker

__all__ = ["Delivery"]


class Delivery:
    """Hands alerts to every sink through its worker; `on_fault(name, error)` hears at once of a sink that is cut off.

    `sinks` are objects or URLs; if one cannot be opened, those opened before it are closed again.
    """

    def __init__(
        self, sinks: Sequence[Sink | str], on_fault: Callable[[str, BaseException], None], worker: Callable[..., SinkWorker] = SinkWorker
    ) -> None:
        self.workers: list[SinkWorker] = []
        opened: dict[str, Sink] = {}
        with ExitStack() as undo:
            for sink in sinks:
                made = open_sink(sink) if isinstance(sink, str) else sink
                if isinstance(sink, str):
                    undo.callback(made.close)
                opened[unlike(sink if isinstance(sink, str) else type(sink).__name__, opened)] = made
            undo.pop_all()
        for name, made in opened.items():
            self.workers.append(worker(made, name, lambda error, name=name: on_fault(name, error)))

    def deliver(self, alerts: Sequence[Alert]) -> None:
        """Queue alerts for every sink."""
        for worker in self.workers:
            worker.deliver(alerts)

    def close(self) -> dict[str, int]:
        """Flush and close every sink; how many alerts the quarantined ones did not get."""
        for worker in self.workers:
            worker.flush()
        for worker in self.workers:
            worker.close()
        return {worker.name: worker.undelivered for worker in self.workers if worker.undelivered}


def unlike(name: str, taken: dict[str, Sink]) -> str:
    """The name, numbered if it is taken."""
    turn, unique = 1, name
    while unique in taken:
        turn += 1
        unique = f"{name} #{turn}"
    return unique
