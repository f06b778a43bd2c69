"""The hours in which market data is to be expected: outside of them silence is no fault."""

import time
from collections.abc import Callable

from feeds.live.patience import always
from pipeline.errors import ParameterError, UsageError
from pipeline.windows.sessions import session

__all__ = ["hours"]


def hours(text: str, wall: Callable[[], int] = time.time_ns) -> Callable[[], bool]:
    """Whether now is within hours such as "Mon-Fri 09:30-16:00 America/New_York", over midnight too; "" is always. Holidays are not known.

    Raises UsageError for what is no hours. `wall` is ns UTC.

    >>> hours("")(), hours("Sun-Fri 17:00-16:00 America/Chicago", lambda: 1_764_340_200_000_000_000)()
    (True, True)
    """
    if not text:
        return always
    days, _, rest = text.partition(" ") if not text[0].isdigit() else ("Mon-Sun", "", text)
    times, _, zone = rest.partition(" ")
    try:
        open_at = session(times, tz=zone, days=days)
    except ParameterError as error:
        raise UsageError(f"hours={text!r}: expected such as 'Mon-Fri 09:30-16:00 America/New_York'; {error}") from error
    return lambda: open_at.open_of(wall()) is not None
