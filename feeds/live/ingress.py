"""Ingress: what connections hear becomes the rows of the tape, through one bounded queue.

Whatever has arrived while the owner of the graph was busy is the next batch. Trades are never left out silently: a full
queue makes connections wait, and where that does not help, what is left out becomes a GAP row. Of quotes that wait, only the
newest of a symbol is needed.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

import numpy as np

from feeds.live.arrivals import StateChange
from feeds.live.counts import Counts, Heard
from feeds.live.intake import AHEAD, Intake
from feeds.live.line import Line, Lines, old_first
from feeds.venues.venue import Cancelled, Corrected, Filler, Gap, Quote, Said, Stream, Trade, Trades, Unknown
from pipeline.ingest import RawRows
from pipeline.ticks import Kind, Ticks

__all__ = ["Ingress"]

MARKET = (Trade, Quote)
LONG = 65_536
"""Letters of a frame beyond which nobody looks for the symbols that it names: it may be about any."""


class Ingress:
    """Implements `Arrivals`. `lines` by venue (a connection is called venue/number); `wake` is called when rows wait.

    `by_event`: the tape's time is the venue's event time, else that of arrival. `clock` is ns UTC that never step, those of
    `received`; `latest` is the latest that it may be now. `capacity` bounds the trades that wait, `patience` (s) for how long
    connections wait before trades are left out.
    """

    def __init__(
        self, lines: Mapping[str, Lines], names: tuple[str, ...], clock: Callable[[], int], wake: Callable[[], None],
        on_change: Callable[[StateChange], None] = lambda change: None, by_event: bool = True, quotes: bool = True,
        capacity: int = 65_536, patience: float = 5.0, latest: Callable[[], int] | None = None,
    ) -> None:  # fmt: skip
        self.lines, self.names = lines, names
        self.capacity, self.patience = capacity, patience
        self.intake = Intake(names, clock, latest or clock, by_event, quotes, capacity)
        self._clock, self._wake, self._on_change = clock, wake, on_change
        self._waiting = self.intake.waiting
        self._of: dict[str, Lines] = {}
        self._began: dict[str, int] = {}
        self._owing: dict[str, list[Line]] = {}
        self._living = set[str]()
        self.heard: dict[str, Heard] = {}
        self._room = asyncio.Event()
        self._room.set()
        self._impatient = self.closing = False
        self._asleep = True
        self.unasked = ""
        self.on_corrected: Callable[[str, int | str, str], None] = lambda symbol, trade_id, what: None
        self.on_refused: Callable[[str, str | bytes, str], None] = lambda connection, frame, reason: None
        self.on_denied: Callable[[str, str], None] = lambda symbol, reason: None
        self.on_pause: Callable[[], None] = lambda: None

    @property
    def counts(self) -> Counts:
        """What has happened so far."""
        return self.intake.counts

    # what connections say

    def said(self, connection: str, received: int, items: Sequence[Said]) -> None:
        """Queue what a frame said."""
        lines = self._of.get(connection) or self._lines_of(connection)
        heard, intake = self.heard[connection], self.intake
        intake.counts.frames += 1
        heard.frames += 1
        if connection in self._owing:
            self._heard_again(connection, received, items)
        for item in items if len(items) == 1 else old_first(items):
            if isinstance(item, MARKET):
                line = (lines.trades if type(item) is Trade else lines.quotes).get(item.symbol)
                if line is None:
                    intake.counts.unasked += 1
                    self.unasked = self.unasked or item.symbol
                elif line.heard_from == connection or line.hears(connection, received, item):
                    intake.take(line, received, item)
                if item.time is not None:
                    heard.lag_ns = received - item.time
            else:
                self._note(lines, connection, received, item)
        self._rouse()

    def traded(self, connection: str, received: int, trades: Trades) -> None:
        """Queue trades of one frame each: at once as many as are simply the next ones, then one by one."""
        lines = self._of.get(connection) or self._lines_of(connection)
        places = list[int]()
        if (
            not self.intake.losing
            and connection not in self._owing
            and self.has_room(len(trades.time))
            and max(trades.time) <= received + AHEAD
        ):
            for symbol, event, number in zip(trades.symbol, trades.time, trades.trade_id, strict=True):
                line = lines.trades.get(symbol)
                if line is None or line.heard_from != connection or not line.plain or not line.ids.follows(number, event):
                    break
                line.spoke = received
                places.append(line.place)
        if count := len(places):
            heard = self.heard[connection]
            self.counts.frames, heard.frames = self.counts.frames + count, heard.frames + count
            heard.lag_ns = received - trades.time[count - 1]
            self.intake.take_together(places, trades, received)
        for trade in trades.rows(count):
            self.said(connection, received, (trade,))
        self._rouse()

    def paused(self) -> None:
        """Let the owner judge what waits."""
        if len(self._waiting):
            self.on_pause()

    def _rouse(self) -> None:
        """Wake the owner, if there is something for him."""
        if self._asleep and len(self._waiting):
            self._asleep = False
            self._wake()

    def _lines_of(self, connection: str) -> Lines:
        found = self._of[connection] = self.lines[connection.rpartition("/")[0]]
        self.heard[connection] = Heard()
        return found

    def _note(self, lines: Lines, connection: str, received: int, item: Said) -> None:
        if isinstance(item, Filler):
            if (line := lines.trades.get(item.symbol)) is not None and line.hears(connection, received, item):
                self.intake.take(line, received, item)
        elif isinstance(item, Gap):
            self._gap_of(lines, connection, (item.symbol,) if item.symbol else lines.trades, item.reason, received)
        elif isinstance(item, Corrected | Cancelled):
            self.counts.corrected += 1
            what = "cancelled" if isinstance(item, Cancelled) else "corrected"
            self._gap_of(lines, connection, (item.symbol,), f"trade {item.trade_id} was {what}", received)
            if (line := lines.trades.get(item.symbol)) is not None:
                self.on_corrected(self.names[line.place - 1], item.trade_id, what)
        elif isinstance(item, Unknown):
            self.counts.unknown_kind(item.kind)

    def _gap_of(self, lines: Lines, connection: str, symbols: Iterable[str], reason: str, received: int) -> None:
        for symbol in symbols:
            line = lines.trades.get(symbol)
            if line is not None and line.heard and line.heard_from in (connection, ""):
                self.intake.gap(line.place, reason, received)

    # what is lost

    def lost(self, connection: str, streams: Sequence[Stream], reason: str) -> None:
        """A connection has ended: what nobody else hears is cut off, on the others goes on what another has said meanwhile."""
        if self.closing:
            return
        lines, alone = self._of.get(connection) or self._lines_of(connection), list[Line]()
        for line in filter(None, map(lines.of, streams)):
            if (meanwhile := line.leave(connection, self._clock())) is not None:
                for received, item in meanwhile:
                    self.intake.take(line, received, item)
            elif line.heard:
                alone.append(line)
            if not line.heard:
                line.since = min(line.since, self._began.get(connection, line.since))
        self.intake.cut_off(alone, reason)
        if alone:
            self._owing[connection] = alone
        self._rouse()

    def _heard_again(self, connection: str, received: int, items: Sequence[Said]) -> None:
        """What was lost has its end, before anything new of the connection moves the time on; of its own line an item tells more."""
        first = next((item for item in items if isinstance(item, MARKET) and not item.old), None)
        if first is not None:
            lines = self._of[connection]
            own = (lines.trades if isinstance(first, Trade) else lines.quotes).get(first.symbol)
            owing = [line for line in self._owing.pop(connection) if line.heard_from in ("", connection)]
            self.intake.pay_all(owing, received, own, first.time if self.intake.by_event else None)

    def doubted(self, connection: str, streams: Sequence[Stream], reason: str) -> None:
        """Streams that may have been dropped; on which nobody has spoken yet, nothing is missed."""
        lines = self._of.get(connection) or self._lines_of(connection)
        for line in filter(None, map(lines.of, streams)):
            if line.heard_from == connection and line.heard:
                self.intake.doubt(line, reason)

    def denied(self, connection: str, streams: Sequence[Stream], reason: str) -> None:
        """Pass on that nothing will come of these symbols; of quotes the connection tells."""
        lines = self._of.get(connection) or self._lines_of(connection)
        for stream in streams:
            if stream.channel == "trades" and (line := lines.of(stream)) is not None:
                self.on_denied(self.names[line.place - 1], f"the venue refuses its trades: {reason}")

    def handed_over(self, old: str, new: str, streams: Sequence[Stream]) -> None:
        """The lines on which nobody but the old connection has spoken are the new one's; on others comes in what was held back."""
        lines = self._of.get(old) or self._lines_of(old)
        for stream in streams:
            line = lines.of(stream)
            if line is not None and line.heard_from == old and not line.held:
                line.heard_from = new
                line.may_lag(self._clock())

    def refused(self, connection: str, frame: str | bytes, reason: str) -> None:
        """Count a frame that could not be read, and set it aside; where no numbering tells what was in it, the symbols it names lost it."""
        self.counts.refused += 1
        self.on_refused(connection, frame, reason)
        lines = self._of.get(connection) or self._lines_of(connection)
        if not lines.consecutive:
            text = frame if isinstance(frame, str) else frame.decode(errors="replace")
            for symbol, line in lines.trades.items():
                if line.heard_from == connection and (symbol in text or len(text) > LONG):
                    self.intake.hole(line, "a message about it could not be read", self._clock())
            self._rouse()

    def changed(self, change: StateChange) -> None:
        """Pass on a change of state."""
        (self._living.add if change.state == "live" else self._living.discard)(change.connection)
        if change.state == "subscribing":
            self._began.setdefault(change.connection, self._clock())
        self._on_change(change)

    def beat(self) -> None:
        """A second has passed on a living connection."""
        for connection in self._living & self._owing.keys():
            self.intake.pay_all(self._owing.pop(connection), self._clock())
        self.intake.beat()
        self._rouse()

    def remember(self, ticks: Ticks) -> None:
        """Rows of an earlier run: should a venue repeat their trades, they are known, as far as ids are numbers."""
        lines = {self.names[line.place - 1]: line for lines in self.lines.values() for line in lines.trades.values()}
        if "trade_id" not in ticks.columns:
            return
        rows = np.nonzero((ticks.kind == Kind.TRADE) & (ticks.columns["trade_id"] >= 0))[0]
        times = ticks.columns.get("event_time", ticks.time)
        for symbol, number, time in zip(
            ticks.symbols.names(ticks.symbol[rows].tolist()), ticks.columns["trade_id"][rows].tolist(), times[rows].tolist(), strict=True
        ):
            if (line := lines.get(symbol)) is not None:
                line.ids.take(number, time)

    # the other end

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether connections shall wait."""
        return self._waiting.trades >= self.capacity and not self._impatient

    def has_room(self, count: int) -> bool:
        """Whether so many trades find room."""
        return self._waiting.trades + count <= self.capacity

    async def room(self) -> None:
        """Until half of the queue is free, for `patience` at most; after that, trades that find no room are left out and told as GAP."""
        self._room.clear()
        try:
            # not wait_for, which may swallow a cancellation (Python 3.11)
            async with asyncio.timeout(self.patience):
                await self._room.wait()
        except TimeoutError:
            self._impatient = True

    def spoke(self) -> dict[str, int]:
        """When each symbol was last heard, ns as received; 0 where it never was."""
        found = dict.fromkeys(self.names, 0)
        for line in chain.from_iterable(lines.all for lines in self.lines.values()):
            name = self.names[line.place - 1]
            found[name] = max(found[name], line.spoke)
        return found

    def take(self, rows: int) -> RawRows | None:
        """Up to that many rows, as columns, for the tape; None where nothing waits."""
        if not len(self._waiting):
            self._asleep = True
            return None
        taken = self._waiting.take(rows)
        if self._waiting.trades <= self.capacity // 2:
            self._impatient = False
            self._room.set()
        if self.intake.losing and not len(self._waiting):
            self.intake.tell_losses(self._clock())
        return taken
