"""Repair: give up what follows a frame, by somebody's decision. Nothing is destroyed: what is cut is kept beside it."""

from contextlib import suppress
from pathlib import Path

import msgspec

from pipeline.errors import JournalDamaged, JournalError, UsageError
from pipeline.journal.cursors import Cursor, Cursors
from pipeline.journal.dead import DeadLetters
from pipeline.journal.files import Files, RealFiles, refusals, write_whole
from pipeline.journal.frames import SEGMENT, Content, SegmentHead
from pipeline.journal.mark import Mark, write_mark
from pipeline.journal.opening import journal_names, locked
from pipeline.journal.payloads import alerts_of
from pipeline.journal.reading import Reader
from pipeline.journal.recovery import first_of, segment_names
from pipeline.journal.segment import OpenSegment
from pipeline.journal.snapshots import frame_of, snapshot_names

__all__ = ["repair"]


def repair(folder: str | Path, to: int, *, files: Files | None = None) -> list[Path]:
    """Cut a log after the frame `to`, and say where what was cut is now. Doing it again changes nothing.

    Sinks that were further go on behind that frame; a file that was is written anew.
    Raises JournalError where the log is not good up to there, and says up to where it is.
    """
    disk, path = files or RealFiles(), Path(folder)
    journal_names(disk, path)
    lock = locked(disk, path)
    try:
        with refusals(path, "cannot be repaired"):
            return repaired(disk, path, to)
    finally:
        lock.close()


def repaired(files: Files, folder: Path, to: int) -> list[Path]:
    names = segment_names(files.names(folder))
    if not names:
        raise UsageError(f"{folder} holds no segments; there is nothing to cut")
    first = first_of(names[0])
    if not first <= to:
        raise UsageError(f"the log begins with frame {first:,}; repair --to {to:,} would leave nothing: remove the folder instead")
    kept = [frame_of(name) for name in snapshot_names(files.names(folder))]
    if first > 1 and kept and min(kept) > to:
        begins = f"the log begins with frame {first:,}, and its oldest snapshot is of frame {min(kept):,}"
        raise UsageError(f"{begins}: no run could go on after repair --to {to:,}; give up less, or remove the folder")
    reader = Reader(files, folder, first)
    try:
        for _ in reader.frames(to):
            pass
    except JournalDamaged as error:
        good = f"repair --to {error.seq:,}" if error.seq >= first else "nothing of it can be kept"
        raise JournalError(f"the log is good up to frame {error.seq:,} only ({error.path} at byte {error.offset:,}): {good}") from error
    path, offset, digest = reader.place()
    cursors = Cursors(folder, files)
    further = [(cursor, delivered_since(files, cursors, to, cursor)) for cursor in cursors.all() if cursor.seen > to]
    head = SegmentHead.unpack(files.read(path, 0, SEGMENT), path)
    assert head is not None
    aside = [set_aside(files, folder, name) for name in reversed(names) if first_of(name) > first_of(path.name)]
    aside += cut_off(files, path, head, offset)
    aside += [set_aside(files, folder, name) for name in snapshot_names(files.names(folder)) if frame_of(name) > to]
    for cursor, cut in further:
        cursors.save(msgspec.structs.replace(cursor, frame=to + 1, index=0, position="", delivered=max(cursor.delivered - cut, 0)))
    write_mark(files, folder, Mark(head.journal.hex(), first, to, digest.hex()))
    return aside


def delivered_since(files: Files, cursors: Cursors, to: int, cursor: Cursor) -> int:
    """How many alerts after a frame a sink has got and not refused, as far as the log can be read."""
    found, refused = 0, {letter.alert.id for letter in DeadLetters(cursors.folder, cursors.path_of(cursor.sink).stem, files)}
    with suppress(JournalError):
        for frame in Reader(files, cursors.folder.parent, to + 1).frames(cursor.seen):
            if frame.content is Content.ALERTS:
                seen = alerts_of(frame)[: cursor.index if frame.seq == cursor.frame else None]
                found += sum(alert.id not in refused for alert in seen)
    return found


def cut_off(files: Files, path: Path, head: SegmentHead, offset: int) -> list[Path]:
    """Keep the end of a segment in a file of its own, and cut it."""
    rest = files.read(path, offset)
    if not rest:
        return []
    beside = free_name(files, path)
    write_whole(files, beside, rest)
    segment = OpenSegment(path, files.append_to(path, new=False), head, offset)
    try:
        segment.truncate(offset)
        segment.sync()
    finally:
        segment.close()
    return [beside]


def set_aside(files: Files, folder: Path, name: str) -> Path:
    """Give a file a name that is none of a journal's."""
    beside = free_name(files, folder / name)
    files.rename(folder / name, beside)
    files.sync_folder(folder)
    return beside


def free_name(files: Files, path: Path) -> Path:
    taken, turn = files.names(path.parent), 1
    while (name := f"{path.name}.cut{'' if turn == 1 else turn}") in taken:
        turn += 1
    return path.with_name(name)
