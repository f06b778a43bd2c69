"""How old the last row of a symbol is."""

from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import SECOND
from pipeline.gaps import Reach
from pipeline.kernels import Codes, Flags, Floats, Ints, Times, kernel
from pipeline.stage import Input, Operator, Source
from pipeline.state import State, full

__all__ = ["Age", "age"]

NEVER = -(1 << 62)
S = TypeVar("S")


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
    unit: ClassVar[str] = "seconds"

    def __call__(self, source: Source[S]) -> S:
        """Apply to a tape or a signal; the rows of a clock know when their symbol was last seen."""
        is_clock = getattr(source, "derived", False) and "seen" in getattr(source, "columns", ())
        return source.through(ClockAge() if is_clock else self)

    @property
    def reach(self) -> Reach:
        """The last row."""
        return Reach(rows=1)

    def state(self, symbols: int) -> State:
        """When each symbol was last seen."""
        return State(symbols, seen=full(symbols, NEVER, "i8"))

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One age a row."""
        out = np.empty(len(batch.rows))
        ages(batch.time, batch.symbol, batch.fresh, state.seen, out)
        return out


@dataclass(frozen=True, slots=True)
class ClockAge(Operator):
    """Seconds since a row of the clock was last seen to trade."""

    reads: ClassVar[tuple[str, ...]] = ("seen",)
    shared: ClassVar[bool] = True
    unit: ClassVar[str] = "seconds"

    @property
    def reach(self) -> Reach:
        """The row itself."""
        return Reach(rows=1)

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One age a row."""
        return np.asarray((batch.time - batch.rows.columns["seen"]) / SECOND)


def age() -> Age:
    """Seconds since the symbol's last trade (on a tape without trades: quote; on a signal: new value); 0 on that row.

    Between its rows a symbol's signals stand still: for a rule about silence apply it to `clock("1s")`, whose rows come
    while the symbol is quiet.

    >>> from pipeline.checks import values_of
    >>> values_of(age(), price=[1.0, 1.0], seconds=[0, 5])
    [0.0, 0.0]
    """
    return Age()
