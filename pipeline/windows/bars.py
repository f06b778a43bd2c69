"""Bars: a tape of open, high, low, close, volume, VWAP and count, closed on time.

    time     0    5    10   15
    bar 0    [---------)
    bar 1              [---------)

A bar's row has the time of its end, and is made as soon as the tape's time reaches it, whichever symbol or HEARTBEAT
moved it. It belongs to the instant before, so that bars of bars are the bars. A bar of n trades ends 1 ns after its
last one.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import Duration, format_duration
from pipeline.errors import ParameterError
from pipeline.kernels import Codes, CodesOut, Flags, Ints, Marks, Matrix, Times, Values1D, added, inline, kernel
from pipeline.state import State, zeros
from pipeline.ticks import Ticks
from pipeline.windows.bounds import width_of
from pipeline.windows.sessions import Session

__all__ = ["Bars", "CountBars", "SessionBars", "bars"]

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
OPEN, HIGH, LOW, CLOSE, VOLUME, VOLUME_ERROR, VALUE, VALUE_ERROR, COUNT = range(9)
COLUMNS = ("price", "size", "open", "high", "low", "vwap", "count")


class Derivable(Protocol[T_co]):
    """What bars can be made of: a tape or a signal."""

    def derive(self, derivation: Any) -> T_co:
        """The derived tape."""


@inline
def put(bar, k, begin, price, high, low, start, size, value, count):  # type: ignore[no-untyped-def]
    if begin:
        bar[k, OPEN], bar[k, HIGH], bar[k, LOW] = start, high, low
        bar[k, VOLUME] = bar[k, VOLUME_ERROR] = bar[k, VALUE] = bar[k, VALUE_ERROR] = bar[k, COUNT] = 0.0
    bar[k, HIGH] = max(bar[k, HIGH], high)
    bar[k, LOW] = min(bar[k, LOW], low)
    bar[k, CLOSE] = price
    bar[k, VOLUME], bar[k, VOLUME_ERROR] = added(bar[k, VOLUME], bar[k, VOLUME_ERROR], size)
    bar[k, VALUE], bar[k, VALUE_ERROR] = added(bar[k, VALUE], bar[k, VALUE_ERROR], value)
    bar[k, COUNT] += count


@inline
def finish(bar, k, end, m, out_time, out_symbol, out):  # type: ignore[no-untyped-def]
    out_time[m] = end
    out_symbol[m] = k
    volume = bar[k, VOLUME] + bar[k, VOLUME_ERROR]
    out[0, m], out[1, m], out[2, m], out[3, m], out[4, m] = bar[k, CLOSE], volume, bar[k, OPEN], bar[k, HIGH], bar[k, LOW]
    out[5, m] = (bar[k, VALUE] + bar[k, VALUE_ERROR]) / volume if volume > 0.0 else np.nan
    out[6, m] = bar[k, COUNT]


@kernel
def period_bars(
    symbol: Codes, counted: Flags, time: Times, until: int, ends: Times, price: Values1D, high: Values1D, low: Values1D, start: Values1D,
    size: Values1D, value: Values1D, count: Values1D, bar: Matrix, is_open: Marks, order: Ints, current: Ints, out_time: Ints,
    out_symbol: CodesOut, out: Matrix,
) -> int:  # fmt: skip
    """ends[i]: the end of the bar that row i falls into, -1 if none; current = how many bars are open, their common end."""
    m = 0
    for i in range(time.shape[0] + 1):
        t = time[i] if i < time.shape[0] else until
        if current[0] > 0 and t >= current[1]:
            for q in range(current[0]):
                finish(bar, order[q], current[1], m, out_time, out_symbol, out)
                is_open[order[q]] = False
                m += 1
            current[0] = 0
        if i == time.shape[0]:
            break
        k = symbol[i]
        if counted[i] and ends[i] >= 0:
            current[1] = ends[i]
            if not is_open[k]:
                order[current[0]] = k
                current[0] += 1
            put(bar, k, not is_open[k], price[i], high[i], low[i], start[i], size[i], value[i], count[i])
            is_open[k] = True
    return m


@kernel
def count_bars(
    symbol: Codes, counted: Flags, time: Times, rows: int, price: Values1D, high: Values1D, low: Values1D, start: Values1D, size: Values1D,
    value: Values1D, count: Values1D, bar: Matrix, filled: Ints, out_time: Ints, out_symbol: CodesOut, out: Matrix,
) -> int:  # fmt: skip
    m = 0
    for i in range(time.shape[0]):
        k = symbol[i]
        if counted[i]:
            put(bar, k, filled[k] == 0, price[i], high[i], low[i], start[i], size[i], value[i], count[i])
            filled[k] += 1
            if filled[k] == rows:
                finish(bar, k, time[i] + 1, m, out_time, out_symbol, out)
                filled[k] = 0
                m += 1
    return m


def measures(rows: Ticks) -> tuple[NDArray[np.float64], ...]:
    """Price, high, low, open, size, value and count of each row: of a trade, or of a bar."""
    columns, price, size = rows.columns, rows.columns["price"], rows.columns["size"]
    if "vwap" in columns:
        value = np.where(size > 0.0, columns["vwap"] * size, 0.0)
        return price, columns["high"], columns["low"], columns["open"], size, value, columns["count"]
    return price, price, price, price, size, price * size, np.ones(len(price))


def as_columns(count: int, time: NDArray[np.int64], symbol: NDArray[np.int32], out: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    named = {name: np.ascontiguousarray(out[place, :count]) for place, name in enumerate(COLUMNS)}
    return {"time": time[:count], "symbol": symbol[:count], **named}


@dataclass(frozen=True, slots=True)
class PeriodBars:
    """Bars that all end at the same moments: subclasses say when."""

    columns: ClassVar[tuple[str, ...]] = COLUMNS
    reads: ClassVar[tuple[str, ...]] = ("price", "size")
    overlap: ClassVar[int] = 0

    def __call__(self, source: Derivable[T]) -> T:
        return source.derive(self)

    def due(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """The ends."""
        return self.ends(time)

    def closes(self, state: State) -> NDArray[np.int64]:
        """The common end of the open bars."""
        return np.where(state.is_open, state.current[1], 0)

    def standing(self, state: State) -> None:
        """A bar knows nothing of the one before."""

    def ends(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """The end of the bar of each time, -1 if it is in none."""
        raise NotImplementedError(type(self).__name__)

    def state(self, symbols: int) -> State:
        """The open bars, in the order in which they opened."""
        return State(symbols, {"current": zeros(2, "i8")}, bar=zeros((symbols, 9)), is_open=zeros(symbols, "?"), order=zeros(symbols, "i8"))

    def step(self, state: State, rows: Ticks, counted: NDArray[np.bool_], until: int, shift: int) -> dict[str, NDArray[Any]]:
        """The bars that have ended by `until`."""
        time = rows.columns["time"] - shift if shift else rows.columns["time"]
        ends = self.ends(time) if len(time) else time
        most = int(state.current[0]) + len(time)
        out_time, out_symbol, out = np.empty(most, np.int64), np.empty(most, np.int32), np.empty((len(COLUMNS), most))
        count = period_bars(
            rows.columns["symbol"], counted, time, until, ends, *measures(rows), state.bar, state.is_open, state.order, state.current,
            out_time, out_symbol, out,
        )  # fmt: skip
        return as_columns(count, out_time, out_symbol, out)


@dataclass(frozen=True, slots=True)
class Bars(PeriodBars):
    """Bars of a length of time, aligned with the epoch (UTC)."""

    width_ns: int

    def __repr__(self) -> str:
        return f"bars({format_duration(self.width_ns)!r})"

    def ends(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """The next multiple of the width."""
        return (time // self.width_ns + 1) * self.width_ns


@dataclass(frozen=True, slots=True)
class SessionBars(PeriodBars):
    """One bar a session; rows outside of sessions are in none."""

    session: Session

    def __repr__(self) -> str:
        return f"bars({self.session!r})"

    def ends(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """The session's close."""
        return self.session.closes_at(time)


