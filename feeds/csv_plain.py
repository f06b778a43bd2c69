"""The plainest CSV, by a kernel: whole numbers of time, short decimal numbers, names without quotes. Anything else is for Arrow.

A decimal number of up to 15 digits is an integer below 2^53 divided by a power of ten below 10^22, both exact in a float,
so that one division rounds it as the definition does (Clinger, How to read floating point numbers accurately, 1990).
"""

from typing import Annotated, Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from feeds.csv_cells import Layout
from pipeline.kernels import Counts, Ints, Kernel, Matrix, Times, inline, kernel

__all__ = ["plain_cells", "warm_up"]

Text = Annotated[NDArray[np.uint8], types.Array(types.uint8, 1, "C", readonly=True)]
SKIPPED, INTEGER, NUMBER, NAME = 0, 1, 2, 3
INTEGERS, NAMES = ("time", "trade_id"), ("symbol", "side")
POWERS = 10.0 ** np.arange(16)
ONE, NOTHING = np.uint64(1), np.uint64(0)  # a place that cannot be below 0 is not checked for it
MOST_NAMES, TABLE = 4096, 16_384


@inline
def code_of(text, delimiter, start, end, mark, slot, table, places, counts):  # type: ignore[no-untyped-def]
    """The number of a name, a new one where it is new; 0 where there are too many."""
    place = (mark ^ mark >> 15) & (TABLE - 1)
    while table[slot, place]:
        known, same = np.uint64(places[slot, table[slot, place] - 1]), NOTHING
        while same < end - start and text[known + same] == text[start + same]:
            same += ONE
        after = text[known + same]
        if same == end - start and (after == delimiter or after == 10 or after == 13):
            return table[slot, place]
        place = (place + 1) & (TABLE - 1)
    if counts[slot] == MOST_NAMES:
        return 0
    places[slot, counts[slot]] = start
    counts[slot] += 1
    table[slot, place] = counts[slot]
    return counts[slot]


@kernel
def read_cells(
    text: Text, delimiter: int, decimal: int, kinds: Times, slots: Times, integers: Counts, numbers: Matrix, codes: Counts,
    table: Counts, places: Counts, counts: Ints,
) -> int:  # fmt: skip
    row = 0
    at = NOTHING
    last, size = kinds.shape[0] - 1, text.shape[0]
    while at < size:
        for column in range(last + 1):
            kind, slot, start, value, mark, point, negative = kinds[column], slots[column], at, 0, 0, NOTHING, NOTHING
            sign = text[at]
            if kind in (NAME, SKIPPED):
                while sign != delimiter and sign != 10 and sign != 13:
                    if sign == 34:
                        return -1
                    mark = (mark ^ int(sign)) * 16777619 & 0xFFFFFFFF
                    at += ONE
                    sign = text[at]
            else:
                if sign == 45:
                    negative = ONE
                    at += ONE
                    sign = text[at]
                while 48 <= sign <= 57:
                    value = value * 10 + (int(sign) - 48)
                    at += ONE
                    sign = text[at]
                if kind == NUMBER and sign == decimal:
                    at += ONE
                    point = at
                    sign = text[at]
                    while 48 <= sign <= 57:
                        value = value * 10 + (int(sign) - 48)
                        at += ONE
                        sign = text[at]
            end, digits = at, at - start - negative - (ONE if point else NOTHING)
            if sign == 13:
                at += ONE
            if text[at] != (delimiter if column < last else 10) or (at > end and column < last):
                return -1
            at += ONE
            if kind == INTEGER:
                if not 1 <= digits <= 19 or value < 0:
                    return -1
                integers[slot, row] = -value if negative else value
            elif kind == NUMBER:
                if digits > 15 or (digits == 0 and end > start):
                    return -1
                found = value / POWERS[end - point if point else NOTHING] if digits else np.nan
                numbers[slot, row] = -found if negative else found
            elif kind == NAME:
                code = code_of(text, delimiter, start, end, mark, slot, table, places, counts)
                if code == 0:
                    return -1
                codes[slot, row] = code
        row += 1
    return row


Cells = tuple[dict[str, NDArray[Any]], dict[str, list[str]]]


def plain_cells(block: bytes, rows: int, layout: Layout) -> Cells | None:
    """The columns of a block, names as 1-based codes, and the names; None where anything is not plain."""
    if not layout.times.are_integers or not block.endswith(b"\n") or any(len(places) > 1 for places in layout.places.values()):
        return None
    kinds, slots = np.zeros((2, len(layout.names)), np.int64)
    columns: dict[int, list[str]] = {INTEGER: [], NUMBER: [], NAME: []}
    for column, (place,) in layout.places.items():
        kind = INTEGER if column in INTEGERS else NAME if column in NAMES else NUMBER
        if kinds[place]:
            return None
        kinds[place], slots[place] = kind, len(columns[kind])
        columns[kind].append(column)
    integers, codes = np.empty((len(columns[INTEGER]), rows), np.int64), np.empty((len(columns[NAME]), rows), np.int64)
    numbers = np.empty((len(columns[NUMBER]), rows))
    table, places = np.zeros((len(codes), TABLE), np.int64), np.zeros((len(codes), MOST_NAMES), np.int64)
    counts = np.zeros(len(codes), np.int64)
    text, delimiter, decimal = np.frombuffer(block, np.uint8), ord(layout.delimiter), ord(layout.decimal)
    if read_cells(text, delimiter, decimal, kinds, slots, integers, numbers, codes, table, places, counts) != rows:
        return None
    found = dict(zip(columns[INTEGER], integers, strict=True)) | dict(zip(columns[NUMBER], numbers, strict=True))
    names = {}
    for slot, column in enumerate(columns[NAME]):
        found[column] = codes[slot].astype(np.int32)
        names[column] = [name_at(block, start, layout.delimiter) for start in places[slot, : counts[slot]].tolist()]
    return found, names


def name_at(block: bytes, start: int, delimiter: str) -> str:
    """The name that begins somewhere."""
    line = block[start : block.index(b"\n", start)]
    return line.partition(delimiter.encode())[0].removesuffix(b"\r").decode()


def warm_up() -> None:
    """Compile the kernel here and now: two threads that both find it new would do it at once."""
    if isinstance(read_cells, Kernel):
        read_cells.compile()
