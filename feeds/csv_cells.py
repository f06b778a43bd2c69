"""What a cell of a CSV file may hold, row by row: the definition, and the words for a row that breaks it.

The fast reader must agree with this one wherever it accepts a block; where it refuses, this one finds the places.
"""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from feeds.csv_times import INTEGER, NUMBER, RefusedError, Times, integer
from feeds.hints import UTF_8, about_number
from feeds.text_blocks import TOO_LONG, is_too_long
from pipeline.errors import BadRow
from pipeline.symbols import is_symbol
from pipeline.ticks import COLUMN_TYPES, Kind

__all__ = ["FARTHEST_NS", "NO_SIDE", "SCALED", "SIDES", "Layout", "Reader", "cells_of"]

SIDES = {"buy": 1, "b": 1, "sell": -1, "s": -1, "1": 1, "+1": 1, "-1": -1, "0": 0, "unknown": 0, "": 0}
NO_SIDE = "is no side; expected buy or sell, or words that --sides explains, as in --sides B=buy,S=sell"
SCALED = ("price", "bid", "ask")
FARTHEST_NS = 10 * 366 * 86_400 * 10**9
"""No tick is ten years after the one before it: one row of 2099 would make every row after it late."""


@dataclass(frozen=True)
class Layout:
    """How the columns of a file become columns of the tape: names as in the file, places by tape column, and what cells mean.

    `symbol` is that of every row, where no column holds it; `guessed` says that the file's name was all that told it.
    `other_times` are columns that might be the time too. `header_line` is 0 where there is no header.
    """

    source: str
    names: tuple[str, ...]
    places: dict[str, tuple[int, ...]]
    times: Times
    symbol: str | None = None
    delimiter: str = ","
    decimal: str = "."
    price_scale: float = 1.0
    sides: dict[str, int] = field(default_factory=lambda: SIDES)
    zero_is_absent: bool = False
    header_line: int = 1
    guessed: bool = False
    other_times: tuple[str, ...] = ()

    @property
    def mixed(self) -> bool:
        """Whether trades and quotes can stand in one file; a row without a price is then a quote."""
        return "price" in self.places and not self.places.keys().isdisjoint(("bid", "ask"))

    @property
    def unread(self) -> dict[str, int]:
        """The columns of the file that are not read, and have a name of their own that a strategy can write."""
        read = {place for places in self.places.values() for place in places}
        free = [name for name in self.names if name.isidentifier() and self.names.count(name) == 1 and name not in COLUMN_TYPES]
        return {name: place for name in free if (place := self.names.index(name)) not in read and name not in self.places}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its rows."""
        return ("time", "symbol", *(name for name in self.places if name not in ("time", "symbol")), *(("kind",) if self.mixed else ()))


class Reader:
    """Reads lines one by one; `newest` is the largest time so far."""

    def __init__(self, layout: Layout, newest: int) -> None:
        self.layout, self.newest = layout, newest

    def rows(self, block: bytes, line: int) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
        """The line of each row, and its values or why it has none; `line` is that of the block's beginning."""
        for number, raw in enumerate(block.removesuffix(b"\n").split(b"\n"), line):
            if raw.strip() or is_too_long(raw):
                try:
                    yield number, self.values(self.cells(raw.removesuffix(b"\r"), number), number)
                except BadRow as bad:
                    yield number, bad

    def cells(self, raw: bytes, line: int) -> list[str]:
        """The cells of a line; BadRow where it is not as wide as the header."""
        names, delimiter = self.layout.names, self.layout.delimiter
        if is_too_long(raw):
            raise self.bad(line, names[min(raw.count(delimiter.encode()), len(names) - 1)], raw.decode(errors="replace"), TOO_LONG)
        try:
            text = raw.decode()
            cells = cells_of(text, delimiter)
        except UnicodeDecodeError as error:
            name = names[min(raw.count(delimiter.encode(), 0, error.start), len(names) - 1)]
            raise self.bad(line, name, raw[error.start : error.start + 8], f"is not UTF-8 text; {UTF_8}") from None
        except csv.Error as error:
            place, reason = csv_trouble(text, str(error))
            raise self.bad(line, names[min(text.count(delimiter, 0, place), len(names) - 1)], text, reason) from None
        first = "the header" if self.layout.header_line else "the first row"
        if len(cells) < len(names):
            raise self.bad(line, names[len(cells)], text, f"has {len(cells)} cells, {first} {len(names)}: this one is missing")
        if len(cells) > len(names):
            raise self.bad(line, names[-1], text, f"has {len(cells)} cells, {first} only {len(names)}")
        return cells

    def bad(self, line: int, column: str, value: str | bytes, reason: str) -> BadRow:
        """The error of a row."""
        return BadRow(self.layout.source, line, column, value[:80], reason)

    def values(self, cells: list[str], line: int) -> dict[str, Any]:
        """The values of a row by tape column."""
        layout, newest = self.layout, self.newest
        values: dict[str, Any] = {} if layout.symbol is None else {"symbol": layout.symbol}
        trade = "price" in layout.places and not (layout.mixed and not cells[layout.places["price"][0]].strip(" \t"))
        for column, places in layout.places.items():
            text = cells[places[0]] if len(places) == 1 else " ".join(cells[place] for place in places)
            try:
                values[column] = self.value(column, text, trade)
            except RefusedError as error:
                self.newest = newest
                raise self.bad(line, "+".join(layout.names[place] for place in places), text, str(error)) from None
        if layout.mixed:
            values["kind"] = int(Kind.TRADE if trade else Kind.QUOTE)
        for side in ("bid", "ask") if layout.zero_is_absent else ():
            if values.get(side) == 0.0:
                values.update({name: math.nan for name in (side, f"{side}_size") if name in values})
        return values

    def value(self, column: str, text: str, trade: bool) -> Any:
        """The value of one cell; RefusedError says why there is none."""
        layout = self.layout
        if column == "symbol":
            if not is_symbol(text):
                raise RefusedError("is no symbol; expected printable text without blanks around it" if text else "is missing")
            return text
        text = text.strip(" \t")
        if column == "time":
            time = layout.times.of(text)
            if self.newest > 0 and time - self.newest > FARTHEST_NS:
                raise RefusedError(f"is {(time - self.newest) / (365.25 * 86_400e9):.0f} years after the row before it")
            self.newest = max(time, self.newest)
            return time
        if column == "side":
            return side_of(text, layout.sides)
        if column == "trade_id":
            return integer_of(text)
        value = number_of(text, trade and column in ("price", "size"), layout.decimal)
        return value / layout.price_scale if column in SCALED else value


