"""The rows inside a window, for all symbols at once.

A time window keeps one ring of recent rows, in the order of the tape: rows leave at its head, each from its own symbol.
A count window keeps `rows` slots for each symbol. Both number their rows with ids, and `id & mask` is the slot, so that
one kernel serves both.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels import inline, spliced
from pipeline.state import Array, Arrays
from pipeline.windows.bounds import Window

__all__ = ["Slots", "new_slot", "next_move", "take_places"]

FIRST_CAPACITY = 64
NEVER = 1 << 62


@inline
def new_slot(at, k, rows, tail, mask, time, slot_time, slot_symbol):  # type: ignore[no-untyped-def]
    """The id of the slot that a symbol's new row takes: the next of the ring, or (count windows) of the symbol's own."""
    if rows == 0:
        slot_time[tail & mask] = time
        slot_symbol[tail & mask] = k
        return tail
    place = at[k, 1]
    at[k, 1] = 0 if place + 1 == rows else place + 1
    return np.int64(k) * rows + place


@inline
def take_places(time, symbol, fresh, mask, tail, slot_time, slot_symbol, own):  # type: ignore[no-untyped-def]
    """Give each fresh row the next slot of the ring, and every other row the blank one behind them, whose id is returned."""
    end = tail
    for i in range(time.shape[0]):
        end += fresh[i]
    for i in range(time.shape[0]):
        place = tail & mask
        slot_time[place], slot_symbol[place] = time[i], symbol[i]
        own[i] = place if fresh[i] else end & mask
        tail += fresh[i]
    slot_time[end & mask] = NEVER
    return end


@spliced
def next_move(head, oldest, symbol, own, mask, slot_time, slot_symbol):  # type: ignore[no-untyped-def]
    """What happens next in a time window: 1 if a row arrives, 0 if the oldest leaves before it; its slot, and its symbol.

    Which of the two is a coin toss. It is read from the sign of a difference, since a branch that is foreseen wrongly
    every other time costs more than the sums.
    """
    place = head & mask
    arrives = np.int64(np.uint64(oldest - slot_time[np.uint64(place)]) >> np.uint64(63))
    leaving = slot_symbol[np.uint64(place)]
    return arrives, np.uint64(place ^ ((place ^ own) & -arrives)), np.uint32(leaving ^ ((leaving ^ symbol) & np.int32(-arrives)))


class Slots:
    """Columns with a place for every row of a window; `fields` gives the width of each (0: one number) and its type.

    `ends` holds the ids of the oldest row, of a mark between, and of the next row (time windows); `at` holds, for each
    symbol: its count, its next position (count windows), the id of its newest and of its oldest row.
    """

    def __init__(self, window: Window, symbols: int, **fields: tuple[str, int]) -> None:
        self.window, self.fields = window, {"time": ("i8", 0), "symbol": ("i4", 0), **fields}
        self.width_ns, self.rows = window.width_ns, window.rows
        self.ends = np.zeros(3, np.int64)
        self.at = np.zeros((symbols, 4), np.int64)
        self._allocate(symbols * window.rows if window.rows else FIRST_CAPACITY)

    def _allocate(self, capacity: int) -> None:
        self.mask = -1 if self.rows else capacity - 1
        self._room = 0
        for name, (dtype, width) in self.fields.items():
            unused = self.rows and name in ("time", "symbol")
            setattr(self, name, np.zeros((1 if unused else capacity, width) if width else (1 if unused else capacity), dtype))

    def __getattr__(self, name: str) -> NDArray[Any]:
        raise AttributeError(f"no field {name!r}; there are {', '.join(self.fields)}")

    def grow(self, symbols: int) -> None:
        """Make room for more symbols."""
        self.at = np.concatenate([self.at, np.zeros((symbols - len(self.at), 4), np.int64)])
        if self.rows:
            self._resize(symbols * self.rows)

    def reserve(self, rows: int) -> None:
        """Make room for that many further rows and a blank one; the capacity has no meaning."""
        self._room -= rows
        if self._room < 0 and not self.rows:
            live = int(self.ends[2] - self.ends[0])
            if live + rows > self.mask:
                self._resize(1 << (live + rows).bit_length())
            self._room = self.mask - live - rows

    def _resize(self, capacity: int) -> None:
        old, old_mask, ids = {name: getattr(self, name) for name in self.fields}, self.mask, self._ids()
        self._allocate(capacity)
        self._place(ids, {name: column[ids & old_mask] for name, column in old.items() if self._used(name)})

    def _ids(self) -> Array:
        """The ids of the live rows; for a count window of all slots."""
        return np.arange(len(self.__dict__[next(reversed(self.fields))])) if self.rows else np.arange(self.ends[0], self.ends[2])

    def _used(self, name: str) -> bool:
        return not (self.rows and name in ("time", "symbol"))

    def _place(self, ids: Array, columns: Arrays) -> None:
        for name, column in columns.items():
            getattr(self, name)[ids & self.mask] = column

    def snapshot(self) -> Arrays:
        """The live rows, oldest first, and the marks."""
        slots = self._ids() & self.mask
        live = {name: getattr(self, name)[slots] for name in self.fields if self._used(name)}
        return {"ends": self.ends.copy(), "at": self.at.copy(), **live}

    def restore(self, arrays: Arrays) -> None:
        """Take over the rows of a snapshot."""
        live = {name: arrays[name] for name in self.fields if self._used(name)}
        rows = len(next(iter(live.values())))
        self.ends, self.at = arrays["ends"].copy(), arrays["at"].copy()
        self._allocate(rows if self.rows else max(FIRST_CAPACITY, 1 << rows.bit_length()))
        self._place(self._ids(), live)
