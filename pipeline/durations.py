"""Lengths of time as people write them: "250ms", "30s", "1m", "1h30m", "1d"."""

import re
from datetime import timedelta

from pipeline.errors import ParameterError

__all__ = ["SECOND", "Duration", "format_duration", "nanoseconds"]

SECOND = 1_000_000_000
UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": 86400 * SECOND}
LONGEST = 3653 * UNITS["d"]
PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h|d)")

Duration = str | timedelta
"""A length of time: text such as "1m", or a timedelta."""


def nanoseconds(length: Duration) -> int:
    """Nanoseconds of a length of time.

    >>> nanoseconds("1m") == nanoseconds("60s") == 60_000_000_000
    True
    >>> nanoseconds("1h30m") // SECOND
    5400
    """
    if isinstance(length, timedelta) and length >= timedelta(0):
        return bounded(length, ((length.days * 86400 + length.seconds) * 1_000_000 + length.microseconds) * 1_000)
    if isinstance(length, str):
        text = length.replace(" ", "")
        parts = PART.findall(text)
        if parts and "".join(n + u for n, u in parts) == text:
            return bounded(length, sum(part_ns(number, unit) for number, unit in parts))
    unit = f', with its unit: "{length}s" is {length} seconds' if str(length).replace(".", "", 1).isdecimal() else ""
    raise ParameterError(f'{length!r} is no length of time; write it like "250ms", "30s", "1m", "1h30m" or "1d"{unit}')


def bounded(length: Duration, length_ns: int) -> int:
    if not 0 <= length_ns <= LONGEST:
        raise ParameterError(f"{length!r} is {'below nothing' if length_ns < 0 else 'above ten years'}")
    return length_ns


def part_ns(number: str, unit: str) -> int:
    whole, _, fraction = number.partition(".")
    scale = UNITS[unit]
    return int(whole) * scale + (int(fraction) * scale // 10 ** len(fraction) if fraction else 0)


def format_duration(length_ns: int) -> str:
    """The shortest way to write a length of time.

    >>> format_duration(90_000_000_000), format_duration(250_000_000), format_duration(60_000_000_000)
    ('90s', '250ms', '1m')
    """
    for unit in ("d", "h", "m", "s", "ms", "us"):
        if length_ns and length_ns % UNITS[unit] == 0:
            return f"{length_ns // UNITS[unit]}{unit}"
    return f"{length_ns}ns"
