"""A file system in memory that fails: power cuts that drop, reorder and tear what was not synced, full disks, failing syncs, short writes.

What is written waits until it is synced. At a power cut each waiting change is kept or dropped by itself, writes in
sectors of 512 bytes; names of new, renamed and removed files wait in the same way until their folder is synced.
"""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random

from pipeline.errors import JournalLocked

SECTOR = 512


class PowerCut(BaseException):
    """The power is gone; nothing the program does after this reaches the disk."""


@dataclass
class Content:
    """A file's bytes: as programs see them, as they are on the disk, and the changes between."""

    live: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    waiting: list[tuple[int, bytes | None]] = field(default_factory=list)
    modified: int = 0

    def change(self, at: int, data: bytes | None) -> None:
        """Write at an offset; without data, cut there."""
        put(self.live, at, data)
        self.waiting.append((at, data))

    def settle(self) -> None:
        """Everything that waits is on the disk. What a failed sync has dropped is not."""
        for at, data in self.waiting:
            put(self.durable, at, data)
        self.waiting.clear()

    def after_power_cut(self, random: Random, keep: float) -> "Content":
        """What the disk holds."""
        for at, data in self.waiting:
            for begin, sector in sectors(at, data):
                if random.random() < keep:
                    put(self.durable, begin, sector)
                elif sector is not None and random.random() < 0.3:  # the length arrived, the bytes did not
                    put(self.durable, max(len(self.durable), begin + len(sector)), b"")
        return Content(bytearray(self.durable), bytearray(self.durable), modified=self.modified)


def put(content: bytearray, at: int, data: bytes | None) -> None:
    if data is None:
        del content[at:]
    else:
        content.extend(bytes(max(0, at - len(content))))
        content[at : at + len(data)] = data


def sectors(at: int, data: bytes | None) -> list[tuple[int, bytes | None]]:
    if data is None:
        return [(at, None)]
    edges = [at, *range(at - at % SECTOR + SECTOR, at + len(data), SECTOR), at + len(data)]
    return [(first, data[first - at : last - at]) for first, last in pairwise(edges)]


class FaultyFile:
    """A file that is open."""

    def __init__(self, disk: "FaultyFiles", content: Content) -> None:
        self.disk, self.content = disk, content

    def write(self, data: memoryview) -> int:
        disk, content = self.disk, self.content
        count = disk.takes(len(data))
        if disk.happens("write"):
            part = disk.random.randrange(len(data) + 1)
            content.change(len(content.live), bytes(data[:part]))
            raise PowerCut
        content.change(len(content.live), bytes(data[:count]))
        disk.now += 1
        content.modified = disk.now
        return count

    def sync(self) -> None:
        if self.disk.happens("sync", lambda: self.content.waiting.clear()):  # Linux drops what it could not write
            raise PowerCut
        self.content.settle()

    def truncate(self, size: int) -> None:
        if self.disk.happens("truncate"):
            raise PowerCut
        self.content.change(size, None)

    def close(self) -> None:
        """Nothing is synced by closing."""


class FaultyFiles:
    """The file system. `cut_at` is the change at which the power goes; `failing` says which operation raises what, from which turn on."""

    def __init__(self, seed: int = 0) -> None:
        self.random, self.seed = Random(seed), seed
        self.files: dict[Path, Content] = {}
        self.on_disk: dict[Path, Content] = {}
        self.waiting: list[tuple[str, Path, Path | None, Content | None]] = []
        self.held: dict[Path, str] = {}
        self.steps, self.cut_at, self.dead, self.now = 0, -1, False, 0
        self.failing: dict[str, tuple[int, int]] = {}
        self.takes: Callable[[int], int] = lambda count: count
        self.turns: dict[str, int] = {}

    def happens(self, what: str, on_failure: Callable[[], None] = lambda: None) -> bool:
        """Count a change; True where the power goes with it."""
        if self.dead:
            raise PowerCut
        self.steps += 1
        self.turns[what] = self.turns.get(what, 0) + 1
        if self.steps == self.cut_at:
            self.dead = True
            return True
        if what in self.failing and self.turns[what] >= self.failing[what][0]:
            on_failure()
            raise OSError(self.failing[what][1], os.strerror(self.failing[what][1]))
        return False

    def name(self, what: str, path: Path, other: Path | None = None, content: Content | None = None) -> None:
        """A change of names, which waits for its folder; a power cut at it may still let it through."""
        cut = self.happens(what)
        self.waiting.append((what, path, other, content))
        apply(self.files, what, path, other, content)
        if cut:
            raise PowerCut

    def after_power_cut(self) -> "FaultyFiles":
        """The disk as it is when the power is back."""
        again = FaultyFiles(self.random.randrange(1 << 30))
        keep = self.random.choice((0.0, 0.3, 0.7, 0.95, 1.0))
        for change in self.waiting:
            if self.random.random() < keep:
                apply(self.on_disk, *change)
        contents = {id(content): content.after_power_cut(self.random, keep) for content in self.on_disk.values()}
        again.files = {path: contents[id(content)] for path, content in self.on_disk.items()}
        again.on_disk, again.now = dict(again.files), self.now
        return again

    def copy(self) -> "FaultyFiles":
        """The same files as they are seen now, all on the disk, and no lock."""
        again = FaultyFiles(self.seed)
        again.files = {
            path: Content(bytearray(known.live), bytearray(known.live), [], known.modified) for path, known in self.files.items()
        }
        again.on_disk = dict(again.files)
        return again

    def make_folder(self, folder: Path) -> None:
        """It is there."""

    def names(self, folder: Path) -> list[str]:
        return sorted(path.name for path in self.files if path.parent == folder)

    def read(self, path: Path, start: int = 0, count: int = -1) -> bytes:
        content = self._there(path).live
        return bytes(content[start:] if count < 0 else content[start : start + count])

    def size(self, path: Path) -> int:
        return len(self._there(path).live)

    def modified_ns(self, path: Path) -> int:
        return self._there(path).modified

    def append_to(self, path: Path, *, new: bool) -> FaultyFile:
        if new:
            if path in self.files:
                raise FileExistsError(errno.EEXIST, "File exists")
            self.name("create", path, None, Content())
        return FaultyFile(self, self._there(path))

    def rename(self, old: Path, new: Path) -> None:
        self.name("rename", old, new, self._there(old))

    def remove(self, path: Path) -> None:
        self._there(path)
        self.name("remove", path)

    def sync_folder(self, folder: Path) -> None:
        if self.happens("sync_folder"):
            raise PowerCut
        for change in self.waiting:
            if change[1].parent == folder:
                apply(self.on_disk, *change)
        self.waiting = [change for change in self.waiting if change[1].parent != folder]

    def lock(self, path: Path, holder: str) -> "FaultyLock":
        if path in self.held:
            raise JournalLocked(f"{path.parent} is locked by {self.held[path]}")
        self.held[path] = holder
        return FaultyLock(self, path)

    def _there(self, path: Path) -> Content:
        if path not in self.files:
            raise FileNotFoundError(errno.ENOENT, f"No such file: {path}")
        return self.files[path]


class FaultyLock:
    """A lock that is held."""

    def __init__(self, disk: FaultyFiles, path: Path) -> None:
        self.disk, self.path = disk, path

    def close(self) -> None:
        del self.disk.held[self.path]


def apply(names: dict[Path, Content], what: str, path: Path, other: Path | None, content: Content | None) -> None:
    """One change of names."""
    if what == "rename":
        names.pop(path, None)
        names[other] = content
    elif what == "create":
        names[path] = content
    else:
        names.pop(path, None)
