"""`rxtape replay`: recorded ticks through strategies."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pipeline.cli.choice import chosen_strategies
from pipeline.cli.screen import Screen
from pipeline.errors import UsageError
from pipeline.feed import Feed
from pipeline.interruption import NOBODY_LISTENS
from pipeline.kernels import cache_folder
from pipeline.plot import check_picture, save_plot
from pipeline.plugins import load
from pipeline.report import Report
from pipeline.runner import Run
from pipeline.strategy import Strategy
from pipeline.symbols import MAX_SYMBOLS

__all__ = ["replay", "run_on_screen"]


@click.command(short_help="Replay a file of recorded ticks through strategies.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--strategy", "-s", "strategies", multiple=True, metavar="NAME", help="NAME, file.py, file.py:Class or module:Class.")
@click.option("--set", "settings", multiple=True, metavar="[NAME.]PARAM=VALUE", help="A parameter of a strategy.")
@click.option("--output", "-o", "outputs", multiple=True, metavar="URL", help="Where alerts go: jsonl:alerts.jsonl, console:, ...")
@click.option("--time-unit", metavar="UNIT", help="Unit of integer times: s, ms, us or ns.  [default: seen from the first row]")
@click.option("--late", type=click.Choice(["fail", "clamp", "drop"]), default="fail", show_default=True, help="What rows too late get.")
@click.option("--lateness", default="0s", show_default=True, metavar="LENGTH", help="How late a row may be and still be put in order.")
@click.option("--max-symbols", type=click.IntRange(min=1), default=MAX_SYMBOLS, show_default=True, help="How many symbols are accepted.")
@click.option("--quarantine", type=click.Path(path_type=Path), help="A JSONL file for the rows that --late drop sets aside.")
@click.option("--plot", type=click.Path(path_type=Path), help="A picture of one symbol with its signals and alerts: out.png, out.svg, ...")
@click.option("--plot-symbol", metavar="SYMBOL", help="The symbol of the picture.  [default: the one with most alerts]")
@click.option("--json", is_flag=True, help="Alerts as JSON lines on standard output, the summary as JSON on standard error.")
@click.pass_context
def replay(ctx: click.Context, /, file: Path, **options: Any) -> None:
    """Replay FILE, a CSV file of ticks (gzip or not), through one or more strategies.

    \b
    rxtape replay ticks.csv.gz --strategy volume_breakout --set move=0.003
    rxtape replay ticks.csv -s mine.py -o jsonl:alerts.jsonl -o console:
    """
    strategies, json = options.pop("strategies"), options.pop("json")
    if not strategies:
        raise UsageError("no strategy chosen; write --strategy volume_breakout, or --strategy mine.py (rxtape doctor lists them)")
    chosen = chosen_strategies(strategies, options.pop("settings"))
    feed = load("feed", "csv")(file, time_unit=options.pop("time_unit"))
    outputs = options.pop("outputs") or ("jsonl:-" if json else "console:",)
    report = run_on_screen(feed, chosen, outputs, Screen(json), **options)
    ctx.exit(report.exit_code)


def run_on_screen(
    feed: Feed, strategies: Sequence[Strategy], outputs: Sequence[str], screen: Screen, plot: Path | None = None,
    plot_symbol: str | None = None, **options: Any,
) -> Report:  # fmt: skip
    """Run, tell the user about it, and draw it if a file is named for that."""
    if plot is not None:
        check_picture(plot)
    elif plot_symbol is not None:
        raise UsageError("--plot-symbol says what to draw, and nothing is drawn; add --plot out.png")
    run = Run(feed, *strategies, keep_alerts=False, on_fault=screen.say, on_hang=screen.say, **options)
    if not any(Path(cache_folder()).rglob("*.nbi")):
        screen.say("compiling kernels, once; this takes some seconds")
    with screen.progress(run):
        report = run.go(outputs)
    if report.stopped_by != NOBODY_LISTENS:
        screen.summarize(report)
    if plot is not None and report.ticks and not report.interrupted:
        save_plot(report, plot, plot_symbol)
        screen.say(f"the picture is in {plot}")
    return report
