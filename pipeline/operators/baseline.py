"""Volume baseline: what is usual, from the time before the present window.

baseline="5m", over="1m"      t - 6m                     t - 1m      t
                              (--------- 5m -----------](---- 1m ---]
                              mean volume per minute     left out
"""

from dataclasses import dataclass
from math import gcd
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import Duration, format_duration
from pipeline.gaps import Reach
from pipeline.kernels import Codes, CodesOut, Flags, Floats, Ints, Matrix, Times, Values1D, kernel
from pipeline.operators.sums import ERROR, TOTAL, moved
from pipeline.stage import Input, Operator
from pipeline.state import State, full, zeros
from pipeline.units import SIZE
from pipeline.windows.bounds import Window, width_of
from pipeline.windows.slots import Slots

__all__ = ["VolumeBaseline", "volume_baseline"]


@kernel
def earlier_sums(
    time: Times, symbol: Codes, fresh: Flags, x: Values1D, over: int, baseline: int, mask: int, ends: Ints, slot_time: Ints,
    slot_symbol: CodesOut, value: Floats, acc: Matrix, first: Ints,
    times: float, over_parts: float, out: Floats,
) -> None:  # fmt: skip
    """Sums over (t - over - baseline, t - over]; ends = oldest, first of the present window, next."""
    head = ends[0]
    middle = ends[1]
    tail = ends[2]
    for i in range(x.shape[0]):
        k = symbol[i]
        recent = time[i] - over
        while middle != tail and slot_time[middle & mask] <= recent:
            j = middle & mask
            middle += 1
            moved(acc, np.uint32(slot_symbol[j]), value[j], 1.0, middle, mask, slot_symbol, value)
        while head != middle and slot_time[head & mask] <= recent - baseline:
            j = head & mask
            moved(acc, np.uint32(slot_symbol[j]), value[j], -1.0, middle, mask, slot_symbol, value)
            head += 1
        if fresh[i]:
            j = tail & mask
            slot_time[j] = time[i]
            slot_symbol[j] = k
            value[j] = x[i]
            tail += 1
            if first[k] < 0:
                first[k] = time[i]
        covered = k > 0 and first[k] >= 0 and first[k] <= recent - baseline
        out[i] = (acc[k, TOTAL] + acc[k, ERROR]) * times / over_parts if covered else np.nan
    ends[0] = head
    ends[1] = middle
    ends[2] = tail


@dataclass(frozen=True, slots=True)
class VolumeBaseline(Operator):
    """Mean volume per `over` in the `baseline` before the present `over`."""

    over_ns: int
    baseline_ns: int
    reads: ClassVar[tuple[str, ...]] = ("size",)
    shared: ClassVar[bool] = True
    unit: ClassVar[str] = SIZE

    def __repr__(self) -> str:
        return f"VolumeBaseline(over={format_duration(self.over_ns)!r}, baseline={format_duration(self.baseline_ns)!r})"

    @property
    def reach(self) -> Reach:
        """Both stretches."""
        return Reach(self.over_ns + self.baseline_ns)

    def state(self, symbols: int) -> State:
        """Sums, the first time of each symbol, and the rows of both stretches."""
        slots = Slots(Window(width_ns=self.over_ns + self.baseline_ns), symbols, value=("f8", 0))
        return State(symbols, acc=zeros((symbols, 8)), first=full(symbols, -1, "i8"), parts={"slots": slots})

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One baseline a row."""
        slots, out = state.slots, np.empty(len(batch.values))
        common = gcd(self.over_ns, self.baseline_ns)
        earlier_sums(
            batch.time, batch.symbol, batch.fresh, batch.values, self.over_ns, self.baseline_ns, slots.mask, slots.ends, slots.time,
            slots.symbol, slots.value, state.acc, state.first,
            self.over_ns / common, self.baseline_ns / common, out,
        )  # fmt: skip
        return out


def volume_baseline(over: Duration, baseline: Duration) -> VolumeBaseline:
    """Mean traded size per `over` in the `baseline` before the present `over`, in base units.

    The sum over (t - over - baseline, t - over], times over / baseline. nan until the symbol's first trade is that old:
    a stretch that is not covered says nothing of what is usual.

    >>> from pipeline.checks import values_of
    >>> values_of(volume_baseline("1m", "2m"), price=[10.0] * 4, size=[4.0, 2.0, 9.0, 1.0], seconds=[0, 60, 150, 181])
    [nan, nan, nan, 1.0]
    """
    return VolumeBaseline(width_of(over), width_of(baseline))
