"""When rows come: the time between a symbol's rows, and how old the newest of another symbol is."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import SECOND
from pipeline.errors import ParameterError
from pipeline.gaps import Reach
from pipeline.kernels import Codes, Flags, Floats, Ints, Times, kernel
from pipeline.stage import Input, Operator
from pipeline.state import State, full
from pipeline.symbols import is_symbol

__all__ = ["AgeOf", "InterArrival", "age_of", "inter_arrival"]

NEVER = -(1 << 62)


@kernel
def intervals(time: Times, symbol: Codes, fresh: Flags, seen: Ints, last: Floats, out: Floats) -> None:
    for i in range(time.shape[0]):
        k = symbol[i]
        if fresh[i]:
            if seen[k] != NEVER:
                last[k] = (time[i] - seen[k]) / SECOND
            seen[k] = time[i]
        out[i] = last[k]


@kernel
def ages_of(time: Times, symbol: Codes, fresh: Flags, code: int, seen: Ints, out: Floats) -> None:
    for i in range(time.shape[0]):
        if fresh[i] and symbol[i] == code:
            seen[0] = time[i]
        out[i] = (time[i] - seen[0]) / SECOND if seen[0] != NEVER and symbol[i] > 0 else np.nan


@dataclass(frozen=True, slots=True)
class InterArrival(Operator):
    """Seconds from the row that counts before the last to the last."""

    shared: ClassVar[bool] = True
    unit: ClassVar[str] = "seconds"

    @property
    def reach(self) -> Reach:
        """The last two rows."""
        return Reach(rows=2)

    def state(self, symbols: int) -> State:
        """When each symbol was last seen, and how long after the time before."""
        return State(symbols, seen=full(symbols, NEVER, "i8"), last=full(symbols, np.nan))

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One interval a row."""
        out = np.empty(len(batch.rows))
        intervals(batch.time, batch.symbol, batch.fresh, state.seen, state.last, out)
        return out


@dataclass(frozen=True, slots=True)
class AgeOf(Operator):
    """Seconds since one symbol's last row that counts, at the rows of all."""

    symbol: str
    shared: ClassVar[bool] = True
    unit: ClassVar[str] = "seconds"

    @property
    def reach(self) -> Reach:
        """The last row of the one symbol."""
        return Reach(rows=1, symbol=self.symbol)

    def state(self, symbols: int) -> State:
        """When the symbol was last seen."""
        return State(symbols, {"seen": full(1, NEVER, "i8")})

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """The same clock for every symbol."""
        out = np.empty(len(batch.rows))
        ages_of(batch.time, batch.symbol, batch.fresh, batch.rows.symbols.find(self.symbol), state.seen, out)
        return out


def inter_arrival() -> InterArrival:
    """Seconds between a symbol's last two trades (on a signal: new values); 0 for two of one time, nan before the second.

    >>> from pipeline.checks import values_of
    >>> values_of(inter_arrival(), price=[1.0, 1.0, 1.0], seconds=[0, 5, 5.5])
    [nan, 5.0, 0.5]
    """
    return InterArrival()


def age_of(symbol: str) -> AgeOf:
    """Seconds since the last trade (on a signal: new value) of one symbol, at the rows of every symbol: how old `of(symbol)` is.

    nan before its first. A strategy that uses it looks beyond a symbol: give it `scope = "market"`. ParameterError for a
    text that is no symbol.

    >>> from pipeline.checks import values_of
    >>> values_of(age_of("SPY"), symbol=["IBM", "SPY", "IBM"], price=[9.0, 1.0, 9.0], seconds=[0, 5, 7])
    [nan, 0.0, 2.0]
    """
    if not is_symbol(symbol):
        raise ParameterError(f"age_of({symbol!r:.80}): that is no symbol")
    return AgeOf(symbol)
