"""A line: one stream of one symbol as it is heard, from one connection at a time.

While a planned reconnect overlaps, the new connection is held back until the old one is gone; what it said meanwhile then
comes in, without what the old one has told already. Both say the same in the same order, so that is all up to the last that is known.

    old  --101--102--103--104-|
    new             --103--104--105--106-->       rows: 101 102 103 104 | 105 106
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from feeds.live.trade_ids import ConsecutiveIds, RecentIds, TradeIds
from feeds.venues.venue import Filler, Quote, Said, Stream, Trade
from pipeline.durations import SECOND

__all__ = ["HELD", "Line", "Lines", "old_first"]

LAST = 1 << 62
HELD = 1024
"""What is held back of a connection that is not heard yet; the oldest goes first, and was told by the other."""

MOST_LAG = 5 * SECOND
"""By which one connection may be behind another to the same venue."""

Item = Trade | Quote
Held = tuple[int, Item | Filler]


@dataclass(slots=True)
class Line:
    """`place` is the symbol's among the names of the feed; `heard_from` the connection whose rows are taken; `spoke` when it last did.

    `since` is when the venue was first listened to, known from the first loss on: a trade that it repeats of later is one that was missed.
    `owes` is why a GAP row stands before the next row, and `doubted` since when that is only a doubt. `plain`: nothing of the next
    trade has to be looked at but its id. `last` is the newest item, of those without an id; until `behind` (ns as received) the
    connection that took over may not have come to it yet.
    """

    place: int
    ids: TradeIds
    heard_from: str = ""
    heard: bool = False
    plain: bool = False
    spoke: int = 0
    since: int = LAST
    owes: str = ""
    doubted: int = 0
    last: Item | None = None
    behind: int = 0
    held: dict[str, deque[Held]] = field(default_factory=dict)

    def hears(self, connection: str, received: int, item: Item | Filler) -> bool:
        """Whether a connection is the one that is heard, as the first to speak is; what another says is kept."""
        if not self.heard_from:
            self.heard_from = connection
        elif self.heard_from != connection:
            self.held.setdefault(connection, deque(maxlen=HELD)).append((received, item))
        return self.heard_from == connection

    def leave(self, connection: str, now: int) -> list[Held] | None:
        """A connection has ended. What another had said beyond it, which is heard from now on; None where there is no other."""
        self.held.pop(connection, None)
        if self.heard_from != connection:
            return []
        self.may_lag(now)
        self.heard_from = next(iter(self.held), "")
        return self._untold(list(self.held.pop(self.heard_from))) if self.heard_from else None

    def _untold(self, held: list[Held]) -> list[Held]:
        """What of it has not been told; where nothing of it is known, that is a matter of time. Ids that count up tell it by themselves."""
        if isinstance(self.ids, ConsecutiveIds) and self.last is None:
            return held
        items = [(received, item) for received, item in held if not isinstance(item, Filler)]
        told = [at for at, (_, item) in enumerate(items) if self._has_told(item)]
        rest = items[told[-1] + 1 :] if told else [each for each in items if is_placed(each[1]) or each[0] > self.spoke]
        if not told and rest:
            self.owes, self.doubted, self.plain = "nothing shows that another connection goes on where the last ended", 0, False
        return [*rest]

    def may_lag(self, now: int) -> None:
        """The connection that is heard now may say some things again, for a short while: a numbering may begin anew at any time."""
        self.behind = now + MOST_LAG if self.last is not None else 0

    def catches_up(self, received: int, item: Item) -> bool:
        """Whether this is still what the other connection has told, up to its last."""
        known = received < self.behind and self._has_told(item)
        if not known or self._is_last(item):
            self.behind = 0
        return known

    def _has_told(self, item: Item) -> bool:
        if isinstance(item, Trade) and item.trade_id is not None:
            return isinstance(self.ids, RecentIds) and self.ids.knows(item.trade_id, item.time or 0)
        return self._is_last(item) or self._is_older(item)

    def _is_last(self, item: Item) -> bool:
        return self.last is not None and str(item._replace(old=False)) == str(self.last._replace(old=False))

    def _is_older(self, item: Item) -> bool:
        """Whether an item without an id comes before the last, by the venue's number or else by time."""
        last = self.last
        if isinstance(item, Quote) and isinstance(last, Quote) and item.number is not None and last.number is not None:
            return item.number < last.number
        return last is not None and item.time is not None and last.time is not None and item.time < last.time


def is_placed(item: Item) -> bool:
    """Whether time or number tell where it stands among others."""
    return item.time is not None or (isinstance(item, Quote) and item.number is not None)


class Lines:
    """The lines of one venue: those that were asked for."""

    def __init__(self, prefix: str, consecutive: bool, places: dict[str, int]) -> None:
        """`places` are the feed's symbols, with the `prefix` that tells venues apart."""
        own = {symbol[len(prefix) :]: place for symbol, place in places.items() if symbol.startswith(prefix)}
        self.consecutive = consecutive
        self.trades = {symbol: Line(place, ConsecutiveIds() if consecutive else RecentIds()) for symbol, place in own.items()}
        self.quotes = {symbol: Line(place, RecentIds()) for symbol, place in own.items()}
        self.all = (*self.trades.values(), *self.quotes.values())

    def of(self, stream: Stream) -> Line | None:
        """That of a stream, if it was asked for."""
        return (self.trades if stream.channel == "trades" else self.quotes).get(stream.symbol)


def old_first(items: Sequence[Said]) -> Sequence[Said]:
    """What the venue repeats, in order of time: some give the newest first."""
    if len(items) > 1 and type(items[0]) is Trade and items[0].old:
        return sorted(items, key=age)
    return items


def age(item: Said) -> tuple[int, int]:
    if not isinstance(item, Trade):
        return LAST, 0
    return item.time or 0, item.trade_id if isinstance(item.trade_id, int) else 0
