"""A live feed: venues, connections and the queue together, as one tape."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from reactivex import Observable

from feeds.live.arrivals import StateChange
from feeds.live.connections import Closable, Connect, Connections, broken_in
from feeds.live.counts import Heard
from feeds.live.health import Health, HealthChange
from feeds.live.ingress import Ingress
from feeds.live.line import Lines
from feeds.live.receive_clock import ReceiveClock
from feeds.venues.venue import Channel, Stream, Venue
from pipeline.durations import SECOND
from pipeline.errors import UnknownName, UsageError
from pipeline.feed import ConnectionStatus, SymbolsStatus
from pipeline.ingest import RawRows
from pipeline.ticks import BATCH_ROWS, Ticks

__all__ = ["LiveTicks", "TimeOf"]

TimeOf = Literal["event", "received"]
TRADES = frozenset({"seq", "time", "symbol", "kind", "price", "size", "side", "trade_id", "received", "event_time"})
QUOTES = frozenset({"bid", "bid_size", "ask", "ask_size"})
SHOWN = 4096
FIRST_ROWS = BATCH_ROWS // 16
"""Rows of the first block of a backlog, before it is known how long the strategies take for one."""
SLEPT = 5 * SECOND
"""Between two beats: the process did not run, so that nobody knows whether anything was alive."""
LONGEST = 0.05
"""Seconds of judging before the sockets have their turn again."""


@dataclass
class LiveTicks:
    """Trades of symbols of venues, and their quotes where somebody asks for a bid or an ask; see `feeds.live.live`."""

    wanted: tuple[tuple[Venue, tuple[str, ...]], ...]
    connect: Connect
    time_of: TimeOf | None = None
    channels: frozenset[Channel] = frozenset({"trades"})
    capacity: int = 65_536
    patience: float = 5.0
    beat_seconds: float = 1.0
    clock: ReceiveClock = field(default_factory=ReceiveClock, repr=False)
    steady: Callable[[], int] = field(default=time.monotonic_ns, repr=False)

    def __post_init__(self) -> None:
        if self.time_of is not None and self.time_of not in get_args(TimeOf):
            raise UnknownName("clock", self.time_of, get_args(TimeOf))
        self._several = len(self.wanted) > 1
        self._streams = [(venue, tuple(venue.streams(symbols, sorted(self.channels, reverse=True)))) for venue, symbols in self.wanted]
        for venue, streams in self._streams:
            refuse_too_many(venue, streams)
        self.names = tuple(dict.fromkeys(self._prefix(venue) + each.symbol for venue, streams in self._streams for each in streams))
        self._places = {name: place for place, name in enumerate(self.names, 1)}
        self.health = Health(self.names)
        lines = {venue.name: Lines(self._prefix(venue), venue.consecutive, self._places) for venue, _ in self._streams}
        by_event = not self._several if self.time_of is None else self.time_of == "event"
        self._arrived = asyncio.Event()
        self.ingress = Ingress(
            lines,
            self.names,
            self.clock.now,
            self._arrived.set,
            self._changed,
            by_event,
            "quotes" in self.channels,
            self.capacity,
            self.patience,
            self.clock.latest,
        )
        self.ingress.intake.on_gap = lambda symbol, reason: self.health.lost(symbol, reason, self.steady() / SECOND)
        self.ingress.on_denied = lambda symbol, reason: self.health.denied(symbol, reason)
        self._closing, self._refused = False, ""
        self._rows = FIRST_ROWS
        self._failure: BaseException | None = None
        self._open: list[Connections] = []

    def _prefix(self, venue: Venue) -> str:
        return f"{venue.name}:" if self._several else ""

    @property
    def name(self) -> str:
        """The venues and their symbols."""
        return " ".join(f"{venue.name}:{','.join(symbols)}" for venue, symbols in self.wanted)

    @property
    def columns(self) -> frozenset[str]:
        """Those of trades, and of quotes where they are listened to."""
        return TRADES | QUOTES if "quotes" in self.channels else TRADES

    @property
    def further(self) -> frozenset[str]:
        """Bid and ask with their sizes, for who asks."""
        return QUOTES - self.columns

    def also(self, names: AbstractSet[str]) -> "LiveTicks":
        """The feed that listens to quotes too."""
        if not names & QUOTES:
            return self
        more = replace(self, channels=self.channels | {"quotes"})
        # whoever has subscribed to this one's changes hears of that one's
        more.health = self.health
        return more

    @property
    def changes(self) -> Observable[HealthChange]:
        """How every connection and symbol is, whenever that changes."""
        return self.health.changes

    def missed(self, symbols: Iterable[str], rows: Iterable[Ticks] = ()) -> None:
        """Symbols that an earlier run has heard: where one is heard again, its first row is a GAP. Trades of its newest rows are known."""
        self.ingress.intake.away |= {self._places[name] for name in symbols if name in self._places}
        for ticks in rows:
            self.ingress.remember(ticks)

    def on_corrected(self, tell: Callable[[str, int | str, str], None]) -> None:
        """Who is told of trades that are taken back."""
        self.ingress.on_corrected = tell

    def text_ids(self) -> dict[tuple[str, int, int], tuple[str, ...]]:
        """Ids that are no numbers, of the rows delivered last."""
        return self.ingress.intake.waiting.texts

    def on_refused(self, tell: Callable[[dict[str, Any]], None]) -> None:
        """Who gets the frames that could not be read."""

        def refused(connection: str, frame: str | bytes, reason: str) -> None:
            self._refused = self._refused or reason
            text = frame if isinstance(frame, str) else frame[:SHOWN].decode(errors="replace")
            tell({"source": connection, "line": self.ingress.counts.refused, "reason": reason, "frame": text[:SHOWN]})

        self.ingress.on_refused = refused

    async def listen(self, deliver: Callable[[RawRows], None]) -> None:
        """Keep the connections, and deliver what they hear; see `LiveFeed`. Raises UsageError at once where a key is missing."""
        if self._open:
            raise UsageError(f"{self.name} has been listened to already; make another feed")
        for venue, _ in self._streams:
            venue.logins()
        self._open = [self.connect(venue, streams, self.ingress, self.clock) for venue, streams in self._streams]
        if self._closing:
            for each in self._open:
                each.close()
        jobs: list[Coroutine[Any, Any, None]] = [each.run() for each in self._open]
        keeping = [asyncio.create_task(job, name=f"rxtape-{venue.name}") for job, (venue, _) in zip(jobs, self._streams, strict=True)]
        beating = asyncio.create_task(self._beat(), name="rxtape-beat")
        for task in keeping:
            task.add_done_callback(lambda done: self._arrived.set())
        self.ingress.on_pause = lambda: self._deliver_at_once(deliver)
        try:
            while not all(each.done() for each in keeping) and not broken_in(keeping):
                await self._arrived.wait()
                self._arrived.clear()
                await self._drain(deliver)
            await self._drain(deliver)
            if broken := broken_in(keeping):
                raise broken[0]
            refusals = [error for each in keeping if (error := each.exception()) is not None]
            if len(refusals) == len(keeping):
                raise refusals[0]
        finally:
            beating.cancel()
            self.close()
            await asyncio.gather(beating, *keeping, return_exceptions=True)
            self.health.close()
            for venue, _ in self.wanted:
                if isinstance(venue, Closable):
                    venue.close()

    def close(self) -> None:
        """End every connection; what waits is still delivered."""
        if not self._closing:
            self._closing = self.ingress.closing = True
            for each in self._open:
                each.close()

    async def _drain(self, deliver: Callable[[RawRows], None]) -> None:
        """Deliver all that waits, and let the sockets read in between."""
        if self._failure is not None:
            raise self._failure
        while self._delivered(deliver):
            await asyncio.sleep(0)

    def _delivered(self, deliver: Callable[[RawRows], None]) -> bool:
        """Deliver as many rows as take 50 ms; whether there were any."""
        raw = self.ingress.take(self._rows)
        if raw is None:
            return False
        began = self.steady()
        deliver(raw)
        took = (self.steady() - began) / SECOND
        if took > LONGEST:
            self._rows = max(int(len(raw) * LONGEST / took), 64)
        elif len(raw) == self._rows:
            self._rows = min(self._rows * 2, BATCH_ROWS)
        return True

    def _deliver_at_once(self, deliver: Callable[[RawRows], None]) -> None:
        """What one connection alone has heard need not wait for the loop to come round."""
        if len(self.health.connections) > 1 or self._failure is not None:
            return
        try:
            self._delivered(deliver)
        except BaseException as error:  # noqa: BLE001  # `listen` raises it
            self._failure = error
            self._arrived.set()

    async def _beat(self) -> None:
        """Once a second: silence moves the time on, health is judged, the clock is kept."""
        while True:
            before = self.clock.now()
            await asyncio.sleep(self.beat_seconds)
            self.clock.correct()
            if self.health.living and self.clock.now() - before < SLEPT:
                self.ingress.beat()
            if self._closing:
                return
            self.look()

    def look(self) -> None:
        """Judge how every symbol is."""
        wall, now = self.clock.now(), self.steady() / SECOND
        self.health.look(now, {name: now - (wall - at) / SECOND for name, at in self.ingress.spoke().items() if at})

    def _changed(self, change: StateChange) -> None:
        name = change.connection.rpartition("/")[0]
        for (venue, _), connections in zip(self._streams, self._open, strict=True):
            if venue.name == name:
                streams = connections.streams_of(change.connection)
                self.health.changed(change, [self._prefix(venue) + stream.symbol for stream in streams])

    def status(self) -> list[ConnectionStatus]:
        """Every connection as it is now."""
        heard, now = self.ingress.heard, self.steady() / SECOND
        return [
            ConnectionStatus(name, each.status, each.reason, now - each.since, said.frames, said.lag_ns, self.health.reconnects[name])
            for name, each in list(self.health.connections.items())  # the screen looks from a thread of its own
            for said in (heard.get(name, Heard()),)
        ]

    def symbols(self) -> list[SymbolsStatus]:
        """Every symbol as it is now, by status."""
        return self.health.by_status()

    def facts(self) -> list[tuple[str, str]]:
        """Connections, reconnects, what was counted at the queue, and the symbols that are not well."""
        counts = ", ".join(f"{count:,} {name}" for name, count in self.ingress.counts.facts().items())
        rows = [(each.subject, each.status + (f": {each.reason}" if each.reason else "")) for each in self.health.connections.values()]
        rows.append(("feed", counts or "nothing was heard"))
        if ahead := self.ingress.counts.ahead:
            rows.append(("ahead", f"{ahead:,} rows were more than ten minutes ahead of this machine's clock, and left out: is it right?"))
        if unknown := self.ingress.counts.unknown:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in Counter(unknown).most_common(5))
            rows.append(("unknown", f"messages of kinds that nobody reads: {kinds}"))
        if unasked := self.ingress.counts.unasked:
            rows.append(("unasked", f"{unasked:,} messages about symbols nobody asked for, such as {self.ingress.unasked!r}"))
        if self._refused:
            rows.append(("refused", f"{self.ingress.counts.refused:,} messages; the first: {self._refused}"))
        if reconnects := self.health.reconnects.total():
            rows.append(("reconnects", f"{reconnects:,}"))
        return rows + [(each.status, f"{each.names}: {each.reason}") for each in self.symbols() if each.status != "LIVE"]


def refuse_too_many(venue: Venue, streams: Sequence[Stream]) -> None:
    """More than the connections that a venue allows can carry would be asked for in vain."""
    limits = venue.limits
    if limits.connections is not None and len(streams) > (most := limits.connections * limits.streams):
        raise UsageError(f"{venue.name} allows {most} streams, each symbol's trades and quotes being two; {len(streams)} are asked for")
