"""A venue on this machine: a tape over a websocket that only this machine can reach, in the format of an exchange."""

import asyncio
import logging
from contextlib import AsyncExitStack
from math import isinf
from types import TracebackType

from websockets.asyncio.server import Server, serve

from feeds.serving.clients import Clients
from feeds.serving.exchange import Exchange
from feeds.serving.market import Market
from feeds.serving.settings import Serving
from feeds.serving.tape import Lap, laps, read_ahead
from feeds.streams import Pace
from pipeline.errors import RxtapeError, UsageError
from pipeline.feed import Feed
from pipeline.ticks import Ticks

__all__ = ["LocalVenue"]

LOOPBACK = "127.0.0.1"
PART = 256
"""Rows that are told at a time; between two parts everybody else has a turn."""
CLOSE_SECONDS = 2.0
LOGGER = logging.getLogger("rxtape.serving")
LOGGER.addHandler(logging.NullHandler())
LOGGER.propagate = False


class LocalVenue:
    """Serves a feed as an exchange would. `async with` listens, `ended` returns when the tape has ended and everybody has read it.

    Raises InputError where the input is bad: on entering for the first rows, from `ended` for later ones; UsageError for a
    symbol that the exchange cannot spell or a port that is taken. `first` is the first batch, None where there are no rows.

    >>> from math import inf
    >>> from feeds.serving.binance import Binance
    >>> from pipeline.feed import recorded
    >>> from websockets.asyncio.client import connect
    >>> async def first_frame(feed):
    ...     async with LocalVenue(Binance(), feed, Serving(speed=inf)) as venue:
    ...         async with connect(f"{venue.url}/ws/spy@trade", proxy=None) as client:
    ...             return await client.recv()
    >>> asyncio.run(first_frame(recorded(Ticks.of(time=[10**18], symbol=["SPY"], price=[167.4], size=[100.0]))))
    '{"e":"trade","E":1000000000000,"s":"SPY","t":1,"p":"167.4","q":"100.0","T":1000000000000,"m":false,"M":true}'
    """

    def __init__(self, exchange: Exchange, feed: Feed, serving: Serving) -> None:
        self.exchange, self.feed, self.serving = exchange, feed, serving
        self.market = Market(exchange.spelt)
        self.rows = 0
        self.first: Ticks | None = None
        self._pace = Pace(serving.speed, serving.clock.now)

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"ws://{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"

    @property
    def clients_seen(self) -> int:
        """How many clients have connected."""
        return self._clients.seen

    async def __aenter__(self) -> "LocalVenue":
        serving = self.serving
        self._clients = Clients(self.exchange, self.market, serving)
        self._tape = read_ahead(laps(self.feed, serving.loop, serving.late, serving.lateness_ns, serving.on_drop, serving.on_bad))
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._tape.aclose)
            opening = await anext(self._tape, None)
            if opening is not None:
                self.first = opening[1]
                self.market.know(self.first)
            self._server = await self._listen()
            undo.pop_all()
        self._playing = asyncio.create_task(self._play(opening))
        self._beating = asyncio.create_task(self._clients.beat())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for task in (self._playing, self._beating):
            task.cancel()
        await asyncio.gather(self._playing, self._beating, return_exceptions=True)
        await self._tape.aclose()
        self._server.close(code=1001, reason="the server stops")
        await self._server.wait_closed()
        await self._clients.stopped()

    async def ended(self) -> None:
        """Wait for the end of the tape, and for those who still read it."""
        await asyncio.shield(self._playing)

    async def _listen(self) -> Server:
        port, clients = self.serving.port, self._clients
        try:
            return await serve(
                clients.connected,
                LOOPBACK,
                port,
                process_request=clients.admitted,
                compression=None,
                close_timeout=CLOSE_SECONDS,
                logger=LOGGER,
            )
        except (OSError, OverflowError) as error:
            raise UsageError(f"port {port} cannot be listened on: {error}; choose another, or leave --port out") from error

    async def _play(self, opening: Lap | None) -> None:
        """The tape from its beginning to its end, or to where it cannot be read."""
        if not self.serving.at_once:
            await self._clients.somebody.wait()
        try:
            await self._play_laps(opening)
        except RxtapeError:
            await self._clients.finish(1011, "the tape cannot be read any further")
            raise
        await self._clients.finish(1001, "the tape has ended")

    async def _play_laps(self, opening: Lap | None) -> None:
        lap, item = 0, opening
        while item is not None:
            number, batch = item
            if number != lap:
                lap = number
                self.market.again()
                self.serving.tell(f"the tape begins again: lap {lap + 1}")
            await self._play_batch(batch)
            item = await anext(self._tape, None)

    async def _play_batch(self, batch: Ticks) -> None:
        serving, clients, at = self.serving, self._clients, 0
        waits = isinf(serving.speed) and not serving.at_once
        while at < len(batch):
            if waits:
                await clients.somebody.wait()
            ready, seconds = self._pace.due(batch.time[at:])
            if not ready:
                await serving.clock.sleep(seconds)
                continue
            count = min(ready, PART, self._until_drop())
            clients.told(self.market.shown(batch[at : at + count]))
            at, self.rows = at + count, self.rows + count
            await clients.make_room()
            if self.rows == serving.drop_after:
                await clients.drop()
                serving.tell(f"connections cut after {self.rows:,} rows; new ones are refused for {serving.refuse_seconds:g} s")

    def _until_drop(self) -> int:
        left = (self.serving.drop_after or 0) - self.rows
        return left if left > 0 else PART
