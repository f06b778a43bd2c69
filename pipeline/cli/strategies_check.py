"""`rxtape strategies check`: put a strategy to the laws, measure it, and say what a newcomer can act on."""

from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.completion import complete_strategy
from pipeline.cli.options import setting_options, settle
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.checkup import Checkup
    from pipeline.config import Config
    from pipeline.ticks import Ticks

__all__ = ["check"]

MOST_ROWS = 200_000


@click.command(short_help="Check a strategy: the laws, its warm-up, its alerts, its cost.")
@click.argument("which", metavar="STRATEGY", shell_complete=complete_strategy)
@click.option("--set", "settings", multiple=True, metavar="PARAM=VALUE", help="A parameter of the strategy.")
@click.option("--on", "files", multiple=True, metavar="FILE", help=f"Recorded ticks to check it on too (the first {MOST_ROWS:,} rows).")
@setting_options("feed")
@click.option("--json", is_flag=True, help="The findings as one JSON object.")
@click.pass_context
def check(ctx: click.Context, /, which: str, settings: tuple[str, ...], files: tuple[str, ...], json: bool, **options: Any) -> None:
    """Check STRATEGY: file.py, file.py:Class, module:Class or the name of an installed one; exit code 1 if it breaks a law.

    It runs on made-up tapes: small ones with everything that hurts, and a market of four hours with breakouts in it. The
    other options say how the files of --on are read, as they do for replay.

    \b
    rxtape strategies check my_rule.py
    rxtape strategies check my_rule.py --set move=0.02 --on ticks.csv --json
    rxtape strategies check my_rule.py --on own.csv --columns time=Date+Time,price=px --tz America/New_York
    """
    from pipeline.checkup import check_strategy
    from pipeline.cli.choice import chosen_strategies

    config = settle(options, files).checked()
    (strategy,) = chosen_strategies([which], settings)
    if not json:
        click.echo(f"checking {strategy!r}", err=True)
    checkup = check_strategy(strategy, rows_of(config))
    if json:
        import msgspec

        click.echo(msgspec.json.encode(checkup.as_dict()).decode())
    else:
        show(checkup)
    ctx.exit(0 if checkup.well else 1)


def rows_of(config: "Config") -> "Ticks | None":
    """The first rows of the files that are named; None where none is."""
    from pipeline.cli.job import feed_of
    from pipeline.hurtful import read_all

    feed = {key: value for key, value in config.values.items() if key.startswith("feed.")}
    if feed["feed.files"].value:
        return read_all(feed_of(feed, "strategies check my_rule.py --on ticks.csv"), MOST_ROWS)
    if any(value.origin == "command line" for value in feed.values()):
        raise UsageError("options that say how a file is read need one; add --on ticks.csv")
    return None


def show(checkup: "Checkup") -> None:
    """The findings, a line each."""
    from pipeline.sinks.console import neutral

    for finding in checkup.findings:
        click.echo(neutral(f"{finding.law:<14} {finding.said}"))
    for name, text in checkup.facts():
        click.echo(neutral(f"{name:<14} {text}"))
    broken = sum(not finding.well for finding in checkup.findings)
    click.echo(f"{broken} broken" if broken else "sound")
