"""A file with one JSON object a line."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pipeline.alerts import Alert
from pipeline.errors import SinkError

__all__ = ["JsonLines", "JsonlSink"]


class JsonLines:
    """A file of JSON lines ("-": standard output) that holds whole batches of lines, so that a failed write can be repeated.

    What the file held before is replaced by the first write or flush, not by opening it.
    """

    def __init__(self, path: str | Path) -> None:
        """Open for writing; SinkError where that is not possible."""
        self.path = Path(path)
        standard = str(path) == "-"
        try:
            self._file = os.dup(1) if standard else os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o666)
        except OSError as error:
            raise SinkError(f"{self.path} cannot be opened for writing: {error.strerror}") from error
        self._regular = not standard and stat.S_ISREG(os.fstat(self._file).st_mode)
        self._good = -1

    def write(self, objects: Sequence[object]) -> None:
        """Append one line for each object; nan and infinities become null. OSError leaves the file as it was."""
        text = b"".join([msgspec.json.encode(value) + b"\n" for value in objects])
        self._begin()
        left = memoryview(text)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except BaseException:
            if self._regular:
                os.ftruncate(self._file, self._good)
                os.lseek(self._file, self._good, os.SEEK_SET)
            raise
        self._good += len(text)

    def _begin(self) -> None:
        if self._good < 0:
            if self._regular:
                os.ftruncate(self._file, 0)
            self._good = 0

    def flush(self) -> None:
        """Return when the lines are on the disk."""
        self._begin()
        if self._regular:
            os.fsync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class JsonlSink:
    """Alerts as JSON lines, with every field of `Alert.as_dict`; a run replaces what the file held before.

    Raises SinkError where the file cannot be opened. Line ends and control characters in a message stay inside its JSON.
    """

    def __init__(self, path: str | Path) -> None:
        if not str(path):
            raise SinkError("the jsonl sink needs a file: write jsonl:alerts.jsonl")
        self._lines = JsonLines(path)

    def write(self, alerts: Sequence[Alert]) -> None:
        """Append one line for each alert, all or none of them."""
        self._lines.write([alert.as_dict() for alert in alerts])

    def flush(self) -> None:
        """Return when the alerts are on the disk."""
        self._lines.flush()

    def close(self) -> None:
        """Close the file."""
        self._lines.close()
