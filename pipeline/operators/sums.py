"""Sums over a window, and what is made of them: moving average, volume, tick count, trade rate.

Compensated addition (Neumaier 1974, in the branch-free form of Knuth's TwoSum): the rounding error of every addition
and subtraction is kept beside the sum. When something left that is more than 2^20 times what remains, the sum is taken
anew from the rows themselves, so that an absurd print is forgotten as soon as it has left. A mean is divided with the
remainder in hand (one fused multiply-add), so that the mean of ten equal prices is that price.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import SECOND, Duration
from pipeline.gaps import Reach
from pipeline.kernels import Codes, CodesOut, Flags, Floats, Ints, Matrix, Times, Values1D, added, fma, inline, kernel
from pipeline.stage import Input, Operator
from pipeline.state import State, zeros
from pipeline.units import SAME
from pipeline.windows.bounds import Window, bounds_of, width_of
from pipeline.windows.slots import Slots, next_move, take_places

__all__ = ["MovingAverage", "RollingSum", "TickCount", "TradeRate", "moving_average", "rolling_sum", "tick_count", "trade_rate", "volume"]

SUM, MEAN, COUNT = 0, 1, 2
TOTAL, ERROR, MAGNITUDE, LARGEST, COUNTED, PLACE = range(6)
RING = 8
FORGET = 2.0**20


@inline
def anew(k, count, tail, mask, slot_symbol, value):  # type: ignore[no-untyped-def]
    """Sum, error and magnitude of the newest `count` rows of a symbol, found backwards from the tail."""
    total = error = magnitude = 0.0
    slot = tail
    while count > 0.0:
        slot -= 1
        if slot_symbol[slot & mask] == k:
            total, error = added(total, error, value[slot & mask])
            magnitude += abs(value[slot & mask])
            count -= 1.0
    return total, error, magnitude


@inline
def must_forget(largest, magnitude):  # type: ignore[no-untyped-def]
    """Whether what came and left was so large, or the sum so far beyond the largest float, that the rest must be summed anew."""
    return not largest <= FORGET * magnitude < np.inf


@inline
def moved(acc, k, x, sign, newest, mask, slot_symbol, value):  # type: ignore[no-untyped-def]
    """Enter x into the sums of a symbol (sign 1), take it out (-1), or do nothing (0); gives sum, error and count.

    acc[k] = sum, its error, sum of magnitudes, the largest magnitude since the sum was taken anew, count. No branch here
    may depend on the sign, which no processor can foresee.
    """
    total, error = added(acc[k, TOTAL], acc[k, ERROR], x * sign)
    magnitude = acc[k, MAGNITUDE] + abs(x) * sign
    largest = max(acc[k, LARGEST], abs(x))
    count = acc[k, COUNTED] + sign
    if (count == 0.0) | must_forget(largest, magnitude):
        total, error, magnitude = anew(k, count, newest, mask, slot_symbol, value)
        largest = 0.0
    acc[k, TOTAL], acc[k, ERROR], acc[k, MAGNITUDE], acc[k, LARGEST], acc[k, COUNTED] = total, error, magnitude, largest, count
    return total, error, count


@inline
def told(total, error, count, what):  # type: ignore[no-untyped-def]
    """The sum, mean or count of a window that is not empty; a mean is divided with the remainder in hand."""
    if what == MEAN:
        quotient = total / count
        return quotient + (fma(-quotient, count, total) + error) / count
    return total + error if what == SUM else count


@kernel
def sums_over_time(
    time: Times, symbol: Codes, fresh: Flags, x: Values1D, width: int, mask: int, ends: Ints, slot_time: Ints, slot_symbol: CodesOut,
    value: Floats, acc: Matrix, what: int, own: Ints, rest: Matrix, out: Floats,
) -> None:  # fmt: skip
    """rest = for each row the error of its sum, and its count."""
    head, newest = ends[0], ends[2]
    ends[2] = take_places(time, symbol, fresh, mask, newest, slot_time, slot_symbol, own)
    for i in range(x.shape[0]):
        value[own[i]] = x[i]
    value[ends[2] & mask] = -0.0
    i = 0
    while i < x.shape[0]:
        arrives, place, k = next_move(head, time[i] - width, symbol[i], own[i], mask, slot_time, slot_symbol)
        enters = arrives & np.int64(fresh[i])
        newest += enters
        sign = np.float64(arrives + enters - 1)
        out[i], rest[0, i], rest[1, i] = moved(acc, k, value[place], sign, newest, mask, slot_symbol, value)
        i += arrives
        head += 1 - arrives
    ends[0] = head
    for i in range(x.shape[0]):
        count = rest[1, i]
        out[i] = np.nan if symbol[i] == 0 or (what == MEAN and count == 0.0) else told(out[i], rest[0, i], count, what)


@kernel
def sums_over_rows(
    symbol: Codes, fresh: Flags, x: Values1D, rows: int, acc: Matrix, what: int, out: Floats
) -> None:  # fmt: skip
    """acc[k] also holds the next place, and from RING on the last values: what a row needs lies side by side."""
    for i in range(x.shape[0]):
        k = np.uint32(symbol[i])
        total, error, count = acc[k, TOTAL], acc[k, ERROR], acc[k, COUNTED]
        if fresh[i]:
            place = np.uint64(acc[k, PLACE])
            acc[k, PLACE] = 0.0 if place + 1 == rows else acc[k, PLACE] + 1.0
            magnitude = acc[k, MAGNITUDE] + abs(x[i])
            if count == rows:
                old = acc[k, RING + place]
                total, error = added(total, error, -old)
                magnitude -= abs(old)
                acc[k, LARGEST] = max(acc[k, LARGEST], abs(old))
            else:
                count += 1.0
            acc[k, RING + place] = x[i]
            total, error = added(total, error, x[i])
            if must_forget(acc[k, LARGEST], magnitude):
                total = error = magnitude = acc[k, LARGEST] = 0.0
                for j in range(rows):
                    total, error = added(total, error, acc[k, RING + j])
                    magnitude += abs(acc[k, RING + j])
            acc[k, TOTAL], acc[k, ERROR], acc[k, MAGNITUDE], acc[k, COUNTED] = total, error, magnitude, count
        out[i] = told(total, error, count, what) if count == rows else np.nan


def sums_state(bounds: Window, symbols: int) -> State:
    """The memory of sums over a window."""
    if bounds.rows:
        return State(symbols, acc=zeros((symbols, RING + bounds.rows)))
    return State(symbols, acc=zeros((symbols, RING)), parts={"slots": Slots(bounds, symbols, value=("f8", 0))})


def sums(bounds: Window, state: State, batch: Input, x: NDArray[np.float64], what: int) -> NDArray[np.float64]:
    """Sum, mean or count of `x` over the window of `state`, for each row."""
    out = np.empty(len(x))
    if bounds.rows:
        sums_over_rows(batch.symbol, batch.fresh, x, bounds.rows, state.acc, what, out)
        return out
    slots, own, rest = state.slots, np.empty(len(x), np.int64), np.empty((2, len(x)))
    sums_over_time(
        batch.time, batch.symbol, batch.fresh, x, slots.width_ns, slots.mask, slots.ends, slots.time, slots.symbol, slots.value,
        state.acc, what, own, rest, out,
    )  # fmt: skip
    return out


@dataclass(frozen=True, slots=True)
class RollingSum(Operator):
    """Sum of the values in the window."""

    window: Window
    column: str = "price"
    what: ClassVar[int] = SUM
    shared: ClassVar[bool] = True
    unit: ClassVar[str] = SAME

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override]
        """The one column that is summed."""
        return (self.column,)

    @property
    def reach(self) -> Reach:
        """The window."""
        return Reach(self.window.width_ns, self.window.rows)

    def state(self, symbols: int) -> State:
        """Sums and the rows of the window."""
        return sums_state(self.window, symbols)

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One sum, mean or count a row."""
        return sums(self.window, state, batch, batch.values, self.what)


