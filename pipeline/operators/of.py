"""The value of one symbol beside every other: an index, a hedge, a market."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ParameterError
from pipeline.gaps import Reach
from pipeline.kernels import Codes, Flags, Floats, Values1D, kernel
from pipeline.stage import Input, Operator
from pipeline.state import State, full
from pipeline.symbols import is_symbol
from pipeline.units import SAME

__all__ = ["Of", "of"]


@kernel
def value_of(symbol: Codes, fresh: Flags, x: Values1D, code: int, last: Floats, out: Floats) -> None:
    for i in range(x.shape[0]):
        if fresh[i] and symbol[i] == code:
            last[0] = x[i]
        out[i] = last[0] if symbol[i] > 0 else np.nan


@dataclass(frozen=True, slots=True)
class Of(Operator):
    """The newest value of one symbol, at the rows of all."""

    symbol: str
    shared: ClassVar[bool] = True
    unit: ClassVar[str] = SAME

    @property
    def reach(self) -> Reach:
        """The last row of the one symbol."""
        return Reach(rows=1, symbol=self.symbol)

    def state(self, symbols: int) -> State:
        """The newest value."""
        return State(symbols, {"last": full(1, np.nan)})

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """The same value for every symbol."""
        out = np.empty(len(batch.rows))
        value_of(batch.symbol, batch.fresh, batch.values, batch.rows.symbols.find(self.symbol), state.last, out)
        return out


def of(symbol: str) -> Of:
    """The newest price (on a signal: value) of one symbol, at the rows of every symbol.

    nan before its first, and at all rows where it never comes. A strategy that uses it looks beyond a symbol: give it `scope = "market"`.

    >>> from pipeline.checks import values_of
    >>> values_of(of("SPY"), symbol=["SPY", "IBM", "SPY"], price=[10.0, 99.0, 11.0])
    [10.0, 10.0, 11.0]
    """
    if not is_symbol(symbol):
        raise ParameterError(f"of({symbol!r:.80}): that is no symbol")
    return Of(symbol)
