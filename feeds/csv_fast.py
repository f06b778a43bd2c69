"""A block of CSV as columns, by a kernel or by Arrow. Whatever is not plainly right is left to the reader of single rows."""

import csv
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow
from numpy.typing import NDArray

from feeds.csv_cells import FARTHEST_NS, SCALED, Layout
from feeds.csv_plain import Cells, plain_cells
from feeds.text_blocks import is_too_long
from pipeline.symbols import is_symbol
from pipeline.ticks import Kind

__all__ = ["Columns", "Parsed", "fast_columns"]

Columns = dict[str, NDArray[Any]]
Parsed = tuple[Columns, tuple[str, ...]]
TEXT = pa.dictionary(pa.int32(), pa.string())
LINE_END = ord("\n")
QUOTE, *BESIDE_QUOTES = b'"\n\r"'
TYPES = {"symbol": TEXT, "side": TEXT, "trade_id": pa.int64()}


def fast_columns(block: bytes, layout: Layout) -> tuple[int, Parsed | None]:
    """How many lines a block has, and its columns and symbols; None where a row may be wrong, blank, or none of one line."""
    lines = int(
        np.count_nonzero(np.frombuffer(block, np.uint8) == LINE_END)
    )  # bytes.count takes five times as long, and holds every thread
    rows = lines + (not block.endswith(b"\n"))
    if is_too_long(block) or not (block.isascii() or is_utf8(block)):
        return lines, None
    cells = plain_cells(block, rows, layout) or arrow_cells(block, rows, layout)
    return lines, None if cells is None else columns_of(*cells, layout)


def is_utf8(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


def columns_of(cells: Columns, texts: dict[str, list[str]], layout: Layout) -> Parsed | None:
    """What the cells of a block mean; None where one may mean nothing."""
    time = layout.times.of_integers(cells.pop("time")) if layout.times.are_integers else cells.pop("time")
    if time is None or int(time.max()) - int(time[0]) > FARTHEST_NS:
        return None
    columns: Columns = {"time": time}
    names: tuple[str, ...]
    if layout.symbol is not None:
        columns["symbol"], names = np.ones(len(time), np.int32), (layout.symbol,)
    else:
        columns["symbol"], names = cells.pop("symbol"), tuple(texts["symbol"])
        if not all(map(is_symbol, names)):
            return None
    for column, values in cells.items():
        found: NDArray[Any] | None = sides(values, texts["side"], layout) if column == "side" else values
        if found is None or not (found.dtype.kind != "f" or finite_or_absent(found)):
            return None
        columns[column] = found / layout.price_scale if column in SCALED and layout.price_scale != 1.0 else found
    return (columns, names) if complete(columns, layout) else None


def arrow_cells(block: bytes, rows: int, layout: Layout) -> Cells | None:
    """The cells of a block as Arrow reads them: numbers nan where they are absent, texts as 1-based codes."""
    if hexadecimal(block, layout) or not well_quoted(block, layout.delimiter):
        return None
    try:
        table = table_of(block, layout)
        if table is None or table.num_rows != rows:
            return None
        arrays = {column: array_of(table, column, places, layout) for column, places in layout.places.items()}
    except pa.ArrowInvalid:
        return None
    cells: Columns = {}
    texts: dict[str, list[str]] = {}
    for column, array in arrays.items():
        if column == "time" and not layout.times.are_integers:
            time = layout.times.column(array)
            if time is None:
                return None
            cells[column] = time
        elif pa.types.is_dictionary(array.type):
            cells[column], texts[column] = array.indices.to_numpy() + np.int32(1), array.dictionary.to_pylist()
        elif pa.types.is_integer(array.type):
            if array.null_count:
                return None
            cells[column] = array.to_numpy()
        else:
            values = array.to_numpy(zero_copy_only=False)
            if int(np.isnan(values).sum()) != array.null_count:
                return None
            cells[column] = values
    return cells, texts


def well_quoted(block: bytes, delimiter: str) -> bool:
    """Whether every quote begins or ends a cell, or is one of two in a row; Arrow also takes open quotes and text behind one.

    Nor is a CR alone beside quotes: to Arrow it ends a line, and a line end in quotes is none, so the count of lines would be right.
    """
    if b'"' not in block:
        return True
    if block.count(b"\r") != block.count(b"\r\n") or has_long_line(block):
        return False
    text = np.frombuffer(b"\n" + block + b"\n", np.uint8)
    quotes = np.flatnonzero(text == QUOTE)
    if len(quotes) % 2:
        return False
    around = (ord(delimiter), *BESIDE_QUOTES)
    return bool(np.isin(text[quotes[::2] - 1], around).all() and np.isin(text[quotes[1::2] + 1], around).all())


def has_long_line(block: bytes) -> bool:
    """Whether a line is so long that one of its cells may be longer than the module csv reads beside quotes."""
    start, longest = 0, csv.field_size_limit()
    while len(block) - start > longest:
        end = block.rfind(b"\n", start, start + longest + 1) + 1
        if not end:
            return True
        start = end
    return False


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


def sides(codes: NDArray[np.int32], texts: list[str], layout: Layout) -> NDArray[np.int8] | None:
    known = [layout.sides.get(text.strip(" \t").lower(), 9) for text in texts]
    return None if 9 in known else np.array([0, *known], np.int8)[codes]


def finite_or_absent(values: NDArray[np.float64]) -> bool:
    """Whether no value is infinite; a sum that is finite says so at once."""
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(float(values.sum())) or not bool(np.isinf(values).any())


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
