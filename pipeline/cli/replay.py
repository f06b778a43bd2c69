"""`rxtape replay`: recorded ticks through strategies."""

from typing import Any

import click

from pipeline.cli.completion import complete_strategy
from pipeline.cli.options import CHOSEN, setting_options, settle

__all__ = ["replay"]


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
    from pipeline.cli.job import job_of
    from pipeline.cli.replaying import run_on_screen
    from pipeline.cli.screen import Screen

    job = job_of(settle(options, files), strategies, settings, ("jsonl:-" if json else "console:",))
    ctx.exit(run_on_screen(job, Screen(json)).exit_code)
