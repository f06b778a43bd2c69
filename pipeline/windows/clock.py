"""Clock: a tape with a row a second (or another period) for every symbol seen lately, for rules about silence.

trades     x   x                        x
clock      |   |   |   |   |   |   |   |   |      a row each: last price, size since the row before, when last seen
"""

from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import Duration, format_duration
from pipeline.kernels import Codes, CodesOut, Flags, Ints, Matrix, Times, Values1D, added, inline, kernel
from pipeline.state import State, full, zeros
from pipeline.ticks import Ticks
from pipeline.windows.bars import Derivable
from pipeline.windows.bounds import width_of

__all__ = ["Clock", "clock"]

T = TypeVar("T")
NEVER = -(1 << 62)
NEXT, NEWEST, KNOWN = 0, 1, 2
PRICE, SIZE, SIZE_ERROR, BID, ASK = range(5)


@inline
def strike(at, every, active, seen, last, order, known, write, m, out_time, out_symbol, out_seen, out):  # type: ignore[no-untyped-def]
    """The rows of one moment, in the order in which symbols first appeared."""
    for q in range(known):
        k = order[q]
        if seen[k] != NEVER and at - seen[k] <= active:
            if write:
                out_time[m] = at
                out_symbol[m] = k
                out_seen[m] = seen[k]
                out[0, m], out[1, m], out[2, m], out[3, m] = last[k, PRICE], last[k, SIZE] + last[k, SIZE_ERROR], last[k, BID], last[k, ASK]
                last[k, SIZE] = last[k, SIZE_ERROR] = 0.0
            m += 1
    return m


@kernel
def clock_rows(
    time: Times, symbol: Codes, counted: Flags, quoted: Flags, price: Values1D, size: Values1D, bid: Values1D, ask: Values1D, every: int,
    active: int, seen: Ints, last: Matrix, met: Ints, order: Ints, marks: Ints, write: bool, out_time: Ints, out_symbol: CodesOut,
    out_seen: Ints, out: Matrix,
) -> int:  # fmt: skip
    """How many rows are due; makes them if `write`. marks = next moment, time of the newest counted row, how many symbols."""
    m = 0
    for i in range(time.shape[0]):
        t = time[i]
        if marks[NEXT] == 0:
            marks[NEXT] = (t // every + 1) * every
        while marks[NEXT] <= t:
            if marks[NEXT] - marks[NEWEST] > active:
                marks[NEXT] = (t // every + 1) * every
                break
            m = strike(marks[NEXT], every, active, seen, last, order, marks[KNOWN], write, m, out_time, out_symbol, out_seen, out)
            marks[NEXT] += every
        k = symbol[i]
        if k > 0 and met[k] == 0:
            met[k] = 1
            order[marks[KNOWN]] = k
            marks[KNOWN] += 1
        if quoted[i] and write:
            last[k, BID], last[k, ASK] = bid[i], ask[i]
        if counted[i]:
            seen[k] = t
            marks[NEWEST] = t
            if write:
                last[k, PRICE] = price[i]
                last[k, SIZE], last[k, SIZE_ERROR] = added(last[k, SIZE], last[k, SIZE_ERROR], size[i])
    return m


@dataclass(frozen=True, slots=True)
class Clock:
    """A row each period for every symbol seen within `active`."""

    every_ns: int
    active_ns: int
    columns: ClassVar[tuple[str, ...]] = ("price", "size", "bid", "ask", "seen")
    reads: ClassVar[tuple[str, ...]] = ()
    overlap: ClassVar[int] = 0

    def __repr__(self) -> str:
        return f"clock({format_duration(self.every_ns)!r}, active={format_duration(self.active_ns)!r})"

    def __call__(self, source: Derivable[T]) -> T:
        return source.derive(self)

    def due(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """The next moment."""
        return (time // self.every_ns + 1) * self.every_ns

    def closes(self, state: State) -> NDArray[np.int64]:
        """The moment after each symbol was last seen."""
        return self.due(state.seen)

    def standing(self, state: State) -> NDArray[np.int64]:
        """The price once there was one, both sides of a quote once there was one."""
        return np.asarray((state.seen != NEVER) + 2 * ~np.isnan(state.last[:, BID]), np.int64)

    def state(self, symbols: int) -> State:
        """When each symbol was last seen, and with what."""
        last = full((symbols, 5), np.nan)
        last[:, SIZE : SIZE_ERROR + 1] = 0.0
        return State(
            symbols,
            {"marks": np.array([0, NEVER, 0])},
            seen=full(symbols, NEVER, "i8"),
            last=last,
            met=zeros(symbols, "i8"),
            order=zeros(symbols, "i8"),
        )

    def step(self, state: State, rows: Ticks, counted: NDArray[np.bool_], until: int, shift: int) -> dict[str, NDArray[Any]]:
        """The rows of every moment the tape's time has reached."""
        absent = full(len(rows), np.nan)
        prices = [rows.columns.get(name, absent) for name in ("price", "bid", "ask")]
        size = rows.columns.get("size", zeros(len(rows)))
        time, symbol, quoted = rows.columns["time"] - shift, rows.columns["symbol"], counted if shift else rows.quotes
        if until > int(time[-1] if len(time) else NEVER):
            time, symbol = np.append(time, until), np.append(symbol, np.int32(0))
            counted, quoted = np.append(counted, False), np.append(quoted, False)
            prices, size = [np.append(price, np.nan) for price in prices], np.append(size, 0.0)
        inputs = (time, symbol, counted, quoted, prices[0], size, prices[1], prices[2], self.every_ns, self.active_ns)
        due = self._due(state, inputs) if state.marks[NEXT] == 0 or until >= state.marks[NEXT] else 0
        out_time, out_symbol, out_seen, out = zeros(due, "i8"), zeros(due, "i4"), zeros(due, "i8"), zeros((4, due))
        clock_rows(*inputs, state.seen, state.last, state.met, state.order, state.marks, True, out_time, out_symbol, out_seen, out)
        price, size, bid, ask = (np.ascontiguousarray(out[place]) for place in range(4))
        return {"time": out_time, "symbol": out_symbol, "price": price, "size": size, "bid": bid, "ask": ask, "seen": out_seen}

    def _due(self, state: State, inputs: tuple[Any, ...]) -> int:
        """How many rows there will be, found on copies."""
        trial = (state.seen.copy(), state.last, state.met.copy(), state.order.copy(), state.marks.copy())
        return clock_rows(*inputs, *trial, False, zeros(0, "i8"), zeros(0, "i4"), zeros(0, "i8"), zeros((4, 0)))


def clock(every: Duration = "1s", active: Duration = "5m") -> Clock:
    """A tape with a row at each multiple of `every` for every symbol seen within `active`; it costs only those who ask.

    Its rows know what came before their time: `price`, `bid` and `ask` the last, `size` the volume since the row before,
    `seen` the time of the last trade (on a tape without trades: quote). `age()` on it is the seconds since then.

    >>> from pipeline.checks import rows_of
    >>> rows_of(clock("1s"), price=[10.0, 11.0], size=[5.0, 1.0], seconds=[0.5, 2.5])[["price", "size"]].values.tolist()
    [[10.0, 5.0], [10.0, 0.0]]
    """
    return Clock(width_of(every), width_of(active))
