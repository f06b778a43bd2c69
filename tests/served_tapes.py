"""Tapes to be served, clients that read them, and a clock that tests set; what is read is parsed plainly, by `json` alone."""

import asyncio
import json
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from feeds.serving.clock import RealClock
from feeds.serving.local import LocalVenue
from pipeline.ticks import Kind, Ticks

START = 1_381_219_200_000_000_000
MICROSECOND = 1_000
HANGS = 120.0
TRADE, QUOTE = Kind.TRADE, Kind.QUOTE
PRICES = st.one_of(st.floats(1e-9, 1e9), st.sampled_from([61837.63, 1e-7, 5.0, 1e16]))
SIZES = st.one_of(st.floats(0, 1e12), st.sampled_from([0.0, 100.0, 2e-8]))


@st.composite
def tapes(draw: st.DrawFn, ids: bool = True) -> Ticks:
    """Trades, quotes, gaps and heartbeats of up to three symbols, in order, microseconds apart."""
    rows = draw(st.integers(1, 25))
    kinds = draw(st.lists(st.sampled_from([TRADE, TRADE, QUOTE, Kind.GAP, Kind.HEARTBEAT]), min_size=rows, max_size=rows))
    steps = draw(st.lists(st.integers(0, 3_000_000), min_size=rows, max_size=rows))
    names = draw(st.lists(st.sampled_from(["SPY", "IBM", "BTC-USD"]), min_size=rows, max_size=rows))
    numbers = {name: draw(st.lists(PRICES, min_size=rows, max_size=rows)) for name in ("price", "bid", "ask")}
    numbers |= {name: draw(st.lists(SIZES, min_size=rows, max_size=rows)) for name in ("size", "bid_size", "ask_size")}
    sides = draw(st.lists(st.sampled_from([-1, 1]), min_size=rows, max_size=rows))
    given_ids = {"trade_id": np.cumsum(draw(st.lists(st.integers(1, 9), min_size=rows, max_size=rows)))} if ids else {}
    return Ticks.of(
        START + np.cumsum(steps) * MICROSECOND,
        ["" if kind == Kind.HEARTBEAT else name for kind, name in zip(kinds, names, strict=True)],
        kind=kinds,
        side=sides,
        **numbers,
        **given_ids,
    )


def trades(rows: int, symbols: Sequence[str] = ("SPY", "IBM"), step_ms: int = 1) -> Ticks:
    """Trades of a few symbols in turn, some milliseconds apart; the price is the number of the row plus one."""
    times = START + np.arange(rows) * step_ms * 1_000_000
    names = [symbols[row % len(symbols)] for row in range(rows)]
    return Ticks.of(times, names, price=np.arange(rows) + 1.0, size=np.full(rows, 2.0), side=np.where(np.arange(rows) % 3, 1, -1))


def quotes(rows: int) -> Ticks:
    """Quotes of one symbol; the bid is the number of the row plus one."""
    bid = np.arange(rows) + 1.0
    return Ticks.of(START + np.arange(rows) * 1_000_000, ["SPY"] * rows, bid=bid, ask=bid + 1)


def rows_of(ticks: Ticks, kind: Kind, *columns: str) -> list[tuple[Any, ...]]:
    """What the tape says: symbol, time and these columns of the rows of a kind."""
    wanted = [ticks.symbols.names(ticks.symbol.tolist()), ticks.time.tolist(), *(ticks.columns[name].tolist() for name in columns)]
    return [row for row, found in zip(zip(*wanted, strict=True), ticks.kind.tolist(), strict=True) if found == kind]


def nanoseconds(text: str) -> int:
    """A time of Coinbase, by the standard library."""
    moment = datetime.fromisoformat(text)
    return int(moment.replace(microsecond=0).timestamp()) * 10**9 + moment.microsecond * 1000


@dataclass
class Read:
    """What a client has read: frames, and how the connection ended."""

    frames: list[Any] = field(default_factory=list)
    code: int | None = None
    reason: str = ""


async def reading(venue: LocalVenue, path: str, *requests: dict[str, Any], read: Read | None = None) -> Read:
    """Connect, send requests, read to the end of the connection."""
    read = Read() if read is None else read
    async with connect(venue.url + path, proxy=None, compression=None) as connection:
        for request in requests:
            await connection.send(json.dumps(request))
        try:
            while True:
                read.frames.append(json.loads(await connection.recv()))
        except ConnectionClosed:
            read.code, read.reason = connection.close_code, connection.close_reason or ""
    return read


class SetClock:
    """A clock that stands still until it is set on."""

    def __init__(self) -> None:
        self.time = 0.0
        self.alarms: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.alarms.append((self.time + seconds, alarm))
        await alarm

    def on(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds
        for due, alarm in list(self.alarms):
            if due <= self.time + 1e-9 and not alarm.done():
                alarm.set_result(None)
        self.alarms = [(due, alarm) for due, alarm in self.alarms if not alarm.done()]


class HastyClock:
    """A clock on which every wait is over at once."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.time += seconds


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it to its end; one that hangs fails."""
    return asyncio.run(asyncio.wait_for(work, HANGS))


async def turns(until: Any, most: int = 20_000) -> None:
    """Give everybody else turns until something is so."""
    for _ in range(most):
        if until():
            return
        await asyncio.sleep(0)
    raise AssertionError(f"after {most} turns of the loop it is still not so")


def subscribed(monkeypatch: Any) -> list[Any]:
    """From here on every local venue has a client at once, which subscribes to every symbol and comes again when it is cut off.

    The venue's clock does not wait. What the client reads is the list.
    """
    frames: list[Any] = []
    enter = LocalVenue.__aenter__

    async def stay(venue: LocalVenue) -> None:
        spelt, read = list(venue.market.symbols), Read(frames)
        names = "/".join(f"{name.lower()}@{channel}" for name in spelt for channel in ("trade", "bookTicker"))
        request = {"type": "subscribe", "product_ids": spelt, "channels": ["matches", "ticker"]}
        of_binance = venue.exchange.name == "binance"
        while read.code in (None, 1006):
            with suppress(InvalidStatus):
                await (reading(venue, f"/stream?streams={names}", read=read) if of_binance else reading(venue, "/", request, read=read))
            await asyncio.sleep(0)

    async def entered(venue: LocalVenue) -> LocalVenue:
        await enter(venue)
        staying.append(asyncio.create_task(stay(venue)))
        return venue

    staying: list[asyncio.Task[None]] = []
    monkeypatch.setattr(LocalVenue, "__aenter__", entered)
    clock = HastyClock()
    monkeypatch.setattr(RealClock, "now", lambda _: clock.now())
    monkeypatch.setattr(RealClock, "sleep", lambda _, seconds: clock.sleep(seconds))
    return frames
