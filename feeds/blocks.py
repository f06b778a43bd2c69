"""Blocks of rows taken apart and put together: under one numbering of symbols, with each row's place and the refused rows kept."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from feeds.guesses import symbol_facts
from pipeline.errors import BadRow, InputError
from pipeline.feed import Feed, facts_of, further_of
from pipeline.ingest import Place, RawRows
from pipeline.ticks import COLUMN_TYPES, Kind

__all__ = ["Around", "Names", "Piece", "anchored", "column_of", "cut", "one_ahead", "part", "rearranged"]

Rows = NDArray[np.intp]
Piece = tuple[RawRows, int, int]
T = TypeVar("T")


class Around:
    """What a feed made of others has in common with them."""

    feeds: Sequence[Feed]

    @property
    def name(self) -> str:
        """The name of the one feed, or of all."""
        return self.feeds[0].name if len(self.feeds) == 1 else f"{len(self.feeds)} feeds, {self.feeds[0].name} to {self.feeds[-1].name}"

    @property
    def columns(self) -> frozenset[str]:
        """The columns that any of them has."""
        return frozenset().union(*(feed.columns for feed in self.feeds))

    @property
    def further(self) -> frozenset[str]:
        """The columns that any of them reads on request."""
        return frozenset().union(*map(further_of, self.feeds))

    @property
    def paths(self) -> list[Any]:
        """The files that are read."""
        return [path for feed in self.feeds for path in getattr(feed, "paths", [feed.path] if hasattr(feed, "path") else [])]

    @property
    def done(self) -> float:
        """How much has been read, from 0 to 1, where the feeds can tell."""
        return sum(getattr(feed, "done", 0.0) for feed in self.feeds) / len(self.feeds)

    @property
    def read_as(self) -> dict[str, Any]:
        """How they are read, as far as they agree."""
        first, *rest = [getattr(feed, "read_as", {}) for feed in self.feeds]
        return {name: value for name, value in first.items() if all(name in other and other[name] == value for other in rest)}

    @property
    def guessed(self) -> tuple[str, ...]:
        """The symbols that are known from names of files alone, one for each file."""
        return tuple(symbol for feed in self.feeds for symbol in getattr(feed, "guessed", ()))

    def facts(self) -> list[tuple[str, str]]:
        """What a report says of them, each thing once; the symbols that their names tell in one line."""
        told = [fact for feed in self.feeds for fact in facts_of(feed)]
        if len(self.feeds) == 1:
            return told
        return symbol_facts(self.guessed) + list(dict.fromkeys(fact for fact in told if fact[0] != "symbol"))


@dataclass
class Names:
    """Symbols of several feeds under one numbering; the tuple stays the same object while no new one comes."""

    known: dict[str, int] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    _last: dict[int, tuple[tuple[str, ...], NDArray[np.int32]]] = field(default_factory=dict)

    def codes(self, who: int, names: tuple[str, ...]) -> NDArray[np.int32]:
        """The number here of each number there; `who` asks with the same names again and again."""
        asked = self._last.get(who)
        if asked is None or asked[0] is not names:
            found = [0, *(self.known.setdefault(name, len(self.known) + 1) for name in names)]
            self._last[who] = asked = names, np.array(found, np.int32)
            if len(self.known) > len(self.names):
                self.names = tuple(self.known)
        return asked[1]


def rearranged(
    pieces: Sequence[Piece], codes: Sequence[NDArray[np.int32]], names: tuple[str, ...], columns: frozenset[str], order: Rows
) -> RawRows:  # fmt: skip
    """Parts of blocks (first row, last row) one after another, then in another order; `codes` renumber their symbols."""
    starts = [0, *accumulate(last - first for _, first, last in pieces)]
    found: dict[str, NDArray[Any]] = {
        name: np.concatenate([column_of(raw, name)[first:last] for raw, first, last in pieces])[order]
        for name in sorted(columns - {"seq", "symbol"})
    }
    symbol = [there[raw.columns["symbol"][first:last]] for (raw, first, last), there in zip(pieces, codes, strict=True)]
    found["symbol"] = np.concatenate(symbol)[order]

    def place_of(row: int) -> Place:
        at = int(order[row])
        turn = bisect_right(starts, at) - 1
        raw, first, _ = pieces[turn]
        return raw.place(first + at - starts[turn])

    return RawRows(found, names, pieces[0][0].source, place_of, refused_of(pieces, starts, order))


def refused_of(pieces: Sequence[Piece], starts: Sequence[int], order: Rows) -> list[tuple[int, BadRow]]:
    """The refused rows of the parts, each after the row that it came after, and left out with it; see `anchored`."""
    if not any(raw.refused for raw, _, _ in pieces):
        return []
    new = np.full(starts[-1], -1, np.intp)
    new[order] = np.arange(len(order))
    found: list[tuple[int, bool, BadRow]] = []
    for (raw, first, last), start in zip(pieces, starts, strict=False):
        for before, bad in raw.refused:
            if first < before <= last and (row := int(new[start + before - 1 - first])) >= 0:
                found.append((row + 1, False, bad))
            elif before == first == 0 < last and (row := int(new[start])) >= 0:
                found.append((row, True, bad))
            elif not len(raw):
                found.append((0, False, bad))
    return [(row, bad) for row, _, bad in sorted(found, key=lambda each: each[:2])]


def anchored(rows: Iterator[RawRows]) -> Iterator[RawRows]:
    """The same rows, each refused one in the block of the row that it came after, wherever the blocks were cut.

    Those before the first row are with that; only a feed of nothing but refused rows has a block without any row.
    """
    held: RawRows | None = None
    behind: list[tuple[int, BadRow]] = []
    try:
        for raw in rows:
            if held is None or not len(held):
                held, behind = raw, [*((0, bad) for _, bad in behind), *raw.refused]
                continue
            leading = sum(not before for before, _ in raw.refused)
            behind += [(len(held), bad) for _, bad in raw.refused[:leading]]
            if len(raw):
                yield replace(held, refused=behind)
                held, behind = raw, list(raw.refused[leading:])
    except InputError:
        if held is not None:
            yield replace(held, refused=behind)
        raise
    if held is not None:
        yield replace(held, refused=behind)


def column_of(raw: RawRows, name: str) -> NDArray[Any]:
    """A column of a block, or what stands for it where the block has none."""
    if name in raw.columns:
        return raw.columns[name]
    if name == "kind":
        price = raw.columns.get("price")
        quote = np.ones(len(raw), np.bool_) if price is None else np.zeros(len(raw), np.bool_)
        return np.where(quote, int(Kind.QUOTE), int(Kind.TRADE)).astype(np.int8)
    dtype = COLUMN_TYPES.get(name, np.dtype(np.float64))
    return np.full(len(raw), np.nan if dtype.kind == "f" else 0, dtype)


def part(raw: RawRows, first: int, last: int) -> RawRows:
    """Some rows of a block, and the refused ones before them (after the last row, those at the end)."""
    refused = [(before - first, bad) for before, bad in raw.refused if first <= before < last or before == last == len(raw)]
    columns = {name: column[first:last] for name, column in raw.columns.items()}
    return replace(raw, columns=columns, place_of=lambda row: raw.place(first + row), refused=refused)


def cut(raw: RawRows, rows: int) -> Iterator[RawRows]:
    """A block in blocks of so many rows."""
    if not len(raw):
        yield raw
    for first in range(0, len(raw), rows):
        yield part(raw, first, min(first + rows, len(raw)))


def one_ahead(source: Iterator[T]) -> Iterator[T]:
    """The items of an iterator that works on a thread of its own, one item ahead."""
    with ThreadPoolExecutor(1, "rxtape-reader") as worker:
        coming = worker.submit(next, source, None)
        while (item := coming.result()) is not None:
            coming = worker.submit(next, source, None)
            yield item
