"""A websocket server on loopback that misbehaves as its script says.

A script is a coroutine function that is given the `Visit` of one connection; scripts are taken in turn, the last one for ever:

    async with FaultServer(hangs_up(1001), well_behaved) as server: ...
"""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response


@dataclass
class Visit:
    """One connection, from the server's side: `heard` is what the client has said, with times."""

    socket: ServerConnection
    server: "FaultServer"
    number: int
    heard: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def trade(self, symbol: str, number: int | str, **further: Any) -> None:
        await self.say(t="trade", s=symbol, i=number, p=1.0, **further)

    async def listen(self) -> dict[str, Any]:
        message = json.loads(await self.socket.recv())
        self.heard.append((asyncio.get_running_loop().time(), message))
        return message

    async def asked(self, count: int = 1) -> list[str]:
        """Wait for requests for streams, confirm them, and return the names."""
        names: list[str] = []
        while len(names) < count:
            message = await self.listen()
            if message["op"] == "ask":
                await self.say(t="ok", n=message["n"])
                names += message["on"]
        return names

    async def until_gone(self) -> None:
        await self.socket.wait_closed()

    def kill(self) -> None:
        """Cut the line without a word."""
        self.socket.transport.abort()


Script = Callable[[Visit], Awaitable[None]]


class FaultServer:
    """Serves scripts; `opened` are the times of connects, `visits` the connections that came to a script."""

    def __init__(
        self, *scripts: Script, port: int = 0, tls: ssl.SSLContext | None = None, answers: tuple[Response | None, ...] = (), **options: Any
    ):
        self.scripts, self.port, self.tls, self.options = scripts, port, tls, options
        self.answers = list(answers)
        self.opened: list[float] = []
        self.visits: list[Visit] = []

    async def __aenter__(self) -> "FaultServer":
        self._server = await serve(
            self._visit,
            "127.0.0.1",
            self.port,
            process_request=self._answer,
            ssl=self.tls,
            **{"close_timeout": 1, "max_size": None, **self.options},
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for visit in self.visits:
            visit.kill()
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"{'ws' if self.tls is None else 'wss'}://127.0.0.1:{self.port}"

    @property
    def asked_for(self) -> list[list[str]]:
        """The streams of every request, of all connections, in order."""
        requests = sorted((time, message["on"]) for visit in self.visits for time, message in visit.heard if message["op"] == "ask")
        return [names for _, names in requests]

    def _answer(self, connection: ServerConnection, request: Any) -> Response | None:
        self.opened.append(asyncio.get_running_loop().time())
        if not self.answers:
            return None
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def _visit(self, socket: ServerConnection) -> None:
        visit = Visit(socket, self, len(self.visits))
        self.visits.append(visit)
        script = self.scripts[min(visit.number, len(self.scripts) - 1)]
        with suppress(ConnectionClosed):
            await script(visit)


def answer(status: int, **headers: str) -> Response:
    """An HTTP answer instead of a websocket."""
    found = Headers({"Content-Length": "0", "Connection": "close"})
    for name, value in headers.items():
        found[name.replace("_", "-")] = value
    return Response(status, HTTPStatus(status).phrase if status in set(HTTPStatus) else "?", found, b"")
