"""What a live run shows: connections, symbols and alerts, redrawn; on anything but a terminal, changes as they happen."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import rich
from rich.console import Console
from rich.live import Live as Redrawn
from rich.table import Table
from rich.text import Text

from pipeline.cli.screen import Screen
from pipeline.cli.tidy import tidy
from pipeline.feed import ConnectionStatus
from pipeline.live import Live

__all__ = ["showing"]

LEAST = (9, 6, 0, 0)
"""What a narrow terminal must leave of the connection, its state, messages a second and lag; the reason is cut first."""
UNITS = (("ms", 1e6, 10_000), ("s", 1e9, 600), ("min", 60e9, 600), ("h", 3600e9, 72), ("days", 86400e9, float("inf")))
STYLES = {"LIVE": "green", "STALE": "yellow", "GAPPED": "yellow", "DOWN": "red"}


@contextmanager
def showing(live: Live, screen: Screen, plain: bool) -> Iterator[None]:
    """Show a run until the end of the block; `plain`: no line that is redrawn, since alerts come to the same terminal as they are."""
    if plain or not sys.stderr.isatty():
        told = live.changes.subscribe(Together(screen.say))
        try:
            yield
        finally:
            told.dispose()
        return
    console = rich.get_console() if sys.stdout.isatty() else Console(stderr=True)
    status = StatusLine(live)
    told = live.changes.subscribe(Together(lambda line: console.print(Text(f"rxtape: {tidy(line)}", style="dim"))))
    try:
        with Redrawn(
            get_renderable=status.table, console=console, refresh_per_second=4, transient=True, redirect_stdout=False, redirect_stderr=False
        ):
            yield
    finally:
        told.dispose()


class Together:
    """Tells changes of health, those of one moment and one kind in one line: a thousand symbols go down together."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._waiting: dict[str, list[Any]] = {}

    def __call__(self, change: Any) -> None:
        """Take a change; it is told when the loop comes round."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._tell)
        self._waiting.setdefault(change.status, []).append(change)

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for changes in waiting.values():
            first, rest = changes[0], len(changes) - 1
            self._say(f"{first}" if not rest else f"{first.subject} and {rest:,} more are {first.status}: {first.reason}".rstrip(": "))


class StatusLine:
    """The state of a run, with frames a second since the last look."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self._seen: dict[str, tuple[int, float]] = {}

    def table(self) -> Table:
        """A row a connection, one a status of symbols, and one for the run."""
        table = Table.grid(padding=(0, 2))
        for width in LEAST:
            table.add_column(no_wrap=True, overflow="ellipsis", min_width=width)
        table.add_column()
        for each in self.live.feed.status():
            state = Text(each.status, style=STYLES.get(each.status, ""))
            table.add_row(Text(each.connection, style="bold"), state, *map(dim, self._words(each)))
        symbols = self.live.feed.symbols()
        for found in symbols:
            state = Text(found.status, style=STYLES.get(found.status, ""))
            share = Text(f"{found.number:,} of {sum(each.number for each in symbols):,}", style="dim")
            why = "" if found.status == "LIVE" else f"{found.names}: {found.reason}"
            table.add_row(Text("symbols", style="bold"), state, share, "", dim(why))
        report = self.live.report
        table.add_row(Text("alerts", style="bold"), Text(f"{report.alert_count:,}"), Text(f"{report.ticks:,} ticks", style="dim"))
        return table

    def _words(self, each: ConnectionStatus) -> tuple[str, str, str]:
        frames, at = self._seen.get(each.connection, (each.frames, monotonic()))
        now = monotonic()
        rate = (each.frames - frames) / (now - at) if now > at else 0.0
        if now - at >= 1.0 or each.connection not in self._seen:
            self._seen[each.connection] = each.frames, now
        lag = "" if each.lag_ns is None else f"lag {length_of(each.lag_ns)}"
        heard = ("", "") if each.status == "DOWN" else (f"{rate:,.0f} messages/s", lag)
        again = f"{each.reconnects:,} reconnect{'s' * (each.reconnects != 1)}, " if each.reconnects else ""
        return *heard, again + (each.reason or f"for {each.seconds:,.0f} s")


def dim(text: str) -> Text:
    return Text(tidy(text), style="dim", no_wrap=True, overflow="ellipsis")


def length_of(time_ns: int) -> str:
    """A length of time in the unit in which it can be read.

    >>> [length_of(time) for time in (12_000_000, -3_000_000, 45 * 10**9, 90 * 86_400 * 10**9)]
    ['12 ms', '-3 ms', '45 s', '90 days']
    """
    unit, size, _ = next(each for each in UNITS if abs(time_ns) / each[1] < each[2])
    return f"{time_ns / size:,.0f} {unit}"
