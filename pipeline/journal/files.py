"""The port to the file system: all that a journal asks of a disk, so that tests can put a failing one in its place."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EACCES, EDQUOT, EFBIG, EISDIR, EMFILE, ENFILE, ENOENT, ENOLCK, ENOSPC, ENOTDIR, EOPNOTSUPP, EROFS
from itertools import count
from pathlib import Path
from typing import Protocol

from pipeline.errors import JournalError, JournalLocked

__all__ = ["AppendedBytes", "Files", "Held", "RealFiles", "refusals", "write_all", "write_whole"]

HINTS = {
    ENOSPC: "free space on that disk, then start again",
    EDQUOT: "free space within your quota, then start again",
    EFBIG: "raise the limit of file sizes (ulimit -f), then start again",
    EMFILE: "raise the limit of open files (ulimit -n)",
    ENFILE: "the system has no file handles left",
    EACCES: "name a folder that you may write to",
    EROFS: "name a folder on a disk that can be written",
    ENOENT: "make the folder above it first",
    ENOTDIR: "a folder is expected, and a file is there; name another",
    EISDIR: "a file is expected, and a folder is there",
    ENOLCK: "that file system cannot lock; keep the journal on a local disk",
    EOPNOTSUPP: "that file system cannot lock; keep the journal on a local disk",
}
MOST_NAMED = 200


class AppendedBytes(Protocol):
    """A file that grows at its end."""

    def write(self, data: memoryview) -> int:
        """Append some of the bytes, and say how many: a disk may take fewer than all."""

    def sync(self) -> None:
        """Return when everything written is on the disk."""

    def truncate(self, size: int) -> None:
        """Cut it, and go on from there."""

    def close(self) -> None:
        """Let go of it."""


class Held(Protocol):
    """A lock that is held."""

    def close(self) -> None:
        """Let go of it."""


class Files(Protocol):
    """What a journal asks of a file system; every method may raise OSError."""

    def make_folder(self, folder: Path) -> None:
        """Make the folder, if it is not there; those above it must be."""

    def names(self, folder: Path) -> list[str]:
        """What is in the folder, sorted."""

    def read(self, path: Path, start: int = 0, count: int = -1) -> bytes:
        """Bytes of a file: all of them, or as many as there are up to `count`."""

    def size(self, path: Path) -> int:
        """How many bytes a file has."""

    def modified_ns(self, path: Path) -> int:
        """When a file was last written, in nanoseconds."""

    def append_to(self, path: Path, *, new: bool) -> AppendedBytes:
        """Open a file to append to it; a new one must not be there yet."""

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name, at once; what had that name is gone."""

    def remove(self, path: Path) -> None:
        """Remove a file."""

    def sync_folder(self, folder: Path) -> None:
        """Return when the names in a folder are on the disk."""

    def lock(self, path: Path, holder: str) -> Held:
        """Lock a file and write into it who holds it; JournalLocked says who does, where it is taken."""


class RealFile:
    """A file of the operating system."""

    def __init__(self, path: Path, *, new: bool) -> None:
        flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
        self._file = os.open(path, flags | (os.O_CREAT | os.O_EXCL if new else 0), 0o600)

    def write(self, data: memoryview) -> int:
        """Append some of the bytes."""
        return os.write(self._file, data)

    def sync(self) -> None:
        """Return when everything is on the disk."""
        to_disk(self._file)

    def truncate(self, size: int) -> None:
        """Cut it."""
        os.ftruncate(self._file, size)

    def close(self) -> None:
        """Close it."""
        os.close(self._file)


class RealLock:
    """A lock of the operating system, which lets go of it when the process ends, however it does."""

    def __init__(self, path: Path, holder: str) -> None:
        try:
            import fcntl
        except ImportError as error:  # pragma: no cover - not on Linux or macOS
            raise JournalError(f"{path}: this system has no flock, by which a journal makes sure that it has one writer") from error
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0), 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, holder.encode(), 0)
        except BlockingIOError:
            known = os.pread(self._file, MOST_NAMED, 0).decode(errors="replace").strip() or "another process"
            os.close(self._file)
            raise JournalLocked(f"{path.parent} is locked by {known}; end that one first, a journal has one writer") from None
        except OSError:
            os.close(self._file)
            raise

    def close(self) -> None:
        """Let go of it; the file stays, for a name that is removed could be locked twice."""
        os.ftruncate(self._file, 0)
        os.close(self._file)


class RealFiles:
    """The file system of the operating system."""

    def make_folder(self, folder: Path) -> None:
        """Make the folder; one that is a link is refused, as what it leads to can change."""
        if folder.is_symlink():
            raise JournalError(f"{folder} is a link; name the folder that it leads to: {folder.resolve()}")
        if not folder.is_dir():
            folder.mkdir(mode=0o700)
            self.sync_folder(folder.parent)

    def names(self, folder: Path) -> list[str]:
        """What is in the folder."""
        return sorted(os.listdir(folder))

    def read(self, path: Path, start: int = 0, count: int = -1) -> bytes:
        """Bytes of a file."""
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            return file.readall() if count < 0 else file.read(count) or b""

    def size(self, path: Path) -> int:
        """How many bytes a file has."""
        return path.stat().st_size

    def modified_ns(self, path: Path) -> int:
        """When a file was last written."""
        return path.stat().st_mtime_ns

    def append_to(self, path: Path, *, new: bool) -> AppendedBytes:
        """Open a file to append to it."""
        return RealFile(path, new=new)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name."""
        os.replace(old, new)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        os.unlink(path)

    def sync_folder(self, folder: Path) -> None:
        """Return when the names in a folder are on the disk."""
        found = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(found)
        finally:
            os.close(found)

    def lock(self, path: Path, holder: str) -> Held:
        """Lock a file."""
        return RealLock(path, holder)


def write_all(file: AppendedBytes, data: bytes | memoryview) -> None:
    """Append all of the bytes, however few the disk takes at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def write_whole(files: Files, path: Path, data: bytes) -> None:
    """Write a file so that after any fault it holds either what it held before or all of this."""
    beside = path.with_name(path.name + ".tmp")
    if beside.name in files.names(path.parent):
        files.remove(beside)
    file = files.append_to(beside, new=True)
    try:
        write_all(file, data)
        file.sync()
    finally:
        file.close()
    files.rename(beside, path)
    files.sync_folder(path.parent)


def to_disk(file: int) -> None:
    """Return when everything written is on the disk, and not only in the disk's own memory."""
    if sys.platform == "darwin":  # pragma: no cover
        import fcntl

        fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(file)


@contextmanager
def refusals(path: Path, what: str) -> Iterator[None]:
    """What the system refuses becomes a JournalError that says of which file, why, and what to do.

    >>> with refusals(Path("monday"), "cannot be written"):
    ...     raise OSError(ENOSPC, "No space left on device")
    Traceback (most recent call last):
    pipeline.errors.JournalError: monday cannot be written: No space left on device; free space on that disk, then start again
    """
    try:
        yield
    except OSError as error:
        hint = HINTS.get(error.errno or 0)
        raise JournalError(f"{path} {what}: {error.strerror or error}" + (f"; {hint}" if hint else "")) from error


def kept_beside(path: str) -> str:
    """Copy a file that is about to be written anew to a free name beside it; the name, empty where there is nothing to keep."""
    with refusals(Path(path), "cannot be copied to keep it"):
        if not path or not os.path.isfile(path) or not os.path.getsize(path):
            return ""
        aside = next(name for turn in count(1) if not os.path.lexists(name := f"{path}.{turn}"))
        shutil.copyfile(path, aside)
    return aside
