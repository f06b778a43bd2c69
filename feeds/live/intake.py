"""Intake: what is heard on lines becomes rows that wait. Repeats are known, and whatever was lost is a GAP row."""

from collections.abc import Callable, Iterable, Sequence

from feeds.live.counts import Counts
from feeds.live.line import Item, Line
from feeds.live.tape_time import TapeTime
from feeds.live.trade_ids import AFRESH, DUPLICATE, NEW, ConsecutiveIds
from feeds.live.waiting import GAP, HEARTBEAT, Waiting
from feeds.venues.venue import Filler, Trade, Trades
from pipeline.durations import SECOND

__all__ = ["AHEAD", "Intake"]

AHEAD = 600 * SECOND
"""An event time so far ahead of its arrival is an error of the venue: taken over, it would hold the tape's time there."""
AT_ONCE = 5 * SECOND
"""A stream that speaks so soon after it was asked for again had been dropped; one that does not had nothing to say."""
LIVES = 2 * SECOND
"""Without a HEARTBEAT row for so long, nothing was alive: time stood still."""


class Intake:
    """The rows of a queue, as they come in.

    `clock` is ns UTC that never step, those of `received`; `latest` is the latest that it may be now. `by_event`: the tape's time is
    the venue's event time, else that of arrival. `capacity` bounds the trades that wait. `away` are the places of symbols that an
    earlier run has heard.
    """

    def __init__(
        self, names: tuple[str, ...], clock: Callable[[], int], latest: Callable[[], int], by_event: bool, quotes: bool, capacity: int
    ) -> None:
        self.names, self.by_event, self.capacity = names, by_event, capacity
        self.counts, self.tape = Counts(), TapeTime()
        self.waiting = Waiting(names, quotes, by_event, conflate_from=capacity // 16)
        self.away, self.losing = set[int](), set[int]()
        self.on_gap: Callable[[str, str], None] = lambda symbol, reason: None
        self._clock, self._latest = clock, latest

    # rows

    def take(self, line: Line, received: int, item: Item | Filler) -> None:
        """Take what was said on a line."""
        if isinstance(item, Filler):
            self._filler(line, received, item)
            return
        line.spoke = received
        if line.behind and line.catches_up(received, item):
            self.counts.duplicates += isinstance(item, Trade)
            return
        event = item.time
        if event is not None and event > received + AHEAD and event > self._latest() + AHEAD:
            self.counts.ahead += 1
            if isinstance(item, Trade):
                self.hole(line, "a trade came with a time far ahead", received)
            return
        time = received if event is None or not self.by_event else event
        if isinstance(item, Trade):
            self._trade(line, received, item, time, received if event is None else event)
            return
        if not line.heard:
            self._first(line, received, time)
        if item.old and line.doubted:  # how the book is, because it was asked for: no sign of a loss
            line.owes, line.doubted = "", 0
        self.pay(line, received, time)
        line.last = item
        self.counts.quotes += 1
        self.tape.moved(time, received)
        self.counts.conflated += self.waiting.quote(time, line.place, item, received)

    def take_together(self, places: Sequence[int], trades: Trades, received: int) -> None:
        """Take the first of some trades, each of which is simply the next one of its line."""
        self.counts.trades += len(places)
        self.tape.moved(max(trades.time[: len(places)]) if self.by_event else received, received)
        self.waiting.traded(places, trades, received)

    def _trade(self, line: Line, received: int, trade: Trade, time: int, event: int) -> None:
        """A trade: `time` is that of the tape, `event` that of the venue."""
        counts, waiting = self.counts, self.waiting
        missed = NEW if trade.trade_id is None else line.ids.take(trade.trade_id, trade.time or 0, trade.old)
        if missed == DUPLICATE:
            counts.duplicates += 1
            if trade.old:  # what the venue repeats reaches back to what is known: the hole is filled
                line.owes = ""
            return
        if not line.heard:
            if trade.old and event < line.since:
                counts.old += 1
                return
            self._first(line, received, time)
            missed = NEW
        if waiting.trades >= self.capacity:
            counts.dropped += not trade.odd
            counts.missed += max(missed, 0)
            self.losing.add(line.place)
            return
        if self.losing:
            self.tell_losses(received, time)
        if missed:
            self._missed(line, missed, received, time)
        elif trade.trade_id is not None and isinstance(line.ids, ConsecutiveIds):
            line.owes = ""  # numbers show that nothing was missed
        self.pay(line, received, time)
        line.plain = True
        if trade.trade_id is None:
            line.last = trade
        if trade.odd:
            counts.odd += 1
            return
        counts.trades += 1
        self.tape.moved(time, received)
        waiting.trade(time, line.place, trade, received, event)

    def _first(self, line: Line, received: int, time: int) -> None:
        """The first that is heard of a symbol; what came since an earlier run is missed."""
        line.heard = True
        if not self.tape.last:  # a venue of the past has the time of its tape, not ours
            self.tape.moved(time, received)
        if line.place in self.away:
            self.away.discard(line.place)
            self.gap(line.place, "nobody listened between two runs", received, time)

    def _filler(self, line: Line, received: int, filler: Filler) -> None:
        """A number that is no trade's; those before it may have been missed."""
        self.counts.fillers += 1
        missed = line.ids.take(filler.trade_id, 0)
        if missed > 0 and line.heard:
            self._missed(line, missed, received)

    # what was lost

    def gap(self, place: int, reason: str, received: int, before: int | None = None) -> None:
        """Something of a symbol was lost here: a row says so, `before` one of that time."""
        self.counts.gaps += 1
        self.on_gap(self.names[place - 1], reason)
        self._mark(place, GAP, received, before)

    def hole(self, line: Line, reason: str, received: int) -> None:
        """A trade was lost here: one GAP, until the symbol trades again."""
        if line.plain or line.doubted:
            line.plain, line.owes, line.doubted = False, "", 0
            self.gap(line.place, reason, received)

    def cut_off(self, lines: Iterable[Line], reason: str) -> None:
        """Nobody hears these any more: a GAP for each symbol where the tape stood; `pay` puts one where they are heard again.

        Whoever slept, or waited in vain for a sign of life, moves no time on.
        """
        gone = dict[int, None]()
        for line in lines:
            gone[line.place] = None
            line.owes, line.doubted, line.plain = reason, 0, False
        at = min(self._clock(), self.tape.at + LIVES)
        for place in gone:
            self.gap(place, reason, at)

    def _missed(self, line: Line, missed: int, received: int, before: int | None = None) -> None:
        self.counts.missed += max(missed, 0)
        line.owes = ""
        self.gap(line.place, "the numbering started again" if missed == AFRESH else f"{missed:,} trades missed", received, before)

    def doubt(self, line: Line, reason: str) -> None:
        """A silent stream is asked for again. Ids that count up leave no doubt, and what was lost before is known already."""
        if not line.owes and not isinstance(line.ids, ConsecutiveIds):
            line.owes, line.doubted, line.plain = reason, self._clock(), False

    def pay(self, line: Line, received: int, before: int | None = None) -> None:
        """The end of what was lost of a line, if something was."""
        if line.owes:
            if not line.doubted or received - line.doubted < AT_ONCE:
                self.gap(line.place, line.owes, received, before)
            line.owes, line.doubted = "", 0

    def pay_all(self, lines: Sequence[Line], received: int, own: Line | None = None, before: int | None = None) -> None:
        """As `pay`, once for a symbol; `own` is the line of the item that is about to come, which tells by itself."""
        told = set[int]()
        for line in sorted(lines, key=lambda each: each is own):  # its own comes last
            if line.place in told:
                line.owes = ""
            elif line is not own:
                told.add(line.place)
                self.pay(line, received, before)

    def tell_losses(self, received: int, before: int | None = None) -> None:
        """There is room again: a GAP row for each symbol of which something was left out."""
        losing, self.losing = self.losing, set()
        for place in sorted(losing):
            self.gap(place, "more came than could be taken", received, before)

    def beat(self) -> None:
        """A second has passed on a living connection: where nothing has come, the tape's time moves on by a HEARTBEAT row."""
        now = self._clock()
        if self.tape.last and now - self.tape.at >= SECOND:
            self._mark(0, HEARTBEAT, now)
            self.counts.heartbeats += 1

    def _mark(self, place: int, kind: int, received: int, before: int | None = None) -> None:
        """A row of no price: its time is the tape's last and what has passed since, or that of the row it comes before."""
        time = self.tape.after(received) if self.by_event else received
        if before is not None:
            time = max(min(time, before), self.tape.last)
        self.tape.moved(time, received)
        self.waiting.mark(time, place, kind, received)
