"""Reading a log: frame after frame, from any frame on, while it is written or at rest."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from pipeline.errors import JournalDamaged, JournalError
from pipeline.journal.files import Files, refusals
from pipeline.journal.frames import SEGMENT, Content, Frame, SegmentHead, SegmentReader
from pipeline.journal.recovery import BACKUP, first_of, name_of, segment_names

__all__ = ["Reader", "last_with_rows"]

LOOKED_BACK = 64
"""Frames among which the last one with rows mostly is: after a batch come its alerts, and a configuration."""


class Reader:
    """The frames of a log from `first` on, each checked against the chain; it goes on where it stopped when there are more.

    Any number may read while one process writes, each up to the frame that the writer says is on the disk. Raises
    JournalError where `first` is gone already, and JournalDamaged where a frame is not what was written.
    """

    def __init__(self, files: Files, folder: Path, first: int = 1) -> None:
        self.files, self.folder, self.next_seq = files, folder, max(first, 1)
        self._segment: SegmentReader | None = None

    def frames(self, until: int) -> Iterator[Frame]:
        """The frames not read yet, up to `until`."""
        while self.next_seq <= until:
            frame = self._next(until)
            if frame.seq == self.next_seq:
                self.next_seq += 1
                yield frame

    def place(self) -> tuple[Path, int, bytes]:
        """Where the frames read so far end: the segment, the offset in it, and the digest of the log."""
        assert self._segment is not None
        return Path(str(self._segment.path)), self._segment.offset, self._segment.digest

    def _next(self, until: int) -> Frame:
        with refusals(self.folder, "cannot be read"):
            if self._segment is None:
                self._segment = self._opened(self._beginning())
            frame = self._segment.next()
            if frame is None and not self._segment.problem:
                self._segment = self._following(self._segment)
                frame = self._segment.next()
        if frame is None:
            reason, at = self._segment.problem or f"the log ends before frame {until:,}", self._segment
            raise JournalDamaged(at.path, at.offset, at.seq, reason, f"See what is wrong with `rxtape journal verify {self.folder}`")
        return frame

    def _beginning(self) -> str:
        names = segment_names(self.files.names(self.folder))
        before = [name for name in names if first_of(name) <= self.next_seq]
        if not before:
            there = f"the log of {self.folder} begins with frame {first_of(names[0]):,}" if names else f"{self.folder} has no segments"
            raise JournalError(f"frame {self.next_seq:,} cannot be read: {there}; begin with a snapshot, or a later frame")
        return before[-1]

    def _following(self, before: SegmentReader) -> SegmentReader:
        path = self.folder / name_of(before.seq + 1)
        names = segment_names(self.files.names(self.folder))
        if path.name not in names:
            reason = "the segment is missing" if names and first_of(names[-1]) > before.seq else "the log ends before it"
            raise JournalDamaged(path, 0, before.seq, reason, BACKUP)
        segment = self._opened(path.name)
        if segment.head.previous != before.digest:
            raise JournalDamaged(path, 0, before.seq, f"it does not continue {Path(str(before.path)).name}: their digests differ", BACKUP)
        return segment

    def _opened(self, name: str) -> SegmentReader:
        path = self.folder / name
        head = SegmentHead.unpack(self.files.read(path, 0, SEGMENT), path)
        if head is None:
            raise JournalDamaged(path, 0, first_of(name) - 1, "it does not begin as a segment does", "Put a good copy in its place")
        return SegmentReader(partial(self.files.read, path), head, path)


def last_with_rows(read: Callable[[int], Iterator[Frame]], first: int, end: int) -> Frame | None:
    """The last frame with rows of a log from `first` to `end`, of which `read` gives the frames from one on; None where none has any."""
    back, found = LOOKED_BACK, None
    while True:
        start = max(end - back, first)
        for frame in read(start):
            found = frame if frame.content is Content.TICKS else found
        if found is not None or start == first:
            return found
        back *= 8
