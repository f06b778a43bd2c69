"""What has happened since the session's open: its high, its low."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.gaps import FOREVER, Reach
from pipeline.kernels import Codes, Flags, Floats, Ints, Times, Values1D, kernel
from pipeline.stage import Input, Operator
from pipeline.state import State, full, zeros
from pipeline.units import SAME
from pipeline.windows.sessions import Session

__all__ = ["SessionHigh", "SessionLow", "session_high", "session_low"]


@kernel
def session_extremes(symbol: Codes, fresh: Flags, x: Values1D, opened: Times, since: Ints, best: Floats, sign: float, out: Floats) -> None:
    """opened: the open of the row's session, -1 outside; since[k]: the session that best[k] belongs to."""
    for i in range(x.shape[0]):
        k = symbol[i]
        if fresh[i] and opened[i] >= 0:
            best[k] = max(best[k], sign * x[i]) if since[k] == opened[i] else sign * x[i]
            since[k] = opened[i]
        out[i] = sign * best[k] if opened[i] >= 0 and since[k] == opened[i] else np.nan


@dataclass(frozen=True, slots=True)
class SessionHigh(Operator):
    """Highest value since the session's open."""

    session: Session
    sign: ClassVar[float] = 1.0
    shared: ClassVar[bool] = True
    unit: ClassVar[str] = SAME

    @property
    def reach(self) -> Reach:
        """All since the session's open."""
        return Reach(FOREVER, session=self.session)

    def state(self, symbols: int) -> State:
        """The extreme and its session."""
        return State(symbols, since=full(symbols, -2, "i8"), best=zeros(symbols))

    def step(self, state: State, batch: Input) -> NDArray[np.float64]:
        """One extreme a row."""
        out = np.empty(len(batch.values))
        session_extremes(
            batch.symbol,
            batch.fresh,
            batch.values,
            self.session.opens_at(batch.time - batch.shift),
            state.since,
            state.best,
            self.sign,
            out,
        )
        return out


@dataclass(frozen=True, slots=True)
class SessionLow(SessionHigh):
    """Lowest value since the session's open."""

    sign: ClassVar[float] = -1.0


def session_high(session: Session) -> SessionHigh:
    """Highest price of each symbol since the session's open; nan outside of sessions and before the first trade in one.

    >>> from pipeline.checks import values_of
    >>> from pipeline.windows.sessions import session
    >>> values_of(session_high(session("00:00-24:00", days="Mon-Sun")), price=[3.0, 1.0])
    [3.0, 3.0]
    """
    return SessionHigh(session)


def session_low(session: Session) -> SessionLow:
    """Lowest price of each symbol since the session's open; nan outside of sessions and before the first trade in one.

    >>> from pipeline.checks import values_of
    >>> from pipeline.windows.sessions import session
    >>> values_of(session_low(session("00:00-24:00", days="Mon-Sun")), price=[3.0, 1.0])
    [3.0, 1.0]
    """
    return SessionLow(session)
