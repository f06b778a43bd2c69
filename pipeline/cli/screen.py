"""What the user sees beside the alerts, all on standard error: a progress line, faults as they happen, the summary."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import click
import msgspec
import rich
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline.report import Report
from pipeline.runner import Run
from pipeline.sinks.console import neutral

__all__ = ["Screen"]

MOST_LINES = 40


class Screen:
    """Talks to the user; `json` makes the summary one JSON object."""

    def __init__(self, json: bool = False) -> None:
        self.json = json
        stdout = rich.get_console()
        self.console = stdout if stdout.is_terminal else Console(stderr=True)
        self.shows_progress = self.console.is_terminal and not json

    def say(self, what: object) -> None:
        """One line."""
        click.echo(f"rxtape: {neutral(str(what))}", err=True)

    @contextmanager
    def progress(self, run: Run) -> Iterator[None]:
        """A line with ticks and ticks/s, on a terminal only."""
        if not self.shows_progress:
            yield
            return
        began = monotonic()

        def line() -> Text:
            ticks, seconds = run.graph.next_row, monotonic() - began
            return Text(f"{ticks:,} ticks, {ticks / max(seconds, 1e-9):,.0f} a second", style="dim")

        console = self.console
        with Live(get_renderable=line, console=console, refresh_per_second=5, transient=True, redirect_stdout=False, redirect_stderr=False):
            yield

    def summarize(self, report: Report) -> None:
        """The summary, as a table or as JSON."""
        if self.json:
            click.echo(msgspec.json.encode(summary_object(report)).decode(), err=True)
            return
        console = Console(stderr=True)
        if not console.is_terminal:
            for line in report.summary().split("\n"):
                click.echo(neutral(line), err=True)
            return
        if report.alerts_by:
            console.print(alerts_table(report))
        table = Table.grid(padding=(0, 2))
        troubles = {name for name, _ in report.troubles()}
        for name, value in report.facts():
            style = "bold red" if name in troubles else "dim"
            table.add_row(Text(name, style=style), Text(neutral(value), style="bold" if name in troubles else ""))
        console.print(table)


def alerts_table(report: Report) -> Table:
    table = Table(title="alerts", title_justify="left")
    for heading in ("strategy", "symbol", "event"):
        table.add_column(heading)
    table.add_column("count", justify="right")
    counts = sorted(report.alerts_by.items(), key=lambda item: -item[1])
    for (strategy, symbol, event), count in counts[:MOST_LINES]:
        table.add_row(*(Text(neutral(text)) for text in (strategy, symbol, event)), f"{count:,}")
    rest = counts[MOST_LINES:]
    if rest:
        table.add_row("", f"{len(rest):,} more", "", f"{sum(count for _, count in rest):,}")
    return table


def summary_object(report: Report) -> dict[str, Any]:
    return {
        "ticks": report.ticks, "symbols": report.symbols, "seconds": report.seconds, "ticks_per_second": report.ticks_per_second,
        "late_rows": report.late_rows, "dropped_rows": report.dropped_rows,
        "batch_us": {"p50": report.latency.quantile(0.5), "p99": report.latency.quantile(0.99)},
        "alerts": [
            {"strategy": strategy, "symbol": symbol, "event": event, "count": count}
            for (strategy, symbol, event), count in report.alerts_by.items()
        ],
        "quarantined": [{"owner": fault.owner, "seq": fault.seq, "error": str(fault)} for fault in report.quarantined],
        "undelivered": report.undelivered, "hangs": [str(hang) for hang in report.hangs],
        "incomplete": None if report.incomplete is None else str(report.incomplete), "interrupted": report.interrupted,
        "exit_code": report.exit_code,
    }  # fmt: skip
