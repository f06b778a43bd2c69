"""A supervisor at work against a fault server, and what arrives from it."""

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from fault_server import FaultServer
from spoken_venue import name_of, spoken, streams
from virtual_time import VirtualClock

from feeds.live.arrivals import StateChange
from feeds.live.patience import Patience
from feeds.live.sockets import dialling
from feeds.live.supervisor import Supervisor
from feeds.venues.venue import Trade


@dataclass
class Arrived:
    """What connections handed over, in order."""

    items: list[tuple[str, Any]] = field(default_factory=list)
    losses: list[tuple[str, list[str], str]] = field(default_factory=list)
    handovers: list[tuple[str, str, tuple[Any, ...]]] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    doubts: list[tuple[str, list[str], str]] = field(default_factory=list)
    denials: list[tuple[str, list[str], str]] = field(default_factory=list)
    refusals: list[tuple[str, bytes, str]] = field(default_factory=list)
    changes: list[StateChange] = field(default_factory=list)
    room_for: int = 10**9
    waits: int = 0

    def said(self, connection, received, items):
        assert isinstance(received, int)
        self.stamps.append(received)
        self.items += [(connection, item) for item in items]

    def traded(self, connection, received, trades):
        self.said(connection, received, trades.rows())

    def paused(self):
        pass

    def handed_over(self, old, new, streams):
        self.handovers.append((old, new, tuple(streams)))

    def lost(self, connection, streams, reason):
        self.losses.append((connection, [name_of(each) for each in streams], reason))

    def doubted(self, connection, streams, reason):
        self.doubts.append((connection, [name_of(each) for each in streams], reason))

    def denied(self, connection, streams, reason):
        self.denials.append((connection, [name_of(each) for each in streams], reason))

    def refused(self, connection, frame, reason):
        self.refusals.append((connection, frame, reason))

    def changed(self, change):
        self.changes.append(change)

    @property
    def full(self) -> bool:
        return len(self.items) >= self.room_for

    def has_room(self, count):
        return len(self.items) + count <= self.room_for

    async def room(self) -> None:
        self.waits += 1
        await asyncio.sleep(1)
        self.room_for += 100

    @property
    def states(self) -> list[str]:
        return [change.state for change in self.changes]

    @property
    def reasons(self) -> str:
        return "\n".join(f"{change.connection} {change.state} {change.reason}" for change in self.changes)

    def trades(self, symbol: str = "A", connection: str | None = None) -> list[Any]:
        heard = [(name, item) for name, item in self.items if isinstance(item, Trade) and item.symbol == symbol]
        return [item.trade_id for name, item in heard if connection in (None, name)]


@dataclass
class Kept:
    server: FaultServer
    supervisor: Supervisor
    arrived: Arrived
    running: "asyncio.Task[None]"


@asynccontextmanager
async def kept(
    server: FaultServer,
    *names: str,
    patience: Patience | None = None,
    trust=None,
    overlap=True,
    dial=None,
    keys=(),
    arrived=None,
    received=time.time_ns,
    **limits,
):
    """A supervisor that keeps connections to the server for these streams."""
    patience, arrived = patience or Patience(), Arrived() if arrived is None else arrived
    venue = spoken(server.url, keys=keys, **limits)
    supervisor = Supervisor(
        venue,
        streams(*names),
        arrived,
        received=received,
        patience=patience,
        overlap=overlap,
        clock=VirtualClock(),
        random=Random(7),
        dial=dial or dialling(patience, proxy=None, trust=trust),
    )
    running = asyncio.create_task(supervisor.run())
    try:
        yield Kept(server, supervisor, arrived, running)
    finally:
        supervisor.close()
        loop, before = asyncio.get_running_loop(), asyncio.get_running_loop().time()
        await asyncio.wait([running])
        assert loop.time() - before <= 3 * patience.close_within, "closing takes too long"
