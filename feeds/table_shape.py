"""What the columns of a table with typed columns are: which is which column of the tape, and how its times are read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from feeds.csv_times import RefusedError, Times
from feeds.guesses import symbol_facts, time_facts
from feeds.reading import Reading
from feeds.table_cells import are_numbers, is_text
from feeds.table_times import times_of
from pipeline.errors import BadRow, InputError, UsageError
from pipeline.ticks import COLUMN_TYPES

__all__ = ["MOMENTS", "PRICES", "Shape", "Shaped", "shape_of"]

PRICES = ("price", "bid", "ask")
MOMENTS = ("received", "event_time")
First = Callable[[str], tuple[int, object]]


@dataclass(frozen=True)
class Shape:
    """What the columns of a table are: by column of the tape, the names in the table; `first_row` is the number of its first.

    `zoneless` says that its times are timestamps without a zone, and nobody has named one: they are taken as UTC.
    `other_times` are columns that might be the time too.
    """

    source: str
    places: dict[str, tuple[str, ...]]
    times: Times
    reading: Reading
    symbol: str | None = None
    first_row: int = 1
    zoneless: bool = False
    other_times: tuple[str, ...] = ()

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the tape that it fills."""
        return frozenset({"seq", "kind", "symbol", *self.places})

    @property
    def wanted(self) -> list[str]:
        """The columns of the table that are read."""
        return list(dict.fromkeys(name for names in self.places.values() for name in names))

    @property
    def read_as(self) -> dict[str, Any]:
        """The settings under which it is read."""
        found: dict[str, Any] = {"columns": {column: "+".join(names) for column, names in self.places.items()}}
        found |= {"time_unit": self.times.unit} if self.times.are_integers and self.times.day is None else {}
        found |= {"tz": "UTC"} if self.zoneless else {}
        return found | ({} if self.symbol is None else {"symbol": self.symbol})

    @property
    def guessed(self) -> tuple[str, ...]:
        """The symbol, if a file's name was all that told it."""
        return (self.symbol,) if self.symbol is not None and self.reading.symbol is None else ()

    def called(self, column: str) -> str:
        """The name that messages give a column of the tape."""
        return "+".join(self.places.get(column, (column,)))


class Shaped:
    """What a feed of a table is called, gives, and is read by: what its shape says."""

    shape: Shape

    @property
    def name(self) -> str:
        """The path, or the name that was given."""
        return self.shape.source

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the tape that it fills."""
        return self.shape.columns

    @property
    def read_as(self) -> dict[str, Any]:
        """The settings under which it is read."""
        return self.shape.read_as

    @property
    def guessed(self) -> tuple[str, ...]:
        """The symbol, if a file's name was all that told it."""
        return self.shape.guessed

    def facts(self) -> list[tuple[str, str]]:
        """What a report says of it."""
        zone = [("tz", "UTC, since its times name no zone; tz says otherwise")] if self.shape.zoneless else []
        return symbol_facts(self.guessed) + zone + time_facts(self.shape.called("time"), self.shape.other_times)


def shape_of(
    source: str, types: Sequence[tuple[str, Any]], first: First, reading: Reading, path: Path | None
) -> Shape:  # fmt: skip
    """What the columns of a table are. `first` gives the first value of a column that is not null, and its row.

    Raises UsageError for a column that is named and not there, InputError for what cannot become ticks, BadRow for a
    first time that is none.
    """
    reading.refuse_text(source)
    names = [name for name, _ in types]
    placed = {column: tuple(names[place] for place in some) for column, some in reading.places(source, names).items()}
    kind_of = {name: kind.value_type if pa.types.is_dictionary(kind) else kind for name, kind in types}
    symbol = reading.symbol_beside(source, path, placed)
    absent = [column for column in ("time", "symbol") if column not in placed and (column == "time" or symbol is None)]
    if placed.keys().isdisjoint(PRICES):
        absent.append("price (or bid and ask)")
    if absent:
        raise InputError(
            f"{source}: there is no column {', '.join(absent)}; its columns are {', '.join(names)[:200]}{hint_of(absent[0], path)}"
        )
    places = {column: some for column, some in placed.items() if fits(source, column, some, kind_of, column in reading.columns)}
    taken = {name for some in placed.values() for name in some}
    places |= {name: (name,) for name in names if name not in taken and name not in places and is_further(name, names, kind_of[name])}
    times = first_time(source, places["time"], kind_of, first, reading, path)
    zoneless = reading.tz is None and is_zoneless(kind_of[places["time"][0]])
    return Shape(source, places, times, reading, symbol, zoneless=zoneless, other_times=reading.other_times(names, places["time"][0]))


