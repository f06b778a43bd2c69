"""A connection kept: its state machine put to work on a socket, and on a clock."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Protocol

from websockets.exceptions import ConnectionClosed

from feeds.live.actions import Action, Deny, Doubt, HangUp, Lose, Open, Replace, Send, Settled, Stop, Tell
from feeds.live.arrivals import Arrivals, StateChange
from feeds.live.clock import Clock, Timer
from feeds.live.connection import Connection
from feeds.live.refusals import of_end, of_failure, plain
from feeds.live.secrecy import hidden, secrets_of, without_secrets
from feeds.live.sockets import Dial, HeardAtOnce, part, place_of
from feeds.venues.venue import BadFrame, Decoder, ManyAtOnce
from pipeline.errors import SinkError

__all__ = ["KeptConnection", "Owner"]


class Owner(Protocol):
    """Whoever keeps several connections."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Do this beside everything else, and see it end."""

    def check_awake(self) -> None:
        """Notice whether the process has slept."""

    def replace(self, kept: "KeptConnection", reason: str) -> None:
        """A connection wants a successor."""

    def settled(self, kept: "KeptConnection") -> None:
        """A connection has all its streams."""

    def stopped(self, kept: "KeptConnection", reason: str, everything: bool) -> None:
        """A connection has stopped by itself."""

    def broken(self, error: BaseException) -> None:
        """A fault of our own: nothing goes on."""


