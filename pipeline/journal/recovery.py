"""What a log is good for when it is opened: which segments, up to which frame, and whether its tail was torn.

segment  segment  segment
[======] [======] [====~~     cut: the end of the last segment, never known to be durable
[======] [==xx==] [======]    refused: damage
[======]          [======]    refused: a gap
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.errors import JournalDamaged
from pipeline.journal.files import Files
from pipeline.journal.frames import DIGEST, SEGMENT, SegmentHead, SegmentReader
from pipeline.journal.mark import Mark

__all__ = ["Scan", "Segment", "Torn", "check_mark", "first_of", "name_of", "scan", "segment_names"]

SUFFIX = ".log"
DIGITS = 20


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment that was looked at: its head, its last frame, where that ends, and the digest there."""

    path: Path
    head: SegmentHead
    last: int
    size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Torn:
    """The end of the last segment, from `offset` on, which was never durable; at offset 0 the whole file."""

    path: Path
    offset: int
    seq: int
    size: int
    reason: str

    def __str__(self) -> str:
        after = f"after frame {self.seq:,}" if self.seq else "before the first frame"
        return f"{self.path} at byte {self.offset:,}: {self.reason}; the torn tail, {self.size:,} bytes {after}, is cut off"


@dataclass(frozen=True, slots=True)
class Scan:
    """The segments of a log that are good, in order, and its torn tail."""

    segments: Sequence[Segment]
    torn: Torn | None = None

    @property
    def end(self) -> int:
        """The last good frame; 0 where there is none."""
        return self.segments[-1].last if self.segments else 0


def name_of(seq: int) -> str:
    """The file of the segment that begins with a frame.

    >>> name_of(17)
    '00000000000000000017.log'
    """
    return f"{seq:0{DIGITS}d}{SUFFIX}"


def first_of(name: str) -> int:
    """The first frame of a segment by its file's name; -1 where it is no segment."""
    stem = name.removesuffix(SUFFIX)
    return int(stem) if name.endswith(SUFFIX) and len(stem) == DIGITS and stem.isascii() and stem.isdigit() else -1


def segment_names(names: Sequence[str]) -> list[str]:
    """The segments among the files of a folder, in order."""
    return sorted(name for name in names if first_of(name) >= 0)


def bytes_in(files: Files, folder: Path) -> int:
    """The size of a log; 0 where there is none."""
    try:
        return sum(files.size(folder / name) for name in segment_names(files.names(folder)))
    except (FileNotFoundError, NotADirectoryError):  # who opens it says so
        return 0


def scan(files: Files, folder: Path, mark: Mark | None, trusted: int = 0) -> Scan:
    """Check a log: every frame after `trusted`, and the ends of segments before it. Changes nothing.

    Raises JournalDamaged where more than a torn tail is wrong, and JournalTooNew.
    """
    names = segment_names(files.names(folder))
    found: list[Segment] = []
    for place, name in enumerate(names):
        path, is_last = folder / name, place == len(names) - 1
        head = SegmentHead.unpack(files.read(path, 0, SEGMENT), path)
        if head is None:
            if not is_last:
                raise damaged(path, 0, found, "it does not begin as a segment does")
            torn = headless(files, path, found, mark)
            return scan(files, folder, mark, trusted) if torn is None else Scan(found, torn)
        check_head(path, head, found, mark)
        if not is_last and first_of(names[place + 1]) <= trusted + 1:
            found.append(by_its_end(files, path, head, first_of(names[place + 1]) - 1))
            continue
        reader = SegmentReader(partial(files.read, path), head, path)
        later = read_through(reader)
        found.append(Segment(path, head, reader.seq, reader.offset, reader.digest))
        if reader.problem:
            return Scan(found, torn_or_damaged(files, path, reader, found, is_last, later))
    return Scan(found)


def read_through(reader: SegmentReader) -> int:
    """Read to where the good part ends; gives where a frame follows that was written when the bad one was durable, -1 where none does.

    A frame that a process was writing at the first look is whole at the second, when others follow.
    """
    while True:
        for _ in reader:
            pass
        later = reader.durable_beyond() if reader.problem else -1
        if later < 0 or reader.once_more() is None:
            return later


def by_its_end(files: Files, path: Path, head: SegmentHead, last: int) -> Segment:
    """A segment of which only the last digest is looked at, as nothing will be read from it."""
    size = files.size(path)
    digest = files.read(path, size - DIGEST, DIGEST) if size > SEGMENT else head.previous
    return Segment(path, head, last, size, digest)