@dataclass(frozen=True, slots=True)
class CountBars:
    """Bars of a number of trades of a symbol."""

    rows: int
    columns: ClassVar[tuple[str, ...]] = COLUMNS
    reads: ClassVar[tuple[str, ...]] = ("price", "size")
    overlap: ClassVar[int] = 1  # what is lost at the time of the last trade may be lost before it or after

    def __repr__(self) -> str:
        return f"bars({self.rows})"

    def __call__(self, source: Derivable[T]) -> T:
        return source.derive(self)

    def due(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """Nobody knows: what was lost may have filled a bar at once."""
        return np.full(len(time), -1)

    def closes(self, state: State) -> NDArray[np.int64]:
        """Nobody knows."""
        return np.zeros(state.symbols, np.int64)

    def standing(self, state: State) -> None:
        """A bar knows nothing of the one before."""

    def state(self, symbols: int) -> State:
        """The open bars, and those that end in the next nanosecond."""
        waiting = {"waiting_time": zeros(0, "i8"), "waiting_symbol": zeros(0, "i4"), "waiting": zeros((len(COLUMNS), 0))}
        return State(symbols, waiting, bar=zeros((symbols, 9)), filled=zeros(symbols, "i8"))

    def step(self, state: State, rows: Ticks, counted: NDArray[np.bool_], until: int, shift: int) -> dict[str, NDArray[Any]]:
        """The bars that have ended by `until`; one that a row of that very time has filled waits."""
        most = len(rows)
        time = rows.columns["time"] - shift if shift else rows.columns["time"]
        out_time, out_symbol, out = np.empty(most, np.int64), np.empty(most, np.int32), np.empty((len(COLUMNS), most))
        count = count_bars(
            rows.columns["symbol"], counted, time, self.rows, *measures(rows), state.bar, state.filled, out_time, out_symbol, out
        )
        times = np.concatenate([state.waiting_time, out_time[:count]])
        symbols = np.concatenate([state.waiting_symbol, out_symbol[:count]])
        values = np.concatenate([state.waiting, out[:, :count]], axis=1)
        due = int(np.searchsorted(times, until, side="right"))
        state.waiting_time, state.waiting_symbol, state.waiting = times[due:].copy(), symbols[due:].copy(), values[:, due:].copy()
        return as_columns(due, times, symbols, values)


def bars(of: int | Duration | Session) -> Bars | CountBars | SessionBars:
    """Open, high, low, close, volume, VWAP and count, tumbling: by time ("1m"), by trades (100), or by session.

    The rows of the new tape: `time` the bar's end, `price` the close, `size` the volume, `open`, `high`, `low`, `vwap`
    (nan without volume) and `count`; one for each symbol that traded. Operators run on it as on any tape. On a signal,
    bars of its values, without volume. A bar unfinished at the end of the tape is not made.

    >>> from pipeline.checks import rows_of
    >>> rows_of(bars("1m"), price=[10.0, 12.0, 11.0], size=[1.0, 1.0, 1.0], seconds=[0, 59, 60])[["price", "high", "count"]].values.tolist()
    [[12.0, 12.0, 2.0]]
    """
    if isinstance(of, Session):
        return SessionBars(of)
    if isinstance(of, int):
        if isinstance(of, bool) or of < 1:
            raise ParameterError(f"bars of {of!r} trades; expected one or more")
        return CountBars(of)
    return Bars(width_of(of))
