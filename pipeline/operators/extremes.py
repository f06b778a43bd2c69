"""Lowest and highest of a window, by a queue of two stacks: rows enter at the back, leave at the front, and each stack
knows the extreme of what it holds. When the front is used up the back is turned over, once for each row.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import Duration
from pipeline.gaps import Reach
from pipeline.kernels import Codes, CodesOut, Counts, Flags, Floats, Ints, Matrix, Times, Values1D, inline, kernel
from pipeline.stage import Input, Operator
from pipeline.state import State, full, zeros
from pipeline.units import SAME
from pipeline.windows.bounds import Window, bounds_of
from pipeline.windows.slots import Slots, new_slot

__all__ = ["RollingMax", "RollingMin", "rolling_max", "rolling_min"]


@inline
def take_oldest(at, fronts, backs, k, mask, value, best, previous, following):  # type: ignore[no-untyped-def]
    if fronts[k] == 0:
        slot = at[k, 2]
        running = -np.inf
        for _ in range(at[k, 0]):
            running = max(running, value[slot & mask])
            best[slot & mask] = running
            slot = previous[slot & mask]
        fronts[k] = at[k, 0]
        backs[k, 0] = -np.inf
    fronts[k] -= 1
    at[k, 0] -= 1
    at[k, 3] = following[at[k, 3] & mask]


@inline
def put_newest(at, k, slot, mask, previous, following):  # type: ignore[no-untyped-def]
    """Chain a row behind the symbol's newest."""
    if at[k, 0] == 0:
        at[k, 3] = slot
    else:
        following[at[k, 2] & mask] = slot
    previous[slot & mask] = at[k, 2]
    at[k, 2] = slot
    at[k, 0] += 1


@kernel
def window_extremes(
    time: Times, symbol: Codes, fresh: Flags, x: Values1D, width: int, rows: int, mask: int, ends: Ints, slot_time: Ints,
    slot_symbol: CodesOut, at: Counts, value: Floats, best: Floats, previous: Ints, following: Ints, fronts: Ints, backs: Matrix,
    sign: float, out: Floats,
) -> None:  # fmt: skip
    """The highest of sign * x, times sign."""
    head, tail = ends[0], ends[2]
    for i in range(x.shape[0]):
        while head != tail and slot_time[head & mask] <= time[i] - width:
            take_oldest(at, fronts, backs, slot_symbol[head & mask], mask, value, best, previous, following)
            head += 1
        k = symbol[i]
        if fresh[i]:
            slot = new_slot(at, k, rows, tail, mask, time[i], slot_time, slot_symbol)
            if rows == 0:
                tail += 1
            elif at[k, 0] == rows:
                take_oldest(at, fronts, backs, k, mask, value, best, previous, following)
            value[slot & mask] = sign * x[i]
            put_newest(at, k, slot, mask, previous, following)
            backs[k, 0] = max(backs[k, 0], sign * x[i])
        if k == 0 or at[k, 0] == 0 or at[k, 0] < rows:
            out[i] = np.nan
        elif fronts[k] > 0:
            out[i] = sign * max(backs[k, 0], best[at[k, 3] & mask])
        else:
            out[i] = sign * backs[k, 0]
    ends[0], ends[2] = head, tail


@dataclass(frozen=True, slots=True)
class RollingMax(Operator):
    """Highest value in the window."""

    window: Window
    sign: ClassVar[float] = 1.0
    shared: ClassVar[bool] = True
    unit: ClassVar[str] = SAME

    @property
    def reach(self) -> Reach:
        """The window."""
        return Reach(self.window.width_ns, self.window.rows)

    def state(self, symbols: int) -> State:
        """Both stacks of every symbol."""
        slots = Slots(self.window, symbols, value=("f8", 0), best=("f8", 0), previous=("i8", 0), following=("i8", 0))
        return State(symbols, fronts=zeros(symbols, "i8"), backs=full((symbols, 1), -np.inf), parts={"slots": slots})

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One extreme a row."""
        slots, out = state.slots, np.empty(len(batch.values))
        window_extremes(
            batch.time, batch.symbol, batch.fresh, batch.values, slots.width_ns, slots.rows, slots.mask, slots.ends, slots.time,
            slots.symbol, slots.at, slots.value, slots.best, slots.previous, slots.following, state.fronts, state.backs, self.sign, out,
        )  # fmt: skip
        return out


@dataclass(frozen=True, slots=True)
class RollingMin(RollingMax):
    """Lowest value in the window."""

    sign: ClassVar[float] = -1.0


def rolling_max(window: int | Duration) -> RollingMax:
    """Highest price of each symbol's last n trades, or of (t - width, t]; nan before n, or while the window is empty.

    With `price` above the value of the row before, this is the Donchian breakout.

    >>> from pipeline.checks import values_of
    >>> values_of(rolling_max("2s"), price=[3.0, 1.0, 2.0], seconds=[0, 1, 2])
    [3.0, 3.0, 2.0]
    """
    return RollingMax(bounds_of(window))


def rolling_min(window: int | Duration) -> RollingMin:
    """Lowest price of each symbol's last n trades, or of (t - width, t]; nan before n, or while the window is empty.

    >>> from pipeline.checks import values_of
    >>> values_of(rolling_min(2), price=[3.0, 1.0, 2.0])
    [nan, 1.0, 1.0]
    """
    return RollingMin(bounds_of(window))
