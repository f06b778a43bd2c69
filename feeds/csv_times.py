"""The times of a text file, a cell or a column at a time: whole numbers, ISO 8601, or a format; of a zone, or since midnight."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from feeds.csv_time_formats import TimeFormat
from feeds.reading import UNITS
from pipeline.row_checks import YEAR_2000, YEAR_2100

__all__ = ["INTEGER", "ISO", "NUMBER", "OUT_OF_RANGE", "RefusedError", "Times", "integer", "unit_of", "utc_of"]

INTEGER = re.compile(r"-?0*\d{1,19}", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
CLOCK = r"\d\d(?::?\d\d(?::?\d\d)?)?"
ISO = re.compile(rf"(\d{{4}}-\d\d-\d\d)(?:[T ]({CLOCK})(?:\.(\d{{1,9}}))?(Z|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII)
SECOND, MINUTE, DAY = 10**9, 60 * 10**9, 86_400 * 10**9
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OUT_OF_RANGE = "is no time between 2000 and 2100"
ISO_WITH_ZONE = "expected ISO 8601 with a zone, such as 2013-10-08T08:00:17.034Z; other text needs --time-format, as in '%Y%m%d %H:%M:%S'"


class RefusedError(ValueError):
    """The reason why a cell cannot be read."""


@dataclass(frozen=True)
class Times:
    """How the times of a file are read: `unit` is s, ms, us or ns for whole numbers, "iso", or "format".

    `zone` is that of text without one, and of whole numbers that count from midnight of `day`. `with_zone` says that the
    first row's text names its zone, which the quick reader then expects of all.
    """

    unit: str = "iso"
    zone: str | None = None
    format: TimeFormat | None = None
    day: date | None = None
    with_zone: bool = False

    @property
    def are_integers(self) -> bool:
        """Whether they are whole numbers."""
        return self.unit in UNITS

    def of(self, text: str) -> int:
        """ns UTC of a cell. RefusedError says why it is none.

        >>> Times("ms").of("1381219217034") == Times("iso").of("2013-10-08T04:00:17.034-04:00") == 1_381_219_217_034_000_000
        True
        """
        if self.are_integers:
            return self._of_integer(text)
        if self.format is not None:
            found = self.format.of(text)
            if isinstance(found, str):
                raise RefusedError(found)
            naive, offset = found
        else:
            naive, offset = iso_time(text)
        if offset is None and self.zone is None:
            raise RefusedError("has no time zone; add Z for UTC, or name the zone of the file, as in --tz America/New_York")
        time = naive - offset if offset is not None else utc_of(naive, str(self.zone))
        if not YEAR_2000 <= time < YEAR_2100:
            raise RefusedError(OUT_OF_RANGE)
        return time

    def _of_integer(self, text: str) -> int:
        if not INTEGER.fullmatch(text):
            raise RefusedError(why_no_integer_time(text, self.unit))
        time = integer(text) * UNITS[self.unit]
        if self.day is not None:
            if not 0 <= time < DAY:
                raise RefusedError(f"is no time of a day in {self.unit} since midnight")
            return utc_of(self.midnight + time, self.zone or "UTC")
        if not YEAR_2000 <= time < YEAR_2100:
            other = unit_of(integer(text))
            hint = f"; it would be one in {other}, but this file is in {self.unit}" if other else ""
            raise RefusedError(f"is no time in {self.unit} between 2000 and 2100{hint}")
        return time

    @property
    def midnight(self) -> int:
        """The midnight they count from, in ns as if it were UTC."""
        assert self.day is not None
        return (self.day - date(1970, 1, 1)).days * DAY

    def column(self, array: Any) -> NDArray[np.int64] | None:
        """ns UTC of an Arrow column of integers, timestamps or text; None where a cell may be none."""
        if array.null_count:
            return None
        try:
            time = self._column(array)
        except RefusedError:
            return None
        return time if time is not None and len(time) and int(time.min()) >= YEAR_2000 and int(time.max()) < YEAR_2100 else None

    def _column(self, array: Any) -> NDArray[np.int64] | None:
        import pyarrow as pa

        if self.format is not None:
            naive = self.format.column(array)
            return naive if naive is None else utc_column(naive, str(self.zone)) if self.zone is not None else None
        time: NDArray[np.int64] = array.view(pa.int64()).to_numpy()
        if self.are_integers:
            return self._of_integers(time)
        return time if self.with_zone or self.zone is None else utc_column(time, self.zone)

    def of_integers(self, time: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """As `column`, for whole numbers."""
        try:
            return self._of_integers(time)
        except RefusedError:
            return None

    def _of_integers(self, time: NDArray[np.int64]) -> NDArray[np.int64] | None:
        scale, first, last = UNITS[self.unit], int(time.min()), int(time.max())
        if self.day is not None:
            good = first >= 0 and last * scale < DAY
            return utc_column(self.midnight + time * scale, self.zone or "UTC") if good else None
        good = first * scale >= YEAR_2000 and last * scale < YEAR_2100
        return (time if scale == 1 else time * scale) if good else None


def integer(text: str) -> int:
    """The whole number that an `INTEGER` is; `int` refuses thousands of zeros before it.

    >>> integer("-0012")
    -12
    """
    number = int(text.lstrip("-0") or "0")
    return -number if text.startswith("-") else number


def unit_of(time: int) -> str | None:
    """The unit in which a number is a time between 2000 and 2100: the four ranges do not overlap.

    >>> unit_of(1_381_219_217), unit_of(1_381_219_217_034), unit_of(7)
    ('s', 'ms', None)
    """
    return next((unit for unit, scale in UNITS.items() if YEAR_2000 <= time * scale < YEAR_2100), None)


def why_no_integer_time(text: str, unit: str) -> str:
    if not text:
        return "is missing"
    if re.fullmatch(r"-?\d+", text, re.ASCII):
        return f"is no time in {unit} between 2000 and 2100"
    if NUMBER.fullmatch(text):
        return "is a float, which cannot hold nanoseconds; write whole numbers of s, ms, us or ns, or ISO 8601 text with a zone"
    if ISO.fullmatch(text):
        return f"is text, but the times of this file are whole numbers of {unit}"
    return f"is no time; expected a whole number of {unit}"


def iso_time(text: str) -> tuple[int, int | None]:
    """ns as if it were UTC, and the offset from UTC in ns, where it is told. What Arrow reads is a part of this."""
    found = ISO.fullmatch(text)
    if not found:
        why = "is a number, but the times of this file are text" if NUMBER.fullmatch(text) else "is no time" if text else "is missing"
        raise RefusedError(f"{why}; {ISO_WITH_ZONE}")
    day, clock, fraction, zone = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00'}").replace(tzinfo=UTC)
    except ValueError as error:
        raise RefusedError(f"is no time: {error}") from None
    naive = (moment - EPOCH) // timedelta(seconds=1) * SECOND + int((fraction or "").ljust(9, "0"))
    return naive, None if zone is None else offset_of(zone)


def offset_of(zone: str) -> int:
    """ns east of UTC of an offset such as Z, +02, -0530 or -05:30."""
    if zone == "Z":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    if int(digits[:2]) > 23 or int(digits[2:]) > 59:
        raise RefusedError(f"has the offset {zone}, which is none")
    return (1 - 2 * (zone[0] == "-")) * (int(digits[:2]) * 60 + int(digits[2:])) * MINUTE


def utc_of(naive: int, zone: str) -> int:
    """ns UTC of ns of a clock in a zone; RefusedError where the clock shows that time twice, or never.

    >>> utc_of(1_381_132_800 * SECOND, "America/New_York") // SECOND - 1_381_132_800
    14400
    """
    offset = minute_offset(naive // MINUTE, zone)
    if isinstance(offset, str):
        raise RefusedError(offset)
    return naive - offset


def utc_column(naive: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """As `utc_of`, for a column."""
    minutes = naive // MINUTE
    starts = np.flatnonzero(np.concatenate([[True], minutes[1:] != minutes[:-1]]))
    offsets = [minute_offset(minute, zone) for minute in minutes[starts].tolist()]
    if refused := [offset for offset in offsets if isinstance(offset, str)]:
        raise RefusedError(refused[0])
    return naive - np.repeat(np.array(offsets, np.int64), np.diff(np.append(starts, len(naive))))


@lru_cache(1 << 15)
def minute_offset(minute: int, zone: str) -> int | str:
    """ns east of UTC of a minute of a clock in a zone, or why there is none: zones change their offset at full minutes."""
    try:
        moment = datetime(1970, 1, 1) + timedelta(minutes=minute)
        before, after = (moment.replace(fold=fold, tzinfo=ZoneInfo(zone)).utcoffset() for fold in (0, 1))
    except OverflowError:
        return OUT_OF_RANGE
    assert before is not None
    assert after is not None
    if before > after:
        return f"is two moments in {zone}, where the clocks were set back; write such times with an offset, or in UTC"
    if before < after:
        return f"is no time in {zone}: the clocks were set forward over it"
    return before // timedelta(seconds=1) * SECOND