def cells_of(text: str, delimiter: str) -> list[str]:
    """The cells of a line; csv.Error where quotes do not match, and for a cell in quotes of more than 131,072 characters."""
    if text and '"' not in text and "\r" not in text:
        return text.split(delimiter)
    return next(csv.reader([text], delimiter=delimiter, strict=True))


def csv_trouble(text: str, said: str) -> tuple[int, str]:
    """Where a line stops being CSV, and why."""
    if "\r" in text:
        return text.index("\r"), "has a CR in the middle; lines end with LF or CRLF"
    if "larger than" in said:
        return 0, f"has a cell in quotes of more than {csv.field_size_limit():,} characters"
    return text.rindex('"'), "has an open quote, or text after a closing one"


def number_of(text: str, required: bool, decimal: str) -> float:
    if not text:
        if required:
            raise RefusedError("is missing")
        return math.nan
    plain = text if decimal == "." else text.translate({ord(decimal): ".", ord("."): None})
    if not NUMBER.fullmatch(plain) or (decimal != "." and "." in text):
        hint = about_number(text, decimal)
        raise RefusedError(f"is not a number{hint}" if text.isascii() or hint else "is not a number in plain digits")
    value = float(plain)
    if math.isinf(value):
        raise RefusedError("is not finite")
    return value


def integer_of(text: str) -> int:
    if not INTEGER.fullmatch(text) or not -(1 << 63) <= integer(text) < 1 << 63:
        raise RefusedError("is no integer")
    return integer(text)


def side_of(text: str, sides: dict[str, int]) -> int:
    if text.lower() not in sides:
        raise RefusedError(NO_SIDE)
    return sides[text.lower()]
