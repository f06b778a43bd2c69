"""`rxtape record`: a tape of what venues say, to replay later."""

import asyncio
from pathlib import Path
from typing import Any

import click

from pipeline.cli.options import setting_options, settle
from pipeline.errors import UsageError

__all__ = ["record"]


@click.command(short_help="Record venues live, to replay later.")
@click.argument("sources", nargs=-1)
@click.option("--output", "-o", "folder", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER", help="Where the tape goes.")
@click.option("--raw", is_flag=True, help="Keep the frames too, as they come, beside the tape.")
@click.option("--for", "length", type=float, metavar="SECONDS", help="Stop by itself after so many seconds.")
@setting_options("live", without=("live.record", "live.raw"))
@click.pass_context
def record(
    ctx: click.Context, /, sources: tuple[str, ...], folder: Path | None, raw: bool, length: float | None, **options: Any
) -> None:  # fmt: skip
    """Record the trades (with --quotes the quotes too) of SOURCES, venue:SYMBOL,SYMBOL, until Ctrl-C.

    \b
    rxtape record binance:BTCUSDT,ETHUSDT -o monday
    rxtape record coinbase:BTC-USD --quotes --raw -o monday --for 3600
    rxtape replay monday --strategy volume_breakout
    """
    from pipeline.cli.screen import Screen
    from pipeline.cli.watching import go_live, live_feed
    from pipeline.config import Problems
    from pipeline.live import Live

    config = settle(options, sources, "live.sources")
    problems = Problems()
    with problems.noted():
        config.checked()
    with problems.noted():
        if folder is None:
            raise UsageError("no folder named; write -o FOLDER for the tape")
    feed = None
    with problems.noted():
        feed = live_feed(config, "record binance:BTCUSDT,ETHUSDT -o monday", raw=folder if raw else None)
    problems.told()
    screen = Screen()
    run = Live(feed, record=folder, quarantine=config.values["live.quarantine"].value, on_fault=screen.say)
    report = asyncio.run(go_live(run, screen, plain=False, seconds=length))
    screen.summarize(report, config.values["live.quarantine"].value)
    screen.say(f"the tape is in {folder}; replay it with: rxtape replay {folder} --strategy volume_breakout")
    ctx.exit(report.exit_code)
