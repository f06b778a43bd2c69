"""A clock that stands still while nothing is alive: for rules about one symbol's silence beside the others' noise.

A        x                                 x
others     x x x x x x x
clock    |   |   |   |   |                          no rows where the whole tape was dead: a dead feed tells of no symbol
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import Duration, format_duration
from pipeline.errors import ParameterError
from pipeline.state import State, full
from pipeline.ticks import Ticks
from pipeline.windows.bounds import width_of
from pipeline.windows.clock import NEVER, Clock

__all__ = ["LiveClock", "live_clock"]


@dataclass(frozen=True, slots=True)
class LiveClock(Clock):
    """A clock's rows, of the moments before which any row was on the tape within `alive`."""

    alive_ns: int

    def __repr__(self) -> str:
        every, active, alive = map(format_duration, (self.every_ns, self.active_ns, self.alive_ns))
        return f"live_clock({every!r}, active={active!r}, alive={alive!r})"

    def state(self, symbols: int) -> State:
        """The clock's, and the time of the tape's newest row."""
        state = Clock.state(self, symbols)
        state.share("heard", full(1, NEVER, "i8"))
        return state

    def step(self, state: State, rows: Ticks, counted: NDArray[np.bool_], until: int, shift: int) -> dict[str, NDArray[Any]]:
        """The rows of every moment the tape's time has reached while something was alive."""
        due, time = Clock.step(self, state, rows, counted, until, shift), rows.root.columns["time"]
        heard = np.concatenate([state.heard, time])[np.searchsorted(time, due["time"], side="left")]
        state.heard[0] = time[-1]
        alive = due["time"] - heard <= self.alive_ns
        return {name: column[alive] for name, column in due.items()}


def live_clock(every: Duration = "1s", active: Duration = "5m", alive: Duration = "5s") -> LiveClock:
    """`clock(every, active)`, with rows only where any row of any symbol, or a HEARTBEAT, came within `alive` before.

    On a plain clock a silence of the whole feed looks, once it is over, like a silence of every symbol. ParameterError
    where `alive` is shorter than `every`: then volume could fall between two rows.

    >>> from pipeline.checks import rows_of
    >>> rows = rows_of(live_clock("1s", alive="2s"), price=[10.0, 11.0], symbol=["A", "B"], seconds=[0.5, 60.5])
    >>> rows["symbol"].tolist()
    ['A', 'A']
    """
    clock = LiveClock(width_of(every), width_of(active), width_of(alive))
    if clock.alive_ns < clock.every_ns:
        raise ParameterError(f"{clock!r}: alive is shorter than the clock's period; expected {format_duration(clock.every_ns)} or more")
    return clock
