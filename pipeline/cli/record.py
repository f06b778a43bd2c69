"""`rxtape record`: a tape of what venues say, to replay later."""

from pathlib import Path
from typing import Any

import click

from pipeline.cli.options import setting_options, settle
from pipeline.durations import SECOND, nanoseconds
from pipeline.errors import UsageError

__all__ = ["record"]


@click.command(short_help="Record venues live, to replay later.")
@click.argument("sources", nargs=-1)
@click.option("--output", "-o", "folder", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER", help="Where the tape goes.")
@click.option("--raw", is_flag=True, help="Keep the frames too, as they come, beside the tape.")
@click.option("--for", "length", metavar="LENGTH", help="Stop by itself after so long: 90s, 1h, or a number of seconds.")
@setting_options("live", without=("live.record", "live.raw"))
@click.pass_context
def record(
    ctx: click.Context, /, sources: tuple[str, ...], folder: Path | None, raw: bool, length: str | None, **options: Any
) -> None:  # fmt: skip
    """Record the trades (with --quotes the quotes too) of SOURCES, venue:SYMBOL,SYMBOL, until Ctrl-C.

    \b
    rxtape record binance:BTCUSDT,ETHUSDT -o monday
    rxtape record coinbase:BTC-USD --quotes --raw -o monday --for 1h
    rxtape replay monday --strategy volume_breakout
    """
    from pipeline.cli.screen import Screen
    from pipeline.cli.watching import go_live, live_feed, live_to_the_end
    from pipeline.config import Problems
    from pipeline.live import Live

    config = settle(options, sources, "live.sources")
    problems = Problems()
    with problems.noted():
        config.checked()
    with problems.noted():
        if folder is None:
            raise UsageError("no folder named; write -o FOLDER for the tape")
    seconds = None
    with problems.noted():
        seconds = None if length is None else seconds_of(length)
    feed = None
    with problems.noted():
        feed = live_feed(config, "record binance:BTCUSDT,ETHUSDT -o monday", raw=folder if raw else None)
    problems.told()
    screen = Screen()
    run = Live(feed, record=folder, quarantine=config.values["live.quarantine"].value, on_fault=screen.say)
    going = go_live(run, screen, plain=False, seconds=seconds)
    report = live_to_the_end(run, going, screen, config.values["live.quarantine"].value)
    if report.ticks:
        screen.say(f"the tape is in {folder}; replay it with: rxtape replay {folder} --strategy volume_breakout")
    else:
        screen.say(f"nothing was heard, so there is no tape in {folder}")
    ctx.exit(report.exit_code)


def seconds_of(length: str) -> float:
    """A length of time on the command line, in seconds; raises UsageError for none, and for one that is not above 0."""
    try:
        seconds = float(length)
    except ValueError:
        seconds = nanoseconds(length) / SECOND
    if not 0 < seconds < float("inf"):
        raise UsageError(f"--for {length}: expected a length of time above 0, such as 90s or 1h")
    return seconds
