"""Trading sessions: when a market is open, in its own time zone.

09:30                               16:00
[------------ session --------------)          the open is in, the close is out
"""

import datetime as dt
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pipeline.durations import SECOND
from pipeline.errors import ParameterError

__all__ = ["Session", "session"]

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_NS = 86400 * SECOND
MIDNIGHT = dt.time(0)


@dataclass(frozen=True, slots=True)
class Session:
    """Daily sessions from `opens` to `closes` (minutes of the local day; a close at or before the open is the next day's)."""

    opens: int
    closes: int
    tz: str
    holidays: frozenset[dt.date] = frozenset()
    early_closes: tuple[tuple[dt.date, int], ...] = ()
    days: frozenset[int] = frozenset(range(5))
    text: str = field(default="", compare=False)

    def __repr__(self) -> str:
        return self.text

    def open_of(self, time_ns: int) -> int | None:
        """The open of the session that contains a time, or None outside of all."""
        for start, end in self.around(time_ns, time_ns):
            if start <= time_ns < end:
                return start
        return None

    def around(self, first_ns: int, last_ns: int) -> list[tuple[int, int]]:
        """Open and close, in ns UTC, of every session that touches [first, last]; half-open, in order."""
        zone = ZoneInfo(self.tz)
        # Two days before: a session over midnight may have begun yesterday, or the day before if yesterday did not exist.
        day = dt.datetime.fromtimestamp(first_ns // SECOND, zone).date() - dt.timedelta(days=2)
        end = dt.datetime.fromtimestamp(last_ns // SECOND, zone).date()
        found = []
        while day <= end:
            bounds = self.on(day)
            if bounds and bounds[1] > first_ns and bounds[0] <= last_ns:
                found.append(bounds)
            day += dt.timedelta(days=1)
        return found

    def on(self, day: dt.date) -> tuple[int, int] | None:
        """Open and close of the session that begins on a local day, in ns UTC; None where there is none."""
        return bounds_on(self, day)

    def opens_at(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each time of a batch, in order, the open of its session in ns UTC, or -1 outside of all."""
        return self._spread(time, 0)

    def closes_at(self, time: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each time of a batch, in order, the close of its session in ns UTC, or -1 outside of all."""
        return self._spread(time, 1)

    def _spread(self, time: NDArray[np.int64], end: int) -> NDArray[np.int64]:
        out = np.full(len(time), -1, np.int64)
        for bounds in self.around(int(time[0]), int(time[-1])):
            first, last = np.searchsorted(time, bounds)
            out[first:last] = bounds[end]
        return out


@lru_cache(maxsize=4096)
def bounds_on(hours: Session, day: dt.date) -> tuple[int, int] | None:
    if day.weekday() not in hours.days or day in hours.holidays or not exists(day, hours.tz):
        return None
    closes = dict(hours.early_closes).get(day, hours.closes)
    start = instant(day, hours.opens, hours.tz)
    end = instant(day, closes if closes > hours.opens else closes + 24 * 60, hours.tz)
    return (start, end) if start < end else None


def exists(day: dt.date, tz: str) -> bool:
    """Whether a place had that day: Apia went from 2011-12-29 to the 31st, to the other side of the date line."""
    noon = instant(day, 12 * 60, tz) // SECOND
    return dt.datetime.fromtimestamp(noon, ZoneInfo(tz)).date() == day


def instant(day: dt.date, minutes: int, tz: str) -> int:
    """Nanoseconds UTC of a wall-clock minute; one that is skipped is where it would be had the clock not been put forward."""
    days, rest = divmod(minutes, 24 * 60)
    local = dt.datetime.combine(day + dt.timedelta(days=days), dt.time(rest // 60, rest % 60), ZoneInfo(tz))
    return int(local.timestamp()) * SECOND


def session(
    hours: str,
    tz: str = "UTC",
    holidays: Iterable[dt.date | str] = (),
    early_closes: dict[str, str] | None = None,
    days: str = "Mon-Fri",
) -> Session:
    """Sessions such as `session("09:30-16:00", tz="America/New_York", holidays=["2026-12-25"])`.

    `early_closes` maps dates to closing times. `days` is a range or a list ("Mon-Sun", "Mon,Wed"). A close at or before
    the open is on the next day; "00:00-24:00" is the whole day. Half-open: a trade at the close is outside.

    >>> new_york = session("09:30-16:00", tz="America/New_York", early_closes={"2025-11-28": "13:00"})
    >>> [ns // SECOND for ns in new_york.on(dt.date(2025, 11, 28))]
    [1764340200, 1764352800]
    """
    try:
        opens, closes = (minute_of(part) for part in hours.split("-"))
        ZoneInfo(tz)
        closed = frozenset(dt.date.fromisoformat(str(day)) for day in holidays)
        early = tuple(sorted((dt.date.fromisoformat(day), minute_of(close)) for day, close in (early_closes or {}).items()))
        chosen = days_of(days)
    except (ValueError, OSError, KeyError) as error:
        raise ParameterError(
            f'session {hours!r}, tz={tz!r}, days={days!r}: {error}; expected for example session("09:30-16:00", tz="America/New_York")'
        ) from error
    exceptions = f", {len(closed)} holidays, {len(early)} early closes, {fingerprint_of(closed, early)}" if closed or early else ""
    return Session(opens, closes, tz, closed, early, chosen, f"session({hours!r}, {tz!r}, {days!r}{exceptions})")


def fingerprint_of(closed: Iterable[dt.date], early: Iterable[tuple[dt.date, int]]) -> str:
    """A few digits that tell other holidays apart, in place of a long list: what a snapshot of a session is known by."""
    listed = [*map(str, sorted(closed)), *(f"{day} {close}" for day, close in early)]
    return hashlib.blake2b("\n".join(listed).encode(), digest_size=4).hexdigest()


def minute_of(text: str) -> int:
    hour, _, minute = text.strip().partition(":")
    total = int(hour) * 60 + int(minute)
    if not (0 <= total <= 24 * 60 and 0 <= int(minute) < 60):
        raise ValueError(f"{text!r} is no time of day")
    return total


def days_of(text: str) -> frozenset[int]:
    chosen: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        start, end = DAYS.index(first), DAYS.index(last or first)
        chosen |= set(range(start, end + 1)) if start <= end else set(range(start, 7)) | set(range(end + 1))
    return frozenset(chosen)
