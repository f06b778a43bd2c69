"""Covariance, correlation and beta of two signals over a window, by a queue of two stacks (see `moments`)."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import Duration
from pipeline.errors import ParameterError
from pipeline.gaps import Reach
from pipeline.kernels import Codes, CodesOut, Counts, Flags, Floats, Ints, Matrix, Times, Values1D, inline, kernel
from pipeline.operators.extremes import put_newest
from pipeline.stage import Input, Operator
from pipeline.state import State, zeros
from pipeline.windows.bounds import Window, bounds_of
from pipeline.windows.slots import Slots, new_slot

__all__ = ["RollingBeta", "RollingCorr", "RollingCov", "rolling_beta", "rolling_corr", "rolling_cov"]

COV, CORR, BETA = 0, 1, 2
N, X, Y, XX, YY, XY, ANCHOR_X, ANCHOR_Y, FRONT_X, FRONT_Y = range(10)


@inline
def joined(n, x, y, xx, yy, xy, n2, x2, y2, xx2, yy2, xy2):  # type: ignore[no-untyped-def]
    """Means and products of deviations of two sets together; both relative to the same anchors."""
    if n == 0.0:
        return n2, x2, y2, xx2, yy2, xy2
    if n2 == 0.0:
        return n, x, y, xx, yy, xy
    total = n + n2
    dx, dy, weight = x2 - x, y2 - y, n * n2 / total
    return (
        total,
        x + dx * (n2 / total),
        y + dy * (n2 / total),
        xx + xx2 + dx * dx * weight,
        yy + yy2 + dy * dy * weight,
        xy + xy2 + dx * dy * weight,
    )


@inline
def take_oldest_pair(at, fronts, stack, k, mask, pair, sums, previous, following):  # type: ignore[no-untyped-def]
    if fronts[k] == 0:
        slot = at[k, 2]
        ax, ay = pair[slot & mask, 0], pair[slot & mask, 1]
        n, x, y, xx, yy, xy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for _ in range(at[k, 0]):
            j = slot & mask
            n, x, y, xx, yy, xy = joined(n, x, y, xx, yy, xy, 1.0, pair[j, 0] - ax, pair[j, 1] - ay, 0.0, 0.0, 0.0)
            sums[j, 0], sums[j, 1], sums[j, 2], sums[j, 3], sums[j, 4] = x, y, xx, yy, xy
            slot = previous[j]
        fronts[k] = at[k, 0]
        stack[k, FRONT_X], stack[k, FRONT_Y], stack[k, N] = ax, ay, 0.0
    fronts[k] -= 1
    at[k, 0] -= 1
    at[k, 3] = following[at[k, 3] & mask]


@inline
def put_pair(stack, k, x, y):  # type: ignore[no-untyped-def]
    if stack[k, N] == 0.0:
        stack[k, ANCHOR_X], stack[k, ANCHOR_Y] = x, y
    stack[k, N], stack[k, X], stack[k, Y], stack[k, XX], stack[k, YY], stack[k, XY] = joined(
        stack[k, N],
        stack[k, X],
        stack[k, Y],
        stack[k, XX],
        stack[k, YY],
        stack[k, XY],
        1.0,
        x - stack[k, ANCHOR_X],
        y - stack[k, ANCHOR_Y],
        0.0,
        0.0,
        0.0,
    )


@inline
def products(at, fronts, stack, k, mask, sums):  # type: ignore[no-untyped-def]
    """Count and products of deviations of the window."""
    n, x, y, xx, yy, xy = stack[k, N], stack[k, X], stack[k, Y], stack[k, XX], stack[k, YY], stack[k, XY]
    if fronts[k] > 0:
        j = at[k, 3] & mask
        if n > 0.0:
            x += stack[k, ANCHOR_X] - stack[k, FRONT_X]
            y += stack[k, ANCHOR_Y] - stack[k, FRONT_Y]
        n, x, y, xx, yy, xy = joined(float(fronts[k]), sums[j, 0], sums[j, 1], sums[j, 2], sums[j, 3], sums[j, 4], n, x, y, xx, yy, xy)
    return n, xx, yy, xy


@kernel
def window_products(
    time: Times, symbol: Codes, fresh: Flags, x: Values1D, y: Values1D, width: int, rows: int, mask: int, ends: Ints, slot_time: Ints,
    slot_symbol: CodesOut, at: Counts, pair: Matrix, sums: Matrix, previous: Ints, following: Ints, fronts: Ints, stack: Matrix,
    ddof: float, what: int, out: Floats,
) -> None:  # fmt: skip
    head, tail = ends[0], ends[2]
    for i in range(x.shape[0]):
        while head != tail and slot_time[head & mask] <= time[i] - width:
            take_oldest_pair(at, fronts, stack, slot_symbol[head & mask], mask, pair, sums, previous, following)
            head += 1
        k = symbol[i]
        if fresh[i]:
            slot = new_slot(at, k, rows, tail, mask, time[i], slot_time, slot_symbol)
            if rows == 0:
                tail += 1
            elif at[k, 0] == rows:
                take_oldest_pair(at, fronts, stack, k, mask, pair, sums, previous, following)
            pair[slot & mask, 0], pair[slot & mask, 1] = x[i], y[i]
            put_newest(at, k, slot, mask, previous, following)
            put_pair(stack, k, x[i], y[i])
        out[i] = np.nan
        if k > 0 and at[k, 0] > 1 and at[k, 0] >= rows:
            n, xx, yy, xy = products(at, fronts, stack, k, mask, sums)
            if what == COV:
                out[i] = xy / (n - ddof)
            elif what == BETA:
                out[i] = xy / yy if yy > 0.0 else np.nan
            elif xx > 0.0 and yy > 0.0:
                out[i] = max(-1.0, min(1.0, xy / (np.sqrt(xx) * np.sqrt(yy))))
    ends[0], ends[2] = head, tail


@dataclass(frozen=True, slots=True)
class RollingCov(Operator):
    """Covariance of a signal with another of the same tape; the pair is taken at the fresh rows of the first."""

    window: Window
    ddof: int = 1
    what: ClassVar[int] = COV
    shared: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.ddof not in (0, 1) or self.window.rows == 1:
            raise ParameterError(f"ddof {self.ddof!r} over {self.window!r}: expected 0 (population) or 1 (sample), and two rows or more")

    @property
    def reach(self) -> Reach:
        """The window."""
        return Reach(self.window.width_ns, self.window.rows)

    def state(self, symbols: int) -> State:
        """Both stacks of every symbol."""
        slots = Slots(self.window, symbols, pair=("f8", 2), sums=("f8", 5), previous=("i8", 0), following=("i8", 0))
        return State(symbols, fronts=zeros(symbols, "i8"), stack=zeros((symbols, 10)), parts={"slots": slots})

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One covariance, correlation or beta a row."""
        slots, out = state.slots, np.empty(len(batch.values))
        x, y = batch.columns
        window_products(
            batch.time, batch.symbol, batch.fresh, x, y, slots.width_ns, slots.rows, slots.mask, slots.ends, slots.time,
            slots.symbol, slots.at, slots.pair, slots.sums, slots.previous, slots.following, state.fronts, state.stack,
            float(self.ddof), self.what, out,
        )  # fmt: skip
        return out


