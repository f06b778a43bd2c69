"""What stands at a path of a JSON message, as what a trade or a quote needs; a value that cannot be it is named with its path."""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from feeds.venues.fields import moment, numbered
from feeds.venues.frames import shown
from feeds.venues.venue import BadFrame
from pipeline.row_checks import YEAR_2000

__all__ = ["ABSENT", "UNITS", "number", "refused", "side", "text", "time", "trade_id", "value_at", "word_of"]

UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
# without exponents, which could ask for a number of a billion digits
INSTANT = re.compile(r"\d{1,19}(\.\d{1,18})?", re.ASCII)
NUMBER = re.compile(r"-?\d{1,400}(\.\d{1,400})?([eE][+-]?\d{1,4})?", re.ASCII)
LARGEST = 1.7976931348623157e308
ABSENT = object()


def value_at(path: str, row: Any, message: Any) -> Any:
    """What stands at a dotted path (`data.0.price`) of a row, or of the message where the path begins with `$.`; else ABSENT.

    >>> value_at("bids.0.0", {"bids": [["9.5", "1"]]}, {})
    '9.5'
    >>> value_at("$.symbol", {}, {"symbol": "BTC"})
    'BTC'
    """
    in_message, steps = steps_of(path)
    found = message if in_message else row
    for step, place in steps:
        if isinstance(found, dict):
            found = found.get(step, ABSENT)
        elif isinstance(found, list) and 0 <= place < len(found):
            found = found[place]
        else:
            return ABSENT
    return found


@cache
def steps_of(path: str) -> tuple[bool, tuple[tuple[str, int], ...]]:
    """Whether a path begins at the message, and its steps as keys and as places, -1 for a key that is none."""
    steps = path.removeprefix("$.").split(".")
    return path.startswith("$."), tuple((step, int(step) if step.isascii() and step.isdigit() else -1) for step in steps)


def word_of(value: Any) -> str:
    """A value as the word that a mapping may name: true and false are words, too."""
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, str | int) else ""


def refused(path: str, value: Any, expected: str) -> BadFrame:
    """What is said of a field that is missing, or is not what was expected."""
    if value is ABSENT:
        return BadFrame(f"field {path} is missing; expected {expected}")
    return BadFrame(f"field {path}: found {shown(value)}, expected {expected}")


def number(path: str, value: Any, least: float = -LARGEST) -> float:
    """A number or a number in quotes, finite.

    >>> number("p", "61837.63"), number("p", 5)
    (61837.63, 5.0)
    """
    written = str(value) if type(value) is int and abs(value) < 10**300 else value
    if isinstance(written, str) and NUMBER.fullmatch(written):
        found = float(written)
        if least <= found <= LARGEST:
            return found
    raise refused(path, value, "a finite number" if least < 0 else "a finite number >= 0")


def text(path: str, value: Any) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not value:
        raise refused(path, value, "text")
    return value


def time(path: str, value: Any, unit: str) -> int | None:
    """A time in ns: a number of units since 1970, in quotes or not, with a fraction or without; or text of RFC 3339; null is none.

    >>> time("T", "1633998512.0633569", "s")
    1633998512063356900
    """
    if value is None:
        return None
    if isinstance(value, str) and "-" in value:
        return moment(path, value)
    written = str(value) if type(value) is int and 0 <= value < 1 << 63 else value
    if isinstance(written, str) and INSTANT.fullmatch(written):
        found = int(Decimal(written) * UNITS[unit])
        if YEAR_2000 <= found < 1 << 63:
            return found
    raise refused(path, value, f"a time in {unit} since 1970 (`time_unit` may be another), or such as 2024-08-08T23:54:15.123456Z")


def side(path: str, value: Any, words: Mapping[str, int]) -> int:
    """The aggressor's side by the words of the mapping; null and no word are unknown.

    >>> side("m", True, {"true": -1, "false": 1})
    -1
    """
    if value is None or value == "":
        return 0
    found = words.get(word_of(value).lower())
    if found is None:
        raise refused(path, value, f"one of {', '.join(words)}")
    return found


def trade_id(path: str, value: Any) -> int | str | None:
    """A whole number of 64 bits, or text; null is none.

    >>> trade_id("i", "12"), trade_id("i", "a-1")
    (12, 'a-1')
    """
    if value is None or (type(value) is int and 0 <= value < 1 << 63):
        return value
    if isinstance(value, str) and value:
        return numbered(value)
    raise refused(path, value, "a whole number of 64 bits, or text")
