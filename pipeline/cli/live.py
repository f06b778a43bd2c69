"""`rxtape live`: venues through strategies, as it happens."""

from typing import Any

import click

from pipeline.cli.completion import complete_strategy
from pipeline.cli.options import CHOSEN, setting_options, settle

__all__ = ["live"]


@click.command(short_help="Watch venues live, through strategies.")
@click.argument("sources", nargs=-1)
@click.option("--strategy", "-s", "strategies", multiple=True, metavar="NAME", help=CHOSEN, shell_complete=complete_strategy)
@click.option("--set", "settings", multiple=True, metavar="[NAME.]PARAM=VALUE", help="A parameter of a strategy.")
@setting_options("live", "output", "journal", without=("output.plot", "output.plot_symbol"))
@click.option("--json", is_flag=True, help="Alerts as JSON lines on standard output, the summary as JSON on standard error.")
@click.pass_context
def live(
    ctx: click.Context, /, sources: tuple[str, ...], strategies: tuple[str, ...], settings: tuple[str, ...], json: bool, **options: Any
) -> None:
    """Connect to SOURCES, venue:SYMBOL,SYMBOL, and judge what they tell as it comes; Ctrl-C stops cleanly.

    \b
    rxtape live binance:BTCUSDT,ETHUSDT --strategy volume_breakout
    rxtape live binance:BTCUSDT coinbase:BTC-USD -s mine.py -o jsonl:alerts.jsonl -o console:
    rxtape live kraken:BTC/USD -s spread_widening --record monday
    rxtape live binance:SPY --url ws://127.0.0.1:8765 -s volume_breakout
    rxtape live binance:BTCUSDT -s mine.py -o jsonl:alerts.jsonl --journal btc

    The status of each connection stands on standard error, alerts go to standard output, or where -o says.
    """
    from pipeline.cli.watching import run_live

    ctx.exit(run_live(settle(options, sources, "live.sources"), strategies, settings, json).exit_code)
