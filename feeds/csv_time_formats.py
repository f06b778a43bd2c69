"""Times by a strptime format, with fractions of a second to the nanosecond; English month names, whatever the locale."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError

__all__ = ["TimeFormat"]

WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2}
PARTS = {
    "Y": r"\d{4}", "y": r"\d\d", "m": r"\d\d?", "d": r"\d\d?", "H": r"\d\d?", "I": r"\d\d?", "M": r"\d\d?", "S": r"\d\d?",
    "f": r"\d{1,9}", "p": "[AaPp][Mm]", "b": "[A-Za-z]{3}", "B": "[A-Za-z]{3,9}", "z": r"Z|[+-]\d\d(?::?\d\d)?",
}  # fmt: skip
SHORTHANDS = {"T": "%H:%M:%S", "F": "%Y-%m-%d", "D": "%m/%d/%y", "R": "%H:%M"}
MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 10**9


@dataclass(frozen=True)
class TimeFormat:
    """A strptime format: %Y %y %m %d %b %B, %H %I %p %M %S, %f (1 to 9 digits), %z, %F %T %D %R, %%; a blank is any blanks.

    Raises UsageError for another directive, without a year, a month and a day, with one of %I and %p alone, and for a Z where %z is meant.

    >>> TimeFormat("%Y%m%d %H:%M:%S %f").of("20161230 21:37:57 140000")
    (1483133877140000000, None)
    """

    text: str
    tokens: tuple[str, ...] = field(init=False, repr=False)
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        plain = re.sub("%([TFDR])", lambda found: SHORTHANDS[found[1]], self.text)
        tokens = tuple(re.findall(r"%.|%$|\s+|[^%\s]", plain))
        names = [token[1:] for token in tokens if token.startswith("%") and token != "%%"]
        if unknown := [name for name in names if name not in PARTS]:
            raise UsageError(f"time_format={self.text!r}: %{unknown[0]} is not read; there are {' '.join(f'%{name}' for name in PARTS)}")
        for wanted in ("Yy", "mbB", "d"):
            if not set(wanted) & set(names):
                raise UsageError(f"time_format={self.text!r} has no %{wanted[0]}; a time needs its year, month and day")
        if len(set(names)) < len(names):
            raise UsageError(f"time_format={self.text!r} names a part twice")
        if why := why_wrong(plain, set(names)):
            raise UsageError(f"time_format={self.text!r}: {why}")
        object.__setattr__(self, "tokens", tokens)
        object.__setattr__(self, "pattern", re.compile("".join(map(regex_of, tokens)), re.ASCII))

    def of(self, text: str) -> tuple[int, int | None] | str:
        """ns as if it were UTC and the offset in ns, where it is told; or the reason why the text is no such time."""
        found = self.pattern.fullmatch(text)
        if not found:
            return f"is no time written as {self.text}" if text else "is missing"
        part = found.groupdict()
        try:
            minute, second = (int(part.get(name) or 0) for name in "MS")
            moment = datetime(year_of(part), month_of(part), int(part["d"]), hour_of(part), minute, second)
        except ValueError as error:
            return f"is no time: {error}"
        naive = int((moment.replace(tzinfo=UTC) - EPOCH).total_seconds()) * SECOND + int((part.get("f") or "").ljust(9, "0"))
        zone = part.get("z")
        if zone is None or zone == "Z":
            return naive, None if zone is None else 0
        digits = zone[1:].replace(":", "").ljust(4, "0")
        if int(digits[:2]) > 23 or int(digits[2:]) > 59:
            return f"has the offset {zone}, which is none"
        return naive, (1 - 2 * (zone[0] == "-")) * (int(digits[:2]) * 60 + int(digits[2:])) * 60 * SECOND

    def column(self, array: Any) -> NDArray[np.int64] | None:
        """ns as if they were UTC of an Arrow column of text, all of one width and of digits in fixed places; else None."""
        rows = letters_of(array)
        if rows is None:
            return None
        fixed = sum(WIDTHS.get(token[1:], 0) if token.startswith("%") and token != "%%" else 1 for token in self.tokens)
        widths = WIDTHS | {"f": rows.shape[1] - fixed}
        parts: dict[str, NDArray[np.int64]] = {}
        place = 0
        for token in self.tokens:
            name = token[1:]
            if not token.startswith("%") or token == "%%":
                if place >= rows.shape[1] or not (rows[:, place] == ord(token[-1])).all() or (token.isspace() and token != " "):
                    return None
                place += 1
            elif not 1 <= widths.get(name, 0) <= 9 or (number := digits(rows[:, place : place + widths[name]], widths[name])) is None:
                return None
            else:
                parts[name] = number * 10 ** (9 - widths[name]) if name == "f" else number
                place += widths[name]
        return moments(parts) if place == rows.shape[1] else None


def why_wrong(text: str, names: set[str]) -> str | None:
    """Why a format of known parts would read other times than are meant; None if it does not."""
    if "p" in names and "I" not in names:
        return "%p (AM or PM) goes with the hour of %I; write %I in place of %H"
    if "I" in names and "p" not in names:
        return "%I is an hour from 1 to 12, and without %p (AM or PM) nobody knows which half of the day; write %H for 0 to 23"
    if {"I", "H"} <= names:
        return "%I and %H are both the hour; write one of them"
    if "z" not in names and re.search(r"%[SfMH]Z|Z\s*$", text.replace("%%", "")):
        return "the Z in the format is plain text; write %z, which reads Z as UTC, and offsets such as +02:00"
    return None


def regex_of(token: str) -> str:
    if token.isspace():
        return r"\s+"
    return f"(?P<{token[1:]}>{PARTS[token[1:]]})" if token.startswith("%") and token != "%%" else re.escape(token[-1])


def year_of(part: dict[str, str]) -> int:
    if "Y" in part:
        return int(part["Y"])
    return int(part["y"]) + (2000 if int(part["y"]) < 69 else 1900)


def month_of(part: dict[str, str]) -> int:
    if "m" in part:
        return int(part["m"])
    name = part.get("b", part.get("B", "")).lower()
    found = [number for number, month in enumerate(MONTHS, 1) if name in (month, month[:3])]
    if not found:
        raise ValueError(f"{name!r} is no month")
    return found[0]


def hour_of(part: dict[str, str]) -> int:
    if "I" not in part:
        return int(part.get("H") or 0)
    hour = int(part["I"])
    if not 1 <= hour <= 12:
        raise ValueError("hour must be in 1..12")
    return hour % 12 + (12 if part.get("p", "am").lower() == "pm" else 0)


def letters_of(array: Any) -> NDArray[np.uint8] | None:
    """The letters of an Arrow column of text as a table of bytes; None where the texts are of different lengths."""
    if not len(array):
        return None
    ends = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
    widths = np.diff(ends)
    if not widths[0] or (widths != widths[0]).any():
        return None
    return np.frombuffer(array.buffers()[2], np.uint8)[ends[0] : ends[-1]].reshape(len(array), -1)


def digits(letters: NDArray[np.uint8], width: int) -> NDArray[np.int64] | None:
    """The number that each row of letters is; None where one is no digit, or missing."""
    values = letters - np.uint8(ord("0"))
    if letters.shape[1] != width or (values > 9).any():
        return None
    return values.astype(np.int64) @ 10 ** np.arange(width - 1, -1, -1)


def moments(parts: dict[str, NDArray[np.int64]]) -> NDArray[np.int64] | None:
    """ns as if they were UTC; None where a part is out of its range."""
    zero = np.zeros(1, np.int64)
    month, day, hour, minute, second = (parts.get(name, zero) for name in "mdHMS")
    if (month < 1).any() or (month > 12).any() or (day < 1).any() or (hour > 23).any() or (minute > 59).any() or (second > 59).any():
        return None
    first = (parts["Y"] - 1970).astype("M8[Y]").astype("M8[M]") + (month - 1)
    days = first.astype("M8[D]") + (day - 1)
    if (days.astype("M8[M]") != first).any() or (parts["Y"] < 2000).any() or (parts["Y"] > 2100).any():
        return None
    seconds = ((days.astype(np.int64) * 24 + hour) * 60 + minute) * 60 + second
    return np.asarray(seconds * SECOND + parts.get("f", zero), np.int64)
