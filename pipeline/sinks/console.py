"""Alerts on the terminal, or as plain lines in a pipe."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

from pipeline.alerts import CLEARED, Alert
from pipeline.errors import SinkError

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

    >>> ConsoleSink().write([Alert("SPY", 1_381_219_217_034_000_000, "+2.0%", strategy="jump")])
    2013-10-08T08:00:17.034Z  SPY  jump  raised  +2.0%
    """

    def __init__(self, target: str = "", out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        if self._out is None:
            raise SinkError("the console sink has no standard output to write to")
        self._terminal = self._out.isatty()
        self._gone = False

    def write(self, alerts: Sequence[Alert]) -> None:
        """Print them; to nobody once the reader of a pipe has left, which is no fault."""
        if self._gone:
            return
        if self._terminal:
            self._print(alerts)
            return
        try:
            self._out.write("".join([f"{'  '.join(fields(alert))}\n" for alert in alerts]))
            self._out.flush()
        except BrokenPipeError:
            self._gone = True
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())

    def _print(self, alerts: Sequence[Alert]) -> None:
        import rich
        from rich.text import Text

        console = rich.get_console()
        for alert in alerts:
            time, symbol, strategy, event, *message = fields(alert)
            style = "green" if alert.event == CLEARED else STYLES.get(alert.severity, "")
            parts = zip((time, symbol, strategy, event, *message), ("dim", "bold", "dim", style, ""), strict=False)
            console.print(Text("  ").join(Text(*part) for part in parts), soft_wrap=True, highlight=False)

    def flush(self) -> None:
        """Hand over what Python still holds."""
        if not self._gone:
            self._out.flush()

    def close(self) -> None:
        """Nothing to do: standard output stays open."""


def fields(alert: Alert) -> list[str]:
    texts = (alert.clock, alert.symbol, alert.strategy, alert.event, alert.message)
    return [neutral(text) for text in texts if text]
