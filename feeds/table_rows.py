"""Rows of a table with typed columns as rows of the tape, and which rows are none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from feeds.blocks import Names
from feeds.csv_cells import FARTHEST_NS
from feeds.csv_times import Times
from feeds.table_cells import Cells, kinds, numbers, plain, sides, symbols, text_of, whole_numbers
from feeds.table_shape import MOMENTS, PRICES, Shape
from feeds.table_times import times
from pipeline.errors import BadRow
from pipeline.ingest import RawRows
from pipeline.ticks import Kind

__all__ = ["Bad", "Table"]

Arrays = Mapping[str, Any]
Columns = dict[str, NDArray[Any]]
Bad = dict[int, tuple[str, object, str]]
"""Rows that are none: by their place, the column of the tape, what stands there, and why."""


@dataclass
class Table:
    """Turns pieces of a table into rows of the tape, one after another; symbols keep their numbers throughout."""

    shape: Shape
    names: Names = field(default_factory=Names)
    newest: int = 0
    row: int = 0
    texts: tuple[str, ...] = ()

    def rows(self, arrays: Arrays, count: int, bad: Bad | None = None, numbers: Sequence[int] | None = None) -> RawRows:
        """The rows of the next piece: its columns by their names in the table. Rows that are none are refused.

        `bad` are those of which it is known already. `numbers` are those of the rows where they do not just follow.
        """
        shape, first = self.shape, self.shape.first_row + self.row
        numbers = range(first, first + count) if numbers is None else numbers
        self.row += count
        bad = {} if bad is None else bad
        columns = {column: cells.values for column, cells in noted(bad, self._cells(arrays, count))}
        if shape.reading.zero_is_absent:
            columns |= without_zeros(columns)
        self._near(columns["time"], bad)
        if not bad:
            columns["symbol"] = self._numbered(columns["symbol"])
            return RawRows(columns, self.names.names, shape.source, lambda row: (shape.source, numbers[row]))
        keep = np.ones(count, np.bool_)
        keep[list(bad)] = False
        at = np.flatnonzero(keep)
        refused = [
            (row - place, BadRow(shape.source, numbers[row], shape.called(column), value[:80] if isinstance(value, str) else value, reason))
            for place, (row, (column, value, reason)) in enumerate(sorted(bad.items()))
        ]
        kept = {name: column[keep] for name, column in columns.items()}
        kept["symbol"] = self._numbered(kept["symbol"])
        return RawRows(kept, self.names.names, shape.source, lambda row: (shape.source, numbers[at[row]]), refused)

    def _cells(self, arrays: Arrays, count: int) -> Iterator[tuple[str, Cells]]:
        shape = self.shape
        read = {column: joined([arrays[name] for name in names]) for column, names in shape.places.items()}
        yield "time", times(read.pop("time"), shape.times)
        price = numbers(read.pop("price"), shape.reading.price_scale) if "price" in read else None
        kind = kinds(read.pop("kind")) if "kind" in read else kinds_by_price(price, count, not read.keys().isdisjoint(("bid", "ask")))
        trade = kind.values == Kind.TRADE
        yield "symbol", self._symbols(read.pop("symbol", None), kind.values, count)
        if price is not None:
            yield "price", with_all(price, trade)
        for column, array in read.items():
            yield column, self._further(column, array, trade)
        yield "kind", kind

    def _further(self, column: str, array: Any, trade: NDArray[np.bool_]) -> Cells:
        array = plain(array)
        if column == "side":
            return sides(array, self.shape.reading.sides)
        if column in MOMENTS and pa.types.is_timestamp(array.type):
            return moments(array, trade)
        if column == "trade_id" or column in MOMENTS:
            return whole_numbers(array, trade)
        cells = numbers(array, self.shape.reading.price_scale if column in PRICES else 1.0)
        return with_all(cells, trade) if column == "size" else cells

    def _symbols(self, array: Any, kind: NDArray[Any], count: int) -> Cells:
        if array is None:
            cells, self.texts = Cells(np.ones(count, np.int32)), (str(self.shape.symbol),)
        else:
            cells, self.texts = symbols(array, kind != Kind.HEARTBEAT)
        return cells

    def _numbered(self, places: NDArray[np.int32]) -> NDArray[np.int32]:
        """The number of each row's symbol, issued in the order of the rows that are left; a refused row issues none."""
        occurs = pc.unique(pa.array(places)).to_numpy()
        occurs = occurs[occurs > 0]
        table = np.zeros(len(self.texts) + 1, np.int32)
        table[occurs] = self.names.codes(0, tuple(self.texts[place - 1] for place in occurs.tolist()))[1:]
        return table[places]

    def _near(self, time: NDArray[np.int64], bad: Bad) -> None:
        """Refuse what is ten years after the row before it: it would make every row after it late."""
        good = np.ones(len(time), np.bool_)
        good[list(bad)] = False
        if not good.any():
            return
        newest, highest = self.newest or int(time[np.argmax(good)]), int(time[good].max())
        if highest - newest > FARTHEST_NS:
            for row in np.flatnonzero(good).tolist():
                ahead = int(time[row]) - newest
                if ahead > FARTHEST_NS:
                    written = f"{np.datetime64(int(time[row]), 'ns')}Z"
                    bad[row] = "time", written, f"is {ahead / (365.25 * 86_400e9):.0f} years after the row before it"
                else:
                    newest = max(newest, int(time[row]))
            highest = newest
        self.newest = max(self.newest, highest)


def noted(bad: Bad, found: Iterator[tuple[str, Cells]]) -> Iterator[tuple[str, Cells]]:
    """The columns as they come, each bad row noted with the first reason there is."""
    for column, cells in found:
        for row, (value, reason) in cells.bad.items():
            bad.setdefault(row, (column, value, reason))
        yield column, cells


def without_zeros(columns: Columns) -> Columns:
    """The sides of quotes, and their sizes, without those whose price is 0."""
    found: Columns = {}
    for side in ("bid", "ask"):
        if side in columns:
            absent = columns[side] == 0.0
            found |= {name: np.where(absent, np.nan, columns[name]) for name in (side, f"{side}_size") if name in columns}
    return found


def joined(parts: list[Any]) -> Any:
    """The columns of a joined time or symbol as one."""
    return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*map(text_of, parts), " ")


def kinds_by_price(price: Cells | None, count: int, has_quotes: bool) -> Cells:
    """In a table of trades and quotes a row without a price is a quote."""
    if price is None:
        return Cells(np.full(count, Kind.QUOTE, np.int8))
    if not has_quotes:
        return Cells(np.full(count, Kind.TRADE, np.int8))
    absent = np.isnan(price.values)
    absent[list(price.bad)] = False
    return Cells(np.where(absent, np.int8(Kind.QUOTE), np.int8(Kind.TRADE)))


def moments(array: Any, needed: NDArray[np.bool_]) -> Cells:
    """ns UTC of timestamps, 0 where there is none; it is bad where it is needed, and where it is not between 2000 and 2100."""
    cells = times(array, Times("iso"))
    absent = array.is_null().to_numpy(zero_copy_only=False).astype(np.bool_)
    cells.values = np.where(absent, 0, cells.values)
    for row in np.flatnonzero(absent & ~needed).tolist():
        del cells.bad[row]
    return cells


def with_all(cells: Cells, trade: NDArray[np.bool_]) -> Cells:
    """Every trade has its price and size."""
    for row in np.flatnonzero(np.isnan(cells.values) & trade).tolist():
        cells.bad.setdefault(row, (None, "is missing"))
    return cells
