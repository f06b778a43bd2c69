"""A CSV file that a spreadsheet may open: no text in it is taken for a formula."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.alerts import Alert
from pipeline.sinks.files import AppendedFile, named_file
from pipeline.sinks.rows import COLUMNS, json_text, row_of

__all__ = ["CsvSink", "harmless", "original"]

FORMULA = re.compile(r"['\t\r\n]|\s*[=+\-@＝＋－＠]")


def harmless(text: str) -> str:
    """The text with a ' before it where a spreadsheet would take it for a formula (OWASP, CSV injection).

    A text that begins with ' gets another, so that `original` can take off what was put on.

    >>> harmless("=cmd()"), harmless("-2.0%"), harmless("SPY +2%"), harmless("'tis")
    ("'=cmd()", "'-2.0%", 'SPY +2%', "''tis")
    """
    return f"'{text}" if FORMULA.match(text) else text


def original(text: str) -> str:
    """What `harmless` was given.

    >>> original(harmless("=cmd()")), original(harmless("SPY +2%"))
    ('=cmd()', 'SPY +2%')
    """
    return text.removeprefix("'")


class CsvSink:
    """Alerts as CSV: a header, then a line an alert, text quoted and `harmless`, numbers bare (`degraded` 0 or 1),
    `values` as one JSON cell.



    A run replaces what the file held before ("-": standard output). Raises UsageError where the URL names no file, SinkError
    where it cannot be opened.
    """

    def __init__(self, path: str | Path) -> None:
        self._file = AppendedFile(named_file(path, "csv", or_standard_output=True))
        self.destination = self._file.destination

    def write(self, alerts: Sequence[Alert]) -> None:
        """Append one line for each alert, all or none of them."""
        self._append([cells(alert) for alert in alerts])

    def _append(self, lines: list[list[str | int]]) -> None:
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        if not self._file.size:
            text.write(",".join(COLUMNS) + "\n")
        writer.writerows(lines)
        self._file.append(text.getvalue().encode())

    def position(self) -> str | None:
        """Where to go on after what was flushed; None on standard output."""
        return self._file.position()

    def resume(self, position: str) -> bool:
        """Go on there; whether the file still holds what it held."""
        return self._file.resume(position)

    def flush(self) -> None:
        """Return when the alerts, at least the header, are on the disk."""
        if not self._file.size:
            self._append([])
        self._file.sync()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def cells(alert: Alert) -> list[str | int]:
    row = row_of(alert)
    row["values"], row["degraded"] = json_text(row["values"]), int(row["degraded"])
    return [harmless(value) if isinstance(value, str) else value for value in row.values()]
