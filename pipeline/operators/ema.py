"""Exponential moving average, and Wilder's RSI, which is made of two."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import Duration, format_duration
from pipeline.errors import ParameterError, UnknownName
from pipeline.gaps import Reach
from pipeline.kernels import Codes, Flags, Floats, Ints, Matrix, Times, Values1D, kernel
from pipeline.stage import Input, Operator
from pipeline.state import State, zeros
from pipeline.units import SAME
from pipeline.windows.bounds import bounds_of

__all__ = ["Ema", "Rsi", "TimeEma", "ema", "rsi"]

Seed = Literal["average", "first"]
SEEDS = ("average", "first")
FAR = 16.0
FADED = 0.01
"""What is left of the weight of a row when it no longer counts as part of what a value depends on."""


def rows_until_faded(kept: float) -> int:
    """The smallest n with kept ** n <= FADED: of weights that fall by `kept` from row to row, all older ones have kept ** n together.

    The sum of a geometric series: (1 - kept) * (kept ** n + kept ** (n + 1) + ...) = kept ** n.
    """
    return max(1, math.ceil(math.log(FADED) / math.log(kept))) if kept > 0.0 else 1


@kernel
def ema_by_ticks(symbol: Codes, fresh: Flags, x: Values1D, weight: float, warm_up: int, memory: Matrix, out: Floats) -> None:
    """memory[k] = level (while warming up: the sum), how many values."""
    for i in range(x.shape[0]):
        k = symbol[i]
        if fresh[i]:
            n = memory[k, 1]
            if n < warm_up:
                memory[k, 0] += x[i]
                if n + 1.0 == warm_up:
                    memory[k, 0] /= warm_up
            else:
                memory[k, 0] += weight * (x[i] - memory[k, 0])
            memory[k, 1] = n + 1.0
        out[i] = memory[k, 0] if memory[k, 1] >= warm_up else np.nan


@kernel
def ema_by_time(time: Times, symbol: Codes, fresh: Flags, x: Values1D, half_life: float, memory: Matrix, last: Ints, out: Floats) -> None:
    """memory[k] = weighted sum relative to an anchor, sum of weights, the anchor."""
    for i in range(x.shape[0]):
        k = symbol[i]
        if fresh[i]:
            if memory[k, 1] == 0.0:
                memory[k, 2] = x[i]
                last[k] = time[i]
            elif abs(memory[k, 2]) > FAR * abs(x[i]):  # an anchor that would cost every later price its digits: take another
                memory[k, 0] += (memory[k, 2] - x[i]) * memory[k, 1]
                memory[k, 2] = x[i]
            decay = 2.0 ** ((last[k] - time[i]) / half_life)
            memory[k, 0] = memory[k, 0] * decay + (x[i] - memory[k, 2])
            memory[k, 1] = memory[k, 1] * decay + 1.0
            last[k] = time[i]
        out[i] = memory[k, 2] + memory[k, 0] / memory[k, 1] if memory[k, 1] > 0.0 else np.nan


@kernel
def wilder_rsi(symbol: Codes, fresh: Flags, x: Values1D, n: int, memory: Matrix, out: Floats) -> None:
    """memory[k] = last value, how many values, average gain, average loss (sums while warming up)."""
    for i in range(x.shape[0]):
        k = symbol[i]
        if fresh[i]:
            seen = memory[k, 1]
            change = x[i] - memory[k, 0] if seen > 0.0 else 0.0
            gain, loss = max(change, 0.0), max(-change, 0.0)
            if seen <= n:
                memory[k, 2] += gain
                memory[k, 3] += loss
                if seen == n:
                    memory[k, 2] /= n
                    memory[k, 3] /= n
            else:
                memory[k, 2] = (memory[k, 2] * (n - 1) + gain) / n
                memory[k, 3] = (memory[k, 3] * (n - 1) + loss) / n
            memory[k, 0] = x[i]
            memory[k, 1] = seen + 1.0
        if memory[k, 1] <= n:
            out[i] = np.nan
        elif memory[k, 3] == 0.0:
            out[i] = 100.0
        else:
            out[i] = 100.0 - 100.0 / (1.0 + memory[k, 2] / memory[k, 3])


@dataclass(frozen=True, slots=True)
class Ema(Operator):
    """Exponential moving average over ticks."""

    span: int
    seed: Seed = "average"
    shared: ClassVar[bool] = True
    unit: ClassVar[str] = SAME

    @property
    def reach(self) -> Reach:
        """Until less than 1% of the weight is older."""
        return Reach(rows=rows_until_faded(1.0 - 2.0 / (self.span + 1)))

    def state(self, symbols: int) -> State:
        """Level and count."""
        return State(symbols, memory=zeros((symbols, 2)))

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One level a row."""
        out = np.empty(len(batch.values))
        ema_by_ticks(
            batch.symbol, batch.fresh, batch.values, 2.0 / (self.span + 1), self.span if self.seed == "average" else 1, state.memory, out
        )
        return out


