"""The segment that is being written: each frame whole or not at all, and nothing after a sync that failed."""

from pathlib import Path

from pipeline.errors import JournalBroken
from pipeline.journal.files import AppendedBytes, Files, refusals, write_all
from pipeline.journal.frames import SegmentHead

__all__ = ["OpenSegment"]

AT_ONCE = 64 << 10
"""Bytes that are joined and written in one go; of more, another call to the system costs less than copying them."""


class OpenSegment:
    """A segment to append to; `size` is where its last whole frame ends.

    A write that fails is taken back and may be tried again. After a sync, or a taking back, that failed it is `broken`
    for good: the system may have dropped what it could not write, and a second sync would say that all is well.
    """

    def __init__(self, path: Path, file: AppendedBytes, head: SegmentHead, size: int) -> None:
        self.path, self.head, self.size = path, head, size
        self.broken: JournalBroken | None = None
        self._file = file

    @classmethod
    def made(cls, files: Files, path: Path, head: SegmentHead) -> "OpenSegment":
        """A new segment, which is on the disk under its name when this returns."""
        with refusals(path, "cannot be made"):
            segment = cls(path, files.append_to(path, new=True), head, 0)
        try:
            segment.append(head.pack())
            segment.sync()
            with refusals(path.parent, "cannot be synced"):
                files.sync_folder(path.parent)
        except BaseException:
            segment.close()
            raise
        return segment

    def append(self, *parts: bytes | memoryview) -> None:
        """Write all of them, or nothing."""
        if self.broken is not None:
            raise self.broken
        size = sum(map(len, parts))
        try:
            with refusals(self.path, "cannot be written"):
                for part in parts if size > AT_ONCE else (b"".join(parts),):
                    write_all(self._file, part)
            self.size += size
        except BaseException:  # Ctrl-C too
            self.truncate(self.size)
            raise

    def truncate(self, size: int) -> None:
        """Cut it."""
        try:
            self._file.truncate(size)
        except OSError as error:
            self.broken = JournalBroken(f"{self.path} cannot be cut to its last whole frame: {error.strerror or error}; {AGAIN}")
            raise self.broken from error
        self.size = size

    def sync(self) -> None:
        """Return when everything is on the disk."""
        if self.broken is not None:
            raise self.broken
        try:
            self._file.sync()
        except OSError as error:
            self.broken = JournalBroken(f"{self.path} cannot be synced: {error.strerror or error}; {AGAIN}")
            raise self.broken from error

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


AGAIN = "nobody knows what is on the disk, so nothing more is written; look at the disk, then start again from what it holds"
