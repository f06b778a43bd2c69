"""Files for sinks: opened before anything is read, and written so that a failed write can be repeated."""

import errno
import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from pipeline.errors import ReaderLeft, SinkError, UsageError

__all__ = ["STANDARD_OUTPUT", "AppendedFile", "Destinations", "destination_of", "named_file", "open_file", "refusal", "sync_folder"]

STANDARD_OUTPUT = "standard output"
LOOKED_AT = 4096
"""Bytes before a position by which a file is known again."""
NO_ROOM = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
HINTS = {errno.ENOENT: "make the folder first", errno.EISDIR: "name a file in it", errno.EACCES: "name a file you may write"}


def named_file(path: str | Path, kind: str, *, or_standard_output: bool = False) -> str:
    """The path, if it names a file (or "-", where that may be); UsageError if it does not."""
    name, example = os.fspath(path), f"write {kind}:alerts.{'db' if kind == 'sqlite' else kind}"
    if not name or "\0" in name:
        raise UsageError(f"{kind}:{name.replace(chr(0), '?')} names no file; {example}")
    if name == "-" and not or_standard_output:
        raise UsageError(f"{kind}:- cannot go to standard output; {example}")
    return name


def open_file(path: str | Path, *, regular: bool = False) -> int:
    """A descriptor for writing, the file made if need be and otherwise left as it is; "-" is standard output.

    Raises SinkError where the system refuses, or where it is a pipe or a device and `regular` was asked for.
    """
    flags = os.O_RDWR if regular else os.O_WRONLY
    try:
        file = os.dup(1) if os.fspath(path) == "-" else os.open(path, flags | os.O_CREAT, 0o666)
    except OSError as error:
        raise SinkError(refusal(path, error)) from error
    if regular and not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise SinkError(f"{path} cannot be opened for writing: it is no regular file; name one on a disk")
    return file


def refusal(path: str | Path, error: OSError) -> str:
    """What to say of a file that the system does not let us write."""
    hint = HINTS.get(error.errno or 0)
    return f"{path} cannot be opened for writing: {error.strerror}" + (f"; {hint}" if hint else "")


def destination_of(path: str | Path) -> str:
    """What two sinks must not share: where the path really leads."""
    return STANDARD_OUTPUT if os.fspath(path) == "-" else os.path.realpath(path)


class Destinations:
    """Which files are in use, and for what; a file with several names (links, hard links) is one.

    >>> known = Destinations()
    >>> known.occupy("/tmp/a.csv", "the feed")
    >>> known.occupy("/tmp/a.csv", "jsonl:a.csv")
    Traceback (most recent call last):
    pipeline.errors.UsageError: the feed and jsonl:a.csv are the same file, /tmp/a.csv; give each one of its own
    """

    def __init__(self) -> None:
        self._users: dict[object, str] = {}
        self._folders: dict[str, str] = {}

    def occupy(self, destination: str, name: str) -> None:
        """Note who uses a file; UsageError where somebody does already. An empty destination is no file."""
        for folder, owner in self._folders.items():
            if destination and os.path.dirname(os.path.realpath(destination)) in (folder, os.path.join(folder, "cursors")):
                raise UsageError(f"{name} would lie in {owner}, {folder}; name a place outside of it")
        marks = marks_of(destination) if destination else []
        for mark in marks:
            if mark in self._users:
                raise UsageError(f"{self._users[mark]} and {name} are the same file, {destination}; give each one of its own")
        self._users.update(dict.fromkeys(marks, name))

    def occupy_folder(self, folder: str | Path, owner: str) -> None:
        """Note a folder in which nobody else may write."""
        self._folders[os.path.realpath(folder)] = owner

    def knows(self, destination: str) -> bool:
        """Whether a file is in use."""
        return any(mark in self._users for mark in marks_of(destination))


def marks_of(destination: str) -> list[object]:
    """By what a file is known: where its path leads, and, once it is there, its number on its disk, which all its names share."""
    try:
        there = os.stat(destination)
    except (OSError, ValueError):
        return [destination]
    return [destination, (there.st_dev, there.st_ino)]


