"""`rxtape replay`: recorded ticks through strategies."""

from pathlib import Path
from typing import Any

import click

from pipeline.cli.aside import holds_rows, quarantine_file
from pipeline.cli.completion import complete_strategy
from pipeline.cli.job import Job, job_of
from pipeline.cli.options import setting_options, settle
from pipeline.cli.screen import Screen
from pipeline.errors import UnknownName, UsageError
from pipeline.interruption import NOBODY_LISTENS
from pipeline.kernels import cache_folder
from pipeline.plot import save_plot
from pipeline.report import Report
from pipeline.runner import Run

__all__ = ["replay", "run_on_screen"]

CHOSEN = "NAME, file.py, file.py:Class or module:Class; NAME=... gives it another name."


@click.command(short_help="Replay files of recorded ticks through strategies.")
@click.argument("files", nargs=-1)
@click.option("--strategy", "-s", "strategies", multiple=True, metavar="NAME", help=CHOSEN, shell_complete=complete_strategy)
@click.option("--set", "settings", multiple=True, metavar="[NAME.]PARAM=VALUE", help="A parameter of a strategy.")
@setting_options("feed", "run", "output", "journal")
@click.option("--json", is_flag=True, help="Alerts as JSON lines on standard output, the summary as JSON on standard error.")
@click.pass_context
def replay(
    ctx: click.Context, /, files: tuple[str, ...], strategies: tuple[str, ...], settings: tuple[str, ...], json: bool, **options: Any
) -> None:
    """Replay FILES of ticks, or globs, through one or more strategies; several files are merged in order of time.

    \b
    rxtape replay ticks.csv.gz --strategy volume_breakout --set move=0.003
    rxtape replay "2013-10-*.csv" -s fast=mine.py -s slow=mine.py --set fast.above=11
    rxtape replay ticks.csv -s mine.py -o jsonl:alerts.jsonl -o console:
    rxtape replay ticks.csv -s mine.py --late clamp --on-bad skip --quarantine odd.jsonl
    rxtape replay ticks.csv -s mine.py -o jsonl:alerts.jsonl --journal monday
    rxtape replay --config rxtape.toml --json

    Alerts go to standard output, or where -o says; everything else goes to standard error. With --json and -o, alerts go
    where -o says, and the summary is JSON all the same, the last line of standard error. With --journal, the same command
    goes on where an earlier one was stopped, by a crash too, and an alert leaves once its rows are on the disk.
    """
    job = job_of(settle(options, files), strategies, settings, ("jsonl:-" if json else "console:",))
    ctx.exit(run_on_screen(job, Screen(json)).exit_code)


def run_on_screen(job: Job, screen: Screen) -> Report:
    """Run, tell the user about it, and draw it if that is asked for."""
    with quarantine_file(job.options, job.feed) as aside:
        replaced = aside is not None and holds_rows(aside)
        told = {**job.options, "quarantine": aside}
        run = Run(job.feed, *job.strategies, keep_alerts=False, on_fault=screen.say, on_hang=screen.say, **told)
        run.picture, run.on_oddity = job.plot, screen.say
        if not any(Path(cache_folder()).rglob("*.nbi")):
            screen.say("compiling kernels, once; this takes some seconds")
        with screen.progress(run, job.outputs):
            report = run.go(job.outputs)
    if replaced and (report.set_aside or report.exit_code in (0, 1)):
        screen.say(f"the rows that {aside} held of an earlier run are replaced")
    if report.stopped_by != NOBODY_LISTENS:
        screen.summarize(report, aside)
    if job.plot is not None and report.ticks and not report.interrupted:
        draw(job, run, report, screen)
    return report


def draw(job: Job, run: Run, report: Report, screen: Screen) -> None:
    """Draw a run; what stands in the way is told, and is the exit code of a run that went well otherwise."""
    assert job.plot is not None
    try:
        if job.plot_symbol is not None and job.plot_symbol not in run.graph.symbols:
            raise UnknownName("symbol of the tape", job.plot_symbol, run.graph.symbols)
        save_plot(report, job.plot, job.plot_symbol)
    except UsageError as error:
        if report.exit_code == 0:
            raise
        screen.say(error)
    else:
        screen.say(f"the picture is in {job.plot}")
