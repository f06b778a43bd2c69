"""A block of CSV as columns, by Arrow. Whatever is not plainly right is left to the reader of single rows."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow
from numpy.typing import NDArray

from feeds.csv_cells import FARTHEST_NS, SCALED, Layout
from pipeline.symbols import is_symbol
from pipeline.ticks import Kind

__all__ = ["Columns", "fast_columns"]

Columns = dict[str, NDArray[Any]]
TEXT = pa.dictionary(pa.int32(), pa.string())
TYPES = {"symbol": TEXT, "side": TEXT, "trade_id": pa.int64()}


def fast_columns(block: bytes, layout: Layout) -> tuple[Columns, tuple[str, ...]] | None:
    """The columns of a block and its symbols; None where a row may be wrong, blank, or none of one line."""
    if hexadecimal(block, layout):
        return None
    try:
        table = table_of(block, layout)
        if table is None or table.num_rows != block.count(b"\n") + (not block.endswith(b"\n")):
            return None
        arrays = {column: array_of(table, column, places, layout) for column, places in layout.places.items()}
    except pa.ArrowInvalid:
        return None
    time = layout.times.column(arrays.pop("time"))
    if time is None or int(time.max()) - int(time[0]) > FARTHEST_NS:
        return None
    if "trade_id" in arrays and arrays["trade_id"].null_count:
        return None
    columns: Columns = {"time": time}
    if layout.symbol is not None:
        columns["symbol"], names = np.ones(len(time), np.int32), (layout.symbol,)
    else:
        symbols = arrays.pop("symbol")
        names = tuple(symbols.dictionary.to_pylist())
        columns["symbol"] = symbols.indices.to_numpy() + np.int32(1)
        if not all(map(is_symbol, names)):
            return None
    for column, array in arrays.items():
        found = sides(array, layout) if column == "side" else numbers(array)
        if found is None:
            return None
        columns[column] = found / layout.price_scale if column in SCALED and layout.price_scale != 1.0 else found
    return (columns, names) if complete(columns, layout) else None


def hexadecimal(block: bytes, layout: Layout) -> bool:
    """Whether a cell might be a hexadecimal integer, which Arrow reads; one letter is found sooner than two."""
    integers = layout.times.are_integers or "trade_id" in layout.places
    return integers and ((b"x" in block and b"0x" in block) or (b"X" in block and b"0X" in block))


def table_of(block: bytes, layout: Layout) -> Any:
    """The cells that are read; None where one column of the file would have to be of two types."""
    types: dict[str, Any] = {}
    for column, places in layout.places.items():
        for place in places:
            wanted = type_of(column, len(places) > 1, layout)
            if types.setdefault(str(place), wanted) != wanted:
                return None
    return arrow.read_csv(
        pa.BufferReader(block),
        arrow.ReadOptions(column_names=[str(place) for place in range(len(layout.names))], use_threads=False, block_size=len(block) + 1),
        arrow.ParseOptions(delimiter=layout.delimiter, ignore_empty_lines=False),
        arrow.ConvertOptions(
            column_types=types, include_columns=list(types), null_values=[""], strings_can_be_null=False, decimal_point=layout.decimal
        ),
    )


def type_of(column: str, joined: bool, layout: Layout) -> Any:
    if column != "time":
        return pa.string() if joined else TYPES.get(column, pa.float64())
    if layout.times.are_integers:
        return pa.int64()
    return pa.string() if joined or layout.times.format is not None else iso_type(layout)


def iso_type(layout: Layout) -> Any:
    return pa.timestamp("ns", "UTC" if layout.times.with_zone or layout.times.zone is None else None)


def array_of(table: Any, column: str, places: tuple[int, ...], layout: Layout) -> Any:
    """A column of the tape as Arrow has it; ArrowInvalid where joined text is no time."""
    arrays = [table.column(str(place)).combine_chunks() for place in places]
    if len(arrays) == 1:
        return arrays[0]
    joined = pc.binary_join_element_wise(*arrays, " ")
    if column == "symbol":
        return joined.dictionary_encode()
    return joined if layout.times.format is not None else joined.cast(iso_type(layout))


def sides(array: Any, layout: Layout) -> NDArray[np.int8] | None:
    known = [layout.sides.get(text.strip(" \t").lower(), 9) for text in array.dictionary.to_pylist()]
    return None if 9 in known else np.array(known, np.int8)[array.indices.to_numpy()]


def numbers(array: Any) -> NDArray[Any] | None:
    """A column of numbers, nan where the cell is empty; None where one is not finite."""
    values: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    if array.type == pa.int64():
        return values
    return values if int(np.isfinite(values).sum()) + array.null_count == len(values) else None


def complete(columns: Columns, layout: Layout) -> bool:
    """Whether every trade has its price and size; marks the quotes of a file that has both, and sides that are not there."""
    for side in ("bid", "ask") if layout.zero_is_absent else ():
        if side in columns:
            absent = columns[side] == 0.0
            columns |= {name: np.where(absent, np.nan, columns[name]) for name in (side, f"{side}_size") if name in columns}
    if "price" not in columns:
        return True
    absent = np.isnan(columns["price"])
    if layout.mixed:
        columns["kind"] = np.where(absent, Kind.QUOTE, Kind.TRADE).astype(np.int8)
        return "size" not in columns or not (np.isnan(columns["size"]) & ~absent).any()
    return not absent.any() and not ("size" in columns and np.isnan(columns["size"]).any())