def is_zoneless(kind: Any) -> bool:
    """Whether an Arrow type is that of times by a clock of nobody knows where."""
    return bool(pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.tz is None))


def hint_of(absent: str, path: Path | None) -> str:
    """How to name a column that was not found: as on the command line, or in Python, where there is no file."""
    column, example = absent.split()[0], {"time": "T", "symbol": "S"}.get(absent, "px")
    if path is None:
        return f"; name it: columns={{'{column}': ...}}" + (" or symbol=..." if column == "symbol" else "")
    return f". Say which it is, as in --columns {column}={example}" + (", or give --symbol SPY" if column == "symbol" else "")


def fits(source: str, column: str, some: tuple[str, ...], kind_of: Mapping[str, Any], named: bool) -> bool:
    """Whether a column of the tape can be read; InputError where it must be and cannot."""
    kind = kind_of[some[0]]
    if column in ("time", "symbol"):
        refuse_parts(source, column, some, kind_of)
        return True
    if column == "trade_id":
        return bool(pa.types.is_integer(kind))
    if are_numbers(kind) or is_text(kind) or pa.types.is_null(kind):
        return True
    if named or column in COLUMN_TYPES:
        words = "text or numbers" if column in ("side", "kind") else "numbers"
        raise InputError(f"{source}: column {some[0]} is {kind}; expected {words} for {column}")
    return False


def refuse_parts(source: str, column: str, some: tuple[str, ...], kind_of: Mapping[str, Any]) -> None:
    """InputError where a column of symbols, or one of those that are joined to a time or a symbol, is none of text, nor times."""
    for name in some:
        kind = kind_of[name]
        if is_text(kind) or pa.types.is_null(kind) or (column == "time" and (len(some) == 1 or is_written(kind))):
            continue
        if column == "symbol":
            raise InputError(f"{source}: column {name} is {kind}; expected text: a symbol is not made of numbers (000001 would be 1)")
        raise InputError(
            f"{source}: column {name} is {kind}; expected text, whole numbers, dates or times, since {'+'.join(some)} is the time"
        )


def is_written(kind: Any) -> bool:
    """Whether a value of a type, written as text, may be a part of a time."""
    is_time = pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_timestamp(kind)
    return bool(pa.types.is_integer(kind) or is_time)


def is_further(name: str, names: Sequence[str], kind: Any) -> bool:
    """Whether a column that is none of the tape's is kept; one of text is not."""
    if name == "seq" or names.count(name) > 1:
        return False
    if name in MOMENTS:
        return bool(pa.types.is_integer(kind) or pa.types.is_timestamp(kind))
    return are_numbers(kind) or (name == "kind" and is_text(kind))


def first_time(
    source: str, some: tuple[str, ...], kind_of: Mapping[str, Any], first: First, reading: Reading, path: Path | None
) -> Times:  # fmt: skip
    """How the times are read. A column of nothing but nulls is read as text: every row of it will be refused."""
    kind = kind_of[some[0]] if len(some) == 1 else pa.string()
    is_cells = is_text(kind) or pa.types.is_integer(kind)
    found = [first(name) for name in some] if is_cells else []
    row, value = (found[0][0], " ".join(str(each) for _, each in found)) if found else (0, None)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        refuse_settings_of_cells(f"{source}: column {some[0]}", kind, reading)
    if pa.types.is_null(kind) or (found and found[0][1] is None):
        return Times("iso", "UTC")
    try:
        return times_of(kind, value, reading, path)
    except RefusedError as why:
        raise BadRow(source, row, "+".join(some), str(value)[:80], str(why)) from None
    except InputError as error:
        raise InputError(f"{source}: column {'+'.join(some)}: {error}") from None


def refuse_settings_of_cells(where: str, kind: Any, reading: Reading) -> None:
    """Refuse what only whole numbers or text can be told, where times are times already."""
    told = {"time_unit": reading.time_unit, "time_format": reading.time_format, "day": reading.day}
    for name, value in told.items():
        if value is not None:
            raise UsageError(f"{where} is {kind}, which is a time by itself; {name}={value!r} is for numbers or text; leave it out")
