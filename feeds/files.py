"""Files of ticks as one feed: several are merged, put in order, narrowed to a span and paced as asked."""

from collections.abc import Sequence
from datetime import datetime
from glob import glob
from typing import Any

from feeds.merging import merged
from feeds.recorded import csv
from feeds.streams import between, in_order, paced, speed_of
from pipeline.errors import ParameterError, UsageError
from pipeline.feed import Feed

__all__ = ["file"]


def file(
    paths: Sequence[str],
    *,
    time_unit: str | None = None,
    sort: bool = False,
    start: str | None = None,
    until: str | None = None,
    speed: str = "max",
    **reading: Any,
) -> Feed:
    """Plain CSV files (or globs) as one feed; UsageError for what cannot be read so."""
    if reading:
        raise UsageError(f"files are read as plain CSV here: {', '.join(reading)} cannot be used")
    found = [each for path in paths for each in (sorted(glob(path)) if any(sign in path for sign in "*?[") else [path])]
    if not found:
        raise UsageError(f"there is no file {', '.join(paths)}")
    feed = merged([csv(path, time_unit=time_unit) for path in found])
    return paced(between(in_order(feed) if sort else feed, moment(start), moment(until)), speed_of(speed))


def moment(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = datetime.min
    if time.tzinfo is None:
        raise ParameterError(f"{text!r} is no time with a zone; expected one such as 2013-10-07T13:30:00Z")
    return int(time.timestamp()) * 10**9 + time.microsecond * 1000
