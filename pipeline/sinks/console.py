"""Alerts on the terminal, or as plain lines in a pipe."""

import sys
from collections.abc import Sequence
from typing import TextIO

from pipeline.alerts import CLEARED, Alert
from pipeline.errors import ReaderLeft, SinkError, UsageError
from pipeline.sinks.files import STANDARD_OUTPUT, AppendedFile

__all__ = ["ConsoleSink", "neutral"]

STYLES = {"info": "cyan", "warning": "yellow", "critical": "bold red"}


def neutral(text: str) -> str:
    r"""The text with everything that could command a terminal written out: control characters, line ends, bidi marks.

    >>> print(neutral("up \x1b[31m2%\n\u202e"))
    up \x1b[31m2%\n\u202e
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class ConsoleSink:
    """One line an alert on standard output: coloured on a terminal, plain when piped.

    Raises UsageError where the URL says more than `console:`, SinkError without a standard output, ReaderLeft when nobody
    reads the pipe any more.

    >>> ConsoleSink().write([Alert("SPY", 1_381_219_217_034_000_000, "+2.0%", strategy="jump")])
    2013-10-08T08:00:17.034Z  SPY  jump  raised  +2.0%
    """

    def __init__(self, target: str = "", out: TextIO | None = None) -> None:
        if target:
            raise UsageError(f"console:{target} says too much; write console: alone, or jsonl:{target} for a file")
        self._out = out or sys.stdout
        if self._out is None:
            raise SinkError("the console sink has no standard output to write to")
        self.destination = STANDARD_OUTPUT if out is None else ""
        self._terminal = self._out.isatty()
        piped = self._out is sys.__stdout__ and not self._terminal
        self._pipe = AppendedFile("-") if piped else None

    def write(self, alerts: Sequence[Alert]) -> None:
        """Print them."""
        if self._terminal:
            self._print(alerts)
            return
        text = "".join([f"{'  '.join(filter(None, fields(alert)))}\n" for alert in alerts])
        data = text.encode(self._out.encoding or "utf-8", "backslashreplace")
        if self._pipe is None:
            self._hand_over(data.decode(self._out.encoding or "utf-8"))
            return
        self.flush()
        self._pipe.append(data)

    def _print(self, alerts: Sequence[Alert]) -> None:
        import rich
        from rich.text import Text

        console = rich.get_console()
        for alert in alerts:
            style = "green" if alert.event == CLEARED else STYLES.get(alert.severity, "")
            parts = zip(fields(alert), ("dim", "bold", "dim", style, ""), strict=True)
            console.print(Text("  ").join(Text(*part) for part in parts if part[0]), soft_wrap=True, highlight=False)

    def flush(self) -> None:
        """Hand over what Python still holds."""
        self._hand_over("")

    def _hand_over(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except BrokenPipeError as error:
            raise ReaderLeft("nobody reads standard output any more") from error

    def close(self) -> None:
        """Nothing to close but our own handle: standard output stays open."""
        if self._pipe is not None:
            self._pipe.close()


def fields(alert: Alert) -> list[str]:
    return [neutral(text) for text in (alert.clock, alert.symbol, alert.strategy, alert.event, alert.message)]
