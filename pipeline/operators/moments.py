"""Standard deviation, z-score and Bollinger bands of a window, by a queue of two stacks.

Nothing is ever subtracted: each stack knows count, mean and squared deviations of what it holds, and the two are merged
(Chan, Golub, LeVeque 1979). A stack's mean is kept relative to an anchor, a value of its own, so that prices near
60,000 with a tick of 0.01 lose no digits, and an absurd print is forgotten when it has left.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import Duration
from pipeline.errors import ParameterError
from pipeline.gaps import Reach
from pipeline.kernels import Codes, CodesOut, Counts, Flags, Floats, Ints, Matrix, Times, Values1D, inline, kernel
from pipeline.operators.extremes import put_newest
from pipeline.operators.sums import moving_average
from pipeline.stage import Input, Operator
from pipeline.state import State, zeros
from pipeline.windows.bounds import Window, bounds_of
from pipeline.windows.slots import Slots, new_slot

__all__ = ["Bands", "RollingStd", "ZScore", "bollinger", "rolling_std", "zscore"]

DEVIATION, SCORE = 0, 1
BACK_N, BACK_MEAN, BACK_SQUARES, BACK_ANCHOR, FRONT_ANCHOR = range(5)


@inline
def merged(n, mean, squares, n2, mean2, squares2, shift):  # type: ignore[no-untyped-def]
    """Count, mean and squared deviations of two sets together; mean2 has an anchor that lies `shift` above mean's."""
    if n == 0.0:
        return n2, mean2 + shift, squares2
    if n2 == 0.0:
        return n, mean, squares
    apart = (mean2 - mean) + shift
    total = n + n2
    return total, mean + apart * (n2 / total), squares + squares2 + apart * apart * (n * n2 / total)


@inline
def take_oldest_moment(at, fronts, stack, k, mask, value, moments, previous, following):  # type: ignore[no-untyped-def]
    if fronts[k] == 0:
        slot = at[k, 2]
        anchor = value[slot & mask]
        n, mean, squares = 0.0, 0.0, 0.0
        for _ in range(at[k, 0]):
            n, mean, squares = merged(n, mean, squares, 1.0, value[slot & mask] - anchor, 0.0, 0.0)
            moments[slot & mask, 0] = mean
            moments[slot & mask, 1] = squares
            slot = previous[slot & mask]
        fronts[k] = at[k, 0]
        stack[k, FRONT_ANCHOR] = anchor
        stack[k, BACK_N] = 0.0
    fronts[k] -= 1
    at[k, 0] -= 1
    at[k, 3] = following[at[k, 3] & mask]


@inline
def put_moment(stack, k, x):  # type: ignore[no-untyped-def]
    if stack[k, BACK_N] == 0.0:
        stack[k, BACK_ANCHOR] = x
    stack[k, BACK_N], stack[k, BACK_MEAN], stack[k, BACK_SQUARES] = merged(
        stack[k, BACK_N], stack[k, BACK_MEAN], stack[k, BACK_SQUARES], 1.0, x - stack[k, BACK_ANCHOR], 0.0, 0.0
    )


@inline
def whole(at, fronts, stack, k, mask, moments):  # type: ignore[no-untyped-def]
    """Anchor, count, mean relative to it, and squared deviations of the window."""
    if fronts[k] == 0:
        return stack[k, BACK_ANCHOR], stack[k, BACK_N], stack[k, BACK_MEAN], stack[k, BACK_SQUARES]
    oldest = at[k, 3] & mask
    n, mean, squares = merged(
        float(fronts[k]), moments[oldest, 0], moments[oldest, 1], stack[k, BACK_N], stack[k, BACK_MEAN], stack[k, BACK_SQUARES],
        stack[k, BACK_ANCHOR] - stack[k, FRONT_ANCHOR],
    )  # fmt: skip
    return stack[k, FRONT_ANCHOR], n, mean, squares


