"""The watchdog: a thread that says which strategy a batch hangs in. It cannot free it; it only looks, by the monotonic clock."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.graph import Graph
from pipeline.kernels import COMPILING

__all__ = ["LIMIT", "Hang", "Watchdog"]

LIMIT = 5.0


@dataclass(frozen=True)
class Hang:
    """A batch that took too long: whose code it was in when the watchdog looked, the row after it, the seconds so far."""

    owner: str
    seq: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.owner} has been busy with the rows before {self.seq:,} for {self.seconds:.1f} s"


class Watchdog:
    """Looks at a graph every `limit / 4` seconds and reports a batch that has taken longer than `limit`, once.

    `busy` says whether a batch is under way, `clock` is monotonic seconds; `pause(seconds)` waits and returns True when it is time to stop.
    """

    def __init__(
        self, graph: Graph, busy: Callable[[], bool], on_hang: Callable[[Hang], None], limit: float = LIMIT,
        clock: Callable[[], float] = time.monotonic, pause: Callable[[float], bool] | None = None,
    ) -> None:  # fmt: skip
        self.graph, self.busy, self.on_hang, self.limit, self.clock = graph, busy, on_hang, limit, clock
        self._stop = threading.Event()
        self._pause = pause or self._stop.wait
        self._since, self._seen, self._told = 0.0, -1, False
        self._thread = threading.Thread(target=self._watch, name="rxtape-watchdog", daemon=True)

    def look(self) -> None:
        """Compare with the last look: the same batch still under way is older by the time between them."""
        seq, now = self.graph.next_row, self.clock()
        if not self.busy() or seq != self._seen or COMPILING:
            self._since, self._seen, self._told = now, seq, False
        elif now - self._since > self.limit and not self._told:
            self._told = True
            self.on_hang(Hang(self.graph.working or "the engine", seq, now - self._since))

    def _watch(self) -> None:
        while not self._pause(self.limit / 4):
            self.look()

    def __enter__(self) -> "Watchdog":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
