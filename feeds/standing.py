"""Quotes that name one side and leave the other as it was: both sides as they stand, filled in while they are read."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feeds.blocks import Around, Names, column_of
from feeds.reading import Reading
from pipeline.feed import Feed, reading_further
from pipeline.ingest import RawRows
from pipeline.kernels import Codes, Floats, Kinds, Matrix, kernel

__all__ = ["with_standing_sides"]

PRICE, SIZE = 0, 1


@kernel
def fill(symbol: Codes, kind: Kinds, price: Floats, size: Floats, last: Matrix) -> None:
    for i in range(symbol.shape[0]):
        k = symbol[i]
        if kind[i] == 1:  # a quote
            if price[i] == price[i]:
                last[k, PRICE], last[k, SIZE] = price[i], size[i]
            else:
                price[i], size[i] = last[k, PRICE], last[k, SIZE]
        elif kind[i] == 2:  # a gap: nobody knows what stands after it
            last[k, PRICE], last[k, SIZE] = np.nan, np.nan


def with_standing_sides(feed: Feed, reading: Reading) -> Feed:
    """The feed with both sides of each quote, if that is how it shall be read; nan before the first of that side, and after a gap."""
    return Standing(feed) if reading.sides_stand and {"bid", "ask"} <= feed.columns else feed


@dataclass(frozen=True)
class Standing(Around):
    """A feed with both sides of each quote."""

    feed: Feed

    @property
    def feeds(self) -> Sequence[Feed]:  # type: ignore[override]
        """The one feed."""
        return (self.feed,)

    def also(self, names: Set[str]) -> Feed:
        """The feed with further columns."""
        return Standing(reading_further(self.feed, names))

    def rows(self) -> Iterator[RawRows]:
        """The blocks, filled in; what stands at the end of one stands at the beginning of the next."""
        sides = Sides()
        for raw in self.feed.rows():
            yield replace(raw, columns=raw.columns | sides.filled(raw))


@dataclass
class Sides:
    """What stands of each symbol: price and size of the bid, and of the ask."""

    names: Names = field(default_factory=Names)
    last: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def filled(self, raw: RawRows) -> dict[str, NDArray[Any]]:
        """The columns of both sides of a block."""
        codes = np.ascontiguousarray(self.names.codes(0, raw.names)[raw.columns["symbol"]], np.int32)
        kind = np.ascontiguousarray(column_of(raw, "kind"), np.int8)
        found: dict[str, NDArray[Any]] = {}
        for side in ("bid", "ask"):
            known = self.last.get(side, np.empty((0, 2)))
            missing = len(self.names.names) + 1 - len(known)
            last = self.last[side] = np.concatenate([known, np.full((max(missing, 0), 2), np.nan)])
            price, size = (np.array(column_of(raw, name), np.float64) for name in (side, f"{side}_size"))
            fill(codes, kind, price, size, last)
            found |= {side: price} | ({f"{side}_size": size} if f"{side}_size" in raw.columns else {})
        return found
