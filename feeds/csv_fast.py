"""A block of CSV as columns, by Arrow. Whatever is not plainly right is left to the reader of single rows."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow
from numpy.typing import NDArray

from feeds.csv_cells import FARTHEST_NS, SIDES, UNITS, Layout, good_symbol
from pipeline.row_checks import YEAR_2000, YEAR_2100
from pipeline.ticks import Kind

__all__ = ["Columns", "fast_columns"]

Columns = dict[str, NDArray[Any]]
TEXT = pa.dictionary(pa.int32(), pa.string())
TYPES = {"symbol": TEXT, "side": TEXT, "trade_id": pa.int64()}


def fast_columns(block: bytes, layout: Layout, newest: int) -> tuple[Columns, tuple[str, ...]] | None:
    """The columns of a block and its symbols; None where a row may be wrong, blank, or none of one line."""
    if hexadecimal(block, layout):
        return None
    try:
        table = table_of(block, layout)
    except pa.ArrowInvalid:
        return None
    if table.num_rows != block.count(b"\n") + (not block.endswith(b"\n")):
        return None
    arrays = {column: table.column(str(place)).combine_chunks() for column, place in layout.places.items()}
    time = times(arrays.pop("time"), layout.unit, newest)
    symbols = arrays.pop("symbol")
    if time is None or ("trade_id" in arrays and arrays["trade_id"].null_count):
        return None
    names = tuple(symbols.dictionary.to_pylist())
    if not all(map(good_symbol, names)):
        return None
    columns: Columns = {"time": time, "symbol": symbols.indices.to_numpy() + np.int32(1)}
    for column, array in arrays.items():
        found = sides(array) if column == "side" else numbers(array)
        if found is None:
            return None
        columns[column] = found
    return (columns, names) if complete(columns, layout) else None


def hexadecimal(block: bytes, layout: Layout) -> bool:
    """Whether a cell might be a hexadecimal integer, which Arrow reads; one letter is found sooner than two."""
    integers = layout.unit != "iso" or "trade_id" in layout.places
    return integers and ((b"x" in block and b"0x" in block) or (b"X" in block and b"0X" in block))


def table_of(block: bytes, layout: Layout) -> Any:
    types = {str(place): TYPES.get(column, pa.float64()) for column, place in layout.places.items()}
    types[str(layout.places["time"])] = pa.timestamp("ns", "UTC") if layout.unit == "iso" else pa.int64()
    return arrow.read_csv(
        pa.BufferReader(block),
        arrow.ReadOptions(column_names=[str(place) for place in range(len(layout.names))], use_threads=True, block_size=len(block) + 1),
        arrow.ParseOptions(ignore_empty_lines=False),
        arrow.ConvertOptions(column_types=types, include_columns=list(types), null_values=[""], strings_can_be_null=False),
    )


def times(array: Any, unit: str, newest: int) -> NDArray[np.int64] | None:
    if array.null_count:
        return None
    time: NDArray[np.int64] = array.view(pa.int64()).to_numpy()
    scale = UNITS.get(unit, 1)
    first, last = int(time.min()), int(time.max())
    if not (first * scale >= YEAR_2000 and last * scale < YEAR_2100):
        return None
    if last * scale - (newest or int(time[0]) * scale) > FARTHEST_NS:
        return None
    return time if scale == 1 else time * scale


def sides(array: Any) -> NDArray[np.int8] | None:
    known = [SIDES.get(text.strip(" \t").lower(), 9) for text in array.dictionary.to_pylist()]
    return None if 9 in known else np.array(known, np.int8)[array.indices.to_numpy()]


def numbers(array: Any) -> NDArray[Any] | None:
    """A column of numbers, nan where the cell is empty; None where one is not finite."""
    values: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    if array.type == pa.int64():
        return values
    return values if int(np.isfinite(values).sum()) + array.null_count == len(values) else None


def complete(columns: Columns, layout: Layout) -> bool:
    """Whether every trade has its price and size; marks the quotes of a file that has both."""
    if "price" not in columns:
        return True
    absent = np.isnan(columns["price"])
    if layout.mixed:
        columns["kind"] = np.where(absent, Kind.QUOTE, Kind.TRADE).astype(np.int8)
        return "size" not in columns or not (np.isnan(columns["size"]) & ~absent).any()
    return not absent.any() and not ("size" in columns and np.isnan(columns["size"]).any())