@dataclass(frozen=True, slots=True)
class TimeEma(Operator):
    """Average weighted by age, half as much for each half-life."""

    half_life_ns: int
    shared: ClassVar[bool] = True
    unit: ClassVar[str] = SAME

    def __repr__(self) -> str:
        return f"TimeEma({format_duration(self.half_life_ns)!r})"

    @property
    def reach(self) -> Reach:
        """Until less than 1% of the weight is older, at a steady rate of trades; how many were lost nobody knows."""
        return Reach(math.ceil(self.half_life_ns * -math.log2(FADED)))

    def state(self, symbols: int) -> State:
        """Weighted sum, weights and the last time."""
        return State(symbols, memory=zeros((symbols, 3)), last=zeros(symbols, "i8"))

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One average a row."""
        out = np.empty(len(batch.values))
        ema_by_time(batch.time, batch.symbol, batch.fresh, batch.values, float(self.half_life_ns), state.memory, state.last, out)
        return out


@dataclass(frozen=True, slots=True)
class Rsi(Operator):
    """Wilder's relative strength index."""

    n: int
    shared: ClassVar[bool] = True
    unit: ClassVar[str] = "RSI (0 to 100)"

    @property
    def reach(self) -> Reach:
        """Until less than 1% of the weight of either average is older, and the value before the first change."""
        return Reach(rows=rows_until_faded(1.0 - 1.0 / self.n) + 1)

    def state(self, symbols: int) -> State:
        """Last value, count, average gain and loss."""
        return State(symbols, memory=zeros((symbols, 4)))

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One index a row."""
        out = np.empty(len(batch.values))
        wilder_rsi(batch.symbol, batch.fresh, batch.values, self.n, state.memory, out)
        return out


def ema(span: int | Duration, seed: Seed = "average") -> Ema | TimeEma:
    """Exponential moving average of the price, in quote currency: over a span in ticks, or with a half-life in time.

    Span n: level += 2 / (n + 1) * (price - level). It starts from the mean of the first n prices, nan before (TA-Lib,
    LEAN), or with `seed="first"` from the first price (pandas `adjust=False`). Half-life: the mean of all prices, each
    weighted 2 ** (-age / half-life), ages by the tape's time (pandas `ewm(halflife, times=...)`); `seed` has no part in it.

    >>> from pipeline.checks import values_of
    >>> values_of(ema(3), price=[1.0, 2.0, 3.0, 6.0])
    [nan, nan, 2.0, 4.0]
    >>> values_of(ema("1s"), price=[1.0, 4.0], seconds=[0, 1])
    [1.0, 3.0]
    """
    if seed not in SEEDS:
        raise UnknownName("seed of ema", seed, SEEDS)
    bounds = bounds_of(span)
    return Ema(bounds.rows, seed) if bounds.rows else TimeEma(bounds.width_ns)


def rsi(n: int = 14) -> Rsi:
    """Relative strength index, 0 to 100, after Wilder (1978): 100 - 100 / (1 + average gain / average loss).

    The averages start as means of the first n changes and go on as (average * (n - 1) + change) / n. nan before n
    changes; 100 where nothing was lost.

    >>> from pipeline.checks import values_of
    >>> values_of(rsi(2), price=[1.0, 2.0, 1.0, 2.0])
    [nan, nan, 50.0, 75.0]
    """
    if not isinstance(n, int) or n < 1:
        raise ParameterError(f"rsi({n!r}): expected a whole number of changes from 1, such as rsi(14)")
    return Rsi(n)
