"""Everybody who is connected to the local venue: who is let in, what they are told, and how each connection ends."""

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from http import HTTPStatus
from math import isinf
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from feeds.serving.client import Client
from feeds.serving.exchange import Answer, Exchange, Frame
from feeds.serving.market import Event, Market
from feeds.serving.settings import Serving

__all__ = ["Clients"]


class Clients:
    """The clients of one venue. `somebody` is set while any of them has subscribed to anything."""

    def __init__(self, exchange: Exchange, market: Market, serving: Serving) -> None:
        self.exchange, self.market, self.serving = exchange, market, serving
        self.seen = 0
        self.somebody = asyncio.Event()
        self._here: set[Client] = set()
        self._under_way: set[asyncio.Task[None]] = set()
        self._refusing = False

    def admitted(self, connection: ServerConnection, request: Request) -> Response | None:
        """A refusal, or None where the connection is welcome."""
        if self._refusing:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "the venue is away for a moment (--drop-after)\n")
        if self.exchange.session(request.path, self.market) is None:
            self.serving.tell(f"a client asked for {request.path}, where {self.exchange.name} has nothing: 404")
            return connection.respond(HTTPStatus.NOT_FOUND, f"{self.exchange.name} has nothing at this path\n")
        return None

    async def connected(self, connection: ServerConnection) -> None:
        """The life of a connection."""
        session = self.exchange.session(connection.request.path if connection.request else "/", self.market)
        if session is None:
            return
        self.seen += 1
        client = Client(connection, session, self.seen, self.serving.most_waiting)
        self._here.add(client)
        self.serving.tell(f"client {client.number} connected")
        writer = asyncio.create_task(client.write())
        try:
            self._answered(client, session.opened())
            with suppress(ConnectionClosed):
                async for message in connection:
                    self._answered(client, session.heard(message))
        finally:
            self._gone(client)
            writer.cancel()
            self.serving.tell(f"client {client.number} left after {client.sent:,} frames ({ending(connection)})")

    def told(self, events: Iterable[Event]) -> None:
        """Rows of the tape for those who have subscribed to them."""
        for event in events:
            for client in self._here:
                client.put(client.session.told(event))

    async def make_room(self) -> None:
        """A market does not wait for a client that is behind; a tape served as fast as possible has nobody else to go by."""
        for client in [client for client in self._here if client.full]:
            if isinf(self.serving.speed) and await self._within(client.room.wait()):
                continue
            client.conflate()
            if client.full and client in self._here:
                self._cut_off(client)
        await asyncio.sleep(0)

    async def beat(self) -> None:
        """What exchanges say once a second."""
        while True:
            await self.serving.clock.sleep(1.0)
            for client in self._here:
                if not client.full:
                    client.put(client.session.alive())

    async def drop(self) -> None:
        """Cut every connection once it has what was told so far, as a venue that falls over does; refuse new ones for a moment."""
        for client in list(self._here):
            await self._within(client.idle.wait())
        self._refusing = True
        for client in list(self._here):
            client.connection.transport.abort()
            self._gone(client)
        self._later(self._welcome_again())

    async def finish(self, code: int, reason: str) -> None:
        """Close every connection, once its client has answered a ping that was sent after the last row."""
        for client in list(self._here):
            with suppress(ConnectionClosed):
                if await self._within(client.idle.wait()):
                    await self._within(await client.connection.ping())
                await client.connection.close(code, reason)

    async def stopped(self) -> None:
        """Wait for what is still under way."""
        for task in list(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _answered(self, client: Client, answer: Answer) -> None:
        for note in answer.notes:
            self.serving.tell(f"client {client.number}: {note}")
        client.put(map(Frame, answer.frames))
        self._count_listeners()
        if client.overfull and client in self._here:
            self._cut_off(client)

    def _gone(self, client: Client) -> None:
        self._here.discard(client)
        client.leave()
        self._count_listeners()

    def _count_listeners(self) -> None:
        if any(client.session.listens for client in self._here):
            self.somebody.set()
        else:
            self.somebody.clear()

    def _cut_off(self, client: Client) -> None:
        """Close the connection of a client that does not read."""
        self.serving.tell(f"client {client.number} is cut off: {client.most:,} frames wait for it, and it does not read them")
        self._gone(client)
        self._later(client.connection.close(1008, f"too slow: {client.most} frames wait, and nobody reads them"))

    async def _welcome_again(self) -> None:
        await self.serving.clock.sleep(self.serving.refuse_seconds)
        self._refusing = False
        self.serving.tell("connections are welcome again")

    async def _within(self, waiting: Any) -> bool:
        """Wait for something, no longer than patience allows; whether it came."""
        task: asyncio.Future[Any] = asyncio.ensure_future(waiting)
        alarm = asyncio.ensure_future(self.serving.clock.sleep(self.serving.patience))
        try:
            done, _ = await asyncio.wait((task, alarm), return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
            task.cancel()
        return task in done and task.exception() is None

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)


def ending(connection: ServerConnection) -> str:
    """How a connection ended."""
    reason = connection.close_reason
    return f"{connection.close_code}{': ' + reason if reason else ''}" if connection.close_code is not None else "without a word"
