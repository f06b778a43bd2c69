"""The worker of a sink: one thread that delivers what the graph has found, so that the graph never waits for I/O.

broker --offer--> [ bounded queue ] --thread--> sink.write, again after a pause --given up--> quarantined
        blocks while full                                                        counts what it was owed
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from pipeline.alerts import Alert
from pipeline.broker.waiting import Item
from pipeline.errors import ReaderLeft, SinkError
from pipeline.guarded import OF_USERS
from pipeline.sinks import Sink

__all__ = ["SinkWorker"]

CAPACITY = 10_000
ATTEMPTS = 3
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
PATIENCE = 60.0


class SinkWorker:
    """Delivers alerts to one sink, in order.

    A write that raises is tried `attempts` times with growing, jittered pauses; then the sink is quarantined: `on_fault`
    gets the error at once (on the worker's thread), the sink is not called again, and `undelivered` counts what it did
    not get, `queued` what it has yet to get. A sink that neither takes anything nor raises for `patience` seconds is quarantined too,
    and one that raises ReaderLeft at once.
    """

    def __init__(
        self, sink: Sink, name: str, on_fault: Callable[[BaseException], None], *, attempts: int = ATTEMPTS, capacity: int = CAPACITY,
        patience: float = PATIENCE, sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self.sink, self.name, self.on_fault = sink, name, on_fault
        self.attempts, self.capacity, self.patience, self.sleep = attempts, capacity, patience, sleep
        self.delivered = self.undelivered = self.retries = 0
        self.fault: BaseException | None = None
        self._changed = threading.Condition()
        self._queue: deque[Callable[[], None] | Sequence[Alert]] = deque()
        self.queued = 0
        self._steps = 0
        self._busy = self._closing = False
        self._jitter = random.Random(name)
        self._thread = threading.Thread(target=self._work, name=f"rxtape-sink-{name}", daemon=True)
        self._thread.start()

    def offer(self, items: Sequence[Item]) -> None:
        """Queue what was published together, as the broker hands it over."""
        self.deliver([alert for _, alert, _ in items])

    def deliver(self, alerts: Sequence[Alert]) -> None:
        """Queue alerts; waits while the queue is full, never for a quarantined sink."""
        count = len(alerts)
        with self._changed:
            self._wait_until(lambda: not self.queued or self.queued + count <= self.capacity)
            if self.fault is not None:
                self.undelivered += count
                return
            self._queue.append(alerts)
            self.queued += count
            self._changed.notify_all()

    def flush(self) -> None:
        """Return when the sink has everything and has flushed it, or is quarantined."""
        with self._changed:
            if self.fault is None:
                self._queue.append(self.sink.flush)
                self._changed.notify_all()
            self._wait_until(lambda: not self._queue and not self._busy)

    def close(self) -> None:
        """Stop the thread after what is queued and close the sink."""
        with self._changed:
            self._wait_until(lambda: not self._queue and not self._busy)
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout=self.patience if self.fault is None else 1.0)

    def _wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait for the worker as long as it makes progress."""
        while self.fault is None and not ready():
            before = self._steps
            if not self._changed.wait(self.patience) and self._steps == before:
                self._give_up(SinkError(f"took nothing for {self.patience:g} s"))

    def _give_up(self, error: BaseException) -> None:
        self.fault = error
        self.undelivered += self.queued
        self._queue.clear()
        self.queued = 0
        self._changed.notify_all()
        self.on_fault(error)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            error = self._attempt(job)
            count = 0 if callable(job) else len(job)
            with self._changed:
                self._busy = False
                self._steps += 1
                if self.fault is None:
                    self.queued -= count
                    self.delivered += count if error is None else 0
                    if error is not None:
                        self.undelivered += count
                        self._give_up(error)
                self._changed.notify_all()
        self._close_sink()

    def _next(self) -> Callable[[], None] | Sequence[Alert] | None:
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            if not self._queue:
                return None
            self._busy = True
            return self._queue.popleft()

    def _attempt(self, job: Callable[[], None] | Sequence[Alert]) -> BaseException | None:
        """Do it, several times if need be; the error of the last attempt if all fail."""
        pause = FIRST_PAUSE
        for attempt in range(self.attempts):
            if attempt:
                self.retries += 1
                self.sleep(pause * self._jitter.uniform(0.5, 1.0))
                pause = min(pause * 4, LONGEST_PAUSE)
            try:
                job() if callable(job) else self.sink.write(job)
            except ReaderLeft as error:
                return error
            except OF_USERS as error:
                last = error
            else:
                return None
        return last

    def _close_sink(self) -> None:
        try:
            self.sink.close()
        except OF_USERS as error:
            with self._changed:
                if self.fault is None:
                    self._give_up(error)