@dataclass(frozen=True, slots=True)
class MovingAverage(RollingSum):
    """Mean of the values in the window."""

    what: ClassVar[int] = MEAN


@dataclass(frozen=True, slots=True)
class TickCount(RollingSum):
    """How many values are in the window."""

    what: ClassVar[int] = COUNT
    unit: ClassVar[str] = "count"


@dataclass(frozen=True, slots=True)
class TradeRate(TickCount):
    """How many values a second are in the window."""

    unit: ClassVar[str] = "count a second"

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One rate a row."""
        counted = sums(self.window, state, batch, batch.values, COUNT)
        counted /= self.window.width_ns / SECOND
        return counted


def moving_average(window: int | Duration) -> MovingAverage:
    """Mean price of the last n trades of each symbol, or of those in (t - width, t], in quote currency.

    On a signal, the mean of its values. nan before n trades, or while a time window is empty. Raises ParameterError
    for a window below one row or of no width. The usual simple moving average (SMA).

    >>> from pipeline.checks import values_of
    >>> values_of(moving_average(2), price=[10.0, 11.0, 13.0])
    [nan, 10.5, 12.0]
    """
    return MovingAverage(bounds_of(window))


def rolling_sum(window: int | Duration) -> RollingSum:
    """Sum of the last n values of each symbol, or of those in (t - width, t].

    nan before n values; 0 while a time window is empty. On a tape it sums prices; `column("size")` or any signal
    before it makes it sum something else.

    >>> from pipeline.checks import values_of
    >>> values_of(rolling_sum("2s"), price=[1.0, 2.0, 4.0], seconds=[0, 1, 2])
    [1.0, 3.0, 6.0]
    """
    return RollingSum(bounds_of(window))


def volume(window: int | Duration) -> RollingSum:
    """Traded size of each symbol over (t - width, t], or over its last n trades, in base units; 0 if nothing traded.

    >>> from pipeline.checks import values_of
    >>> values_of(volume("1m"), price=[10.0, 10.0], size=[3.0, 4.0], seconds=[0, 30])
    [3.0, 7.0]
    """
    return RollingSum(bounds_of(window), "size")


def tick_count(over: Duration) -> TickCount:
    """Number of trades (on a signal: of new values) of each symbol in (t - over, t].

    >>> from pipeline.checks import values_of
    >>> values_of(tick_count("10s"), price=[10.0, 10.0, 10.0], seconds=[0, 1, 11])
    [1.0, 2.0, 1.0]
    """
    return TickCount(Window(width_ns=width_of(over)))


def trade_rate(over: Duration) -> TradeRate:
    """Trades a second of each symbol in (t - over, t].

    >>> from pipeline.checks import values_of
    >>> values_of(trade_rate("10s"), price=[10.0, 10.0], seconds=[0, 1])
    [0.1, 0.2]
    """
    return TradeRate(Window(width_ns=width_of(over)))
