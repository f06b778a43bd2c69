"""A pandas DataFrame as a feed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from feeds.reading import Reading
from feeds.standing import with_standing_sides
from feeds.table_rows import Table
from feeds.table_shape import Shape, Shaped, shape_of
from pipeline.errors import InputError
from pipeline.feed import Feed
from pipeline.ingest import RawRows

if TYPE_CHECKING:
    import pandas

__all__ = ["from_frame"]

ROWS = 1 << 17


def from_frame(frame: "pandas.DataFrame", name: str = "frame", **reading: Any) -> Feed:
    """The rows of a DataFrame as a feed; `reading` are the settings of `Reading`, such as columns={"price": "px"} or tz.

    Columns are found by the names that files have too (timestamp, ticker, qty, ...), among those of the index as well; a
    DatetimeIndex without a name is the time. Times are timestamps of any unit (without a zone they are UTC unless `tz`
    says otherwise), whole numbers since 1970, or text. Missing cells (None, nan, NaT, pd.NA) are as in a file: a row
    without a price is a quote where the frame has a bid or ask, else it is refused. Further numeric columns are kept as
    float64, so whole numbers beyond 2**53 are rounded there. float64 columns are not copied. Messages count rows from 0, as `iloc` does.

    Raises UsageError for a column that is named and not there, InputError for a frame that holds no ticks, BadRow for a
    first time that is none.

    >>> import pandas as pd
    >>> times = pd.to_datetime(["2024-03-04T14:30Z", "2024-03-04T14:31Z"])
    >>> feed = from_frame(pd.DataFrame({"ticker": ["SPY", "NA"], "px": [512.3, 31.5], "funding": [0.1, 0.2]}, index=times))
    >>> sorted(feed.columns)
    ['funding', 'kind', 'price', 'seq', 'symbol', 'time']
    >>> [(rows.names, rows.columns["price"].tolist()) for rows in feed.rows()]
    [(('SPY', 'NA'), [512.3, 31.5])]
    """
    meant, parts = Reading(**reading), parts_of(frame)
    types = [(column, type_of(name, column, series)) for column, series in parts]
    shape = shape_of(name, types, lambda column: first_known(dict(parts)[column]), meant, None)
    return with_standing_sides(FrameFeed(dict(parts), len(frame), replace(shape, first_row=0)), meant)


def first_known(series: Any) -> tuple[int, object]:
    """The first row that has a value, or -1, and the value."""
    known = series.notna().to_numpy()
    row = int(known.argmax()) if known.any() else -1
    return row, series.iloc[row] if row >= 0 else None


@dataclass(frozen=True, eq=False)
class FrameFeed(Shaped):
    """The columns of a frame as a feed."""

    series: dict[str, Any]
    count: int
    shape: Shape

    def rows(self) -> Iterator[RawRows]:
        """The rows in pieces that fit a cache."""
        table = Table(self.shape)
        for start in range(0, self.count, ROWS):
            pieces = {name: self.series[name].iloc[start : start + ROWS] for name in self.shape.wanted}
            arrays = {name: array_of(self.name, name, piece) for name, piece in pieces.items()}
            yield table.rows(arrays, min(ROWS, self.count - start))


def parts_of(frame: "pandas.DataFrame") -> list[tuple[str, Any]]:
    """The columns, and what the index holds that has a name or is a time."""
    parts = [(str(name), frame.iloc[:, place]) for place, name in enumerate(frame.columns)]
    for place, given in enumerate(frame.index.names):
        level = frame.index.get_level_values(place)
        name = given if given is not None else "time" if level.dtype.kind == "M" else None
        if name is not None and str(name) not in dict(parts):
            parts.append((str(name), level.to_series(index=range(len(level)))))
    return parts


def type_of(source: str, name: str, series: Any) -> Any:
    """The Arrow type of a column; what Arrow has no type for is none that is read."""
    try:
        found = array_of(source, name, series.iloc[:0] if series.dtype != object else series).type
    except InputError:
        return pa.binary()
    if series.dtype == object and pa.types.is_timestamp(found):
        refuse_mixed_zones(source, name, series)
    return found


def refuse_mixed_zones(source: str, name: str, series: Any) -> None:
    """InputError where some times have a zone and others have none: Arrow would read all as the first."""
    row, first = first_known(series)
    for place, value in enumerate(series):
        if isinstance(value, datetime) and value == value and (value.tzinfo is None) != (getattr(first, "tzinfo", None) is None):
            told = f"row {place} is {value}, row {row} is {first}; a column of times has a zone or none"
            raise InputError(f"{source}: column {name}: {told}; make them one, as in pandas.to_datetime(frame[{name!r}], utc=True)")


def array_of(source: str, name: str, series: Any) -> Any:
    """A column as Arrow holds it, not copied where it is plain numbers."""
    zoned = series.dtype.kind == "M" and getattr(series.dtype, "tz", None) is not None
    try:
        array = pa.array(series.dt.tz_convert(None) if zoned else series, from_pandas=series.dtype.kind not in "fiu")
        array = array.cast(pa.timestamp(array.type.unit, "UTC")) if zoned else array
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{source}: column {name} holds values of several kinds: {error}") from None
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
