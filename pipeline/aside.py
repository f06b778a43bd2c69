"""The rows that a run leaves out: kept for the report, and written to a file where one is named."""

import os
from operator import itemgetter
from pathlib import Path
from typing import Any

from pipeline.errors import SinkError
from pipeline.report import Report
from pipeline.sinks.files import STANDARD_OUTPUT
from pipeline.sinks.jsonl import JsonLines

__all__ = ["Aside"]


class Aside:
    """Takes rows as they are found and puts those of a block aside in the order of their lines.

    What the file held before is replaced by the first row, or at the end of a whole run.
    """

    def __init__(self, report: Report, path: str | Path | None) -> None:
        self._is_new = path is not None and not os.path.lexists(path)
        self._report, self._file = report, None if path is None else JsonLines(path)
        self._found: list[dict[str, Any]] = []

    @property
    def destination(self) -> str:
        """Where the file is; empty if there is none."""
        return "" if self._file is None else self._file.destination

    def note(self, row: dict[str, Any]) -> None:
        """Take a row, with its source and line."""
        self._found.append(row)

    def put(self) -> None:
        """The rows of the block are all there. Raises SinkError where they cannot be written."""
        if not self._found:
            return
        found, self._found = sorted(self._found, key=itemgetter("source", "line")), []
        for row in found:
            self._report.keep_aside(row)
        if self._file is not None:
            try:
                self._file.write(found)
            except OSError as error:
                raise SinkError(f"{self._file.path} cannot be written: {error.strerror}") from error

    def close(self, whole: bool) -> None:
        """Make sure of the rows, and close the file; one that was made for a run which ended early, and has no rows, goes."""
        if self._file is None:
            return
        needed = whole or bool(self._report.set_aside)
        if needed:
            self._file.flush()
        self._file.close()
        if not needed and self._is_new and self.destination != STANDARD_OUTPUT:
            Path(self.destination).unlink(missing_ok=True)
