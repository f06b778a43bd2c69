"""Columns of Arrow as columns of the tape, and which of their cells are none: numbers, sides, kinds, ids and symbols.

The same for every typed format: Parquet, Arrow, pandas, and JSON once its values are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from feeds.csv_cells import NO_SIDE, SIDES
from feeds.hints import about_number
from pipeline.symbols import MAX_NAME, is_symbol
from pipeline.ticks import Kind

__all__ = ["Cells", "are_numbers", "is_text", "kinds", "numbers", "plain", "sides", "symbols", "text_of", "whole_numbers"]

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
EXACT = 1 << 53
"""Whole numbers up to this are floats."""
TENS = 22
"""So are powers of ten up to this one."""
UNKNOWN = 9
KINDS = {kind.name.lower(): int(kind) for kind in Kind} | {str(int(kind)): int(kind) for kind in Kind}
MISSING = "is missing"


@dataclass
class Cells:
    """A column of the tape; `bad` are the rows without a value, each with what stands there and the reason."""

    values: NDArray[Any]
    bad: dict[int, tuple[object, str]] = field(default_factory=dict)


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is text, plain or in a dictionary."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def are_numbers(kind: Any) -> bool:
    """Whether an Arrow type is numbers; yes and no are 1 and 0."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return bool(is_number or pa.types.is_boolean(kind))


def plain(array: Any) -> Any:
    """The same values in one array without a dictionary, text as string."""
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    array = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
    return array.cast(pa.string()) if is_text(array.type) and not pa.types.is_string(array.type) else array


def text_of(array: Any) -> Any:
    """The same values as text."""
    return plain(array).cast(pa.string())


def flags(array: Any) -> NDArray[np.bool_]:
    """An Arrow column of yes and no."""
    found: NDArray[np.bool_] = array.to_numpy(zero_copy_only=False).astype(np.bool_, copy=False)
    return found


def numbers(array: Any, scale: float = 1.0) -> Cells:
    """float64, nan where a cell is null or empty; each the number nearest to what is written, then divided by `scale`."""
    array = plain(array)
    cells = numbers_of_text(array) if is_text(array.type) else Cells(plain_numbers(array))
    if scale != 1.0:
        cells.values = cells.values / scale
    return cells


def plain_numbers(array: Any) -> NDArray[np.float64]:
    if pa.types.is_null(array.type):
        return np.full(len(array), np.nan)
    if pa.types.is_decimal(array.type):
        return numbers_of_decimals(array)
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    if array.null_count:
        array = array.cast(pa.float64(), safe=False)
    found: NDArray[np.float64] = array.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    return found


def numbers_of_text(array: Any) -> Cells:
    text = pc.utf8_trim(array, " \t")
    text = pc.if_else(pc.equal(text, ""), None, text)
    good = pc.match_substring_regex(text, NUMBER)
    cells = Cells(pc.if_else(good, text, None).cast(pa.float64()).to_numpy(zero_copy_only=False))
    for row in np.flatnonzero(~flags(good.fill_null(True)) | np.isinf(cells.values)).tolist():
        written = str(array[row])
        hint = about_number(written, ".").replace("; decimals after a comma need --decimal ,", "")
        none = f"is not a number{hint}" if written.isascii() or hint else "is not a number in plain digits"
        cells.bad[row] = written, "is not finite" if np.isinf(cells.values[row]) else none
    return cells


def numbers_of_decimals(array: Any) -> NDArray[np.float64]:
    """Both parts of a fraction are exact where they are small; then so is the nearest float of it. Arrow's own cast is not."""
    places = array.type.scale
    if pa.types.is_decimal32(array.type) or pa.types.is_decimal64(array.type):
        array = array.cast(pa.decimal128(38, places))
    found = np.full(len(array), np.nan)
    known, small = flags(array.is_valid()), np.zeros(len(array), np.bool_)
    if pa.types.is_decimal128(array.type) and 0 <= places <= TENS and len(array):
        words = np.frombuffer(array.buffers()[1], "<i8").reshape(-1, 2)[array.offset : array.offset + len(array)]
        low, high = words[:, 0], words[:, 1]
        small = known & (low >= -EXACT) & (low <= EXACT) & (high == low >> 63)
        found[small] = low[small] / 10.0**places
    for row in np.flatnonzero(known & ~small).tolist():
        found[row] = float(array[row].as_py())
    return found


