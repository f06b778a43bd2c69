"""Opening a journal to write: look at everything first, change only then, and end with a log that is on the disk."""

import os
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from pipeline.errors import NoJournal
from pipeline.journal.files import Files, Held, RealFiles, refusals
from pipeline.journal.frames import FORMAT, NEEDS
from pipeline.journal.mark import MARK, Mark, read_mark, write_mark
from pipeline.journal.recovery import Scan, Segment, Torn, check_mark, scan, segment_names
from pipeline.journal.segment import OpenSegment

__all__ = ["Opened", "Warn", "journal_names", "locked", "look", "recovered"]

LOCK = "LOCK"
LEFT_OVER = re.compile(r"\..*|LOCK|lost\+found|cursors|projections|.*\.(snapshot|tmp|cut\d*)")
"""What may lie in a folder in which a journal begins: what one that was taken away leaves, and what a file system puts there."""
SHOWN = 3
Warn = Callable[[object], None]


@dataclass(frozen=True, slots=True)
class Opened:
    """A log that was recovered: its identity, its segments, of which `current` is the last if it can go on, and its mark."""

    identity: bytes
    segments: list[Segment]
    current: OpenSegment | None
    mark: Mark


def journal_names(files: Files, folder: Path) -> list[str]:
    """What is in the folder of a journal, sorted. Raises NoJournal for a folder that holds none, JournalError."""
    if isinstance(files, RealFiles) and not folder.is_dir():
        what = f"{folder} is no folder" if folder.exists() else f"there is no folder {folder}"
        raise NoJournal(f"{what}; name the one that --journal named")
    with refusals(folder, "cannot be read as a journal"):
        names = files.names(folder)
    if MARK not in names and not segment_names(names):
        raise NoJournal(f"{folder} holds no journal; name the folder that --journal named")
    return names


def locked(files: Files, folder: Path) -> Held:
    """The lock of a journal's folder, which is made if need be. Raises JournalLocked, and JournalError where that cannot be."""
    if isinstance(files, RealFiles) and folder.exists() and not folder.is_dir():
        raise NoJournal(f"{folder} cannot be used as a journal: it is no folder; name one, or a name that is free")
    with refusals(folder, "cannot be used as a journal"):
        files.make_folder(folder)
        refuse_strangers(folder, files.names(folder))
        return files.lock(folder / LOCK, f"pid {os.getpid()} on host {socket.gethostname()}")


def refuse_strangers(folder: Path, names: Sequence[str]) -> None:
    """A journal begins in a folder of its own: a slip of the name shall not strew its files among others."""
    strangers = [name for name in names if not LEFT_OVER.fullmatch(name)]
    if strangers and MARK not in names and not segment_names(names):
        shown = ", ".join(strangers[:SHOWN]) + (", ..." if len(strangers) > SHOWN else "")
        raise NoJournal(f"{folder} holds no journal, and other files ({shown}); name a folder that is empty, or one that is not there yet")


def look(files: Files, folder: Path, trusted: int = 0, acknowledged: int = 0) -> tuple[Mark | None, Scan]:
    """What is there, checked; nothing is changed. Raises JournalDamaged, JournalTooNew, JournalError."""
    with refusals(folder, "cannot be read as a journal"):
        mark = read_mark(files, folder)
        found = scan(files, folder, mark, trusted)
        check_mark(files, folder, found, mark, acknowledged)
    return mark, found


def recovered(files: Files, folder: Path, acknowledged: int, trusted: int, warn: Warn) -> Opened:
    """The log of a folder, its torn tail cut off, everything that is left on the disk. Doing it again changes nothing."""
    mark, found = look(files, folder, trusted, acknowledged)
    if found.torn is not None:
        warn(str(found.torn))
    if mark is None and found.end:
        warn(f"{folder} has no file {MARK}: whether its log ends where it should cannot be told; a new one is written")
    with refusals(folder, "cannot be recovered"):
        return kept(files, folder, mark, found)


def kept(files: Files, folder: Path, mark: Mark | None, found: Scan) -> Opened:
    last = found.segments[-1] if found.segments else None
    identity = last.head.journal if last else bytes.fromhex(mark.journal) if mark else uuid4().bytes
    current = OpenSegment(last.path, files.append_to(last.path, new=False), last.head, last.size) if last else None
    with closed_on_error(current):
        if found.torn is not None:
            cut(files, found.torn, current)
        if current is not None:
            current.sync()  # a process that was killed may have left frames that are not on the disk
            files.sync_folder(folder)
        if mark is None:
            end, first = (last.last, found.segments[0].head.first) if last else (0, 1)
            mark = Mark(identity.hex(), first, end, (last.digest if last else bytes(32)).hex())
            write_mark(files, folder, mark)
    segments = list(found.segments)
    if current is not None and (current.head.needs, current.head.version) != (NEEDS, FORMAT):  # the next segment says what it needs
        current.close()
        if segments[-1].last < current.head.first:
            files.remove(segments.pop().path)
            files.sync_folder(folder)
        current = None
    return Opened(identity, segments, current, mark)


def cut(files: Files, torn: Torn, current: OpenSegment | None) -> None:
    """Take a torn tail off."""
    if torn.offset and current is not None:
        current.truncate(torn.offset)
    else:
        files.remove(torn.path)
        files.sync_folder(torn.path.parent)


@contextmanager
def closed_on_error(segment: OpenSegment | None) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if segment is not None:
            segment.close()
        raise
