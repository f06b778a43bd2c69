"""Opening and closing a websocket: the only place where connections meet the network."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode

from feeds.live.patience import Patience

__all__ = ["Dial", "HeardAtOnce", "dialling", "part", "place_of"]

WHOLE = (Opcode.TEXT, Opcode.BINARY)


class HeardAtOnce(ClientConnection):
    """A connection whose messages can be heard as they are read from the network, without a task that is woken for each of them.

    While `hear` is a function it is called with each message that came in one piece; all others, and those that wait behind
    one, come out of `recv`, in order. It must not raise.
    """

    hear: Callable[[bytes], None] | None = None
    pause: Callable[[], None] | None = None

    def data_received(self, data: bytes) -> None:
        """As the library does; then tell that nothing more has arrived."""
        super().data_received(data)
        if self.pause is not None:
            self.pause()

    def process_event(self, event: Any) -> None:
        """As the library does, except for messages that are heard at once."""
        hear = self.hear
        if hear is not None and event.fin and event.opcode in WHOLE and not len(self.recv_messages.frames):
            hear(bytes(event.data))
        else:
            super().process_event(event)


Dial = Callable[[str], Awaitable[HeardAtOnce]]


def dialling(patience: Patience, *, proxy: str | bool | None = True, trust: SSLContext | None = None) -> Dial:
    """How sockets are opened. `proxy`: True for the system's, None for none, or its address; `trust`: other certificates than the system's.

    The library's own loop of reconnects is not used: it waits after failed handshakes only, so that a server which accepts and
    closes would be asked a thousand times a second.
    """

    async def open_socket(url: str) -> HeardAtOnce:
        further: dict[str, Any] = {"ssl": trust} if trust is not None and url.startswith("wss:") else {}
        opened = await connect(
            url,
            proxy=proxy or None,
            open_timeout=patience.open_within,
            ping_interval=patience.ping_every,
            ping_timeout=patience.pong_within,
            close_timeout=patience.close_within,
            max_size=patience.max_size,
            create_connection=HeardAtOnce,
            **further,
        )
        assert isinstance(opened, HeardAtOnce)
        return opened

    return open_socket


async def part(socket: ClientConnection, within: float) -> None:
    """Say goodbye; where nobody answers within so many seconds, cut the line."""
    with suppress(ConnectionClosed, TimeoutError):
        async with asyncio.timeout(within):
            await socket.close()
            return
    socket.transport.abort()


def place_of(url: str) -> str:
    """The host and port of an address: what a message may show of it.

    >>> place_of("wss://stream.example.com:9443/ws?key=secret")
    'stream.example.com:9443'
    """
    return urlsplit(url).netloc.rpartition("@")[2] or url.partition("?")[0]
