"""`rxtape demo`: the bundled tape through the flagship, from the file or over a real websocket."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipeline.cli.screen import Screen
    from pipeline.feed import Feed
    from pipeline.report import Report
    from pipeline.strategy import Strategy

__all__ = ["demo"]

PACE = 800
ALERTS = Path("rxtape-demo-alerts.jsonl")


@click.command(short_help="Replay the bundled tape through the flagship strategy.")
@click.option("--output", "-o", "path", type=click.Path(path_type=Path), default=ALERTS, show_default=True, help="The alerts file.")
@click.option("--live", is_flag=True, help="Over a websocket of this machine, as a venue would send it; some seconds.")
@click.pass_context
def demo(ctx: click.Context, path: Path, live: bool) -> None:
    """Replay the tape that comes with rxtape through `volume_breakout`, and show its alerts as they fire.

    \b
    rxtape demo
    rxtape demo --live
    rxtape demo -o breakouts.jsonl
    """
    from pipeline.cli.job import Job
    from pipeline.cli.replaying import run_on_screen
    from pipeline.cli.screen import Screen
    from pipeline.plugins import load

    strategy, feed, screen = load("strategy", "volume_breakout")(), load("feed", "demo")(), Screen()
    outputs = ["console:", f"jsonl:{path}"]
    if live:
        screen.say(f"serving a synthetic market as binance, {PACE:,} times as fast as it was, and watching it live through {strategy!r}")
        report = asyncio.run(watched(feed, strategy, outputs, screen))
        screen.summarize(report)
    else:
        screen.say(f"replaying a synthetic market through {strategy!r}")
        report = run_on_screen(Job(feed, [strategy], outputs), screen)
    screen.say(f"the alerts are in {path.resolve()}")
    ctx.exit(report.exit_code)


async def watched(feed: "Feed", strategy: "Strategy", outputs: Sequence[str], screen: "Screen") -> "Report":
    """A local venue and a live run on it, in one process; until the tape has ended."""
    from pipeline.cli.watching import go_live
    from pipeline.live import Live
    from pipeline.plugins import load

    async with load("server", "binance")(feed, speed=float(PACE), tell=lambda said: None) as venue:
        watching = load("feed", "live")(f"binance:{','.join(venue.market.symbols)}", url=venue.url)
        run = Live(watching, strategy, sinks=outputs, on_fault=screen.say, on_hang=screen.say)
        return await go_live(run, screen, plain=False, end=venue.ended())
