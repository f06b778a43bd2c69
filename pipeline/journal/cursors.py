"""Cursors: how far each sink has got, beside the log that it follows, each in a file of its own."""

import hashlib
import re
from pathlib import Path

import msgspec

from pipeline.errors import JournalError
from pipeline.journal.files import Files, RealFiles, refusals, write_whole

__all__ = ["Cursor", "Cursors"]

FOLDER = "cursors"
LONGEST = 60


class Cursor(msgspec.Struct, frozen=True):
    """The next alert of a sink: its frame and its place among the alerts of that frame; and how the sink was.

    `position` is what the sink needs to go on there: empty, or for a file what it had when all before was in it. `status` is
    "well", "waits" (it fails, and is tried again) or "left" (the reader of a pipe has gone), `error` what it last raised,
    `delivered` counts the alerts of the log that it has got, those included that retention has removed since, `dead` what it
    has refused. Is it written `anew` by each run, it needs the whole log, and nothing of that is removed.
    """

    sink: str
    frame: int
    index: int = 0
    position: str = ""
    status: str = "well"
    error: str = ""
    delivered: int = 0
    dead: int = 0
    anew: bool = False

    @property
    def seen(self) -> int:
        """The last frame of which it has got anything."""
        return self.frame - 1 + (self.index > 0)


class Cursors:
    """The cursors of a journal's folder.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     cursors = Cursors(folder)
    ...     cursors.save(Cursor("jsonl:alerts.jsonl", 41, position="1280"))
    ...     cursors.of("jsonl:alerts.jsonl").frame, cursors.seen(), [cursor.sink for cursor in cursors.all()]
    (41, 40, ['jsonl:alerts.jsonl'])
    """

    def __init__(self, folder: str | Path, files: Files | None = None) -> None:
        self.folder, self.files = Path(folder, FOLDER), files or RealFiles()

    def path_of(self, sink: str) -> Path:
        """Where a sink's cursor is: its name as far as a file may have it, and a digest of it."""
        digest = hashlib.blake2b(sink.encode(), digest_size=4).hexdigest()
        return self.folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', sink)[:LONGEST]}-{digest}.json"

    def of(self, sink: str) -> Cursor | None:
        """A sink's cursor; None for a sink that is new."""
        path = self.path_of(sink)
        return self._read(path) if path.name in self._names() else None

    def all(self) -> list[Cursor]:
        """Every sink's, by name."""
        return [self._read(self.folder / name) for name in self._names() if name.endswith(".json")]

    def seen(self) -> int:
        """The last frame that any sink has seen: the log must have it."""
        return max((cursor.seen for cursor in self.all()), default=0)

    def save(self, cursor: Cursor) -> None:
        """Put it on the disk, whole or not at all. Raises JournalError."""
        path = self.path_of(cursor.sink)
        with refusals(path, "cannot be written"):
            self.files.make_folder(self.folder)
            write_whole(self.files, path, msgspec.json.format(msgspec.json.encode(cursor), indent=1) + b"\n")

    def forget(self, sink: str) -> None:
        """Drop a cursor: its sink is new again, and holds up no retention."""
        with refusals(self.path_of(sink), "cannot be removed"):
            self.files.remove(self.path_of(sink))
            self.files.sync_folder(self.folder)

    def _names(self) -> list[str]:
        try:
            with refusals(self.folder, "cannot be read"):
                return self.files.names(self.folder)
        except JournalError as error:
            if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
                return []
            raise

    def _read(self, path: Path) -> Cursor:
        with refusals(path, "cannot be read"):
            text = self.files.read(path)
        try:
            return msgspec.json.decode(text, type=Cursor)
        except msgspec.MsgspecError as error:
            raise JournalError(f"{path} is no cursor: {error}; remove it, and its sink begins anew") from error
