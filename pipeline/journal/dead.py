"""Dead letters: alerts that a sink has refused for good, kept until somebody delivers or drops them."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import time_ns

import msgspec
from msgspec import structs

from pipeline.alerts import Alert
from pipeline.errors import JournalError
from pipeline.journal.files import Files, refusals, write_all, write_whole

__all__ = ["DeadLetter", "DeadLetters"]

SUFFIX = ".dead.jsonl"


class DeadLetter(msgspec.Struct, frozen=True):
    """An alert, the sink that refused it, and why; when it did so last (Unix time, nanoseconds), and how often."""

    sink: str
    error: str
    alert: Alert
    time: int = 0
    attempts: int = 1


class DeadLetters:
    """The dead letters of one sink, a line each in a file beside its cursor.

    >>> from tempfile import TemporaryDirectory
    >>> from pipeline.journal.files import RealFiles
    >>> with TemporaryDirectory() as folder:
    ...     letters = DeadLetters(Path(folder), "webhook", RealFiles())
    ...     letters.add(Alert(symbol="SPY", time=1, id="a"), "webhook:", ValueError("400 Bad Request"))
    ...     [(letter.alert.id, letter.error) for letter in letters]
    [('a', 'ValueError: 400 Bad Request')]
    """

    def __init__(self, folder: Path, stem: str, files: Files, clock: Callable[[], int] = time_ns) -> None:
        self.path, self.files, self._clock = folder / f"{stem}{SUFFIX}", files, clock
        self._ends_whole = False

    def add(self, alert: Alert, sink: str, error: BaseException) -> None:
        """Keep one; on the disk when this returns."""
        line = msgspec.json.encode(DeadLetter(sink, text_of(error), alert, self._clock())) + b"\n"
        with refusals(self.path, "cannot be written"):
            new = self.path.name not in self.files.names(self.path.parent)
            if not (new or self._ends_whole) and not self.files.read(self.path).endswith(b"\n"):
                line = b"\n" + line  # a line that the power went on stands alone
            self._ends_whole = False
            file = self.files.append_to(self.path, new=new)
            try:
                write_all(file, line)
                file.sync()
            finally:
                file.close()
            if new:
                self.files.sync_folder(self.path.parent)
            self._ends_whole = True

    def again(self, letter: DeadLetter, error: BaseException) -> DeadLetter:
        """The letter of an alert that was offered once more, and refused."""
        return structs.replace(letter, error=text_of(error), time=self._clock(), attempts=letter.attempts + 1)

    def replace(self, letters: list[DeadLetter]) -> None:
        """Put others in the place of all."""
        with refusals(self.path, "cannot be written"):
            write_whole(self.files, self.path, b"".join(msgspec.json.encode(letter) + b"\n" for letter in letters))

    def __iter__(self) -> Iterator[DeadLetter]:
        """Each once; a line that was being written when the power went is none, its alert comes again."""
        try:
            with refusals(self.path, "cannot be read"):
                text = self.files.read(self.path)
        except JournalError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return iter(())
            raise
        letters: dict[str, DeadLetter] = {}
        for line in text.splitlines():
            with suppress(msgspec.MsgspecError):
                letter = msgspec.json.decode(line, type=DeadLetter)
                letters[letter.alert.id] = letter
        return iter(letters.values())


def text_of(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
