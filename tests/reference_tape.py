"""Rows, inputs and windows of the reference twins: plain lists, read from the start for every row."""

import math
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, overload

from reference_exact import NAN

X = TypeVar("X")
Window = int | str
Values = list[float]

UNITS_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86400 * 10**9}
COLUMN_KINDS = {"price": "TRADE", "size": "TRADE", "bid": "QUOTE", "ask": "QUOTE", "bid_size": "QUOTE", "ask_size": "QUOTE"}


class Row(NamedTuple):
    """A row of the tape; `time` in ns, `symbol` None on a HEARTBEAT, `kind` TRADE, QUOTE, GAP or HEARTBEAT."""

    time: int
    symbol: str | None
    kind: str
    price: float = NAN
    size: float = NAN
    bid: float = NAN
    ask: float = NAN
    bid_size: float = NAN
    ask_size: float = NAN


class Input(NamedTuple, Generic[X]):
    """What an operator reads of one row: `x`, new where `fresh`."""

    time: int
    symbol: str | None
    fresh: bool
    x: X


Inputs = list[Input[X]]
Numbers = tuple[float, ...]


class Session(Protocol):
    """Opening hours."""

    def open_of(self, t: int) -> int | None:
        """The open (ns) of the session that contains `t`; None outside."""


@cache
def nanoseconds(duration: int | str) -> int:
    """The duration in ns; an int is ns already."""
    if isinstance(duration, int):
        return duration
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h|d)", duration)
    if not match:
        raise ValueError(f"duration {duration!r}: expected a number and one of {', '.join(UNITS_NS)}")
    width = Fraction(match[1]) * UNITS_NS[match[2]]
    if width.denominator != 1:
        raise ValueError(f"duration {duration!r} is not a whole number of ns")
    return int(width)


@overload
def inputs_of(rows: Sequence[Row], column: str, /) -> Inputs[float]: ...
@overload
def inputs_of(rows: Sequence[Row], first: str, second: str, /, *others: str) -> Inputs[Numbers]: ...
def inputs_of(rows: Sequence[Row], *columns: str) -> Inputs[Any]:
    """One column (`x` a float) or several (`x` a tuple), fresh on TRADE rows or on QUOTE rows."""
    (kind,) = {COLUMN_KINDS[column] for column in columns}
    cells = [tuple(getattr(row, column) for column in columns) for row in rows]
    return [Input(row.time, row.symbol, row.kind == kind, x if len(x) > 1 else x[0]) for row, x in zip(rows, cells, strict=True)]


def derived_inputs(rows: Sequence[Any], column: str) -> Inputs[float]:
    """One column of a derived tape (bars, clock); every row is fresh."""
    return [Input(row.time, row.symbol, True, float(getattr(row, column))) for row in rows]


def as_inputs(inputs: Inputs[Any], values: Values) -> Inputs[float]:
    """A signal as the input of the next operator: fresh where its own input was, and not NaN."""
    return known([Input(row.time, row.symbol, row.fresh, x) for row, x in zip(inputs, values, strict=True)])


def known(inputs: Inputs[X]) -> Inputs[X]:
    """The same inputs; a row with a NaN in it is not fresh."""
    return [row._replace(fresh=row.fresh and not _holds_nan(row.x)) for row in inputs]


def _holds_nan(x: Any) -> bool:
    return any(math.isnan(part) for part in (x if isinstance(x, tuple) else (x,)))


def each_row(inputs: Inputs[X], value: Callable[[Inputs[X], int], float]) -> Values:
    """`value(counted rows of the row's symbol up to it, the row's time)` at every row; NaN where there is no symbol."""
    counted: dict[str, Inputs[X]] = {}
    values = []
    for row in inputs:
        if row.symbol is None:
            values.append(NAN)
            continue
        past = counted.setdefault(row.symbol, [])
        if row.fresh:
            past.append(row)
        values.append(value(past, row.time))
    return values


def inside(past: Inputs[X], now: int, window: Window) -> Inputs[X] | None:
    """The last `window` counted rows (None before there are so many), or those in `(now - window, now]`."""
    if isinstance(window, int):
        return past[-window:] if len(past) >= window else None
    return [row for row in past if now - nanoseconds(window) < row.time]


def since_open(past: Inputs[X], now: int, session: Session) -> Inputs[X]:
    """The counted rows since the open of the session that contains `now`; none outside."""
    opened = session.open_of(now)
    return [] if opened is None else [row for row in past if opened <= row.time]


def rolling(inputs: Inputs[X], window: Window, value: Callable[[list[X]], float]) -> Values:
    """`value` of what is in the window at every row; NaN before a count window is full."""

    def at(past: Inputs[X], now: int) -> float:
        rows = inside(past, now, window)
        return NAN if rows is None else value([row.x for row in rows])

    return each_row(inputs, at)
