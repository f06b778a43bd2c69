"""Several feeds as one, in order of time."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

import numpy as np

from feeds.blocks import Around, Names, anchored, rearranged
from pipeline.errors import InputError
from pipeline.feed import Feed, reading_further
from pipeline.ingest import RawRows
from pipeline.row_checks import YEAR_2000

__all__ = ["merged"]

LAST = 1 << 62


def merged(feeds: Sequence[Feed]) -> Feed:
    """One feed of several, in order of time; equal times in order of the feeds, then of their rows.

    A refused row comes right after the row before it; those before the first of a feed come with that.
    Each feed has to be in order itself; a row that is not keeps its place behind the newer row before it, and is as late
    as it was. At most the feeds whose spans overlap are open at a time. Columns that one feed lacks are nan in its rows
    (`side` and integers 0), and a row without a price is a quote.

    >>> from pipeline.checks import tape_of
    >>> from pipeline.feed import recorded
    >>> parts = [recorded(tape_of(price=[1.0, 3.0], seconds=[0, 2])), recorded(tape_of(price=[2.0, 4.0], seconds=[1, 2]))]
    >>> [rows.columns["price"].tolist() for rows in merged(parts).rows()]
    [[1.0, 2.0, 3.0], [4.0]]
    """
    return feeds[0] if len(feeds) == 1 else Merged(tuple(feeds))


class Source:
    """One of the feeds of a merge: its block under way, and how far it is. `key` is the newest time up to each row."""

    def __init__(self, rank: int, feed: Feed) -> None:
        self.rank, self.feed = rank, feed
        self.opens = opening_of(feed)
        self.rows: Iterator[RawRows] | None = None
        self.fault: InputError | None = None

    def open(self) -> bool:
        """Begin; whether there is any row."""
        self.rows, self.newest = anchored(self.feed.rows()), -LAST
        return self.advance()

    def advance(self) -> bool:
        """Go on to the next block; whether there is one. A feed that fails is over once its rows are out."""
        assert self.rows is not None
        try:
            self.raw = next(self.rows)
        except StopIteration:
            return False
        except InputError as error:
            self.fault = error
            return False
        self.at = 0
        self.key = np.maximum(np.maximum.accumulate(self.raw.columns["time"]), self.newest) if len(self.raw) else np.empty(0, np.int64)
        self.newest = int(self.key[-1]) if len(self.key) else self.newest
        return True


def opening_of(feed: Feed) -> int:
    """The time of a feed's first row. One without rows comes first, one that fails before it has any comes last."""
    try:
        return next((int(raw.columns["time"][0]) for raw in feed.rows() if len(raw)), YEAR_2000)
    except InputError:
        return LAST


@dataclass(frozen=True)
class Merged(Around):
    """Several feeds as one."""

    feeds: tuple[Feed, ...]

    def also(self, names: Set[str]) -> Feed:
        """The feed with further columns."""
        return Merged(tuple(reading_further(feed, names) for feed in self.feeds))

    def rows(self) -> Iterator[RawRows]:
        """Blocks in order of time; a feed that fails ends them, after all rows up to its last, or all others where it has none."""
        waiting = sorted((Source(rank, feed) for rank, feed in enumerate(self.feeds)), key=lambda source: (source.opens, source.rank))
        active: list[Source] = []
        names, columns = Names(), self.columns
        while active or waiting:
            while waiting and (not active or waiting[0].opens <= min(source.newest for source in active)):
                source = waiting.pop(0)
                if source.open():
                    active.append(source)
                elif source.fault is not None:
                    raise source.fault
            if not active:
                continue
            active.sort(key=lambda source: source.rank)
            horizon = min(source.newest for source in active)
            ending = next(source for source in active if source.newest == horizon)
            pieces, keys, codes = [], [], []
            for source in active:
                last = int(np.searchsorted(source.key, horizon, "right" if source.rank <= ending.rank else "left"))
                last = len(source.key) if source is ending else max(last, source.at)
                pieces.append((source.raw, source.at, last))
                keys.append(source.key[source.at : last])
                codes.append(names.codes(source.rank, source.raw.names))
                source.at = last
            yield rearranged(pieces, codes, names.names, columns, np.argsort(np.concatenate(keys), kind="stable"))
            if not ending.advance():
                if ending.fault is not None:
                    raise ending.fault
                active.remove(ending)
