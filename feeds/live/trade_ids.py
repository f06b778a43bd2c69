"""Which trades are new: ids seen before, ids left out, and numbering that starts again, in bounded memory.

last = 104        id 104: a duplicate      id 105: new
id 108: new, and three were missed (105 to 107 are looked for from now on; one that comes later is new, not a duplicate)
"""

from dataclasses import dataclass, field
from typing import Protocol

from pipeline.durations import SECOND

__all__ = ["AFRESH", "DUPLICATE", "NEW", "ConsecutiveIds", "RecentIds", "TradeIds"]

NEW, DUPLICATE, AFRESH = 0, -1, -2
NEVER = -(1 << 63)
REMEMBERED = 512
MUCH = 10_000
"""More than any venue repeats."""
ANOTHER = 3600 * SECOND
"""An id that comes again so much later is another trade's: some venues count anew each day."""
HOLES = 64


class TradeIds(Protocol):
    """The ids of one symbol's trades."""

    def take(self, trade_id: int | str, time: int, old: bool = False) -> int:
        """NEW, DUPLICATE, AFRESH (the numbering has started again), or how many were left out before this one, which is new.

        `time` is the venue's, ns, 0 where there is none; `old`: the venue repeats it.
        """

    def follows(self, trade_id: int | str, time: int) -> bool:
        """Whether it is simply the next one, which is taken then; otherwise `take` has to look at it."""


@dataclass(slots=True)
class ConsecutiveIds:
    """Ids that count up by one. Duplicates are told by number alone; ids left out are remembered as up to 64 ranges.

    An id that is too low, at a later time than any before, means that the venue counts afresh; without times one that is much too low.

    >>> ids = ConsecutiveIds()
    >>> [ids.take(number, time) for number, time in ((104, 1), (105, 2), (105, 2), (108, 3), (106, 2), (106, 2), (1, 9), (2, 9))]
    [0, 0, -1, 2, 0, -1, -2, 0]
    """

    last: int = -1
    newest: int = -1
    holes: list[range] = field(default_factory=list)

    def take(self, trade_id: int | str, time: int, old: bool = False) -> int:
        """As in `TradeIds`; text is read as a number, and what is none tells nothing."""
        if type(trade_id) is str and not trade_id.isdecimal():
            return NEW
        number = int(trade_id)
        missed = number - self.last - 1
        if self.last < 0 or missed == 0:
            self.last, self.newest = number, max(time, self.newest)
            return NEW
        if missed > 0:
            self.holes = [*self.holes, range(self.last + 1, number)][-HOLES:]
            self.last, self.newest = number, max(time, self.newest)
            return missed
        for place, hole in enumerate(self.holes):
            if number in hole:
                rest = [range(hole.start, number), range(number + 1, hole.stop)]
                self.holes[place : place + 1] = [each for each in rest if each]
                return NEW
        if time > self.newest if time else number < self.last - MUCH:
            self.last, self.newest, self.holes = number, time, []
            return AFRESH
        return DUPLICATE

    def follows(self, trade_id: int | str, time: int) -> bool:
        """As in `TradeIds`."""
        if trade_id != self.last + 1:
            return False
        self.last += 1
        if time > self.newest:
            self.newest = time
        return True


@dataclass(slots=True)
class RecentIds:
    """Ids in no order (uuids, numbers of many exchanges): the newest 512 are remembered, with their times (ns).

    >>> ids = RecentIds(remembered=2)
    >>> [ids.take(name, 0) for name in ("a", "b", "a", "c", "b", "a")]
    [0, 0, -1, 0, -1, 0]
    """

    remembered: int = REMEMBERED
    seen: dict[int | str, int] = field(default_factory=dict)

    def take(self, trade_id: int | str, time: int, old: bool = False) -> int:
        """As in `TradeIds`; what is repeated of before all that is remembered has been told as well."""
        forgotten = old and len(self.seen) == self.remembered and time < next(iter(self.seen.values()))
        if forgotten or self.knows(trade_id, time):
            return DUPLICATE
        self.seen.pop(trade_id, None)
        self.seen[trade_id] = time
        if len(self.seen) > self.remembered:
            del self.seen[next(iter(self.seen))]
        return NEW

    def follows(self, trade_id: int | str, time: int) -> bool:
        """As in `TradeIds`."""
        return self.take(trade_id, time) == NEW

    def knows(self, trade_id: int | str, time: int) -> bool:
        """Whether this trade has been taken, as far as that is remembered."""
        return time - self.seen.get(trade_id, NEVER) < ANOTHER
