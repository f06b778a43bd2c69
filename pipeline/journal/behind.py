"""Writing behind: a journal's digests, writes and syncs on a thread of their own, while the next rows are judged."""

import threading
from collections.abc import Callable
from queue import Queue

from pipeline.journal.frames import Record
from pipeline.journal.log import Journal

__all__ = ["WriteBehind"]

DEPTH = 16
"""Batches that may wait: some megabytes, and long enough for a sync."""
Work = tuple[Callable[[], Record], Callable[[], None] | None]


class WriteBehind:
    """Appends to a journal in order. `append` waits only while `depth` records do; what the journal raised comes out of the next call.

    While it is open nobody else appends. `then` of a record is called on its thread, once the record is on the disk.

    >>> from tempfile import TemporaryDirectory
    >>> from pipeline.journal.payloads import alerts_record
    >>> with TemporaryDirectory() as folder, Journal.open(folder) as journal:
    ...     behind, left = WriteBehind(journal), []
    ...     behind.append(lambda: alerts_record([]), then=lambda: left.append("alert"))
    ...     behind.drain()
    ...     journal.sync()
    ...     behind.close()
    >>> left
    ['alert']
    """

    def __init__(self, journal: Journal, depth: int = DEPTH) -> None:
        self.journal = journal
        self._waiting: Queue[Work | None] = Queue(depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="rxtape-journal", daemon=True)
        self._thread.start()

    def append(self, make: Callable[[], Record], then: Callable[[], None] | None = None) -> None:
        """Append what `make` gives, which is called on the thread."""
        self._check()
        self._waiting.put((make, then))

    def drain(self) -> None:
        """Return when everything is appended; the journal is the caller's until the next `append`."""
        self._waiting.join()
        self._check()

    def close(self) -> None:
        """End the thread, after what waits."""
        self._waiting.put(None)
        self._thread.join()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (work := self._waiting.get()) is not None:
            if self._error is None:
                try:
                    self._append(*work)
                except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it
                    self._error = error
            self._waiting.task_done()

    def _append(self, make: Callable[[], Record], then: Callable[[], None] | None) -> None:
        seq = self.journal.append(make())
        if then is not None:
            self.journal.when_durable(seq, then)
