"""`rxtape serve`: recorded ticks over a local websocket, as an exchange would send them."""

import asyncio
from typing import Any

import click
from click.core import ParameterSource

from pipeline.cli.options import setting_options, settle
from pipeline.errors import UsageError

__all__ = ["serve"]

EXAMPLE = "serve ticks.csv --as binance"
SPEED = "How fast: max, 1x (as it was), 60x, ...  [default: 1x]"
LOOP = "Begin again at the end of the tape, in later times."
AT_ONCE = "Begin without waiting for a client that has subscribed."
DROP = "Cut every connection after so many rows, as a demonstration."
REFUSE = "How long connections are refused after --drop-after."


@click.command(short_help="Replay files of ticks over a local websocket, as an exchange would send them.")
@click.argument("files", nargs=-1)
@click.option("--as", "exchange", required=True, metavar="NAME", help="The exchange whose format is spoken: binance, coinbase.")
@click.option("--speed", "feed__speed", metavar="SPEED", help=SPEED)
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="PORT", help="Where to listen.  [default: a free port]")
@click.option("--loop", is_flag=True, help=LOOP)
@click.option("--at-once", is_flag=True, help=AT_ONCE)
@click.option("--drop-after", type=click.IntRange(1), metavar="ROWS", help=DROP)
@click.option("--refuse-for", default="3s", show_default=True, metavar="LENGTH", help=REFUSE)
@setting_options("feed", "run.late", "run.lateness", "run.on_bad", without=("feed.speed",))
@click.pass_context
def serve(ctx: click.Context, /, files: tuple[str, ...], exchange: str, **options: Any) -> None:
    """Replay FILES of ticks over a websocket on this machine, in the format of an exchange, to whoever subscribes.

    \b
    rxtape serve ticks.csv --as binance --speed 10x
    rxtape serve "2013-10-*.csv" --as coinbase --speed 60x
    rxtape serve ticks.csv --as binance --speed max --drop-after 3

    What to type in another terminal is printed on standard output, everything else goes to standard error. The tape begins
    when the first client has subscribed, and the connection is closed (1001) when it has ended. At --speed max the tape
    waits for those who read it. Only this machine can connect.
    """
    from pipeline.cli.inspecting import suited
    from pipeline.cli.job import feed_of
    from pipeline.cli.screen import Screen
    from pipeline.cli.serving import Asked, LeftOut, counted, served, serving
    from pipeline.config import Value
    from pipeline.plugins import load

    own = {name: options.pop(name) for name in ("port", "loop", "at_once", "drop_after", "refuse_for")}
    values = settle(options, files).checked().values
    offered = load("server", exchange)
    feed = feed_of({**values, "feed.speed": Value("max")}, EXAMPLE)
    asked = Asked(exchange, suited(feed) or "NAME", "side" in feed.columns or "price" not in feed.columns)
    screen = Screen()
    left_out = LeftOut(screen.say)
    told = serving(values, own, left_out)
    if own["drop_after"] is None and ctx.get_parameter_source("refuse_for") is not ParameterSource.DEFAULT:
        raise UsageError("--refuse-for says how long connections are refused after --drop-after; write both")
    venue = offered(feed, **told, tell=screen.say)
    stopped_by = asyncio.run(served(venue, asked, screen.say))
    screen.say(f"{counted(venue.rows, 'row')} served to {counted(venue.clients_seen, 'client')}{left_out}")
    ctx.exit(128 + stopped_by if stopped_by else 0)
