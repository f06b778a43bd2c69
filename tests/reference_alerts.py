"""What the twins of whole strategies share: alerts, a rule's life, sessions and bars, in plain Python."""

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from reference_tape import Row

SECOND = 10**9
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
Named = dict[str, float]


class Told(NamedTuple):
    """An alert: when, of whom, by which rule, raised or cleared, and the values that are compared."""

    time: int
    symbol: str
    rule: str
    event: str
    values: Named


class Life:
    """One symbol under one rule."""

    def __init__(self) -> None:
        self.active = False
        self.due: int | None = None
        self.cooled = -(1 << 62)
        self.values: Named = {}


class Judge:
    """Raised when a condition has held for `hold` and `cooldown` after the last raise is over; cleared when `over` says so."""

    def __init__(self, rule: str = "rule", hold: int = 0, cooldown: int = 0) -> None:
        self.rule, self.hold, self.cooldown = rule, hold, cooldown
        self.lives: dict[str, Life] = {}
        self.told: list[Told] = []

    def reach(self, now: int) -> None:
        """Time is `now`: whatever was due by then is raised at its own time, with the values seen last."""
        for symbol, life in self.lives.items():
            if life.due is not None and life.due <= now:
                self._raise(life.due, symbol, life)

    def see(self, time: int, symbol: str, met: bool, over: bool, values: Named) -> None:
        """A row on which everything is known."""
        life = self.lives.setdefault(symbol, Life())
        life.values = values
        if life.active:
            if over:
                life.active = False
                self.told.append(Told(time, symbol, self.rule, "cleared", values))
        elif not met:
            life.due = None
        elif life.due is None:
            life.due = max(time + self.hold, life.cooled)
            if life.due <= time:
                self._raise(time, symbol, life)

    def _raise(self, time: int, symbol: str, life: Life) -> None:
        life.active, life.due, life.cooled = True, None, time + self.cooldown
        self.told.append(Told(time, symbol, self.rule, "raised", life.values))


def known(*values: float) -> bool:
    return not any(math.isnan(value) for value in values)


@cache
def open_on(day: dt.date, hours: str, tz: str, days: str, holidays: tuple[str, ...]) -> tuple[int, int] | None:
    """Open and close (ns UTC) of the session that begins on a day."""
    first, _, last = days.partition("-")
    if not DAYS.index(first) <= day.weekday() <= DAYS.index(last or first) or str(day) in holidays:
        return None
    minutes = [int(part[:2]) * 60 + int(part[3:]) for part in hours.split("-")]
    at = [dt.datetime.combine(day, dt.time(), ZoneInfo(tz)).replace(hour=m // 60 % 24, minute=m % 60) for m in minutes]
    if minutes[1] <= minutes[0] or minutes[1] == 24 * 60:
        at[1] += dt.timedelta(days=1)
    return int(at[0].timestamp()) * SECOND, int(at[1].timestamp()) * SECOND


def opened(time: int, p: Any) -> int | None:
    """The open of the session that a time is in."""
    day = dt.datetime.fromtimestamp(time // SECOND, ZoneInfo(p.tz)).date()
    for begins in (day, day - dt.timedelta(days=1)):
        bounds = open_on(begins, p.hours, p.tz, p.days, tuple(p.holidays))
        if bounds and bounds[0] <= time < bounds[1]:
            return bounds[0]
    return None


class Bar(NamedTuple):
    """What a symbol traded in [end - width, end)."""

    end: int
    symbol: str
    close: float
    volume: float


def bars_of(rows: Sequence[Row], width: int) -> Iterator[Bar]:
    """The bars whose end the tape has reached, by end, then by their first trade."""
    end, trades = 0, dict[str, list[Row]]()
    for row in rows:
        if row.time >= end:
            yield from (Bar(end, symbol, part[-1].price, math.fsum(t.size for t in part)) for symbol, part in trades.items())
            trades.clear()
            end = row.time // width * width + width
        if row.kind == "TRADE" and row.symbol is not None:
            trades.setdefault(row.symbol, []).append(row)
