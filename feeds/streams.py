"""Streams around a feed: put in order of time, narrowed to a span, or replayed at its own pace."""

import time
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from math import isinf

import numpy as np
from numpy.typing import NDArray

from feeds.blocks import Around, Names, anchored, cut, part, rearranged
from feeds.packed import STAND
from pipeline.alerts import format_time
from pipeline.errors import InputError, ParameterError
from pipeline.feed import Feed, reading_further
from pipeline.ingest import RawRows
from pipeline.row_checks import YEAR_2000, YEAR_2100

__all__ = ["Pace", "between", "in_order", "paced", "speed_of"]

BLOCK_ROWS = 65_536
LONGEST_SLEEP = 0.5
FARTHEST = YEAR_2100 - YEAR_2000
ENOUGH = 65_536


def in_order(feed: Feed) -> Feed:
    """The rows of a feed sorted by time, equal times as they come; it reads everything first, and holds it in memory.

    Where the feed ends in damage, `rows` raises InputError and gives none: a row that is missing may come before any other. So
    may one that could not be read: see `RawRows.unplaced`.
    """
    return Sorted(feed)


def between(feed: Feed, start: int | None = None, until: int | None = None) -> Feed:
    """The rows of a feed with start <= time < until (ns UTC); it reads no further than 65,536 rows in turn that are past that.

    A refused row, or damage, is where the row before it is: outside it is left out. Those before the first row are with that.
    """
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
        now = self._first + int(min((self.clock() - self._began) * self.speed * 1e9, FARTHEST))
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
        """Everything, sorted, in blocks; nothing where the feed fails, since the earliest rows may be what is missing."""
        names, blocks, codes = Names(), list[RawRows](), list[NDArray[np.int32]]()
        try:
            for raw in anchored(self.feed.rows()):
                blocks.append(raw)
                codes.append(names.codes(0, raw.names))
        except InputError as error:
            if type(error) is not InputError:
                raise
            said = str(error).removesuffix(f"; {STAND}")
            raise InputError(f"{said}; nothing is judged, since rows that are missing may be earlier than those that are sorted") from error
        if blocks:
            time = np.concatenate([raw.columns["time"] for raw in blocks])
            pieces = [(raw, 0, len(raw)) for raw in blocks]
            whole = rearranged(pieces, codes, names.names, self.columns, np.argsort(time, kind="stable"))
            yield from cut(replace(whole, unplaced=[bad for raw in blocks for _, bad in raw.refused]), BLOCK_ROWS)


@dataclass
class Seen:
    """The first and the last time of what was read, and whether anything lay inside the span."""

    first: int = YEAR_2100
    last: int = YEAR_2000
    inside: bool = False

    def begin(self) -> None:
        """Nothing was read."""
        self.first, self.last, self.inside = YEAR_2100, YEAR_2000, False

    def note(self, time: NDArray[np.int64], inside: NDArray[np.bool_]) -> None:
        """Some rows were read."""
        if len(time):
            self.first, self.last = min(self.first, int(time.min())), max(self.last, int(time.max()))
            self.inside = self.inside or bool(inside.any())


@dataclass(frozen=True)
class Between(Around):
    """A feed from one time until another."""

    feed: Feed
    start: int
    until: int
    seen: Seen = field(default_factory=Seen, compare=False)

    @property
    def feeds(self) -> Sequence[Feed]:  # type: ignore[override]
        """The one feed."""
        return (self.feed,)

    def also(self, names: Set[str]) -> Feed:
        """The feed with further columns."""
        return replace(self, feed=reading_further(self.feed, names))

    def facts(self) -> list[tuple[str, str]]:
        """What a report says of the feed, and where the span is beside it."""
        seen, facts = self.seen, super().facts()
        if seen.inside or seen.first > seen.last:
            return facts
        if seen.last < self.start:
            return [*facts, ("from", f"{format_time(self.start)} is after the last tick, {format_time(seen.last)}; nothing was left")]
        if seen.first >= self.until:
            return [*facts, ("until", f"{format_time(self.until)} is before the first tick, {format_time(seen.first)}; nothing was left")]
        return [*facts, ("span", f"no tick from {format_time(self.start)} until {format_time(self.until)}")]

    def rows(self) -> Iterator[RawRows]:
        """Blocks without the rows outside."""
        names, past = Names(), 0
        self.seen.begin()
        try:
            for raw in anchored(self.feed.rows()):
                time = raw.columns["time"]
                end, past = end_of(time >= self.until, past)
                inside = (time >= self.start) & (time < self.until)
                inside[end:] = False
                self.seen.note(time, inside)
                if inside.all():
                    yield raw
                elif inside.any() or raw.unplaced:
                    codes = names.codes(0, raw.names)
                    left = rearranged([(raw, 0, len(raw))], [codes], names.names, self.columns, np.flatnonzero(inside))
                    yield replace(left, unplaced=raw.unplaced)
                if end < len(raw):
                    return
        except InputError:
            if not past:
                raise


def end_of(past: NDArray[np.bool_], before: int) -> tuple[int, int]:
    """How many rows there are up to the last of `ENOUGH` in turn that are past, and how many of these are last; `before` came before."""
    if before < ENOUGH and not past.any():
        return len(past), 0
    edges = np.concatenate([[-1 - before], np.flatnonzero(~past), [len(past)]])
    between = np.diff(edges) - 1
    turn = int(np.argmax(between >= ENOUGH))
    return (int(edges[turn]) + ENOUGH + 1 if between[turn] >= ENOUGH else len(past)), int(between[-1])


@dataclass(frozen=True)
class Paced(Around):
    """A feed at its own pace."""

    feed: Feed
    speed: float
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    known: int = 0

    @property
    def feeds(self) -> Sequence[Feed]:  # type: ignore[override]
        """The one feed."""
        return (self.feed,)

    def going_on(self, rows: int) -> Feed:
        """The feed for who has so many of its rows already: these come at once."""
        return replace(self, known=rows)

    def also(self, names: Set[str]) -> Feed:
        """The feed with further columns."""
        return replace(self, feed=reading_further(self.feed, names))

    def rows(self) -> Iterator[RawRows]:
        """Blocks of the rows that are due."""
        pace, known = Pace(self.speed, self.clock), self.known
        for raw in self.feed.rows():
            if len(raw) <= known:
                known -= len(raw)
                yield raw
                continue
            key = np.maximum.accumulate(raw.columns["time"])
            if known:
                yield part(raw, 0, known)
            at, known = known, 0
            while at < len(raw):
                ready, seconds = pace.due(key[at:])
                if ready:
                    yield part(raw, at, at + ready)
                    at += ready
                else:
                    self.sleep(min(seconds, LONGEST_SLEEP))
