"""Strategies that live by trading sessions: the hours as parameters, and how long the market has been open."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import Strategy, combine_latest
from pipeline.durations import SECOND
from pipeline.errors import ParameterError
from pipeline.flow import Signal, Tape
from pipeline.operators import last
from pipeline.probe import Rows
from pipeline.windows import session
from pipeline.windows.sessions import Session
from strategies.limits import length, require

__all__ = ["InSession"]

MINUTE = 60 * SECOND
EXPECTED = {
    "hours": 'hours such as "09:30-16:00"',
    "tz": 'a time zone such as "America/New_York"',
    "days": 'days such as "Mon-Fri" or "Mon,Wed"',
    "holidays": 'dates such as "2026-07-03,2026-12-25"',
}


class InSession(Strategy):
    """Sessions `hours` long in the time zone `tz` on `days` but for `holidays` (dates).

    The defaults are those of US equities; for crypto: hours="00:00-24:00", tz="UTC", days="Mon-Sun".
    """

    hours: str = "09:30-16:00"
    tz: str = "America/New_York"
    days: str = "Mon-Fri"
    holidays: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value in self._given().items():
            try:
                session(**{"hours": "00:00-24:00", name: value})
            except ParameterError:
                require(self, name, False, EXPECTED[name])

    def _given(self) -> dict[str, Any]:
        return {"hours": self.hours, "tz": self.tz, "days": self.days, "holidays": self.holidays}

    def session(self) -> Session:
        """The whole session."""
        return session(**self._given())

    def beginning(self, parameter: str) -> Session:
        """The first part of each session, as long as a parameter says."""
        whole, width = self.session(), length(self, parameter)
        long = (whole.closes - whole.opens) % (24 * 60) or 24 * 60
        require(self, parameter, width > 0 and width % MINUTE == 0 and width // MINUTE < long, "whole minutes, fewer than the session has")
        start, end = whole.opens, (whole.opens + width // MINUTE) % (24 * 60)
        return session(f"{start // 60}:{start % 60}-{end // 60}:{end % 60}", whole.tz, whole.holidays, days=self.days)

    def since_open(self, ticks: Tape) -> Signal:
        """Seconds since the open of the session, at each row; nan outside of sessions."""
        hours = self.session()

        def seconds(s: Rows) -> NDArray[np.float64]:
            opened = hours.opens_at(s.time)
            return np.where(opened >= 0, (s.time - opened) / SECOND, np.nan)

        return combine_latest(price=ticks.pipe(last())).apply(seconds)