def whole_numbers(array: Any, needed: NDArray[np.bool_]) -> Cells:
    """int64, 0 where a cell is null; it is bad where it is needed."""
    array = plain(array)
    cells = Cells(np.zeros(len(array), np.int64))
    if pa.types.is_null(array.type):
        absent = np.ones(len(array), np.bool_)
    else:
        absent = flags(array.is_null())
        found = array.fill_null(0).to_numpy(zero_copy_only=False)
        if pa.types.is_uint64(array.type):
            for row in np.flatnonzero(found > np.iinfo(np.int64).max).tolist():
                cells.bad[row] = int(found[row]), "is more than 64 bits hold"
        cells.values = found.astype(np.int64, copy=False)
    cells.bad |= dict.fromkeys(np.flatnonzero(absent & needed).tolist(), (None, MISSING))
    return cells


def sides(array: Any, more: Mapping[str, int]) -> Cells:
    """1 where the aggressor bought, -1 where it sold, 0 where that is not known; `more` are words beyond the usual."""
    known = SIDES | {word.lower(): side for word, side in more.items()}
    return looked_up(array, lambda word: known.get(word, UNKNOWN), 0, NO_SIDE)


def kinds(array: Any) -> Cells:
    """What each row is: 0 to 3, or its name."""
    reason = "is no kind of row; expected trade, quote, gap or heartbeat, or 0 to 3"
    return looked_up(array, lambda word: KINDS.get(word, UNKNOWN), UNKNOWN, reason)


def looked_up(array: Any, find: Any, absent: int, reason: str) -> Cells:
    array = plain(array)
    array = array.cast(pa.float32()) if pa.types.is_float16(array.type) else array  # Arrow has no dictionaries of those
    encoded = array.dictionary_encode()
    words = encoded.dictionary.to_pylist()
    table = np.array([*(find(word_of(word)) for word in words), absent], np.int8)
    places = encoded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
    cells = Cells(table[places])
    for row in np.flatnonzero(cells.values == UNKNOWN).tolist():
        word = words[places[row]] if places[row] < len(words) else None
        cells.bad[row] = (word, reason) if word is not None else (None, MISSING)
    return cells


def word_of(value: object) -> str:
    """A value as it would be written: 1.0 is 1, True is true, nan nothing."""
    if isinstance(value, float):
        value = int(value) if value.is_integer() else "" if value != value else value
    return str(value).strip(" \t").lower()


def symbols(array: Any, needed: NDArray[np.bool_]) -> tuple[Cells, tuple[str, ...]]:
    """The place of each row's symbol among the texts that occur, from 1; 0 where none is needed and none is there.

    Some of the texts may be no symbols; the rows that have them are bad.
    """
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    encoded = array if pa.types.is_dictionary(array.type) else plain(array).dictionary_encode()
    places = encoded.indices
    occurs = pc.unique(places).drop_null().to_numpy(zero_copy_only=False)
    names = plain(encoded.dictionary).take(pa.array(occurs)).to_pylist() if len(occurs) else []
    table = np.zeros(len(encoded.dictionary) + 1, np.int32)
    table[occurs] = [number if name else 0 for number, name in enumerate(names, 1)]
    cells = Cells(table[places.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)])
    refused = [number for number, name in enumerate(names, 1) if name and not is_symbol(name)]
    for row in np.flatnonzero(np.isin(cells.values, refused)).tolist() if refused else ():
        reason = f"is no symbol; expected 1 to {MAX_NAME} printable characters without blanks around them"
        cells.bad[row] = names[cells.values[row] - 1], reason
    for row in np.flatnonzero((cells.values == 0) & needed).tolist():
        cells.bad[row] = array[row].as_py(), MISSING
    return cells, tuple(names)
