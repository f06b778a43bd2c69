"""What waits for a subscriber, by policy. No locks here: a subscription calls these under its own.

    add ──▶ [ at most `size` wait ] ──take──▶ all that wait, in the order of publishing

Every item that does not fit is counted at once, as dropped or as conflated; nothing is lost uncounted.
"""

from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

__all__ = ["Item", "Line", "Newest", "Waiting"]

Item = tuple[str, Any, float]
"""An event on its way: its topic, the event, and when it was published, in seconds of the broker's clock."""


class Waiting(Protocol):
    """Items in the order of publishing; `dropped` and `conflated` count those that were put out."""

    dropped: int
    conflated: int

    def __len__(self) -> int: ...

    def add(self, items: Sequence[Item], keys: Sequence[object] = ()) -> None:
        """Take all of them, which have these keys where the policy asks for keys; the oldest make room."""

    def take(self) -> Sequence[Item]:
        """All that wait; nothing waits afterwards."""

    def oldest(self) -> float | None:
        """When the one that has waited longest was published."""


class Line:
    """All in a line; the oldest is dropped when one more than `size` would wait.

    >>> line = Line(2)
    >>> line.add([("t", 1, 0.0), ("t", 2, 0.0), ("t", 3, 0.5)])
    >>> line.dropped, [event for _, event, _ in line.take()], len(line)
    (1, [2, 3], 0)
    """

    def __init__(self, size: int) -> None:
        self.dropped = self.conflated = 0
        self._size = size
        self._items: deque[Item] = deque(maxlen=size)

    def __len__(self) -> int:
        return len(self._items)

    def add(self, items: Sequence[Item], keys: Sequence[object] = ()) -> None:
        too_many = len(self._items) + len(items) - self._size
        if too_many > 0:
            self.dropped += too_many
        self._items.extend(items)

    def take(self) -> Sequence[Item]:
        taken, self._items = self._items, deque(maxlen=self._size)
        return taken

    def oldest(self) -> float | None:
        return self._items[0][2] if self._items else None


class Newest:
    """The newest of each key, in the order of the newest; with more than `size` keys, the one that has not changed for longest is dropped.

    A newer event takes the place of the older one at the end of the line, so that what a subscriber sees of a topic is
    never out of order; since all that wait are taken at once, a key that changes all the time is not kept waiting by it.

    >>> newest = Newest(2)
    >>> newest.add([("t", event, 0.0) for event in ("a1", "b1", "a2", "c1")], keys="abac")
    >>> newest.conflated, newest.dropped, [event for _, event, _ in newest.take()]
    (1, 1, ['a2', 'c1'])
    """

    def __init__(self, size: int) -> None:
        self.dropped = self.conflated = 0
        self._size = size
        self._items: dict[object, Item] = {}

    def __len__(self) -> int:
        return len(self._items)

    def add(self, items: Sequence[Item], keys: Sequence[object] = ()) -> None:
        for key, item in zip(keys, items, strict=True):
            if self._items.pop(key, None) is not None:
                self.conflated += 1
            elif len(self._items) == self._size:
                del self._items[next(iter(self._items))]
                self.dropped += 1
            self._items[key] = item

    def take(self) -> Sequence[Item]:
        taken, self._items = self._items, {}
        return list(taken.values())

    def oldest(self) -> float | None:
        return next(iter(self._items.values()))[2] if self._items else None
