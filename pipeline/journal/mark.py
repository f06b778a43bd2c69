"""The acknowledged high-water mark: how far the log was on the disk, kept in a file of its own.

A log that was cut, rolled back or lost its first segments looks whole. The mark tells: it is never ahead of what was
durable, and lags by a second at most.
"""

import hashlib
from pathlib import Path

import msgspec

from pipeline.errors import JournalDamaged
from pipeline.journal.files import Files, write_whole

__all__ = ["MARK", "Mark", "read_mark", "write_mark"]

MARK = "ACKNOWLEDGED"


class Mark(msgspec.Struct, frozen=True):
    """The journal, the first frame that its log must still have, and the frame and digest up to which it was durable."""

    journal: str
    first: int
    seq: int
    digest: str


def write_mark(files: Files, folder: Path, mark: Mark) -> None:
    """Put the mark on the disk."""
    text = msgspec.json.encode(mark)
    write_whole(files, folder / MARK, text + b"\n" + checksum(text) + b"\n")


def read_mark(files: Files, folder: Path) -> Mark | None:
    """The mark; None where there is none. JournalDamaged where it is not what was written."""
    if MARK not in files.names(folder):
        return None
    text, _, check = files.read(folder / MARK).partition(b"\n")
    try:
        if checksum(text) == check.strip():
            return msgspec.json.decode(text, type=Mark)
    except msgspec.MsgspecError:
        pass
    raise JournalDamaged(
        folder / MARK, -1, -1, "it does not agree with its checksum",
        "`rxtape journal repair FOLDER --to SEQ` with the last frame of the log writes a new one; a SEQ too large tells which that is",
    )  # fmt: skip


def checksum(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).hexdigest().encode()
