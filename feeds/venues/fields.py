"""What the fields of a venue's messages may hold, so that decoding refuses the rest: numbers, times, ids, sides of a book."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

from feeds.venues.venue import BadFrame, Quote

__all__ = ["NAN", "Milliseconds", "Number", "Price", "Size", "moment", "number_of", "numbered", "quote"]

NAN = float("nan")
LARGEST = 1.7976931348623157e308
# the bounds refuse nan and infinities, which decoders that read numbers from text would take
Price = Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
Size = Annotated[float, Meta(ge=0.0, le=LARGEST)]
Number = Annotated[int, Meta(ge=0, lt=1 << 62)]
# up to the year 2262, where nanoseconds end
Milliseconds = Annotated[int, Meta(gt=0, lt=9_223_372_036_854)]
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
SECOND = 10**9
LONGEST_ID = 19
new = tuple.__new__


def moment(field: str, text: str) -> int | None:
    """A time of RFC 3339, to the nanosecond; None for one up to 1970, which is how venues write that there is none.

    Raises BadFrame that names the field.

    >>> moment("time", "2024-08-08T23:54:15.123456789Z")
    1723161255123456789
    >>> moment("time", "0001-01-01T00:00:00Z")
    """
    found = MOMENT.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        whole, fraction, zone = found.groups()
        time = second(whole, zone) * SECOND + (int(fraction.ljust(9, "0")) if fraction else 0)
        if time >= 1 << 63:
            raise ValueError
    except ValueError:
        raise BadFrame(f"field {field}: found {text[:60]!r}, expected a time such as 2024-08-08T23:54:15.123456Z") from None
    return time if time > 0 else None


# trades come in bursts: most share their second with the one before
@lru_cache(maxsize=256)
def second(whole: str, zone: str) -> int:
    since = datetime.fromisoformat(whole.upper() + ("+00:00" if zone in "Zz" else zone)) - EPOCH
    return since.days * 86_400 + since.seconds


def numbered(text: str) -> int | str:
    """A trade id as the number it is, where it is one of 64 bits; else as it stands.

    >>> numbered("22381691"), numbered("9dc75fca-4bdd"), numbered("007"), numbered("9223372036854775808")
    (22381691, '9dc75fca-4bdd', '007', '9223372036854775808')
    """
    if len(text) <= LONGEST_ID and text.isascii() and text.isdigit() and (text[0] != "0" or text == "0"):
        number = int(text)
        return number if number < 1 << 63 else text
    return text


def number_of(request: str) -> int | None:
    """The number of a request, where the venue repeats it as text.

    >>> number_of("7"), number_of("")
    (7, None)
    """
    number = numbered(request)
    return number if isinstance(number, int) else None


def quote(
    symbol: str, time: int | None, bid: float, bid_size: float, ask: float, ask_size: float, old: bool = False, number: int | None = None
) -> Quote:
    """A quote; a side told with a price or a size of 0 is an empty one: nan.

    >>> quote("BNBUSDT", None, 0.0, 0.0, 25.36, 40.0)[2:6]
    (nan, nan, 25.36, 40.0)
    """
    if bid == 0.0 or bid_size == 0.0:
        bid = bid_size = NAN
    if ask == 0.0 or ask_size == 0.0:
        ask = ask_size = NAN
    return new(Quote, (symbol, time, bid, bid_size, ask, ask_size, old, number))
