"""Streams around a feed: put in order of time, narrowed to a span, or replayed at its own pace."""

import time
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from math import isinf

import numpy as np
from numpy.typing import NDArray

from feeds.blocks import Around, Names, cut, part, rearranged
from pipeline.errors import InputError, ParameterError
from pipeline.feed import Feed, reading_further
from pipeline.ingest import RawRows
from pipeline.row_checks import YEAR_2000, YEAR_2100

__all__ = ["Pace", "between", "in_order", "paced", "speed_of"]

BLOCK_ROWS = 65_536
LONGEST_SLEEP = 0.5


def in_order(feed: Feed) -> Feed:
    """The rows of a feed sorted by time, equal times as they come; it reads everything first, and holds it in memory."""
    return Sorted(feed)


def between(feed: Feed, start: int | None = None, until: int | None = None) -> Feed:
    """The rows of a feed with start <= time < until (ns UTC); it reads no further than the first block that has none before `until`."""
    return (
        feed
        if start is None and until is None
        else Between(feed, YEAR_2000 if start is None else start, YEAR_2100 if until is None else until)
    )


def paced(
    feed: Feed, speed: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> Feed:  # fmt: skip
    """The rows of a feed as they came, `speed` times as fast; infinity is as fast as possible. Idle stretches are waited for."""
    return feed if speed == float("inf") else Paced(feed, speed, clock, sleep)


def speed_of(text: str) -> float:
    """What "max", "1x" or "60x" means.

    >>> speed_of("60x"), speed_of("max")
    (60.0, inf)
    """
    try:
        speed = float("inf") if text == "max" else float(text.removesuffix("x")) if text.endswith("x") else 0.0
    except ValueError:
        speed = 0.0
    if not speed > 0.0 or (text != "max" and speed == float("inf")):
        raise ParameterError(f'speed {text!r}: expected "max", or how many times as fast as it was, such as "1x" or "60x"')
    return speed


@dataclass
class Pace:
    """When rows are due: `speed` times as fast as they came, counted from the first row that is asked about.

    >>> pace = Pace(2.0, iter([100.0, 100.0, 101.5]).__next__)
    >>> pace.due(np.array([0, 3, 4]) * 10**9)
    (1, 0.0)
    >>> pace.due(np.array([4]) * 10**9)
    (0, 0.5)
    """

    speed: float
    clock: Callable[[], float] = time.monotonic
    _first: int | None = None
    _began: float = 0.0

    def due(self, times: NDArray[np.int64]) -> tuple[int, float]:
        """How many of these rows (times in ns, in order) are due, and, where none is, the seconds until the first is."""
        if isinf(self.speed):
            return len(times), 0.0
        if self._first is None:
            self._first, self._began = int(times[0]), self.clock()
        now = self._first + int((self.clock() - self._began) * self.speed * 1e9)
        ready = int(np.searchsorted(times, now, "right"))
        return ready, 0.0 if ready else (int(times[0]) - now) / 1e9 / self.speed


@dataclass(frozen=True)
class Sorted(Around):
    """A feed in order of time."""

    feed: Feed

    @property
    def feeds(self) -> Sequence[Feed]:  # type: ignore[override]
        """The one feed."""
        return (self.feed,)

    def also(self, names: Set[str]) -> Feed:
        """The feed with further columns."""
        return replace(self, feed=reading_further(self.feed, names))

    def rows(self) -> Iterator[RawRows]:
        """Everything, sorted, in blocks; where the feed fails, what came before."""
        names, blocks, codes, fault = Names(), list[RawRows](), list[NDArray[np.int32]](), None
        try:
            for raw in self.feed.rows():
                blocks.append(raw)
                codes.append(names.codes(0, raw.names))
        except InputError as error:
            fault = error
        if blocks:
            time = np.concatenate([raw.columns["time"] for raw in blocks])
            pieces = [(raw, 0, len(raw)) for raw in blocks]
            whole = rearranged(pieces, codes, names.names, self.columns, np.argsort(time, kind="stable"))
            yield from cut(whole, BLOCK_ROWS)
        if fault is not None:
            raise fault


@dataclass(frozen=True)
class Between(Around):
    """A feed from one time until another."""

    feed: Feed
    start: int
    until: int

    @property
    def feeds(self) -> Sequence[Feed]:  # type: ignore[override]
        """The one feed."""
        return (self.feed,)

    def also(self, names: Set[str]) -> Feed:
        """The feed with further columns."""
        return replace(self, feed=reading_further(self.feed, names))

    def rows(self) -> Iterator[RawRows]:
        """Blocks without the rows outside."""
        names = Names()
        for raw in self.feed.rows():
            time = raw.columns["time"]
            if len(raw) and time.min() >= self.until:
                return
            inside = (time >= self.start) & (time < self.until)
            if inside.all():
                yield raw
            elif inside.any():
                codes = names.codes(0, raw.names)
                yield rearranged([(raw, 0, len(raw))], [codes], names.names, self.columns, np.flatnonzero(inside))


@dataclass(frozen=True)
class Paced(Around):
    """A feed at its own pace."""

    feed: Feed
    speed: float
    clock: Callable[[], float]
    sleep: Callable[[float], None]

    @property
    def feeds(self) -> Sequence[Feed]:  # type: ignore[override]
        """The one feed."""
        return (self.feed,)

    def also(self, names: Set[str]) -> Feed:
        """The feed with further columns."""
        return replace(self, feed=reading_further(self.feed, names))

    def rows(self) -> Iterator[RawRows]:
        """Blocks of the rows that are due."""
        pace = Pace(self.speed, self.clock)
        for raw in self.feed.rows():
            if not len(raw):
                yield raw
                continue
            key = np.maximum.accumulate(raw.columns["time"])
            at = 0
            while at < len(raw):
                ready, seconds = pace.due(key[at:])
                if ready:
                    yield part(raw, at, at + ready)
                    at += ready
                else:
                    self.sleep(min(seconds, LONGEST_SLEEP))
