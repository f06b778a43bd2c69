"""JSON lines as a feed: one object a line, its keys the columns."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter
from pathlib import Path
from sys import float_info
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from feeds.blocks import one_ahead
from feeds.json_cells import WHOLE, Object, array_of, object_of, reason_of, type_of
from feeds.reading import PLAIN, Reading
from feeds.standing import with_standing_sides
from feeds.table_rows import Bad, Table
from feeds.table_shape import Shape, Shaped, shape_of
from feeds.text_blocks import BLOCK_BYTES, is_too_long, line_blocks
from pipeline.errors import BadRow, InputError, UsageError
from pipeline.feed import Feed
from pipeline.ingest import RawRows

__all__ = ["json_lines"]

SAMPLE_LINES = 1000
BOM, OTHER_BOMS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
Cell = int | float | str | bool | None | UnsetType
Lines = dict[str, list[Any]]
UNUSUAL = (b"\\", b" :", b"\t:", b"\r:")
"""A key with an escape, or a blank behind it, would not be counted."""
LARGEST = int(float_info.max)
EXAMPLES: dict[type, Any] = {int: 0, float: 0.0, str: "", bool: True, type(None): None}


def json_lines(path: str | Path, reading: Reading = PLAIN) -> Feed:
    """The ticks of a file of JSON lines, compressed or not, as a feed: one object a line, its keys the columns.

    Which keys there are is told by the first lines (up to 1,000); they are found by `Reading.places`, so an object of a
    venue is read with columns={"time": "T", "symbol": "s", "price": "p"}. Numbers may be text ("0.0001"), times whole
    numbers or text; `sides` tells what true and false mean ({"true": -1, "false": 1}). null, and a key that is missing,
    are as an empty cell of a CSV file: a row without a price is a quote where there are bids or asks. Further keys of
    numbers are kept as float64. Blank lines are passed over.

    Raises UsageError for a path that is no file, InputError for a file that holds no ticks, BadRow for a first time that
    is none; `rows` raises InputError for a file that is damaged, after the rows before that place.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "trades.jsonl")
    ...     _ = path.write_text('{"T": 1672515782136, "s": "BNBBTC", "p": "0.001", "q": "100", "m": true}\\n')
    ...     reading = Reading(columns={"time": "T", "symbol": "s", "price": "p", "size": "q"})
    ...     [(rows.names, rows.columns["price"].tolist()) for rows in json_lines(path, reading).rows()]
    [(('BNBBTC',), [0.001])]
    """
    found = Path(path)
    if not found.exists():
        raise UsageError(f"there is no file {found}")
    if not found.is_file():
        raise UsageError(f"{found} is not a regular file")
    keys = keys_of(found)
    types = [(key, type_of([value for _, value in values])) for key, values in keys.items()]
    return with_standing_sides(JsonFeed(found, shape_of(str(found), types, lambda key: first_known(keys[key]), reading, found)), reading)


def first_known(values: list[tuple[int, Any]]) -> tuple[int, object]:
    """The first value that is not null, and its line."""
    return next((each for each in values if each[1] is not None), (0, None))


def keys_of(path: Path) -> dict[str, list[tuple[int, Any]]]:
    """The keys of the first lines, each with its values and their lines; what is wrong with them where none is an object."""
    keys: dict[str, list[tuple[int, Any]]] = {}
    fault: BadRow | None = None
    for line, raw in islice(first_lines(path), SAMPLE_LINES):
        read = object_of(raw, ())
        if isinstance(read, str):
            fault = fault or BadRow(str(path), line, "object", shown(raw), read)
            continue
        for key, value in read.items():
            keys.setdefault(key, []).append((line, value))
    if not keys:
        raise fault or InputError(f"{path}: the file has no rows")
    return keys


def first_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not blank, each with its number."""
    number = 0
    for block in line_blocks(path, 1 << 16):
        for raw in block.removesuffix(b"\n").split(b"\n"):
            number += 1
            if number == 1 and raw.startswith(OTHER_BOMS):
                raise InputError(f"{path}: the text is UTF-16; convert it to UTF-8")
            if raw := raw.removeprefix(BOM if number == 1 else b"").strip():
                yield number, raw