@kernel
def window_moments(
    time: Times, symbol: Codes, fresh: Flags, x: Values1D, width: int, rows: int, mask: int, ends: Ints, slot_time: Ints,
    slot_symbol: CodesOut, at: Counts, value: Floats, moments: Matrix, previous: Ints, following: Ints, fronts: Ints, stack: Matrix,
    ddof: float, what: int, out: Floats,
) -> None:  # fmt: skip
    head, tail = ends[0], ends[2]
    for i in range(x.shape[0]):
        while head != tail and slot_time[head & mask] <= time[i] - width:
            take_oldest_moment(at, fronts, stack, slot_symbol[head & mask], mask, value, moments, previous, following)
            head += 1
        k = symbol[i]
        if fresh[i]:
            slot = new_slot(at, k, rows, tail, mask, time[i], slot_time, slot_symbol)
            if rows == 0:
                tail += 1
            elif at[k, 0] == rows:
                take_oldest_moment(at, fronts, stack, k, mask, value, moments, previous, following)
            value[slot & mask] = x[i]
            put_newest(at, k, slot, mask, previous, following)
            put_moment(stack, k, x[i])
        out[i] = np.nan
        if k > 0 and at[k, 0] > ddof and at[k, 0] >= rows:
            anchor, n, mean, squares = whole(at, fronts, stack, k, mask, moments)
            deviation = np.sqrt(squares / (n - ddof))
            if what == DEVIATION:
                out[i] = deviation
            elif deviation > 0.0:
                out[i] = ((value[at[k, 2] & mask] - anchor) - mean) / deviation
    ends[0], ends[2] = head, tail


@dataclass(frozen=True, slots=True)
class RollingStd(Operator):
    """Standard deviation of the values in the window."""

    window: Window
    ddof: int = 1
    what: ClassVar[int] = DEVIATION
    shared: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.ddof not in (0, 1) or 0 < self.window.rows <= self.ddof:
            raise ParameterError(f"ddof {self.ddof!r} over {self.window!r}: expected 0 (population) or 1 (sample), and more rows than that")

    @property
    def reach(self) -> Reach:
        """The window."""
        return Reach(self.window.width_ns, self.window.rows)

    def state(self, symbols: int) -> State:
        """Both stacks of every symbol."""
        slots = Slots(self.window, symbols, value=("f8", 0), moments=("f8", 2), previous=("i8", 0), following=("i8", 0))
        return State(symbols, fronts=zeros(symbols, "i8"), stack=zeros((symbols, 5)), parts={"slots": slots})

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One deviation or score a row."""
        slots, out = state.slots, np.empty(len(batch.values))
        window_moments(
            batch.time, batch.symbol, batch.fresh, batch.values, slots.width_ns, slots.rows, slots.mask, slots.ends, slots.time,
            slots.symbol, slots.at, slots.value, slots.moments, slots.previous, slots.following, state.fronts, state.stack,
            float(self.ddof), self.what, out,
        )  # fmt: skip
        return out


@dataclass(frozen=True, slots=True)
class ZScore(RollingStd):
    """How many standard deviations the last value lies above the mean of the window."""

    what: ClassVar[int] = SCORE
    unit: ClassVar[str] = "standard deviations"


class Bands(NamedTuple):
    """Bollinger bands as three signals."""

    lower: Any
    middle: Any
    upper: Any


def rolling_std(window: int | Duration, ddof: int = 1) -> RollingStd:
    """Standard deviation of the price over a symbol's last n trades, or over (t - width, t], in quote currency.

    `ddof=1` is the sample's (divided by n - 1), 0 the population's. nan before n trades, or while a time window holds
    no more than `ddof`. Never negative under the root, whatever passed through the window.

    >>> from pipeline.checks import values_of
    >>> values_of(rolling_std(2), price=[1.0, 3.0, 3.0])
    [nan, 1.4142, 0.0]
    """
    return RollingStd(bounds_of(window), ddof)


def zscore(window: int | Duration, ddof: int = 1) -> ZScore:
    """(last - mean) / standard deviation of the window, the last value included; nan where the deviation is 0.

    >>> from pipeline.checks import values_of
    >>> values_of(zscore(3), price=[1.0, 2.0, 3.0, 9.0])
    [nan, nan, 1.0, 1.1446]
    """
    return ZScore(bounds_of(window), ddof)


def bollinger(window: int | Duration = 20, width: float = 2.0) -> Callable[[Any], Bands]:
    """Bollinger bands: moving average, and `width` population standard deviations below and above it.

    Gives `lower`, `middle` and `upper` as signals. Population deviation (ddof 0), as Bollinger defines them.

    >>> from pipeline.checks import values_of
    >>> values_of(lambda ticks: ticks.pipe(bollinger(2)).upper, price=[1.0, 3.0])
    [nan, 4.0]
    """

    def bands(source: Any) -> Bands:
        middle = source.pipe(moving_average(window))
        reach = source.pipe(rolling_std(window, ddof=0)) * width
        return Bands(middle - reach, middle, middle + reach)

    return bands