def check_head(path: Path, head: SegmentHead, before: Sequence[Segment], mark: Mark | None) -> None:
    """A segment must be of this journal, named after its first frame, and go on where the one before it ends."""
    mine = before[-1].head.journal.hex() if before else mark.journal if mark else head.journal.hex()
    if head.journal.hex() != mine:
        reason = f"it belongs to the journal {head.journal.hex()}, and this is the journal {mine}"
        raise damaged(path, 0, before, reason, "Take it away")
    if head.first != first_of(path.name):
        reason = f"it begins with frame {head.first:,}, its name says {first_of(path.name):,}"
        raise damaged(path, 0, before, reason, "Give it its own name")
    if not before:
        if mark is not None and head.first > mark.first:
            raise damaged(path, 0, before, f"the log begins with frame {head.first:,}, and {mark.first:,} must still be there", BACKUP)
        return
    if head.first != before[-1].last + 1:
        raise damaged(path, 0, before, f"frames {before[-1].last + 1:,} to {head.first - 1:,} are missing before it", BACKUP)
    if head.previous != before[-1].digest:
        raise damaged(path, 0, before, f"it does not continue {before[-1].path.name}: their digests differ", BACKUP)


BACKUP = "Put the missing segments back"


def torn_or_damaged(files: Files, path: Path, reader: SegmentReader, found: Sequence[Segment], is_last: bool, later: int) -> Torn:
    """The torn tail; JournalDamaged where the bad frame was durable once, as a frame at `later` tells."""
    if not is_last:
        raise damaged(path, reader.offset, found, f"{reader.problem}, and later segments follow")
    if later >= 0:
        raise damaged(path, reader.offset, found, f"{reader.problem}, and frames written after it was durable follow at byte {later:,}")
    return Torn(path, reader.offset, reader.seq, files.size(path) - reader.offset, reader.problem)


def headless(files: Files, path: Path, found: Sequence[Segment], mark: Mark | None) -> Torn | None:
    """The last segment where its head is none: torn when it was made, unless frames in it were durable once; None: it has one by now."""
    first, size = first_of(path.name), files.size(path)
    journal = found[-1].head.journal if found else bytes.fromhex(mark.journal) if mark else bytes(16)
    reader = SegmentReader(partial(files.read, path), SegmentHead(journal, first, b""), path)
    later = reader.durable_beyond()
    if later >= 0:
        if SegmentHead.unpack(files.read(path, 0, SEGMENT), path) is not None:
            return None
        raise damaged(path, 0, found, f"it does not begin as a segment does, and frames that were durable follow at byte {later:,}")
    return Torn(path, 0, first - 1, size, "the file is empty" if not size else "its head was not written")


def damaged(path: Path, offset: int, found: Sequence[Segment], reason: str, hint: str = "") -> JournalDamaged:
    """The refusal, with what to do."""
    good = found[-1].last if found else 0
    way = f"`rxtape journal repair {path.parent} --to {good}` keeps the frames up to there and sets the rest aside"
    return JournalDamaged(path, offset, good, reason, f"{hint or 'Put a good copy in its place'}, or give up what follows: {way}")


def check_mark(files: Files, folder: Path, found: Scan, mark: Mark | None, acknowledged: int = 0) -> None:
    """Refuse a log that ends before what was acknowledged, by its own mark or by a cursor elsewhere, or that is another at that place."""
    wanted = max(acknowledged, mark.seq if mark else 0)
    torn = found.torn
    if wanted > found.end:
        reason = f"acknowledged {wanted:,} > journal end {found.end:,}: the log was truncated or rolled back"
        if torn is not None:
            raise damaged(torn.path, torn.offset, found.segments, f"{reason} ({torn.reason})")
        last = found.segments[-1] if found.segments else None
        raise damaged(last.path if last else folder / name_of(1), last.size if last else 0, found.segments, reason)
    if mark is not None and mark.seq:
        digest = digest_at(files, found.segments, mark.seq)
        if digest and digest.hex() != mark.digest:
            reason = f"at frame {mark.seq:,} the log is not the one that was acknowledged: its digest differs"
            raise JournalDamaged(folder, -1, -1, reason, "Put the log back that was there; this one was written by somebody else")


def digest_at(files: Files, segments: Sequence[Segment], seq: int) -> bytes:
    """The digest of the log up to a frame; b"" where the log does not reach there."""
    for segment in segments:
        if seq == segment.head.first - 1:
            return segment.head.previous
        if segment.head.first <= seq <= segment.last:
            if seq == segment.last:
                return segment.digest
            reader = SegmentReader(partial(files.read, segment.path), segment.head, segment.path)
            while reader.seq < seq and reader.next() is not None:
                pass
            return reader.digest if reader.seq == seq else b""
    return b""
