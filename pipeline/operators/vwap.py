"""Volume-weighted average price, over a window or since the session's open."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import Duration
from pipeline.kernels import Codes, Flags, Floats, Ints, Matrix, Times, Values1D, kernel
from pipeline.operators.sums import SUM, added, sums, sums_state
from pipeline.stage import Input, Operator
from pipeline.state import State, full, zeros
from pipeline.windows.bounds import Window, window
from pipeline.windows.sessions import Session

__all__ = ["SessionVwap", "Vwap", "vwap"]


@kernel
def session_vwap(
    symbol: Codes, fresh: Flags, price: Values1D, size: Values1D, opened: Times, since: Ints, total: Matrix, out: Floats
) -> None:
    """total[k] = sum of price * size and its error, sum of sizes and its error."""
    for i in range(price.shape[0]):
        k = symbol[i]
        if fresh[i] and opened[i] >= 0:
            if since[k] != opened[i]:
                since[k] = opened[i]
                total[k, 0] = total[k, 1] = total[k, 2] = total[k, 3] = 0.0
            total[k, 0], total[k, 1] = added(total[k, 0], total[k, 1], price[i] * size[i])
            total[k, 2], total[k, 3] = added(total[k, 2], total[k, 3], size[i])
        known = opened[i] >= 0 and since[k] == opened[i] and total[k, 2] + total[k, 3] > 0.0
        out[i] = (total[k, 0] + total[k, 1]) / (total[k, 2] + total[k, 3]) if known else np.nan


class Sums:
    """Two sums over one window, side by side."""

    def __init__(self, bounds: Window, symbols: int) -> None:
        self.state = sums_state(bounds, symbols)
        self.bounds = bounds

    def grow(self, symbols: int) -> None:
        """Make room for more symbols."""
        self.state.grow(symbols, lambda count: sums_state(self.bounds, count))

    def reserve(self, rows: int) -> None:
        """Make room for that many further rows."""
        self.state.reserve(rows)

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Copies of the sums and the rows of the window."""
        return self.state.snapshot()

    def restore(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take over a snapshot."""
        self.state.restore(arrays)


@dataclass(frozen=True, slots=True)
class Vwap(Operator):
    """Sum of price * size over sum of sizes in the window."""

    window: Window
    reads: ClassVar[tuple[str, ...]] = ("price", "size")
    shared: ClassVar[bool] = True

    def state(self, symbols: int) -> State:
        """Both sums."""
        return State(symbols, parts={"value": Sums(self.window, symbols), "size": Sums(self.window, symbols)})

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One average a row."""
        price, size = batch.columns
        value = sums(self.window, state.value.state, batch, price * size, SUM)
        volume = sums(self.window, state.size.state, batch, size, SUM)
        known = volume > 0.0
        out: NDArray[np.float64] = np.divide(value, volume, out=np.full(len(price), np.nan), where=known)
        return out


@dataclass(frozen=True, slots=True)
class SessionVwap(Operator):
    """Sum of price * size over sum of sizes since the session's open."""

    session: Session
    reads: ClassVar[tuple[str, ...]] = ("price", "size")
    shared: ClassVar[bool] = True

    def state(self, symbols: int) -> State:
        """Both sums and their session."""
        return State(symbols, since=full(symbols, -2, "i8"), total=zeros((symbols, 4)))

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One average a row."""
        price, size = batch.columns
        out = np.empty(len(price))
        session_vwap(batch.symbol, batch.fresh, price, size, self.session.opens_at(batch.time), state.since, state.total, out)
        return out


def vwap(over: int | Duration | Session) -> Vwap | SessionVwap:
    """Volume-weighted average price, in quote currency: of n trades, of (t - width, t], or since a session's open.

    sum(price * size) / sum(size); nan where no size was traded, before n trades, and outside of sessions.

    >>> from pipeline.checks import values_of
    >>> values_of(vwap("1m"), price=[10.0, 20.0], size=[3.0, 1.0])
    [10.0, 12.5]
    """
    return SessionVwap(over) if isinstance(over, Session) else Vwap(window(over))
