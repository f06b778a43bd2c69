"""The hours in which market data is to be expected: outside of them silence is no fault."""

import datetime as dates
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from feeds.live.patience import always
from pipeline.errors import UsageError

__all__ = ["Hours", "hours"]

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WRITTEN = re.compile(rf"(?:({'|'.join(DAYS)})(?:-({'|'.join(DAYS)}))? )?(\d\d:\d\d)-(\d\d:\d\d) (\S+)")


@dataclass(frozen=True, slots=True)
class Hours:
    """Days of the week (0 is Monday), from and until when on each of them, in a zone. Holidays are not known."""

    days: frozenset[int]
    opens: dates.time
    closes: dates.time
    zone: dates.tzinfo
    wall: Callable[[], float] = time.time

    def __call__(self) -> bool:
        """Whether it is open now."""
        now = dates.datetime.fromtimestamp(self.wall(), self.zone)
        return now.weekday() in self.days and self.opens <= now.time() < self.closes


def hours(text: str) -> Callable[[], bool]:
    """Whether now is within hours such as "Mon-Fri 09:30-16:00 America/New_York"; "" is always. Raises UsageError for others.

    >>> hours("")(), hours("Mon-Fri 09:30-16:00 America/New_York").opens
    (True, datetime.time(9, 30))
    """
    if not text:
        return always
    found = WRITTEN.fullmatch(text)
    try:
        if found is not None:
            first, last, opens, closes, zone = found.groups()
            begin, end = DAYS.index(first or "Mon"), DAYS.index(last or first or "Sun")
            days = frozenset((begin + day) % 7 for day in range((end - begin) % 7 + 1))
            made = Hours(days, dates.time.fromisoformat(opens), dates.time.fromisoformat(closes), ZoneInfo(zone))
            if made.opens < made.closes:
                return made
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass  # told below, as all that is no hours
    raise UsageError(f"hours={text!r}: expected such as 'Mon-Fri 09:30-16:00 America/New_York', from and until on one day")
