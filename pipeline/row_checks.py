"""What a row of the tape may hold."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.kernels import Codes, Flags, Times, kernel
from pipeline.ticks import COLUMN_TYPES, Kind

__all__ = ["YEAR_2000", "YEAR_2100", "bad_rows", "contiguous", "time_reason"]

YEAR_2000, YEAR_2100 = 946_684_800_000_000_000, 4_102_444_800_000_000_000
PRICES = ("price", "bid", "ask")
SIZES = ("size", "bid_size", "ask_size")
Columns = dict[str, NDArray[Any]]


@kernel
def first_bad_time(time: Times, symbol: Codes, heartbeat: Flags, earliest: int, latest: int) -> int:
    for i in range(time.shape[0]):
        if time[i] < earliest or time[i] >= latest or (symbol[i] > 0) == heartbeat[i]:
            return i
    return -1


def bad_rows(columns: Columns) -> Iterator[tuple[NDArray[np.bool_], str, str]]:
    """The rows that are no ticks: for each column that has any, which, its name, and the reason."""
    time, symbol, kind = columns["time"], columns["symbol"], columns["kind"]
    unknown, heartbeat = (kind < 0) | (kind > 3), kind == Kind.HEARTBEAT
    if unknown.any():
        yield unknown, "kind", "is no kind of row (0 TRADE, 1 QUOTE, 2 GAP, 3 HEARTBEAT)"
    if first_bad_time(time, symbol, heartbeat, YEAR_2000, YEAR_2100) >= 0:
        wrong_time = (time < YEAR_2000) | (time >= YEAR_2100)
        yield wrong_time, "time", ""
        yield ~wrong_time & ((symbol > 0) == heartbeat), "symbol", "is missing, or stands on a HEARTBEAT"
    for name in (*PRICES, *SIZES):
        if name in columns:
            yield from bad_numbers(name, columns[name], kind)


def bad_numbers(name: str, column: NDArray[Any], kind: NDArray[np.int8]) -> Iterator[tuple[NDArray[np.bool_], str, str]]:
    """A trade's price and size must be finite, a quote's side may be absent (nan); sizes are not below zero."""
    if bool(np.isfinite(column).all()) and (name not in SIZES or bool((column >= 0.0).all())):
        return
    infinite, absent = np.isinf(column), np.isnan(column) & (kind == Kind.TRADE) & (name in ("price", "size"))
    for rows, reason in ((infinite, "is not finite"), (absent, "is not a number")):
        if rows.any():
            yield rows, name, reason
    below = (column < 0.0) & ~infinite
    if name in SIZES and below.any():
        yield below, name, "is below zero"


def time_reason(time: int) -> str:
    """Why a time is none, with a hint where another unit would make it one."""
    for unit, scale in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if YEAR_2000 <= time * scale < YEAR_2100:
            return f"is no time in nanoseconds between 2000 and 2100; it would be one in {unit}: give the unit with --time-unit {unit}"
    return "is no time in nanoseconds between 2000 and 2100"


def contiguous(name: str, column: NDArray[Any], source: str) -> NDArray[Any]:
    """A column of the tape's type and layout, never changed in value; a slice of one that is so already stays a slice."""
    wanted = COLUMN_TYPES.get(name, column.dtype)
    if column.dtype is not wanted and not np.can_cast(column.dtype, wanted, "safe"):
        exact = column.dtype.kind in "iub" or (column.dtype.kind == "f" and name != "time" and bool(np.isfinite(column).all()))
        cast = column.astype(wanted) if exact else None
        if cast is None or not np.array_equal(cast, column):
            raise InputError(f"{source}: column {name} is {column.dtype}; expected {wanted}, or values that fit it exactly")
        column = cast
    return np.ascontiguousarray(column, wanted)