def sync_folder(path: str | Path) -> None:
    """Return when the name of a new file is on the disk."""
    with suppress(OSError):  # some systems do not sync folders
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class AppendedFile:
    """A file that takes texts one after another, each whole or not at all; "-" is standard output.

    What the file held before goes when there is room for the first text, or at the first `sync`. A pipe or device cannot
    take back half a text: when the same text comes again, only the rest of it is written. Raises SinkError where it cannot be
    opened, ReaderLeft when nobody reads the pipe any more, OSError for the rest.
    """

    def __init__(self, path: str | Path) -> None:
        self.destination = destination_of(path)
        self._file = open_file(path)
        self._regular = self.destination != STANDARD_OUTPUT and stat.S_ISREG(os.fstat(self._file).st_mode)
        self._is_named = self._regular and os.fstat(self._file).st_nlink > 0  # a file without a name may be standard output
        self._begun = False
        self.size = 0
        self._half: tuple[bytes, int] = (b"", 0)
        self._lost: SinkError | None = None

    def position(self) -> str | None:
        """What `resume` needs to go on here: the size, and a digest of what is before it; None for what is no file on a disk."""
        return f"{self.size}:{self._digest(self.size)}" if self._regular else None

    def resume(self, position: str) -> bool:
        """Go on at a position, without what came after it; whether the file still holds what it held there. "" is its beginning."""
        size = int(position.partition(":")[0] or 0)
        if size > os.fstat(self._file).st_size or (position and f"{size}:{self._digest(size)}" != position):
            return False
        self.size = size
        if size:
            self._cut(size)
            self._begun = True
        return True

    def _digest(self, size: int) -> str:
        with open(self.destination, "rb") as file:
            file.seek(max(size - LOOKED_AT, 0))
            return hashlib.blake2b(file.read(min(size, LOOKED_AT)), digest_size=8).hexdigest()

    def append(self, text: bytes) -> None:
        """Write all of it, or none."""
        self._begin(len(text))
        sent = self._half[1] if self._half[0] == text else 0
        try:
            while sent < len(text):
                sent += os.write(self._file, memoryview(text)[sent:])
        except BrokenPipeError as error:
            raise ReaderLeft(f"nobody reads {self.destination} any more") from error
        except BaseException:
            if self._regular:
                self._cut(self.size)
            else:
                self._half = (text, sent)
            raise
        self._half = (b"", 0)
        self.size += len(text)

    def _begin(self, length: int) -> None:
        if self._regular and not self._begun:
            make_room(self._file, length)
            self._cut(0)
        self._begun = True

    def _cut(self, size: int) -> None:
        os.ftruncate(self._file, size)
        os.lseek(self._file, size, os.SEEK_SET)

    def sync(self) -> None:
        """Return when everything is on the disk; once that has failed it fails for good, for nobody knows what was lost."""
        self._begin(0)
        if self._lost is not None:
            raise self._lost
        if self._is_named and not os.fstat(self._file).st_nlink:
            raise SinkError(f"{self.destination} was removed while it was written to")
        if self._regular:
            try:
                os.fsync(self._file)
            except OSError as error:
                why = f"{error.strerror or error}; nobody knows what of it is on the disk"
                self._lost = SinkError(f"{self.destination} cannot be synced: {why}; with a journal the next run writes what is missing")
                raise self._lost from error
            sync_folder(self.destination)

    def close(self) -> None:
        """Close it; once."""
        os.close(self._file)


def make_room(file: int, length: int) -> None:
    """Raise OSError, and leave the file as it was, where a full disk or a limit has no room for that many bytes."""
    if not length or not hasattr(os, "posix_fallocate"):
        return
    before = os.fstat(file).st_size
    try:
        os.posix_fallocate(file, 0, length)
    except OSError as error:
        if error.errno in NO_ROOM:
            os.ftruncate(file, before)
            raise
