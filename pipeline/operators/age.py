"""How old the last row of a symbol is."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import SECOND
from pipeline.kernels import Codes, Flags, Floats, Ints, Times, kernel
from pipeline.stage import Input, Operator
from pipeline.state import State, full

__all__ = ["Age", "age"]

NEVER = -(1 << 62)


@kernel
def ages(time: Times, symbol: Codes, fresh: Flags, seen: Ints, out: Floats) -> None:
    for i in range(time.shape[0]):
        k = symbol[i]
        if fresh[i]:
            seen[k] = time[i]
        out[i] = (time[i] - seen[k]) / SECOND if seen[k] != NEVER else np.nan


@dataclass(frozen=True, slots=True)
class Age(Operator):
    """Seconds since the symbol's last row that counts."""

    reads: ClassVar[tuple[str, ...]] = ("time",)
    shared: ClassVar[bool] = True

    def state(self, symbols: int) -> State:
        """When each symbol was last seen."""
        return State(symbols, seen=full(symbols, NEVER, "i8"))

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One age a row."""
        seen_at = batch.rows.columns.get("seen")
        if seen_at is not None:
            return (batch.time - seen_at) / SECOND
        out = np.empty(len(batch.rows))
        ages(batch.time, batch.symbol, batch.fresh, state.seen, out)
        return out


def age() -> Age:
    """Seconds since the symbol's last trade (on a tape without trades: quote; on a signal: new value); 0 on that row.

    Between its rows a symbol's signals stand still: for a rule about silence apply it to `clock("1s")`, whose rows come
    while the symbol is quiet.

    >>> from pipeline.checks import values_of
    >>> values_of(age(), price=[1.0, 1.0], seconds=[0, 5])
    [0.0, 0.0]
    """
    return Age()
