"""The journal: an append-only log of what happened, in order, by one writer.

append --frame--> segment file --group commit--> on the disk (`synced`) --> what waits for it may leave the process
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic_ns
from types import TracebackType
from typing import Self

from pipeline.durations import SECOND
from pipeline.errors import JournalBroken, JournalError
from pipeline.journal.files import Files, Held, RealFiles, refusals
from pipeline.journal.frames import DIGEST, MOST_BYTES, Frame, Record, SegmentHead, pack
from pipeline.journal.mark import Mark, write_mark
from pipeline.journal.opening import Opened, Warn, locked, recovered
from pipeline.journal.reading import Reader
from pipeline.journal.recovery import Segment, digest_at, name_of
from pipeline.journal.retention import Keep, Kept, removable
from pipeline.journal.segment import OpenSegment

__all__ = ["Journal", "Limits"]

LOG = logging.getLogger("rxtape")


@dataclass(frozen=True, slots=True)
class Limits:
    """When a group is committed (bytes, or age when somebody looks), when a segment is full, how often the mark is written."""

    group_bytes: int = 256 << 10
    group_ns: int = 5_000_000
    segment_bytes: int = 64 << 20
    mark_ns: int = SECOND


class Journal:
    """A log in a folder, opened to write; see `open`. One thread appends; `synced`, `when_durable` and `reader` are for any.

    `end` is the last frame, `synced` the last that is on the disk, `digest` that of the log up to `end`. Frames are
    numbered from 1. What a frame caused may leave the process once `synced` has reached it.

    >>> from tempfile import TemporaryDirectory
    >>> from pipeline.alerts import Alert
    >>> from pipeline.journal.payloads import alerts_of, alerts_record
    >>> with TemporaryDirectory() as folder, Journal.open(Path(folder, "monday")) as journal:
    ...     seq = journal.append(alerts_record([Alert(symbol="SPY", time=1, message="seen")]), urgent=True)
    ...     seq, journal.synced, [alerts_of(frame)[0].message for frame in journal.read()]
    (1, 1, ['seen'])
    """

    def __init__(
        self, folder: Path, files: Files, limits: Limits, opened: Opened, lock: Held, clock_ns: Callable[[], int], on_warning: Warn
    ) -> None:
        """Use `open`."""
        self.folder, self.files, self.limits, self.identity = folder, files, limits, opened.identity
        last = opened.segments[-1] if opened.segments else None
        self.end = self.synced = last.last if last else opened.mark.seq
        self.digest = self._durable = last.digest if last else bytes.fromhex(opened.mark.digest)
        self._current, self._segments, self._mark = opened.current, opened.segments, opened.mark
        self._lock, self._clock_ns, self._warn = lock, clock_ns, on_warning
        self._group_bytes, self._group_began, self._marked = 0, 0, clock_ns()
        self._waiting: list[tuple[int, Callable[[], None]]] = []
        self._guard = threading.Lock()
        self._closed = False
        self._broken: JournalBroken | None = None

    @classmethod
    def open(
        cls, folder: str | Path, *, files: Files | None = None, limits: Limits | None = None, acknowledged: int = 0, trusted: int = 0,
        clock_ns: Callable[[], int] = monotonic_ns, on_warning: Warn = LOG.warning,
    ) -> "Journal":  # fmt: skip
        """Open the journal of a folder to write, or begin one there.

        A torn tail is cut, and `on_warning` told. `acknowledged` is the last frame that a cursor kept elsewhere has seen;
        segments that end before `trusted`, such as the frame of a snapshot, are not read. Raises JournalLocked,
        JournalDamaged, JournalTooNew, and JournalError where the folder cannot be used.
        """
        disk, path = files or RealFiles(), Path(folder)
        lock = locked(disk, path)
        try:
            opened = recovered(disk, path, acknowledged, trusted, on_warning)
        except BaseException:
            lock.close()
            raise
        return cls(path, disk, limits or Limits(), opened, lock, clock_ns, on_warning)

    @property
    def first(self) -> int:
        """The first frame that is still there; the next one where there is none."""
        return self._segments[0].head.first if self._segments else self.end + 1

    @property
    def broken(self) -> JournalBroken | None:
        """What made it take nothing more, if anything did."""
        return self._broken or (self._current.broken if self._current is not None else None)

    def append(self, record: Record, *, urgent: bool = False) -> int:
        """Add a frame, and give its number; an urgent one is on the disk when this returns.

        Raises JournalError where it cannot be written: then it is not in the log, and the same call may be tried again.
        Raises JournalBroken after a sync that failed, now and ever after.
        """
        self._check()
        if len(record.payload) > MOST_BYTES:
            raise JournalError(f"a frame of {len(record.payload):,} bytes is larger than {MOST_BYTES:,}; append smaller batches")
        segment = self._segment()
        parts, before = pack(record, self.end + 1, self.synced, self.digest, segment.head.seed), segment.size
        segment.append(*parts)
        self.end, self.digest = self.end + 1, parts[-1][-DIGEST:]
        if not self._group_bytes:
            self._group_began = self._clock_ns()
        self._group_bytes += segment.size - before
        if urgent or self._group_bytes >= self.limits.group_bytes:
            self.sync()
        else:
            self.sync_if_due()
        return self.end

    def sync(self) -> None:
        """Return when every frame is on the disk, and what waited for that was told. A sync that fails is the end: JournalBroken."""
        self._check()
        if self._current is not None and self.synced < self.end:
            self._current.sync()
            self._group_bytes = 0
            self._release()
        self._mark_if_due()

    def sync_if_due(self) -> None:
        """Sync if the group is old enough, and write the mark if it lags; a loop that waits for rows calls this while it waits."""
        if self._group_bytes and self._clock_ns() - self._group_began >= self.limits.group_ns:
            self.sync()
        elif self._mark.seq < self.synced:
            self._mark_if_due()

    def _mark_if_due(self) -> None:
        if self._clock_ns() - self._marked >= self.limits.mark_ns:
            try:
                self.mark()
            except JournalError as error:  # the log itself is well, and the next sync tries again
                self._warn(str(error))

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        """Call `then` once a frame is on the disk: now, or after the sync that puts it there, on the writer's thread; it must not raise."""
        with self._guard:
            if self.synced < seq:
                self._waiting.append((seq, then))
                return
        then()

    def _release(self) -> None:
        with self._guard:
            self.synced, self._durable = self.end, self.digest
            ready = [then for seq, then in self._waiting if seq <= self.end]
            self._waiting = [(seq, then) for seq, then in self._waiting if seq > self.end]
        for then in ready:
            then()

    def reader(self, first: int = 0) -> Reader:
        """A cursor from a frame on (default: the first there is): `reader.frames(journal.synced)`, again and again."""
        return Reader(self.files, self.folder, first or self.first)

    def read(self, first: int = 0) -> Iterator[Frame]:
        """The frames from `first` on (default: the first there is) up to the end as it is now."""
        return self.reader(first).frames(self.end)

    def digest_at(self, seq: int) -> bytes:
        """The digest of the log up to a frame; b"" where the log has no such frame. For a snapshot: is it of this log?"""
        if seq == self.end:
            return self.digest
        with refusals(self.folder, "cannot be read"):
            return digest_at(self.files, self._all_segments(), seq)

    def mark(self) -> None:
        """Put on the disk how far the log is durable; done by itself once a second, with every new segment and at the end."""
        self._write_mark(self._mark.first)

    def _write_mark(self, first: int) -> None:
        mark = Mark(self.identity.hex(), first, self.synced, self._durable.hex())
        if mark != self._mark:
            with refusals(self.folder, "cannot be marked"):
                write_mark(self.files, self.folder, mark)
        self._mark, self._marked = mark, self._clock_ns()

    def retain(self, keep: Keep, never_past: int) -> list[Path]:
        """Remove the oldest segments that `keep` has no room for, and say which; only such as end at `never_past` or before.

        `never_past` is the least of the frames of the oldest snapshot that is kept and of every cursor.
        """
        self._check()
        segments = self._all_segments()
        with refusals(self.folder, "cannot be shortened"):
            known = [Kept(each.last, each.size, self.files.modified_ns(each.path)) for each in segments]
            going = segments[: removable(known, keep, min(never_past, self.synced))]
            if going:
                self._write_mark(going[-1].last + 1)  # before they go: a log that begins earlier than it must is well
            for segment in going:
                self.files.remove(segment.path)
                self.files.sync_folder(self.folder)  # one by one: what a power cut brings back must be without gaps
                del self._segments[0]
        return [segment.path for segment in going]

    def close(self) -> None:
        """Sync, write the mark, let go of the lock; once."""
        if self._closed:
            return
        try:
            if self.broken is None:
                self.sync()
                self.mark()
        finally:
            self._closed = True
            if self._current is not None:
                self._current.close()
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _check(self) -> None:
        if (broken := self.broken) is not None:
            raise broken
        if self._closed:
            raise JournalError(f"the journal {self.folder} is closed; open it again")

    def _all_segments(self) -> list[Segment]:
        if self._current is None:
            return self._segments
        return [*self._segments[:-1], Segment(self._current.path, self._current.head, self.end, self._current.size, self.digest)]

    def _segment(self) -> OpenSegment:
        """The segment to append to, a new one if the last is full."""
        current = self._current
        if current is not None and current.size < self.limits.segment_bytes:
            return current
        if current is not None:
            self.sync()
            self.mark()
            self._segments = self._all_segments()
            current.close()
            self._current = None
        head = SegmentHead(self.identity, self.end + 1, self.digest)
        path = self.folder / name_of(head.first)
        try:
            self._current = OpenSegment.made(self.files, path, head)
        except JournalError as error:
            self._broken = error if isinstance(error, JournalBroken) else None
            with suppress(OSError):
                self.files.remove(path)
            raise
        self._segments.append(Segment(path, head, self.end, self._current.size, self.digest))
        return self._current
