"""Volume-weighted average price, over a window or since the session's open."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import Duration
from pipeline.gaps import FOREVER, Reach
from pipeline.kernels import Codes, CodesOut, Flags, Floats, Ints, Matrix, Times, Values1D, added, kernel
from pipeline.operators.sums import RING, SUM, moved, sums_over_rows
from pipeline.stage import Input, Operator
from pipeline.state import State, full, zeros
from pipeline.windows.bounds import Window, bounds_of
from pipeline.windows.sessions import Session
from pipeline.windows.slots import Slots, next_move, take_places

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


@kernel
def vwap_over_time(
    time: Times, symbol: Codes, fresh: Flags, price: Values1D, size: Values1D, width: int, mask: int, ends: Ints, slot_time: Ints,
    slot_symbol: CodesOut, value: Floats, volume: Floats, values: Matrix, volumes: Matrix, own: Ints, rest: Matrix, out: Floats,
) -> None:  # fmt: skip
    """Both sums in one pass: rows leave once. rest = for each row both sums."""
    head, newest = ends[0], ends[2]
    ends[2] = take_places(time, symbol, fresh, mask, newest, slot_time, slot_symbol, own)
    for i in range(price.shape[0]):
        value[own[i]], volume[own[i]] = price[i] * size[i], size[i]
    value[ends[2] & mask] = volume[ends[2] & mask] = -0.0
    i = 0
    while i < price.shape[0]:
        arrives, place, k = next_move(head, time[i] - width, symbol[i], own[i], mask, slot_time, slot_symbol)
        enters = arrives & np.int64(fresh[i])
        newest += enters
        sign = np.float64(arrives + enters - 1)
        total, error, _ = moved(values, k, value[place], sign, newest, mask, slot_symbol, value)
        rest[0, i] = total + error
        total, error, _ = moved(volumes, k, volume[place], sign, newest, mask, slot_symbol, volume)
        rest[1, i] = total + error
        i += arrives
        head += 1 - arrives
    ends[0] = head
    for i in range(price.shape[0]):
        out[i] = rest[0, i] / rest[1, i] if rest[1, i] > 0.0 else np.nan


@dataclass(frozen=True, slots=True)
class Vwap(Operator):
    """Sum of price * size over sum of sizes in the window."""

    window: Window
    reads: ClassVar[tuple[str, ...]] = ("price", "size")
    shared: ClassVar[bool] = True

    @property
    def reach(self) -> Reach:
        """The window."""
        return Reach(self.window.width_ns, self.window.rows)

    def state(self, symbols: int) -> State:
        """Both sums, and the rows of the window."""
        shape = (symbols, RING + self.window.rows)
        parts = None if self.window.rows else {"slots": Slots(self.window, symbols, value=("f8", 0), volume=("f8", 0))}
        return State(symbols, None, parts, values=zeros(shape), volumes=zeros(shape))

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One average a row."""
        price, size = batch.columns
        out = np.empty(len(price))
        if self.window.rows:
            value, volume = np.empty(len(price)), np.empty(len(price))
            rows = self.window.rows
            sums_over_rows(batch.symbol, batch.fresh, price * size, rows, state.values, SUM, value)
            sums_over_rows(batch.symbol, batch.fresh, size, rows, state.volumes, SUM, volume)
            out.fill(np.nan)
            return np.divide(value, volume, out=out, where=volume > 0.0)
        slots, own, rest = state.slots, np.empty(len(price), np.int64), np.empty((2, len(price)))
        vwap_over_time(
            batch.time, batch.symbol, batch.fresh, price, size, slots.width_ns, slots.mask, slots.ends, slots.time, slots.symbol,
            slots.value, slots.volume, state.values, state.volumes, own, rest, out,
        )  # fmt: skip
        return out


@dataclass(frozen=True, slots=True)
class SessionVwap(Operator):
    """Sum of price * size over sum of sizes since the session's open."""

    session: Session
    reads: ClassVar[tuple[str, ...]] = ("price", "size")
    shared: ClassVar[bool] = True

    @property
    def reach(self) -> Reach:
        """All since the session's open."""
        return Reach(FOREVER, session=self.session)

    def state(self, symbols: int) -> State:
        """Both sums and their session."""
        return State(symbols, since=full(symbols, -2, "i8"), total=zeros((symbols, 4)))

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One average a row."""
        price, size = batch.columns
        out = np.empty(len(price))
        session_vwap(batch.symbol, batch.fresh, price, size, self.session.opens_at(batch.time - batch.shift), state.since, state.total, out)
        return out


def vwap(over: int | Duration | Session) -> Vwap | SessionVwap:
    """Volume-weighted average price, in quote currency: of n trades, of (t - width, t], or since a session's open.

    sum(price * size) / sum(size); nan where no size was traded, before n trades, and outside of sessions.

    >>> from pipeline.checks import values_of
    >>> values_of(vwap("1m"), price=[10.0, 20.0], size=[3.0, 1.0])
    [10.0, 12.5]
    """
    return SessionVwap(over) if isinstance(over, Session) else Vwap(bounds_of(over))
