"""`rxtape demo`: the bundled tape through the flagship."""

from pathlib import Path

import click

from pipeline.cli.job import Job
from pipeline.cli.replay import run_on_screen
from pipeline.cli.screen import Screen
from pipeline.plugins import load

__all__ = ["demo"]

ALERTS = Path("rxtape-demo-alerts.jsonl")


@click.command(short_help="Replay the bundled tape through the flagship strategy.")
@click.option("--output", "-o", "path", type=click.Path(path_type=Path), default=ALERTS, show_default=True, help="The alerts file.")
@click.pass_context
def demo(ctx: click.Context, path: Path) -> None:
    """Replay the tape that comes with rxtape through `volume_breakout`, and show its alerts as they fire.

    \b
    rxtape demo
    rxtape demo -o breakouts.jsonl
    """
    strategy = load("strategy", "volume_breakout")()
    screen = Screen()
    feed = load("feed", "demo")()
    screen.say(f"replaying a synthetic market through {strategy!r}")
    report = run_on_screen(Job(feed, [strategy], ["console:", f"jsonl:{path}"]), screen)
    screen.say(f"the alerts are in {path.resolve()}")
    ctx.exit(report.exit_code)
