"""Against an earlier value: price change and log return.

over="1m"      t - 1m                        t
---x-----x--------|-------x-------x----------x      compared with the last x at or before t - 1m
         ^ this one
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import Duration
from pipeline.gaps import Reach
from pipeline.kernels import Codes, CodesOut, Counts, Flags, Floats, Ints, Matrix, Times, Values1D, kernel
from pipeline.stage import Input, Operator
from pipeline.state import State, full
from pipeline.windows.bounds import Window, bounds_of
from pipeline.windows.slots import Slots

__all__ = ["LogReturn", "PriceChange", "log_return", "price_change"]


@kernel
def ratio_to_earlier(
    time: Times, symbol: Codes, fresh: Flags, x: Values1D, width: int, rows: int, mask: int, ends: Ints, slot_time: Ints,
    slot_symbol: CodesOut, at: Counts, value: Floats, pair: Matrix, logarithm: bool, out: Floats,
) -> None:  # fmt: skip
    """pair[k] = the earlier value, the last value; what leaves the window becomes the earlier value."""
    head = ends[0]
    tail = ends[2]
    for i in range(x.shape[0]):
        k = symbol[i]
        if rows == 0:
            oldest = time[i] - width
            while head != tail and slot_time[head & mask] <= oldest:
                pair[slot_symbol[head & mask], 0] = value[head & mask]
                head += 1
        if fresh[i]:
            if rows == 0:
                j = tail & mask
                slot_time[j] = time[i]
                slot_symbol[j] = k
                tail += 1
            else:
                j = k * rows + at[k, 1]
                if at[k, 0] == rows:
                    pair[k, 0] = value[j]
                else:
                    at[k, 0] += 1
                at[k, 1] = 0 if at[k, 1] + 1 == rows else at[k, 1] + 1
            value[j] = x[i]
            pair[k, 1] = x[i]
        earlier, last = pair[k, 0], pair[k, 1]
        if not earlier > 0.0:
            out[i] = np.nan
        elif not logarithm:
            out[i] = (last - earlier) / earlier
        else:
            out[i] = math.log(last / earlier) if last > 0.0 else np.nan
    ends[0] = head
    ends[2] = tail


@dataclass(frozen=True, slots=True)
class PriceChange(Operator):
    """Last value over the one a window ago, less one."""

    over: Window
    logarithm: ClassVar[bool] = False
    shared: ClassVar[bool] = True
    unit: ClassVar[str] = "change (%)"

    @property
    def reach(self) -> Reach:
        """From the earlier value to the last."""
        return Reach(rows=self.over.rows + 1) if self.over.rows else Reach(self.over.width_ns, 1)

    def state(self, symbols: int) -> State:
        """The earlier and the last value, and the rows between."""
        return State(symbols, pair=full((symbols, 2), np.nan), parts={"slots": Slots(self.over, symbols, value=("f8", 0))})

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One change a row."""
        slots, out = state.slots, np.empty(len(batch.values))
        ratio_to_earlier(
            batch.time, batch.symbol, batch.fresh, batch.values, slots.width_ns, slots.rows, slots.mask, slots.ends, slots.time,
            slots.symbol, slots.at, slots.value, state.pair, self.logarithm, out,
        )  # fmt: skip
        return out


@dataclass(frozen=True, slots=True)
class LogReturn(PriceChange):
    """Natural logarithm of the last value over the one a window ago."""

    logarithm: ClassVar[bool] = True
    unit: ClassVar[str] = "log return (%)"


def price_change(over: int | Duration) -> PriceChange:
    """Relative change of the last price against the last price at or before t - over (or `over` trades earlier).

    A fraction: 0.01 is 1%. nan while there is no such price, or where it is not above zero. It is not compared with the
    first print inside the window, so that a jump after a quiet minute counts.

    >>> from pipeline.checks import values_of
    >>> values_of(price_change("1m"), price=[100.0, 101.0, 103.02], seconds=[0, 60, 121])
    [nan, 0.01, 0.02]
    """
    return PriceChange(bounds_of(over))


def log_return(over: int | Duration = 1) -> LogReturn:
    """ln(last / earlier) of the price, `over` as in `price_change`; by default from trade to trade.

    nan where either price is not above zero.

    >>> from pipeline.checks import values_of
    >>> values_of(log_return(), price=[100.0, 100.0, 110.0])
    [nan, 0.0, 0.0953]
    """
    return LogReturn(bounds_of(over))
