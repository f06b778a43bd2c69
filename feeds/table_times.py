"""The times of a typed column: timestamps of any unit, with or without a zone, whole numbers, and text."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from feeds.csv_time_formats import TimeFormat
from feeds.csv_times import DAY, INTEGER, NUMBER, RefusedError, Times, integer, iso_time, unit_of, utc_column, utc_of
from feeds.hints import about_date
from feeds.reading import UNITS, Reading
from feeds.table_cells import Cells, is_text, plain
from pipeline.errors import InputError
from pipeline.row_checks import YEAR_2000, YEAR_2100

__all__ = ["times", "times_of"]

NONE = "is no time between 2000 and 2100"


def times_of(kind: Any, first: object, reading: Reading, path: Path | None) -> Times:
    """How the times of a file are read, by the type of the column and its first value; RefusedError where it is none.

    InputError for a type that holds no times.
    """
    day = reading.day_of(path)
    if pa.types.is_time(kind):
        if day is None:
            hint = "day='2013-10-07'" if path is None else "--day 2013-10-07, or --day {name} for the date in the file's name"
            raise InputError(f"its times are those of a day; name the day, as in {hint}")
        return Times(kind.unit, reading.tz, day=day)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return Times("iso", reading.tz)
    if not (is_text(kind) or pa.types.is_integer(kind)):
        hint = "; a float cannot hold nanoseconds" if pa.types.is_floating(kind) else ""
        raise InputError(f"its times are {kind}; expected timestamps, whole numbers or text{hint}")
    text = str(first).strip(" \t")
    return of_cells(text, reading, day)


def of_cells(text: str, reading: Reading, day: date | None) -> Times:
    """As `times_of`, for whole numbers and text."""
    if reading.time_format is not None:
        how = Times("format", reading.tz, TimeFormat(reading.time_format))
    elif reading.time_unit is not None or day is not None:
        how = Times(reading.time_unit or "ms", reading.tz, day=day)
    elif INTEGER.fullmatch(text):
        unit = unit_of(integer(text))
        if unit is None:
            raise RefusedError(f"{NONE} in s, ms, us or ns{about_date(text)}")
        how = Times(unit, reading.tz)
    elif NUMBER.fullmatch(text):
        how = Times("ns")
    else:
        how = Times("iso", reading.tz, with_zone=iso_time(text)[1] is not None)
    how.of(text)
    return how


def times(array: Any, how: Times) -> Cells:
    """ns UTC; what is null, or no time between 2000 and 2100, is bad."""
    array = plain(array)
    if pa.types.is_null(array.type):
        array = array.cast(pa.int64())
    if is_text(array.type):
        return of_text(array, how)
    if pa.types.is_floating(array.type):
        return one_by_one([each if each is None else repr(each) for each in array.to_pylist()], how)
    if pa.types.is_date(array.type):
        array = array.cast(pa.timestamp("s" if pa.types.is_date32(array.type) else "ms"))
    stamps = pa.types.is_timestamp(array.type)
    unit = array.type.unit if stamps else how.unit
    counts = whole(array)
    cells = of_stamps(counts, unit, how, array.type.tz is None) if stamps else of_integers(counts, how)
    if pa.types.is_uint64(array.type):
        cells.bad = {row: (str(array[row]), why) for row, (_, why) in cells.bad.items()}
    for row in np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False)).tolist() if array.null_count else ():
        cells.bad[row] = None, "is missing"
    return cells


def whole(array: Any) -> NDArray[np.int64]:
    """The numbers behind a column of them, or of times; the largest where they do not fit, and where there is none."""
    largest = np.iinfo(np.int64).max
    if pa.types.is_uint64(array.type):
        counts = array.fill_null(largest).to_numpy(zero_copy_only=False)
        return np.asarray(np.minimum(counts, np.uint64(largest)), np.int64)
    array = array.cast(pa.int32()) if pa.types.is_time32(array.type) else array
    found: NDArray[np.int64] = array.cast(pa.int64()).fill_null(largest).to_numpy(zero_copy_only=False)
    return found


def of_stamps(counts: NDArray[np.int64], unit: str, how: Times, naive: bool) -> Cells:
    scale = UNITS[unit]
    beyond = (counts < YEAR_2000 // scale - DAY // scale) | (counts >= YEAR_2100 // scale + DAY // scale)
    values = np.where(beyond, YEAR_2000 // scale, counts) * scale if beyond.any() else counts if scale == 1 else counts * scale
    cells = shifted(values, how.zone) if naive and how.zone is not None else Cells(values)
    beyond |= (cells.values < YEAR_2000) | (cells.values >= YEAR_2100)
    cells.bad |= {row: (str(counts[row].view(f"M8[{unit}]")), NONE) for row in np.flatnonzero(beyond).tolist()}
    return cells


def of_integers(counts: NDArray[np.int64], how: Times) -> Cells:
    scale = UNITS.get(how.unit, 0)
    low, high = (0, DAY // scale) if how.day is not None else (YEAR_2000 // scale, YEAR_2100 // scale) if scale else (1, 0)
    beyond = (counts < low) | (counts >= high)
    if not beyond.any():
        values = counts if scale == 1 else counts * scale
        return Cells(values) if how.day is None else shifted(how.midnight + values, how.zone or "UTC")
    return one_by_one([str(count) for count in counts.tolist()], how)


def shifted(naive: NDArray[np.int64], zone: str) -> Cells:
    """From the clock of a zone to UTC."""
    try:
        return Cells(utc_column(naive, zone)) if len(naive) else Cells(naive)
    except RefusedError:
        cells = Cells(naive.copy())
    for row, time in enumerate(naive.tolist()):
        try:
            cells.values[row] = utc_of(time, zone)
        except RefusedError as why:
            cells.bad[row] = str(np.datetime64(time, "ns")), str(why)
    return cells


def of_text(array: Any, how: Times) -> Cells:
    array = pc.utf8_trim(array, " \t")
    found = quick(array, how)
    return Cells(found) if found is not None else one_by_one(array.to_pylist(), how)


def quick(array: Any, how: Times) -> NDArray[np.int64] | None:
    """The times of a column of text; None where one may be none."""
    if array.null_count or not len(array):
        return None
    try:
        if how.are_integers:
            digits = pc.all(pc.match_substring_regex(array, r"^-?[0-9]{1,19}$")).as_py()
            return how.column(array.cast(pa.int64())) if digits else None
        if how.format is None:
            array = array.cast(pa.timestamp("ns", "UTC") if how.with_zone else pa.timestamp("ns"))
        return how.column(array)
    except pa.ArrowInvalid:
        return None


def one_by_one(texts: list[str | None], how: Times) -> Cells:
    """As the cells of a text file are read: a reason for each that is none."""
    cells = Cells(np.zeros(len(texts), np.int64))
    for row, text in enumerate(texts):
        try:
            cells.values[row] = how.of(text or "")
        except RefusedError as why:
            cells.bad[row] = text, str(why)
    return cells
