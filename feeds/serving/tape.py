"""The tape that is served: batches of a feed read on a thread of their own, so that nobody's connection waits for a disk."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pipeline.errors import BadRow
from pipeline.feed import Feed
from pipeline.ingest import Ingest, Late
from pipeline.symbols import SymbolTable
from pipeline.ticks import Ticks

__all__ = ["Lap", "laps", "read_ahead"]

PAUSE = 1_000_000_000
"""Between the end of the tape and its next beginning, in the tape's time."""
Lap = tuple[int, Ticks]


def laps(
    feed: Feed,
    loop: bool = False,
    late: Late = "fail",
    lateness_ns: int = 0,
    on_drop: Callable[[dict[str, Any]], None] = lambda row: None,
    on_bad: Callable[[BadRow], None] | None = None,
) -> Generator[Lap]:
    """The batches of a feed as a run would see them, each with the number of the lap; with `loop` again and again, in ever later times.

    >>> from pipeline.feed import recorded
    >>> feed = recorded(Ticks.of(time=[10**18, 10**18 + 5], symbol=["A", "A"], price=[1.0, 2.0]))
    >>> again = laps(feed, loop=True)
    >>> [(lap, (batch.time - 10**18).tolist()) for lap, batch in (next(again), next(again))]
    [(0, [0, 5]), (1, [1000000005, 1000000010])]
    """
    symbols, lap, shift = SymbolTable(), 0, 0
    while True:
        first = last = None
        ingest = Ingest(symbols, late, lateness_ns, on_drop, on_bad)
        for batch in batches(ingest, feed):
            first = int(batch.time[0]) if first is None else first
            last = int(batch.time[-1])
            yield lap, batch if not shift else Ticks(batch.columns | {"time": batch.time + shift}, symbols)
        if not loop or first is None or last is None:
            return
        lap, shift = lap + 1, shift + last - first + PAUSE


def batches(ingest: Ingest, feed: Feed) -> Iterator[Ticks]:
    for raw in feed.rows():
        yield from ingest.accept(raw)
    yield from ingest.finish()


async def read_ahead(source: Generator[Lap]) -> AsyncGenerator[Lap]:
    """The items of a generator that works on a thread of its own, one ahead; it is closed at the end."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "rxtape-tape") as reader:
        coming = loop.run_in_executor(reader, next, source, None)
        try:
            while (item := await coming) is not None:
                coming = loop.run_in_executor(reader, next, source, None)
                yield item
        finally:
            coming.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody asks for it any more
            reader.submit(source.close)