class KeptConnection:
    """One connection under one name. All calls are made on the event loop; `close` is the last."""

    def __init__(
        self, name: str, machine: Connection, arrivals: Arrivals, owner: Owner, clock: Clock, received: Callable[[], int], dial: Dial
    ) -> None:
        self.name, self.machine, self.arrivals, self.owner, self.clock = name, machine, arrivals, owner, clock
        self.predecessor: KeptConnection | None = None
        self._received, self._dial = received, dial
        self._secrets = secrets_of(machine.venue)
        self._talk: asyncio.Task[None] | None = None
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self._timer: Timer | None = None
        self._armed_for = float("inf")

    def start(self) -> None:
        """Begin to connect."""
        self._do(self.machine.start(self.clock.now()))

    def leave(self, reason: str) -> None:
        """Give up the socket, and make another."""
        self._do(self.machine.leave(self.clock.now(), reason))

    def suspended(self, seconds: float) -> None:
        """The process has slept."""
        self._do(self.machine.suspended(self.clock.now(), seconds))

    def close(self, reason: str) -> None:
        """End it."""
        self._do(self.machine.close(reason))

    def _tick(self) -> None:
        self._timer, self._armed_for = None, float("inf")
        try:
            self.owner.check_awake()
            self._do(self.machine.tick(self.clock.now()))
        except Exception as error:  # noqa: BLE001  # a timer has nobody else who would notice
            self.owner.broken(error)

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Open(url):
                    self._talk = self.owner.spawn(self._converse(url))
                case Send(frame):
                    self._outbox.put_nowait(frame)
                case HangUp():
                    self._hang_up()
                case Tell(state, reason):
                    self.arrivals.changed(StateChange(self.name, state, self._without_secrets(reason), self.clock.now()))
                case Lose(streams, reason):
                    self.arrivals.lost(self.name, streams, self._without_secrets(reason))
                case Doubt(streams, reason):
                    self.arrivals.doubted(self.name, streams, reason)
                case Deny(streams, reason):
                    self.arrivals.denied(self.name, streams, self._without_secrets(reason))
                case Replace(reason):
                    self.owner.replace(self, reason)
                case Settled():
                    self.owner.settled(self)
                case Stop(reason, everything):
                    self.owner.stopped(self, self._without_secrets(reason), everything)
        self._arm()

    def _without_secrets(self, text: str) -> str:
        """What a venue says, without the keys that it may repeat."""
        return hidden(text, self._secrets)

    def _arm(self) -> None:
        if self.machine.due == self._armed_for:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._armed_for = self.machine.due
        if self._armed_for < float("inf"):
            self._timer = self.clock.later(self._armed_for - self.clock.now(), self._tick)

    def _hang_up(self) -> None:
        if self._talk is not None:
            self._talk.cancel()
            self._talk = None

    async def _converse(self, url: str) -> None:
        try:
            socket = await self._dial(url)
        except Exception as error:  # noqa: BLE001  # whatever stands in the way of a connection is told, and tried again
            verdict = of_failure(error, place_of(url), time.time(), self.machine.patience.longest_wait)
            self._do(self.machine.failed(self.clock.now(), verdict))
            return
        self._outbox = asyncio.Queue()
        writing = asyncio.create_task(write(socket, self._outbox))
        try:
            self._do(self.machine.opened(self.clock.now()))
            await self._read(socket, self.machine.venue.decoder())
        except ConnectionClosed as closed:
            verdict = of_end(closed)
            if verdict.frame:
                self.arrivals.refused(self.name, b"", self._without_secrets(verdict.frame))
            self._do(self.machine.ended(self.clock.now(), verdict))
        finally:
            writing.cancel()
            await part(socket, 2 * self.machine.patience.close_within)

    async def _read(self, socket: HeardAtOnce, decoder: Decoder) -> None:
        """Hear every message: at once while there is room, else one by one as it is made."""
        arrivals, machine, hear, talk = self.arrivals, self.machine, self._hearing(decoder), self._talk

        def at_once(frame: bytes) -> None:
            try:
                # after a hang-up what is still on its way is nobody's
                if self._talk is talk:
                    hear(frame)
            except Exception as error:  # noqa: BLE001  # the library would take it for a fault of the connection
                self.owner.broken(error)
            if arrivals.full:
                socket.hear = None

        if isinstance(decoder, ManyAtOnce):
            together = self._hearing_together(decoder)

            def all_at_once(frames: Sequence[bytes]) -> bool:
                try:
                    return self._talk is not talk or (arrivals.has_room(len(frames)) and together(frames))
                except Exception as error:  # noqa: BLE001  # as above
                    self.owner.broken(error)
                    return True

            socket.hear_together = all_at_once
        socket.pause = arrivals.paused
        try:
            while True:
                socket.hear = at_once
                # as bytes, so that text which is no UTF-8 spoils its own frame only
                hear(await socket.recv(decode=False))
                if arrivals.full:
                    socket.hear = None
                    machine.put_off()
                    await arrivals.room()
                    machine.read_on(self.clock.now())
                    self._arm()
        finally:
            socket.hear = socket.hear_together = socket.pause = None

    def _hearing(self, decoder: Decoder) -> Callable[[bytes], None]:
        """What is written for the busiest moment: a frame costs its decoding, and little else."""
        secrets = self._secrets
        arrivals, machine, name, now, received, decode = (
            self.arrivals, self.machine, self.name, self.clock.now, self._received, decoder.decode,
        )  # fmt: skip

        def hear(frame: bytes) -> None:
            stamp = received()
            try:
                items = decode(frame)
            except BadFrame as bad:
                told = hidden(frame, secrets)
                arrivals.refused(name, told, bad.reason if told == frame else "found a message that repeats a key")
            except SinkError:
                raise
            except Exception as error:  # noqa: BLE001  # a fault in a codec costs one frame, never the connection
                why = f"the codec of {machine.venue.name} failed: {type(error).__name__}: {plain(hidden(str(error), secrets))}"
                arrivals.refused(name, hidden(frame, secrets), why)
            else:
                if secrets:
                    items = [without_secrets(item, secrets) for item in items]
                arrivals.said(name, stamp, items)
                actions = machine.heard(now(), items)
                if actions or machine.due != self._armed_for:
                    self._do(actions)

        return hear

    def _hearing_together(self, decoder: ManyAtOnce) -> Callable[[Sequence[bytes]], bool]:
        """For frames that came at once: whether they could be heard together."""
        arrivals, machine, name, now, received = self.arrivals, self.machine, self.name, self.clock.now, self._received

        def hear(frames: Sequence[bytes]) -> bool:
            stamp = received()
            try:
                trades = decoder.decode_together(frames)
            except Exception:  # noqa: BLE001  # a fault in a codec, which is found again in the frame that it is about
                return False
            if trades is None:
                return False
            arrivals.traded(name, stamp, trades)
            actions = machine.traded(now(), set(trades.symbol))
            if actions or machine.due != self._armed_for:
                self._do(actions)
            return True

        return hear


async def write(socket: HeardAtOnce, outbox: "asyncio.Queue[str]") -> None:
    # the end of a socket is told by whoever reads from it
    with suppress(ConnectionClosed):
        while True:
            await socket.send(await outbox.get())
