"""What a cell of a CSV file may hold, row by row: the definition, and the words for a row that breaks it.

The fast reader must agree with this one wherever it accepts a block; where it refuses, this one finds the place.
"""

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import BadRow
from pipeline.row_checks import YEAR_2000, YEAR_2100
from pipeline.symbols import MAX_NAME
from pipeline.ticks import COLUMN_TYPES, Kind

__all__ = [
    "FARTHEST_NS",
    "INTEGER",
    "NUMBER",
    "SIDES",
    "UNITS",
    "Layout",
    "Reader",
    "RefusedError",
    "column_of",
    "good_symbol",
    "time_of",
    "unit_of",
]

UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
SIDES = {"buy": 1, "b": 1, "sell": -1, "s": -1, "1": 1, "+1": 1, "-1": -1, "0": 0, "unknown": 0, "": 0}
INTEGER = re.compile(r"-?\d{1,19}", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)
FARTHEST_NS = 10 * 366 * 86_400 * 10**9
"""No tick is ten years after the one before it: one row of 2099 would make every row after it late."""


class RefusedError(ValueError):
    """The reason why a cell cannot be read."""


@dataclass(frozen=True)
class Layout:
    """How the columns of a file become columns of the tape: names as in the file, places by tape column, and the unit of time."""

    source: str
    names: tuple[str, ...]
    places: dict[str, int]
    unit: str
    header_line: int = 1

    @property
    def mixed(self) -> bool:
        """Whether trades and quotes can stand in one file; a row without a price is then a quote."""
        return "price" in self.places and not self.places.keys().isdisjoint(("bid", "ask"))


