"""Writing behind: a journal's digests, writes and syncs on a thread of their own, while the next rows are judged."""

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pipeline.durations import SECOND
from pipeline.errors import JournalError
from pipeline.journal.frames import Record
from pipeline.journal.log import Journal

__all__ = ["WriteBehind"]

PATIENCE = 60.0
DEPTH = 4
"""Batches that may wait: some megabytes, and long enough for a sync."""
Then = Callable[[int], None]
Make = Callable[[], Record]
Work = Callable[[], None]


class WriteBehind:
    """Appends to a journal in order, and syncs it when a group is old. `append` waits only while `depth` records do; what the journal
    raised comes out of the next call.

    While it is open nobody else appends. `then` of a record gets its frame, on the thread, once that is on the disk. JournalError
    where the disk takes nothing for `patience` seconds; then nothing more is appended, and `close` does not wait for it.

    >>> from tempfile import TemporaryDirectory
    >>> from pipeline.journal.payloads import alerts_record
    >>> with TemporaryDirectory() as folder, Journal.open(folder) as journal:
    ...     behind, left = WriteBehind(journal), []
    ...     behind.append(lambda: alerts_record([]), then=left.append)
    ...     behind.drain()
    ...     journal.sync()
    ...     behind.close()
    >>> left
    [1]
    """

    def __init__(self, journal: Journal, depth: int = DEPTH, patience: float = PATIENCE) -> None:
        self.journal, self.depth, self.patience = journal, depth, patience
        self.error: BaseException | None = None
        self.stuck = False
        self._waiting: deque[tuple[Make, Then | None]] = deque()
        self._changed = threading.Condition()
        self._busy = self._closing = self._lent = False
        self._done = 0
        self._thread = threading.Thread(target=self._work, name="rxtape-journal", daemon=True)
        self._thread.start()

    def append(self, make: Make, then: Then | None = None) -> None:
        """Make a record and append it, on the thread."""
        with self._changed:
            self._wait_until(lambda: len(self._waiting) < self.depth)
            self._waiting.append((make, then))
            self._lent = False
            self._changed.notify_all()

    def drain(self) -> None:
        """Return when everything is appended; the journal is the caller's until the next `append`."""
        with self._changed:
            self._wait_until(lambda: not self._waiting and not self._busy)
            self._lent = True

    def close(self) -> None:
        """End the thread, after what waits."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if not self.stuck:
            self._thread.join()

    def _wait_until(self, ready: Callable[[], bool]) -> None:
        while self.error is None and not ready():
            before = self._done
            if not self._changed.wait(self.patience) and self._done == before:
                self.stuck = True
                self.error = JournalError(
                    f"{Path(self.journal.folder)}: the disk took nothing for {self.patience:g} s; see what holds it up, and start again"
                )
        if self.error is not None:
            raise self.error

    def _work(self) -> None:
        while (work := self._next()) is not None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it
                self.error = self.error or error
            with self._changed:
                self._busy, self._done = False, self._done + 1
                self._changed.notify_all()

    def _append(self, make: Make, then: Then | None) -> None:
        seq = self.journal.append(make())
        if then is not None:
            self.journal.when_durable(seq, lambda: None if self.stuck else then(seq))  # the run of one that was stuck is over

    def _next(self) -> Work | None:
        """What is to be done: the next record; a sync, where none comes while the group grows old."""
        with self._changed:
            while not (self._waiting or self._closing or self.error):
                groups = not self._lent and self.journal.synced < self.journal.end
                if not self._changed.wait(self.journal.limits.group_ns / SECOND if groups else None) and not self._lent:
                    self._busy = True
                    return self.journal.sync_if_due
            if self.error is not None or not self._waiting:
                return None
            self._busy = True
            return partial(self._append, *self._waiting.popleft())
