"""A file with one JSON object a line."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.alerts import Alert
from pipeline.sinks.files import AppendedFile, named_file
from pipeline.sinks.rows import json_text, row_of

__all__ = ["JsonLines", "JsonlSink"]


class JsonLines:
    """A file of JSON lines ("-": standard output) that holds whole batches of lines, so that a failed write can be repeated.

    What the file held before is replaced by the first write or flush, not by opening it.
    """

    def __init__(self, path: str | Path) -> None:
        """Open for writing; UsageError where it names no file, SinkError where the system refuses."""
        self.path = Path(named_file(path, "jsonl", or_standard_output=True))
        self._file = AppendedFile(path)
        self.destination = self._file.destination

    def write(self, objects: Sequence[object]) -> None:
        """Append one line for each object; nan and infinities become null. OSError leaves the file as it was."""
        self._file.append("".join([json_text(value) + "\n" for value in objects]).encode())

    def position(self) -> str | None:
        """As `AppendedFile.position`."""
        return self._file.position()

    def resume(self, position: str) -> bool:
        """As `AppendedFile.resume`."""
        return self._file.resume(position)

    def flush(self) -> None:
        """Return when the lines are on the disk."""
        self._file.sync()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class JsonlSink:
    """Alerts as JSON lines, with every field of `Alert.as_dict`; a run replaces what the file held before.

    Raises UsageError where the URL names no file, SinkError where it cannot be opened. Line ends and control characters in
    a message stay inside its JSON.
    """

    def __init__(self, path: str | Path) -> None:
        self._lines = JsonLines(path)
        self.destination = self._lines.destination

    def write(self, alerts: Sequence[Alert]) -> None:
        """Append one line for each alert, all or none of them."""
        self._lines.write([row_of(alert) for alert in alerts])

    def position(self) -> str | None:
        """Where to go on after what was flushed; None on standard output."""
        return self._lines.position()

    def resume(self, position: str) -> bool:
        """Go on there; whether the file still holds what it held."""
        return self._lines.resume(position)

    def flush(self) -> None:
        """Return when the alerts are on the disk."""
        self._lines.flush()

    def close(self) -> None:
        """Close the file."""
        self._lines.close()