class Reader:
    """Reads lines one by one; `newest` is the largest time so far."""

    def __init__(self, layout: Layout, newest: int) -> None:
        self.layout, self.newest = layout, newest

    def rows(self, block: bytes, line: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """The line and the values of each row; `line` is that of the block's beginning. Raises BadRow."""
        for number, raw in enumerate(block.removesuffix(b"\n").split(b"\n"), line):
            if raw.strip():
                yield number, self.values(self.cells(raw.removesuffix(b"\r"), number), number)

    def cells(self, raw: bytes, line: int) -> list[str]:
        """The cells of a line; BadRow where it is not as wide as the header."""
        names = self.layout.names
        try:
            text = raw.decode()
            cells: list[str] = next(csv.reader([text], strict=True))
        except UnicodeDecodeError as error:
            name = names[min(raw.count(b",", 0, error.start), len(names) - 1)]
            raise self.bad(line, name, raw[error.start : error.start + 8], "is not UTF-8 text; convert the file") from None
        except csv.Error:
            place, reason = csv_trouble(text)
            raise self.bad(line, names[min(text.count(",", 0, place), len(names) - 1)], text, reason) from None
        if len(cells) < len(names):
            raise self.bad(line, names[len(cells)], text, f"has {len(cells)} cells, the header {len(names)}: this one is missing")
        if len(cells) > len(names):
            raise self.bad(line, names[-1], text, f"has {len(cells)} cells, the header only {len(names)}")
        return cells

    def bad(self, line: int, column: str, value: str | bytes, reason: str) -> BadRow:
        """The error of a row."""
        return BadRow(self.layout.source, line, column, value[:80], reason)

    def values(self, cells: list[str], line: int) -> dict[str, Any]:
        """The values of a row by tape column."""
        places, values = self.layout.places, {}
        trade = "price" in places and not (self.layout.mixed and not cells[places["price"]].strip())
        for column, place in places.items():
            try:
                values[column] = self.value(column, cells[place], trade)
            except RefusedError as error:
                raise self.bad(line, self.layout.names[place], cells[place], str(error)) from None
        if self.layout.mixed:
            values["kind"] = int(Kind.TRADE if trade else Kind.QUOTE)
        return values

    def value(self, column: str, text: str, trade: bool) -> Any:
        """The value of one cell; RefusedError says why there is none."""
        if column == "symbol":
            if not good_symbol(text):
                raise RefusedError("is no symbol; expected printable text without blanks around it" if text else "is missing")
            return text
        text = text.strip(" \t")
        if column == "time":
            time = time_of(text, self.layout.unit)
            if self.newest > 0 and time - self.newest > FARTHEST_NS:
                raise RefusedError(f"is {(time - self.newest) / (365.25 * 86_400e9):.0f} years after the row before it")
            self.newest = max(time, self.newest)
            return time
        if column == "side":
            return side_of(text)
        if column == "trade_id":
            return integer_of(text)
        return number_of(text, required=trade and column in ("price", "size"))


def csv_trouble(text: str) -> tuple[int, str]:
    """Where a line stops being CSV, and why."""
    if "\r" in text:
        return text.index("\r"), "has a CR in the middle; lines end with LF or CRLF"
    if '"' in text:
        return text.rindex('"'), "has an open quote, or text after a closing one"
    return 0, f"has a cell of more than {csv.field_size_limit():,} characters"


def good_symbol(text: str) -> bool:
    """Whether the symbol table takes it."""
    return text.isprintable() and text == text.strip() and 0 < len(text) <= MAX_NAME


def number_of(text: str, required: bool) -> float:
    if not text:
        if required:
            raise RefusedError("is missing")
        return math.nan
    if not NUMBER.fullmatch(text):
        raise RefusedError("is not a number" if text.isascii() else "is not a number in plain digits")
    value = float(text)
    if math.isinf(value):
        raise RefusedError("is not finite")
    return value


def integer_of(text: str) -> int:
    if not INTEGER.fullmatch(text) or not -(1 << 63) <= int(text) < 1 << 63:
        raise RefusedError("is no integer")
    return int(text)


def side_of(text: str) -> int:
    if text.lower() not in SIDES:
        raise RefusedError("is no side; expected buy or sell")
    return SIDES[text.lower()]


def unit_of(time: int) -> str | None:
    """The unit in which a number is a time between 2000 and 2100: the four ranges do not overlap.

    >>> unit_of(1_381_219_217), unit_of(1_381_219_217_034), unit_of(7)
    ('s', 'ms', None)
    """
    return next((unit for unit, scale in UNITS.items() if YEAR_2000 <= time * scale < YEAR_2100), None)


def time_of(text: str, unit: str) -> int:
    """ns UTC of a cell; `unit` is s, ms, us, ns or iso. RefusedError says why it is none.

    >>> time_of("1381219217034", "ms") == time_of("2013-10-08T04:00:17.034-04:00", "iso") == 1_381_219_217_034_000_000
    True
    """
    if unit == "iso":
        return iso_time(text)
    if not INTEGER.fullmatch(text):
        raise RefusedError(why_no_integer_time(text, unit))
    time = int(text) * UNITS[unit]
    if not YEAR_2000 <= time < YEAR_2100:
        other = unit_of(int(text))
        hint = f"; it would be one in {other}, but this file is in {unit}" if other else ""
        raise RefusedError(f"is no time in {unit} between 2000 and 2100{hint}")
    return time


def why_no_integer_time(text: str, unit: str) -> str:
    if not text:
        return "is missing"
    if NUMBER.fullmatch(text):
        return "is a float, which cannot hold nanoseconds; write whole numbers of s, ms, us or ns, or ISO 8601 text with a zone"
    if ISO.fullmatch(text):
        return f"is text, but the times of this file are whole numbers of {unit}"
    return f"is no time; expected a whole number of {unit}"


def iso_time(text: str) -> int:
    found = ISO.fullmatch(text)
    if not found:
        why = "is a number, but the times of this file are text" if NUMBER.fullmatch(text) else "is no time" if text else "is missing"
        raise RefusedError(f"{why}; expected ISO 8601 with a zone, such as 2013-10-08T08:00:17.034Z")
    day, clock, fraction, zone = found.groups()
    if zone is None:
        raise RefusedError("has no time zone; add Z for UTC, or an offset such as -05:00")
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=UTC if zone == "Z" else offset(zone))
    except ValueError as error:
        raise RefusedError(f"is no time: {error}") from None
    time = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) * 10**9 + int((fraction or "").ljust(9, "0"))
    if not YEAR_2000 <= time < YEAR_2100:
        raise RefusedError("is no time between 2000 and 2100")
    return time


def offset(zone: str) -> timezone:
    digits = zone[1:].replace(":", "").ljust(4, "0")
    length = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-length if zone[0] == "-" else length)


def column_of(name: str, values: list[Any]) -> NDArray[Any]:
    """A column of values read one by one."""
    return np.array(values, dtype=COLUMN_TYPES.get(name, np.dtype("i8")))
