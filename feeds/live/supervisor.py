"""All connections to one venue: how many there are, which replaces which, and when they end."""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from random import Random
from typing import Any

from feeds.live.arrivals import Arrivals
from feeds.live.clock import Clock, LoopClock, Timer
from feeds.live.connection import Connection
from feeds.live.keeping import KeptConnection
from feeds.live.limits import Gates, TokenBucket, connect_bucket, request_bucket
from feeds.live.patience import Patience
from feeds.live.sockets import Dial, dialling
from feeds.venues.venue import Stream, Venue
from pipeline.errors import UsageError

__all__ = ["Supervisor", "portions", "stagger"]

LOOK_EVERY = 1.0


def stagger() -> TokenBucket:
    """What spreads the connects of a feed; every supervisor of it is given the same one."""
    return TokenBucket(rate=5.0, burst=1)


def portions(streams: Sequence[Stream], most: int) -> list[tuple[Stream, ...]]:
    """Streams over connections that carry `most` each: as few as will do, alike in size, the channels of a symbol side by side.

    >>> [len(some) for some in portions([Stream("trades", str(number)) for number in range(10)], 4)]
    [4, 4, 2]
    """
    symbols = {symbol: place for place, symbol in enumerate(dict.fromkeys(stream.symbol for stream in streams))}
    ordered = sorted(dict.fromkeys(streams), key=lambda stream: symbols[stream.symbol])
    size = math.ceil(len(ordered) / math.ceil(len(ordered) / most)) if ordered else 1
    return [tuple(ordered[at : at + size]) for at in range(0, len(ordered), size)]


def by_address(venue: Venue, streams: Sequence[Stream]) -> list[list[Stream]]:
    """Streams that are served at one address, together."""
    found: dict[str, list[Stream]] = {}
    for stream in streams:
        found.setdefault(venue.url((stream,)), []).append(stream)
    return list(found.values())


