"""What the user sees beside the alerts, all on standard error: a progress line, faults as they happen, the summary."""

import sys
from collections.abc import Iterator, Sequence
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

from pipeline.cli.tidy import secrets_of_command, tidy
from pipeline.errors import BadRow
from pipeline.report import Report
from pipeline.runner import Run

__all__ = ["Screen"]

MOST_LINES = 40
NEXT = "correct that row, or set bad rows aside with --on-bad skip; --check-first reads everything before any alert leaves"


class Screen:
    """Talks to the user on standard error; `json` makes the summary one JSON object."""

    def __init__(self, json: bool = False) -> None:
        self.json = json
        self._secrets = secrets_of_command()

    def say(self, what: object) -> None:
        """One line; sinks and the watchdog speak from threads of their own."""
        click.echo(f"rxtape: {tidy(what, self._secrets)}", err=True)

    @contextmanager
    def progress(self, run: Run, outputs: Sequence[str]) -> Iterator[None]:
        """A line with ticks, ticks/s and, where the feed can tell, its share and the time left; on a terminal only.

        Where alerts come to the same terminal, the console sink and this line share a console, so that neither tears the
        other; plain JSON lines there would, and then there is no progress.
        """
        if not sys.stderr.isatty() or (sys.stdout.isatty() and any(url != "console:" and url.endswith(":-") for url in outputs)):
            yield
            return
        began = monotonic()

        def line() -> Text:
            return Text(progress_line(run.graph.next_row, monotonic() - began, getattr(run.feed, "done", 0.0)), style="dim")

        console = rich.get_console() if sys.stdout.isatty() else Console(stderr=True)
        with Live(get_renderable=line, console=console, refresh_per_second=5, transient=True, redirect_stdout=False, redirect_stderr=False):
            yield

    def summarize(self, report: Report, quarantine: object = None) -> None:
        """The summary, as a table or as JSON, and what to do next about bad input; `quarantine` is the file of rows set aside."""
        if self.json:
            summary = summary_object(report) | {"quarantine": str(quarantine) if quarantine is not None and report.set_aside else None}
            click.echo(msgspec.json.encode(tidied(summary)).decode(), err=True)
            return
        if sys.stderr.isatty():
            self._table(report)
        else:
            for line in report.summary().split("\n"):
                click.echo(tidy(line), err=True)
        if isinstance(report.incomplete, BadRow):
            self.say(NEXT)
        if quarantine is not None and report.set_aside:
            self.say(f"the rows set aside are in {quarantine}")

    def _table(self, report: Report) -> None:
        console = Console(stderr=True)
        if report.alerts_by:
            console.print(alerts_table(report))
        table = Table.grid(padding=(0, 2))
        troubles = {name for name, _ in report.troubles()}
        for name, value in report.facts():
            style = "bold red" if name in troubles else "dim"
            table.add_row(Text(name, style=style), Text(tidy(value), style="bold" if name in troubles else ""))
        console.print(table)


def progress_line(ticks: int, seconds: float, done: float) -> str:
    """How far a run is; `done` is the share of the input, 0 where that is not known.

    >>> progress_line(3_000_000, 2.0, 0.25)
    '3,000,000 ticks, 1,500,000 a second, 25%, 6 s left'
    >>> progress_line(10, 0.0, 0.0)
    '10 ticks'
    """
    rate = f", {ticks / seconds:,.0f} a second" if seconds > 0 else ""
    share = f", {min(done, 1.0):.0%}, {seconds * (1 - min(done, 1.0)) / done:,.0f} s left" if done > 0 and seconds > 0 else ""
    return f"{ticks:,} ticks{rate}{share}"


def tidied(value: Any) -> Any:
    """An object of which every text may be shown."""
    if isinstance(value, dict):
        return {tidied(key): tidied(each) for key, each in value.items()}
    if isinstance(value, list):
        return [tidied(each) for each in value]
    return tidy(value) if isinstance(value, str) else value


def alerts_table(report: Report) -> Table:
    table = Table(title="alerts", title_justify="left")
    for heading in ("strategy", "symbol", "event"):
        table.add_column(heading)
    table.add_column("count", justify="right")
    counts = sorted(report.alerts_by.items(), key=lambda item: -item[1])
    for (strategy, symbol, event), count in counts[:MOST_LINES]:
        table.add_row(*(Text(tidy(text)) for text in (strategy, symbol, event)), f"{count:,}")
    rest = counts[MOST_LINES:]
    if rest:
        table.add_row("", f"{len(rest):,} more", "", f"{sum(count for _, count in rest):,}")
    return table


def summary_object(report: Report) -> dict[str, Any]:
    return {
        "ticks": report.ticks, "symbols": report.symbols, "seconds": report.seconds, "ticks_per_second": report.ticks_per_second,
        "late_rows": report.late_rows, "dropped_rows": report.dropped_rows, "bad_rows": report.bad_rows,
        "batch_us": {"p50": report.latency.quantile(0.5), "p99": report.latency.quantile(0.99)},
        "alerts": [
            {"strategy": strategy, "symbol": symbol, "event": event, "count": count}
            for (strategy, symbol, event), count in report.alerts_by.items()
        ],
        "quarantined": [{"owner": fault.owner, "seq": fault.seq, "error": str(fault)} for fault in report.quarantined],
        "undelivered": report.undelivered, "hangs": [str(hang) for hang in report.hangs],
        "incomplete": None if report.incomplete is None else str(report.incomplete), "interrupted": report.interrupted,
        "notes": [f"{name}: {value}" for name, value in report.of_feed + report.notes],
        "exit_code": report.exit_code,
    }  # fmt: skip
