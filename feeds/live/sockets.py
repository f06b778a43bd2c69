"""Opening and closing a websocket: the only place where connections meet the network."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode
from websockets.protocol import State

from feeds.live.patience import Patience

__all__ = ["Dial", "HeardAtOnce", "dialling", "part", "place_of"]

WHOLE = (Opcode.TEXT, Opcode.BINARY)
PLAIN = tuple(0x80 | opcode for opcode in WHOLE)
"""The first byte of a message in one piece, without what an extension did to it."""
SHORT, ENDLESS = 1 << 16, 1 << 62
BLANK_LINE = b"\r\n\r\n"


class HeardAtOnce(ClientConnection):
    """A connection whose messages can be heard as they are read from the network, without a task that is woken for each of them.

    While `hear` is a function it is called with each message that came in one piece; all others, and those that wait behind
    one, come out of `recv`, in order. Several that came at once are offered to `hear_together` first, which says whether it has taken
    them all. Neither may raise.

    handshake --> | frame | frame | ... each short, plain one --> hear
                  all else, byte for byte --> the library, which knows the protocol
    """

    hear: Callable[[bytes], None] | None = None
    hear_together: Callable[[Sequence[bytes]], bool] | None = None
    pause: Callable[[], None] | None = None
    _framed, _tail, _owed, _longest = False, b"", 0, 0
    """Whether frames come; the beginning of one that is not whole yet; how much of the current one is still due to the library."""

    def data_received(self, data: bytes) -> None:
        """Hear what is plain, give the rest to the library; then tell that nothing more has arrived."""
        if self._framed and self.protocol.state is State.OPEN:
            self._read(self._tail + data)
        elif self._framed:
            self._take(self._tail + data)
        else:
            self._shake_hands(data)
        if self.pause is not None:
            self.pause()

    def eof_received(self) -> None:
        """As the library does, which learns of what was cut off."""
        self._take(self._tail)
        super().eof_received()

    def process_event(self, event: Any) -> None:
        """As the library does, except for messages that are heard at once."""
        hear = self.hear
        if hear is not None and event.fin and event.opcode in WHOLE and not len(self.recv_messages.frames):
            hear(bytes(event.data))
        else:
            super().process_event(event)

    def _take(self, data: bytes) -> None:
        self._tail = b""
        if data:
            super().data_received(data)

    def _shake_hands(self, data: bytes) -> None:
        """The library's part, up to the blank line after which frames begin."""
        known = len(self._tail)
        end = (self._tail + data).find(BLANK_LINE)
        self._framed = end >= 0
        begin = end + len(BLANK_LINE) - known if self._framed else len(data)
        self._tail = b"" if self._framed else (self._tail + data)[1 - len(BLANK_LINE) :]
        super().data_received(data[:begin])
        self._longest = min(SHORT, self.protocol.max_message_size or SHORT)
        if begin < len(data):
            self.data_received(data[begin:])

    def _read(self, data: bytes) -> None:
        """Frame after frame, of which the last may not be whole."""
        hear, size, longest = self._hearing(), len(data), self._longest
        place = min(self._owed, size)
        given, self._owed = 0, self._owed - place
        frames, ends = list[bytes](), list[int]()
        while size - place >= 2:
            length, begin = data[place + 1], place + 2
            if length == 126:
                if size - place < 4:
                    break
                length, begin = data[begin] << 8 | data[begin + 1], begin + 2
            elif length == 127:
                if size - place < 10:
                    break
                length, begin = int.from_bytes(data[begin : begin + 8]), begin + 8
            elif length > 127:  # masked, which is an error
                length = ENDLESS
            end = begin + length
            plain = hear is not None and length <= longest and data[place] in PLAIN
            if plain and end <= size and (frames or given == place):
                frames.append(data[begin:end])
                ends.append(end)
                place = end
            elif frames:
                given = self._hear(frames, ends, given)
                hear, frames, ends = self._hearing(), [], []
            elif not plain:
                self._owed = max(end - size, 0)
                place = min(end, size)
            elif given < place:
                self._take(data[given:place])
                given, hear = place, self._hearing()
            else:
                break
        given = self._hear(frames, ends, given)
        self._take(data[given:place])
        self._tail = data[place:]

    def _hear(self, frames: Sequence[bytes], ends: Sequence[int], given: int) -> int:
        """Let frames be heard; where the last one ends that was, as one of them may be the last to be heard at once."""
        if len(frames) > 1 and self.hear_together is not None and self.hear_together(frames):
            return ends[-1]
        for frame, end in zip(frames, ends, strict=True):
            if self.hear is None:
                break
            self.hear(frame)
            given = end
        return given

    def _hearing(self) -> Callable[[bytes], None] | None:
        """Who hears the next message, if it may be heard at once: nothing waits before it, and the library is between two of them."""
        between = self.protocol.state is State.OPEN and self.protocol.current_size is None
        return self.hear if between and not len(self.recv_messages.frames) else None


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
