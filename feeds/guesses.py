"""Symbols taken from the names of files: said aloud, and refused where several files would become one symbol by mistake."""

import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import UsageError

__all__ = ["beginning", "refuse_one_symbol", "symbol_facts", "symbol_in_name", "time_facts"]

CUT = re.compile(r"[.\-_\s]+")
DIGITS = re.compile(r"\d+")
FORMATS = {"csv", "txt", "tsv", "gz", "zst", "zip", "parquet", "pq", "arrow", "feather", "ipc", "jsonl", "ndjson"}
NO_NAMES = FORMATS | {"trade", "trades", "aggtrades", "quote", "quotes", "tick", "ticks", "bookticker", "part", "t", "z"}
"""Words that may differ between the files of one symbol."""
MOST = 8


def symbol_in_name(path: Path) -> str | None:
    """What a file's name begins with, if that can be a symbol; a number or a date is none.

    >>> symbol_in_name(Path("BTCUSDT-trades-2024-01-01.zip")), symbol_in_name(Path("20240304.csv"))
    ('BTCUSDT', None)
    """
    word = beginning(path)
    return word if any(sign.isalpha() for sign in word) else None


def beginning(path: Path) -> str:
    """The first word of a file's name."""
    return re.split(r"[.\-_]", path.name)[0]


def refuse_one_symbol(guessed: Sequence[tuple[Path, str]]) -> None:
    """Refuse files that would be of one symbol, though more than numbers, dates and words such as trades differ in their names.

    >>> refuse_one_symbol([(Path("SPY_7.csv"), "SPY"), (Path("SPY_8.csv"), "SPY"), (Path("IBM_8.csv"), "IBM")])
    >>> refuse_one_symbol([(Path("trades_AAPL.csv"), "trades"), (Path("trades_MSFT.csv"), "trades")])
    Traceback (most recent call last):
    pipeline.errors.UsageError: trades_AAPL.csv and trades_MSFT.csv would both be of the symbol 'trades', with which their names begin: ...
    """
    first: dict[str, Path] = {}
    for path, symbol in guessed:
        known = first.setdefault(symbol, path)
        if words_of(known) != words_of(path):
            raise UsageError(
                f"{known} and {path} would both be of the symbol {symbol!r}, with which their names begin: "
                f"say --symbol {symbol} if they are; else let names begin with the symbol, or give each a folder, and --symbol {{FOLDER}}"
            )


def words_of(path: Path) -> set[str]:
    """What a name says beyond its beginning, numbers, dates and the words that say nothing of a symbol."""
    return {DIGITS.sub("", word).lower() for word in CUT.split(path.name)[1:]} - NO_NAMES - {""}


def time_facts(taken: str, others: Sequence[str]) -> list[tuple[str, str]]:
    """What a report says of a file with several columns of times.

    >>> time_facts("timestamp", ["time"])
    [('time', 'is that of the column timestamp; --columns time=time takes the other one')]
    """
    which = "the other one" if len(others) == 1 else f"another one ({', '.join(others)})"
    return [("time", f"is that of the column {taken}; --columns time={others[0]} takes {which}")] if others else []


def symbol_facts(guessed: Sequence[str]) -> list[tuple[str, str]]:
    """What a report says of them.

    >>> symbol_facts(["AAPL"])
    [('symbol', "AAPL, from the file's name; --symbol says otherwise")]
    """
    symbols = list(dict.fromkeys(guessed))
    if not symbols:
        return []
    more = f" and {len(symbols) - MOST:,} more" if len(symbols) > MOST else ""
    whose = "the file's name" if len(guessed) == 1 else "the files' names"
    return [("symbol", f"{', '.join(symbols[:MOST])}{more}, from {whose}; --symbol says otherwise")]
