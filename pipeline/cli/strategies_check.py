"""`rxtape strategies check`: put a strategy to the laws, measure it, and say what a newcomer can act on."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.completion import complete_strategy

if TYPE_CHECKING:
    from pipeline.checkup import Checkup
    from pipeline.ticks import Ticks

__all__ = ["check"]

MOST_ROWS = 200_000


@click.command(short_help="Check a strategy: the laws, its warm-up, its alerts, its cost.")
@click.argument("which", metavar="STRATEGY", shell_complete=complete_strategy)
@click.option("--set", "settings", multiple=True, metavar="PARAM=VALUE", help="A parameter of the strategy.")
@click.option(
    "--on", "file", type=click.Path(path_type=Path), help=f"A file of recorded ticks to check it on too (the first {MOST_ROWS:,} rows)."
)
@click.option("--json", is_flag=True, help="The findings as one JSON object.")
@click.pass_context
def check(ctx: click.Context, /, which: str, settings: tuple[str, ...], file: Path | None, json: bool) -> None:
    """Check STRATEGY: file.py, file.py:Class, module:Class or the name of an installed one; exit code 1 if it breaks a law.

    It runs on made-up tapes: small ones with everything that hurts, and a market of four hours with breakouts in it.

    \b
    rxtape strategies check my_rule.py
    rxtape strategies check my_rule.py --set move=0.02 --on ticks.csv --json
    """
    from pipeline.checkup import check_strategy
    from pipeline.cli.choice import chosen_strategies

    (strategy,) = chosen_strategies([which], settings)
    if not json:
        click.echo(f"checking {strategy!r}", err=True)
    checkup = check_strategy(strategy, None if file is None else rows_of(file))
    if json:
        import msgspec

        click.echo(msgspec.json.encode(checkup.as_dict()).decode())
    else:
        show(checkup)
    ctx.exit(0 if checkup.well else 1)


def rows_of(file: Path) -> "Ticks":
    """The first rows of a recorded file."""
    from pipeline.hurtful import read_all
    from pipeline.plugins import load

    return read_all(load("feed", "file")([str(file)]), MOST_ROWS)


def show(checkup: "Checkup") -> None:
    """The findings, a line each."""
    from pipeline.sinks.console import neutral

    for finding in checkup.findings:
        click.echo(neutral(f"{finding.law:<14} {finding.said}"))
    for name, text in checkup.facts():
        click.echo(neutral(f"{name:<14} {text}"))
    broken = sum(not finding.well for finding in checkup.findings)
    click.echo(f"{broken} broken" if broken else "sound")