class Supervisor:
    """Keeps the connections that carry `streams`, and hands what they say to `arrivals`, until it is closed.

    `received` is the clock of arrivals, ns UTC. `spread` is a `stagger` that all supervisors of a feed share.
    `overlap`: whether a connection may be replaced before it ends; False where the venue allows no further connection beside those.
    """

    def __init__(
        self,
        venue: Venue,
        streams: Sequence[Stream],
        arrivals: Arrivals,
        *,
        received: Callable[[], int] = time.time_ns,
        patience: Patience | None = None,
        spread: TokenBucket | None = None,
        overlap: bool = True,
        clock: Clock | None = None,
        random: Random | None = None,
        dial: Dial | None = None,
    ) -> None:
        self.venue, self.arrivals, self.overlap = venue, arrivals, overlap
        self.patience, self.clock, self.random = patience or Patience(), clock or LoopClock(), random or Random()
        limits, self._received, self._dial = venue.limits, received, dial or dialling(self.patience)
        self._streams = [each for there in by_address(venue, streams) for each in portions(there, limits.streams)]
        self._gates = Gates(connect_bucket(limits), request_bucket(limits), spread or stagger())
        self._kept: list[KeptConnection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers, self._timers = count(), dict[int, Timer]()
        self._reasons: list[str] = []
        self._failure: BaseException | None = None
        self._looked, self._closed, self._done = 0.0, False, asyncio.Event()

    @property
    def names(self) -> list[str]:
        """The connections as they are now."""
        return [kept.name for kept in self._kept]

    def streams_of(self, name: str) -> Sequence[Stream]:
        """What a connection carries; nothing where it has ended."""
        return next((kept.machine.subscriptions.streams for kept in self._kept if kept.name == name), ())

    async def run(self) -> None:
        """Until closed; afterwards no task and no socket is left. Raises UsageError where the venue refuses access, or all streams."""
        try:
            # a key that is missing is told before anything connects
            self.venue.logins()
            self._looked = self.clock.awake()
            for streams in () if self._closed else self._streams:
                self._begin(streams)
            self._look()
            if self._kept:
                await self._done.wait()
        finally:
            self.close()
            await self._farewell()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """End every connection; `run` returns within a bounded time."""
        if self._closed:
            return
        self._closed = True
        for kept in [*self._kept]:
            kept.close("closed")
        for timer in self._timers.values():
            timer.cancel()
        self._kept, self._timers = [], {}
        self._done.set()

    async def _farewell(self) -> None:
        """Until every socket is closed; each says goodbye for a bounded time."""
        while self._tasks:
            await asyncio.wait([*self._tasks])

    def _begin(self, streams: Sequence[Stream], before: KeptConnection | None = None) -> None:
        name = next(name for number in count(1) if (name := f"{self.venue.name}/{number}") not in self.names)
        tries = 0 if before is None else before.machine.backoff.tries + 1
        machine = Connection(self.venue, streams, self.patience, self._gates, self.random, tries)
        kept = KeptConnection(name, machine, self.arrivals, self, self.clock, self._received, self._dial)
        kept.predecessor = before
        self._kept.append(kept)
        kept.start()

    # what connections ask of their owner

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run it as a task whose failure ends everything."""
        task = asyncio.get_running_loop().create_task(work, name=f"rxtape-{self.venue.name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.broken(error)

    def broken(self, error: BaseException) -> None:
        """A fault of our own, which `run` raises."""
        self._failure = self._failure or error
        self.close()

    def replace(self, kept: KeptConnection, reason: str) -> None:
        """Make the new connection before the old one is broken, where the venue allows it."""
        if self._closed:
            return
        if not self.overlap:
            kept.leave(reason)
            return
        kept.machine.replaced = True
        self._begin(kept.machine.subscriptions.streams, kept)

    def settled(self, kept: KeptConnection) -> None:
        """A successor has all its streams: the old one is heard a little longer, for what is still on its way, and goes."""
        if kept.predecessor is not None:
            self._later(self.patience.overlap, lambda: self._retire(kept))

    def _retire(self, kept: KeptConnection) -> None:
        """All that it replaces goes; where it has been lost meanwhile, it settles again, and is asked again."""
        while kept.machine.settled and (before := kept.predecessor) is not None:
            kept.predecessor, before.predecessor = before.predecessor, None
            self.arrivals.handed_over(before.name, kept.name, before.machine.subscriptions.streams)
            before.close(f"replaced by {kept.name}")
            if before in self._kept:
                self._kept.remove(before)

    def stopped(self, kept: KeptConnection, reason: str, everything: bool) -> None:
        """One has stopped by itself: the venue refuses it, or its successor has taken over. What it was to replace is its successor's."""
        if kept in self._kept:
            self._kept.remove(kept)
        successor = next((each for each in self._kept if each.predecessor is kept), None)
        if successor is not None:
            successor.predecessor = kept.predecessor
        elif kept.predecessor is not None:
            kept.predecessor.machine.replaced = False
        kept.predecessor = None
        if reason:
            self._reasons.append(reason)
        if everything or not self._kept:
            self._failure = self._failure or UsageError(f"{self.venue.name}: {'; '.join(dict.fromkeys(self._reasons))}")
            self.close()

    def check_awake(self) -> None:
        """The clock that goes on in sleep has jumped: every connection is made anew."""
        now, before = self.clock.awake(), self._looked
        self._looked = now
        if now - before > self.patience.suspended_after:
            for kept in [*self._kept]:
                kept.suspended(now - before)

    def _look(self) -> None:
        self.check_awake()
        if not self._closed:
            self._later(LOOK_EVERY, self._look)

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        number = next(self._numbers)

        def due() -> None:
            del self._timers[number]
            try:
                call()
            except Exception as error:  # noqa: BLE001  # a timer has nobody else who would notice
                self.broken(error)

        self._timers[number] = self.clock.later(seconds, due)