@dataclass
class JsonFeed(Shaped):
    """A file of JSON lines as a feed."""

    path: Path
    shape: Shape
    block_bytes: int = BLOCK_BYTES
    _decoder: Any = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        keys = self.shape.wanted
        if all(key.isprintable() and not set('\\"').intersection(key) for key in keys):
            names = [f"k{place}" for place in range(len(keys))]
            made = msgspec.defstruct("Row", [(name, Cell, UNSET) for name in names], rename=dict(zip(names, keys, strict=True)), gc=False)
            self._decoder = msgspec.json.Decoder(made)

    def rows(self) -> Iterator[RawRows]:
        """The rows of the file a block at a time; the next block is read on another thread meanwhile."""
        return one_ahead(self._rows())

    def _rows(self) -> Iterator[RawRows]:
        table, line = Table(self.shape), 1
        for text in line_blocks(self.path, self.block_bytes):
            block = text.removeprefix(BOM) if line == 1 else text
            lines = block.count(b"\n") + (not block.endswith(b"\n"))
            values, bad, numbers = self._quick(block, lines) or self._line_by_line(block)
            self._empty(values, bad, len(numbers))
            yield table.rows(self._arrays(values), len(numbers), bad, [line + number for number in numbers])
            line += lines

    def _arrays(self, values: Lines) -> dict[str, Any]:
        places = self.shape.places.items()
        role = {name: column if len(names) == 1 else "symbol" for column, names in places for name in names}
        return {name: array_of(column, values[name]) for name, column in role.items()}

    def _quick(self, block: bytes, lines: int) -> tuple[Lines, Bad, range] | None:
        """The values of a block by key; None where a line may be none, or may have a key twice."""
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        whole = block.startswith(b"{") and block.count(b"\n{") == lines - 1 and block.count(b"}\n") + block.endswith(b"}") == lines
        if self._decoder is None or not whole or is_too_long(block) or any(sign in block for sign in UNUSUAL):
            return None
        try:
            block.decode()
            rows = self._decoder.decode_lines(block)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
            return None
        if len(rows) != lines:
            return None
        values: Lines = {}
        for place, key in enumerate(self.shape.wanted):
            values[key] = found = list(map(attrgetter(f"k{place}"), rows))
            kinds = set(map(type, found))
            there = lines - (found.count(UNSET) if UnsetType in kinds else 0)
            if block.count(f'"{key}":'.encode()) != there or self._refuses(key, kinds, found):
                return None
        return values, {}, range(lines)

    def _refuses(self, key: str, kinds: set[type], found: list[Any]) -> bool:
        """Whether a column of this key may refuse a value; mostly its type tells, but a whole number may be beyond any float."""
        whole = found if kinds <= {int, float} else [value for value in found if type(value) is int] if int in kinds else []
        if whole and (max(whole) > LARGEST or min(whole) < -LARGEST):
            return True
        columns = [column for column, names in self.shape.places.items() if key in names]
        some = found if WHOLE.intersection(columns) else [EXAMPLES[kind] for kind in kinds if kind is not UnsetType]
        return any(reason_of(column, value) for column in columns for value in some if value is not UNSET)

    def _line_by_line(self, block: bytes) -> tuple[Lines, Bad, list[int]]:
        values: Lines = {key: [] for key in self.shape.wanted}
        bad: Bad = {}
        numbers: list[int] = []
        for number, raw in enumerate(block.removesuffix(b"\n").split(b"\n")):
            if not raw.strip() and not is_too_long(raw):
                continue
            read = object_of(raw, values)
            if isinstance(read, str):
                bad[len(numbers)] = "object", shown(raw), read
                read = Object()
            for column, names in self.shape.places.items():
                for name in names:
                    if why := reason_of(column, read.get(name)):
                        bad.setdefault(len(numbers), (column, shortened(read[name]), why))
                        read[name] = None
            for key, found in values.items():
                found.append(read.get(key, UNSET))
            numbers.append(number)
        return values, bad, numbers

    def _empty(self, values: Lines, bad: Bad, count: int) -> None:
        """Refuse the rows that name no price at all: their keys were not among the first lines."""
        prices = [values[self.shape.places[column][0]] for column in ("price", "bid", "ask") if column in self.shape.places]
        if all(UnsetType in set(map(type, each)) for each in prices):
            names = [self.shape.called(column) for column in ("price", "bid", "ask") if column in self.shape.places]
            for row in range(count):
                if all(each[row] is UNSET for each in prices):
                    bad.setdefault(row, (names[0], None, f"is missing: the object has no key {' or '.join(names)}"))


def shown(raw: bytes) -> str:
    return raw[:80].decode(errors="replace").strip()


def shortened(value: Any) -> Any:
    """A value to show in a message."""
    return json.dumps(value)[:80] if isinstance(value, dict | list) else value
