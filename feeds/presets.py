"""How the files of some venues and archives are written: what a user would otherwise have to say of each."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from feeds.csv_cells import cells_of
from feeds.csv_layout import first_line
from feeds.csv_times import NUMBER
from feeds.reading import Reading
from pipeline.errors import InputError, UnknownName, UsageError

__all__ = ["PRESETS", "reading_by"]

Fields = dict[str, Any]
First = Sequence[str]
BINANCE_TRADES = ("trade_id", "price", "size", "quote_qty", "time", "side", "best_match?")
BINANCE_AGGREGATES = ("trade_id", "price", "size", "first_id", "last_id", "time", "side", "best_match?")
EQUITY_TRADES = ("time", "price", "size", "exchange?", "condition?", "suspicious?")
EQUITY_QUOTES = ("time", "bid", "bid_size", "ask", "ask_size", "exchange?", "condition?", "suspicious?")


def binance(path: Path, first: First) -> Fields:
    """Trades and aggTrades of the public archive, with and without header; the buyer as maker means that the seller was the aggressor."""
    aggregates = len(first) > 6 and first[5].lower() not in ("true", "false", "isbuyermaker", "is_buyer_maker")
    return {"names": BINANCE_AGGREGATES if aggregates else BINANCE_TRADES, "sides": {"true": -1, "false": 1}}


def tardis(path: Path, first: First) -> Fields:
    """Trades, quotes and book tickers of tardis.dev: times of the exchange, in us."""
    if "is_snapshot" in first:
        raise InputError(f"{path}: these are changes of an order book, no ticks; tardis.dev has trades, quotes and book_ticker for that")
    return {"columns": {"time": "timestamp"} | ({"trade_id": "id"} if "id" in first else {}), "time_unit": "us"}


def lean_us(path: Path, first: First) -> Fields:
    """US equity ticks of LEAN: ms since midnight in New York, prices times 10,000, one side a quote; folders name symbols, files days."""
    names = EQUITY_QUOTES if "quote" in path.name.lower() else trades(path, first)
    return lean(names, "America/New_York") | {"price_scale": 10_000.0, "zero_is_absent": True, "sides_stand": True}


def lean_fxcm(path: Path, first: First) -> Fields:
    """FXCM quotes of LEAN: ms since midnight of a zone five hours behind UTC all year."""
    return lean(("time", "bid", "ask"), "Etc/GMT+5")


def lean_utc(path: Path, first: First) -> Fields:
    """OANDA quotes, crypto and futures trades of LEAN: ms since midnight UTC."""
    quotes = ("time", "bid", "ask") if len(first) == 3 else ("time", "bid", "bid_size", "ask", "ask_size")
    return lean(quotes if "quote" in path.name.lower() else trades(path, first), "UTC")


def trades(path: Path, first: First) -> First:
    """The names of a trade's cells; InputError for bars, whose fourth cell is a price where a trade has its exchange."""
    if len(first) > 3 and NUMBER.fullmatch(first[3]):
        raise InputError(
            f"{path}: these are bars, no ticks; name their columns to read the closes as trades, as in --names time,-,-,-,price,size"
        )
    return EQUITY_TRADES


def lean(names: Sequence[str], zone: str) -> Fields:
    return {"names": tuple(names), "header": False, "time_unit": "ms", "day": "{name}", "tz": zone, "symbol": "{FOLDER}"}


def gocryptotrader(path: Path, first: First) -> Fields:
    """Trades as gocryptotrader writes them: seconds, the symbol second in the file's name."""
    named = path.name.split("_")
    fields: Fields = {"names": ("time", "price", "size", "side"), "header": False, "sides": {"any": 0}}
    return fields | ({"symbol": named[1]} if len(named) > 1 else {})


PRESETS: Mapping[str, Callable[[Path, First], Fields]] = {
    "binance": binance, "tardis": tardis, "lean-us": lean_us, "lean-fxcm": lean_fxcm, "lean-utc": lean_utc,
    "gocryptotrader": gocryptotrader,
}  # fmt: skip


def reading_by(preset: str | None, path: Path, given: Mapping[str, Any], is_text: bool = True) -> Reading:
    """How a file is read: as the preset says, but for what is given.

    Raises UnknownName for a preset there is none of, UsageError and InputError as the opening of a file does.

    >>> reading_by(None, Path("x.csv"), {"tz": "UTC"}).tz
    'UTC'
    """
    if preset is None:
        return Reading(**given)
    if preset not in PRESETS:
        raise UnknownName("preset", preset, PRESETS)
    first = first_cells(path) if is_text else []
    told = PRESETS[preset](path, first)
    if not is_text and "names" in told:
        raise UsageError(f"{path} is no CSV, whose columns the preset {preset} names; say which is which, as in --columns time=T,price=px")
    columns = {**told.get("columns", {}), **given.get("columns", {})}
    return Reading(**told | dict(given) | {"columns": columns})


def first_cells(path: Path) -> list[str]:
    """The cells of the first line, as far as it can be read."""
    try:
        return [cell.strip() for cell in cells_of(first_line(path)[1].decode(), ",")]
    except (UnicodeDecodeError, csv.Error):
        return []
