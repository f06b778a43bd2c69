"""What a journal holds: at a glance, from the ends of its segments, or after every byte was checked."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pipeline.errors import JournalDamaged, JournalError, SnapshotMismatch, UsageError
from pipeline.journal.configuration import config_of
from pipeline.journal.files import Files, RealFiles
from pipeline.journal.frames import Content, Frame, SegmentReader
from pipeline.journal.mark import Mark
from pipeline.journal.opening import journal_names, look
from pipeline.journal.payloads import TicksHead, alerts_of, ticks_head, ticks_of
from pipeline.journal.reading import Reader
from pipeline.journal.recovery import Scan, Segment, digest_at
from pipeline.journal.snapshots import KeptSnapshot, read_snapshot, snapshot_names
from pipeline.symbols import SymbolTable

__all__ = ["Inventory", "beginning", "frames_of", "inventory", "verify"]

ALL = 1 << 63
LOOKED_THROUGH = 16


@dataclass
class Inventory:
    """The log, its mark, its snapshots, and what is wrong with those of them that are; `counts` are of what was read."""

    folder: Path
    mark: Mark | None
    log: Scan
    snapshots: dict[str, KeptSnapshot] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def identity(self) -> str:
        """The journal's own number."""
        return self.log.segments[0].head.journal.hex() if self.log.segments else self.mark.journal if self.mark else ""

    @property
    def first(self) -> int:
        """The first frame that is still there."""
        return self.log.segments[0].head.first if self.log.segments else self.log.end + 1

    @property
    def head(self) -> str:
        """The last frame and the digest of the log up to it: noted elsewhere, it proves that nothing was changed since."""
        return f"{self.log.end}:{self.log.segments[-1].digest.hex()}" if self.log.segments else ""


def inventory(folder: str | Path, *, files: Files | None = None, whole: bool = False) -> Inventory:
    """Look at a journal, which may be written to meanwhile; `whole` reads all of it. Raises NoJournal, JournalDamaged, JournalError."""
    disk, path = files or RealFiles(), Path(folder)
    names = journal_names(disk, path)
    found = Inventory(path, *look(disk, path, 0 if whole else ALL))
    for name in snapshot_names(names):
        try:
            found.snapshots[name] = kept = read_snapshot(disk, path / name)
            if digest_at(disk, found.log.segments, kept.seq) != kept.digest:
                raise SnapshotMismatch(f"the log up to frame {kept.seq:,} is not the one it was made from")
        except (SnapshotMismatch, JournalError) as error:
            found.bad[name] = str(error)
    return found


def frames_of(found: Inventory, first: int = 0, *, files: Files | None = None) -> Iterator[Frame]:
    """The frames of a log that was looked at, from one on or all."""
    disk = files or RealFiles()
    if found.log.segments:
        yield from Reader(disk, found.folder, max(first, found.log.segments[0].head.first)).frames(found.log.end)


def verify(folder: str | Path, head: str = "", *, files: Files | None = None) -> Inventory:
    """Read every byte, and what it stands for; `head` is one that was noted before. JournalDamaged where anything is wrong."""
    found, symbols = inventory(folder, files=files, whole=True), SymbolTable()
    for frame in frames_of(found, files=files):
        found.counts["frames"] += 1
        if frame.content is Content.TICKS:
            found.counts["rows"] += len(ticks_of(frame, symbols))
        elif frame.content is Content.ALERTS:
            found.counts["alerts"] += len(alerts_of(frame))
        else:
            config_of(frame)
            found.counts["configurations"] += 1
    if head:
        check_noted(found, head, files or RealFiles())
    return found


def check_noted(found: Inventory, head: str, files: Files) -> None:
    seq, _, digest = head.partition(":")
    if not (seq.isdigit() and re.fullmatch("[0-9a-f]{64}", digest)):
        raise UsageError(f"{head!r} is no head; write SEQ:DIGEST, as `rxtape journal verify` shows it")
    there = digest_at(files, found.log.segments, int(seq)).hex()
    if there != digest:
        what = f"the digest there is {there}, {digest} was noted" if there else f"the log ends with frame {found.log.end:,}"
        reason = f"at frame {int(seq):,} it is not the log that was noted: {what}"
        raise JournalDamaged(found.folder, -1, -1, reason, "Somebody has rewritten it; put back the log that was there")


def beginning(segment: Segment, *, files: Files | None = None) -> TicksHead | None:
    """What the first rows of a segment are, if it begins with any."""
    reader = SegmentReader(partial((files or RealFiles()).read, segment.path), segment.head, segment.path)
    for _ in range(LOOKED_THROUGH):
        frame = reader.next()
        if frame is None:
            break
        if frame.content is Content.TICKS:
            return ticks_head(frame.payload)
    return None