@dataclass(frozen=True, slots=True)
class RollingCorr(RollingCov):
    """Pearson's correlation."""

    what: ClassVar[int] = CORR


@dataclass(frozen=True, slots=True)
class RollingBeta(RollingCov):
    """Covariance over the variance of the other."""

    what: ClassVar[int] = BETA


def rolling_cov(other: Any, window: int | Duration, ddof: int = 1) -> Any:
    """Covariance of a signal with `other`, a signal of the same tape, over n rows or (t - width, t].

    A pair is taken at each fresh row of the first on which neither is nan. nan before n pairs, or below two.

    >>> from pipeline.checks import values_of
    >>> from pipeline.operators import column
    >>> values_of(lambda t: t.pipe(column("price"), rolling_cov(t.pipe(column("size")), 2)), price=[1.0, 3.0], size=[1.0, 5.0])
    [nan, 4.0]
    """
    return lambda source: source.with_other(other, RollingCov(bounds_of(window), ddof))


def rolling_corr(other: Any, window: int | Duration) -> Any:
    """Pearson's correlation of a signal with `other` over the window, from -1 to 1; nan where either stands still.

    >>> from pipeline.checks import values_of
    >>> from pipeline.operators import column
    >>> values_of(lambda t: t.pipe(column("price"), rolling_corr(t.pipe(column("size")), 2)), price=[1.0, 3.0], size=[1.0, 5.0])
    [nan, 1.0]
    """
    return lambda source: source.with_other(other, RollingCorr(bounds_of(window)))


def rolling_beta(other: Any, window: int | Duration) -> Any:
    """cov(signal, other) / var(other) over the window: the slope of a regression on `other`; nan where it stands still.

    >>> from pipeline.checks import values_of
    >>> from pipeline.operators import column
    >>> values_of(lambda t: t.pipe(column("price"), rolling_beta(t.pipe(column("size")), 2)), price=[1.0, 3.0], size=[1.0, 5.0])
    [nan, 0.5]
    """
    return lambda source: source.with_other(other, RollingBeta(bounds_of(window)))
