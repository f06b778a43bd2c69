"""A client of the local venue: what waits to be sent to it, in bounded memory."""

import asyncio
from collections import deque
from collections.abc import Iterable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from feeds.serving.exchange import Frame, Session

__all__ = ["Client"]

AT_ONCE = 256
"""Frames that are written together; each write costs more than the frame it carries."""


class Client:
    """One connection, its session, and the frames that wait for it: about `most`, and never more than twice as many.

    `room` is set while fewer than half of them wait, `idle` while none does.
    """

    def __init__(self, connection: ServerConnection, session: Session, number: int, most: int) -> None:
        self.connection, self.session, self.number, self.most = connection, session, number, most
        self.sent = self.left_out = 0
        self.room, self.idle = asyncio.Event(), asyncio.Event()
        self._filled = asyncio.Event()
        self._waiting: deque[Frame] = deque()
        self.room.set()
        self.idle.set()

    @property
    def full(self) -> bool:
        """Whether as many frames wait as may."""
        return len(self._waiting) >= self.most

    @property
    def overfull(self) -> bool:
        """Whether twice as many frames wait as may: it asks and asks, and reads no answer."""
        return len(self._waiting) >= 2 * self.most

    def put(self, frames: Iterable[Frame]) -> None:
        """Let frames wait; never blocks."""
        self._waiting.extend(frames)
        if self._waiting:
            self.idle.clear()
            self._filled.set()
            if self.full:
                self.room.clear()

    def conflate(self) -> None:
        """Leave out what a later frame tells anew."""
        seen: set[str] = set()
        kept: deque[Frame] = deque()
        for frame in reversed(self._waiting):
            if frame.replaces not in seen:
                kept.appendleft(frame)
                if frame.replaces:
                    seen.add(frame.replaces)
        self.left_out += len(self._waiting) - len(kept)
        self._waiting = kept

    def leave(self) -> None:
        """Nobody is there any more: nothing waits, and nobody waits for it."""
        self._waiting.clear()
        self.room.set()
        self.idle.set()

    async def write(self) -> None:
        """Send what waits, until the connection ends."""
        try:
            while True:
                await self._filled.wait()
                while self._waiting:
                    await self._send([self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))])
                    if len(self._waiting) < self.most // 2 or not self._waiting:
                        self.room.set()
                self._filled.clear()
                self.idle.set()
        except ConnectionClosed:
            self.leave()

    async def _send(self, frames: list[Frame]) -> None:
        """All but the last are only laid into the buffer of the protocol; the last takes them along, and waits for the socket."""
        if self.connection.state is State.OPEN:
            for frame in frames[:-1]:
                self.connection.protocol.send_text(frame.text.encode())
        await self.connection.send(frames[-1].text)
        self.sent += len(frames)
