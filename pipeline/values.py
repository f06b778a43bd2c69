"""A batch of a signal, and how user code is called on columns: always checked, never trusted."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import BuildError
from pipeline.functions import fingerprint
from pipeline.gaps import either
from pipeline.probe import Rows
from pipeline.ticks import Ticks

__all__ = ["Flags", "Floats", "Values", "as_float", "as_prices", "computed", "evaluate", "known_only"]

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
FLOAT = np.dtype(np.float64)
BOOL = np.dtype(np.bool_)


class Values:
    """A batch of a signal: for each row one value, and whether the row brought new input.

    `marks` tells the values that a gap leaves in doubt; `losses` the rows at which what comes next lost an input, or got
    one that is in doubt. None: nowhere.
    """

    __slots__ = ("fresh", "losses", "marks", "rows", "value")

    def __init__(self, rows: Ticks, value: Floats, fresh: Flags, marks: Flags | None = None, losses: Flags | None = None) -> None:
        self.rows, self.value, self.fresh, self.marks, self.losses = rows, value, fresh, marks, losses

    def marked(self, marks: Flags | None, losses: Flags | None) -> "Values":
        """These, once it is known which are in doubt, and at which rows an input was lost or in doubt."""
        self.marks, self.losses = marks, either(losses, None if marks is None else self.fresh & marks)
        return self

    def __repr__(self) -> str:
        return f"Values({len(self.rows)} rows)"


def as_float(column: NDArray[Any]) -> Floats:
    """A column as float64."""
    return column if column.dtype is FLOAT else column.astype(np.float64)


def as_prices(rows: Ticks, value: Floats) -> Ticks:
    """The values of a signal as trades of size 0."""
    columns = {name: rows.columns[name] for name in ("seq", "time", "symbol", "kind")} | {"price": value, "size": np.zeros(len(value))}
    return Ticks(columns, rows.symbols, rows.root)


def known_only(ufunc: np.ufunc) -> Callable[..., Floats]:
    """A comparison as 1, 0, or nan where an input is nan."""

    def compare(*inputs: Any) -> Floats:
        result: Floats = ufunc(*inputs).astype(np.float64)
        for value in inputs:
            result[np.broadcast_to(np.isnan(value), result.shape)] = np.nan
        return result

    return compare


def computed(function: Callable[[Floats], Any], name: str, value: Floats) -> Floats:
    """Call user code on values, and insist on a column of as many."""
    if not len(value):
        return value
    result = np.asarray(function(value), dtype=np.float64)
    if result.shape != value.shape:
        raise BuildError(f"{name} returned the shape {result.shape} for {len(value)} rows; it must give one value a row")
    result = np.ascontiguousarray(result).view()
    result.setflags(write=False)
    return result


def evaluate(condition: Callable[[Any], Any], rows: Rows, count: int) -> Flags:
    """Call a condition on columns, and insist on a boolean column."""
    met = condition(rows)
    if not isinstance(met, np.ndarray) or met.dtype is not BOOL or met.shape != (count,):
        found = f"{met.dtype} of shape {met.shape}" if isinstance(met, np.ndarray) else repr(met)
        raise BuildError(f"the condition {fingerprint(condition)} returned {found} for {count} rows; expected one boolean a row")
    return met
