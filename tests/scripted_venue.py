"""A venue without sockets: what its connections say is a script, and time stands still unless the script moves it."""

import asyncio
from dataclasses import dataclass, field

from feeds.live.feed import LiveTicks
from feeds.live.ingress import Ingress
from feeds.live.line import Lines
from feeds.live.receive_clock import ReceiveClock
from feeds.venues.venue import Limits, Quote, Stream, Trade

START = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
KINDS = ("TRADE", "QUOTE", "GAP", "HEARTBEAT")


@dataclass(frozen=True)
class ScriptedVenue:
    """A venue of which only the name and the numbering matter."""

    name: str = "acme"
    consecutive: bool = True
    limits: Limits = field(default_factory=Limits)

    def logins(self):
        return ()

    def streams(self, symbols, channels):
        return [Stream(channel, symbol) for channel in channels for symbol in symbols]


@dataclass
class Time:
    """Monotonic and wall clock, in ns."""

    steady: int = 1000 * SECOND
    wall: int = START

    def pass_seconds(self, seconds):
        self.steady += int(seconds * SECOND)
        self.wall += int(seconds * SECOND)


@dataclass
class Queue:
    """An ingress and its time, for tests of the queue alone."""

    symbols: tuple = ("A", "B")
    consecutive: bool = True
    quotes: bool = True
    by_event: bool = True
    capacity: int = 1000
    time: Time = field(default_factory=Time)

    def __post_init__(self):
        self.clock = ReceiveClock(lambda: self.time.wall, lambda: self.time.steady)
        lines = {"acme": Lines("", self.consecutive, {name: place for place, name in enumerate(self.symbols, 1)})}
        self.woken = 0
        self.ingress = Ingress(
            lines,
            self.symbols,
            self.clock.now,
            self.wake,
            by_event=self.by_event,
            quotes=self.quotes,
            capacity=self.capacity,
            latest=self.clock.latest,
        )

    def now(self):
        return self.clock.now()

    def beat(self):
        """As once a second of a live feed."""
        self.clock.correct()
        self.ingress.beat()

    def wake(self):
        self.woken += 1

    def hear(self, *items, connection="acme/1", received=None):
        self.ingress.said(connection, self.now() if received is None else received, items)

    def rows(self, most=1 << 30):
        """What waits, as (kind, symbol, time since the start in s, price or bid, id)."""
        taken = self.ingress.take(most)
        if taken is None:
            return []
        found = {name: column.tolist() for name, column in taken.columns.items()}
        bids = found.get("bid", found["price"])
        return [
            (KINDS[kind], ["", *taken.names][place], (time - START) / SECOND, bid if kind == 1 else price, number)
            for kind, place, time, price, bid, number in zip(
                found["kind"], found["symbol"], found["time"], found["price"], bids, found["trade_id"], strict=True
            )
        ]

    def trades(self):
        """The ids of the trades that wait, by symbol; a GAP as None."""
        found = {}
        for kind, symbol, _, _, number in self.rows():
            if kind in ("TRADE", "GAP"):
                found.setdefault(symbol, []).append(number if kind == "TRADE" else None)
        return found


def trade(number, symbol="A", seconds=None, price=10.0, **more):
    """A trade, `seconds` (by default its number) after the start."""
    return Trade(symbol, START + int((number if seconds is None else seconds) * SECOND), price, 1.0, 1, number, **more)


def quote(bid, symbol="A", seconds=0.0, **more):
    return Quote(symbol, START + int(seconds * SECOND), bid, 1.0, bid + 1.0, 1.0, **more)


class Script:
    """Connections that say what a coroutine function tells them to: `script(arrivals, time)`."""

    def __init__(self, script, time):
        self.script, self.time, self.arrivals = script, time, None

    def __call__(self, venue, streams, arrivals, clock):
        self.arrivals, self.streams = arrivals, streams
        self.closed = asyncio.Event()
        return self

    async def run(self):
        await self.script(self.arrivals, self.streams)

    def streams_of(self, name):
        return self.streams

    def close(self):
        self.closed.set()


def live_feed(script, symbols=("A", "B"), time=None, **options):
    """A feed of one scripted venue."""
    time = time or Time()
    clock = ReceiveClock(lambda: time.wall, lambda: time.steady)
    return LiveTicks(((ScriptedVenue(), tuple(symbols)),), Script(script, time), clock=clock, steady=lambda: time.steady, **options)
