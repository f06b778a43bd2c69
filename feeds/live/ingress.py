"""Ingress: what connections hear becomes the rows of the tape, through one bounded queue.

Whatever has arrived while the owner of the graph was busy is the next batch. Trades are never left out silently: a full
queue makes connections wait, and where that does not help, what is left out becomes a GAP row. Of quotes that wait, only the
newest of a symbol is needed.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from feeds.live.arrivals import StateChange
from feeds.live.counts import Counts, Heard
from feeds.live.line import Item, Line, Lines, old_first
from feeds.live.tape_time import TapeTime
from feeds.live.trade_ids import AFRESH, DUPLICATE, NEW
from feeds.live.waiting import GAP, HEARTBEAT, Waiting
from feeds.venues.venue import Cancelled, Corrected, Filler, Gap, Quote, Said, Stream, Trade, Trades, Unknown
from pipeline.durations import SECOND
from pipeline.ingest import RawRows

__all__ = ["AHEAD", "Ingress"]

MARKET = (Trade, Quote)
AHEAD = 600 * SECOND
"""An event time so far ahead of its arrival is an error of the venue: taken over, it would hold the tape's time there."""


class Ingress:
    """Implements `Arrivals`. `lines` by venue (a connection is called venue/number); `wake` is called when rows wait.

    `by_event`: the tape's time is the venue's event time, else that of arrival. `clock` is ns UTC that never step, those of
    `received`. `capacity` bounds the trades that wait, `patience` (s) for how long connections wait before trades are left out.
    """

    def __init__(
        self, lines: Mapping[str, Lines], names: tuple[str, ...], clock: Callable[[], int], wake: Callable[[], None],
        on_change: Callable[[StateChange], None] = lambda change: None, by_event: bool = True, quotes: bool = True,
        capacity: int = 65_536, patience: float = 5.0,
    ) -> None:  # fmt: skip
        self.lines, self.names, self.counts = lines, names, Counts()
        self.capacity, self.patience, self.by_event = capacity, patience, by_event
        self._clock, self._wake, self._on_change = clock, wake, on_change
        self._of: dict[str, Lines] = {}
        self.heard: dict[str, Heard] = {}
        self._waiting = Waiting(names, quotes, by_event, conflate_from=capacity // 16)
        self._room = asyncio.Event()
        self._room.set()
        self._losing, self.away = set[int](), set[int]()
        self._impatient = self.closing = False
        self._asleep = True
        self._tape = TapeTime()
        self.on_corrected: Callable[[str, int | str, str], None] = lambda symbol, trade_id, what: None
        self.on_gap: Callable[[str, str], None] = lambda symbol, reason: None
        self.on_refused: Callable[[str, str | bytes, str], None] = lambda connection, frame, reason: None
        self.on_pause: Callable[[], None] = lambda: None

    # what connections say

    def said(self, connection: str, received: int, items: Sequence[Said]) -> None:
        """Queue what a frame said."""
        lines = self._of.get(connection) or self._lines_of(connection)
        heard = self.heard[connection]
        self.counts.frames += 1
        heard.frames += 1
        for item in items if len(items) == 1 else old_first(items):
            if isinstance(item, MARKET):
                line = (lines.trades if type(item) is Trade else lines.quotes).get(item.symbol)
                if line is None:
                    self.counts.unasked += 1
                elif line.heard_from == connection or line.hears(connection, received, item):
                    self._take(line, received, item)
                if item.time is not None:
                    heard.lag_ns = received - item.time
            else:
                self._note(lines, connection, received, item)
        self._rouse()

    def traded(self, connection: str, received: int, trades: Trades) -> None:
        """Queue trades of one frame each: at once as many as are simply the next ones, then one by one."""
        lines = self._of.get(connection) or self._lines_of(connection)
        places = list[int]()
        if not self._losing and self.has_room(len(trades.time)) and max(trades.time) <= received + AHEAD:
            for symbol, event, number in zip(trades.symbol, trades.time, trades.trade_id, strict=True):
                line = lines.trades.get(symbol)
                if line is None or line.heard_from != connection or not line.heard or not line.ids.follows(number, event):
                    break
                line.spoke = received
                places.append(line.place)
        if count := len(places):
            counts, heard = self.counts, self.heard[connection]
            counts.frames, counts.trades, heard.frames = counts.frames + count, counts.trades + count, heard.frames + count
            heard.lag_ns = received - trades.time[count - 1]
            self._tape.moved(max(trades.time[:count]) if self.by_event else received, received)
            self._waiting.traded(places, trades, received)
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

    def _take(self, line: Line, received: int, item: Item) -> None:
        line.spoke = received
        event = item.time
        if event is not None and event > received + AHEAD:
            self.counts.ahead += 1
            return
        time = received if event is None or not self.by_event else event
        if isinstance(item, Trade):
            self._trade(line, received, item, time, received if event is None else event)
        elif not item.old or line.heard:
            if not line.heard:
                self._first(line, received, time)
            self.counts.quotes += 1
            self._tape.moved(time, received)
            self.counts.conflated += self._waiting.quote(time, line.place, item, received)

    def _trade(self, line: Line, received: int, trade: Trade, time: int, event: int) -> None:
        """A trade: `time` is that of the tape, `event` that of the venue."""
        counts, waiting = self.counts, self._waiting
        missed = NEW if trade.trade_id is None else line.ids.take(trade.trade_id, event)
        if missed == DUPLICATE:
            counts.duplicates += 1
            return
        if not line.heard:
            if trade.old:
                counts.old += 1
                return
            self._first(line, received, time)
            missed = NEW
        if waiting.trades >= self.capacity:
            counts.dropped += not trade.odd
            counts.missed += max(missed, 0)
            self._losing.add(line.place)
            return
        if self._losing:
            self._tell_losses(received)
        if missed:
            counts.missed += max(missed, 0)
            self._gap(line.place, "the numbering started again" if missed == AFRESH else f"{missed:,} trades missed", received)
        if trade.odd:
            counts.odd += 1
            return
        counts.trades += 1
        self._tape.moved(time, received)
        waiting.trade(time, line.place, trade, received, event)

    def _first(self, line: Line, received: int, time: int) -> None:
        """The first that is heard of a symbol; what came since an earlier run is missed."""
        line.heard = True
        if not self._tape.last:  # a venue of the past has the time of its tape, not ours
            self._tape.moved(time, received)
        if line.place in self.away:
            self.away.discard(line.place)
            self._gap(line.place, "nobody listened between two runs", received)

    def _note(self, lines: Lines, connection: str, received: int, item: Said) -> None:
        counts = self.counts
        if isinstance(item, Filler):
            counts.fillers += 1
            if (line := lines.trades.get(item.symbol)) is not None:
                line.ids.take(item.trade_id, 0)
        elif isinstance(item, Gap):
            self._gap_of(lines, connection, (item.symbol,) if item.symbol else lines.trades, item.reason, received)
        elif isinstance(item, Corrected | Cancelled):
            counts.corrected += 1
            what = "cancelled" if isinstance(item, Cancelled) else "corrected"
            self._gap_of(lines, connection, (item.symbol,), f"trade {item.trade_id} was {what}", received)
            if (line := lines.trades.get(item.symbol)) is not None:
                self.on_corrected(self.names[line.place - 1], item.trade_id, what)
        elif isinstance(item, Unknown):
            counts.unknown_kind(item.kind)

    # what is lost

    def lost(self, connection: str, streams: Sequence[Stream], reason: str) -> None:
        """A connection has ended: a GAP row for each symbol that nobody else hears."""
        if self.closing:
            return
        lines, gone = self._of.get(connection) or self._lines_of(connection), dict[int, None]()
        for stream in streams:
            line = lines.of(stream)
            if line is None:
                continue
            if (meanwhile := line.leave(connection)) is not None:
                for received, item in meanwhile:
                    self._take(line, received, item)
            elif line.heard:
                gone[line.place] = None
        for place in gone:
            self._gap(place, reason, self._clock())
        self._rouse()

    def handed_over(self, old: str, new: str, streams: Sequence[Stream]) -> None:
        """The lines that the new connection has not spoken on yet are its own from now on; on the others, what it said comes in."""
        lines = self._of.get(old) or self._lines_of(old)
        for stream in streams:
            line = lines.of(stream)
            if line is not None and line.heard_from == old and not line.held:
                line.heard_from = new

    def _gap_of(self, lines: Lines, connection: str, symbols: Iterable[str], reason: str, received: int) -> None:
        for symbol in symbols:
            line = lines.trades.get(symbol)
            if line is not None and line.heard and line.heard_from in (connection, ""):
                self._gap(line.place, reason, received)

    def _gap(self, place: int, reason: str, received: int) -> None:
        self.counts.gaps += 1
        self.on_gap(self.names[place - 1], reason)
        self._mark(place, GAP, received)

    def _mark(self, place: int, kind: int, received: int) -> None:
        """A row of no price: its time is the tape's last and what has passed since."""
        time = self._tape.after(received) if self.by_event else received
        self._tape.moved(time, received)
        self._waiting.mark(time, place, kind, received)

    def _tell_losses(self, received: int) -> None:
        """There is room again: a GAP row for each symbol of which something was left out."""
        losing, self._losing = self._losing, set()
        for place in sorted(losing):
            self._gap(place, "more came than could be taken", received)

    def beat(self) -> None:
        """A second has passed on a living connection: where nothing has come, the tape's time moves on by a HEARTBEAT row."""
        now = self._clock()
        if self._tape.last and now - self._tape.at >= SECOND:
            self._mark(0, HEARTBEAT, now)
            self.counts.heartbeats += 1
            self._rouse()

    # frames that could not be read, states

    def refused(self, connection: str, frame: str | bytes, reason: str) -> None:
        """Count a frame that could not be read, and set it aside."""
        self.counts.refused += 1
        self.on_refused(connection, frame, reason)

    def changed(self, change: StateChange) -> None:
        """Pass on a change of state."""
        self._on_change(change)

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
            await asyncio.wait_for(self._room.wait(), self.patience)
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
        if self._losing and not len(self._waiting):
            self._tell_losses(self._clock())
        return taken
