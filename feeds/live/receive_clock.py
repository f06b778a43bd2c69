"""When something arrived: wall time that never steps, because it moves with a monotonic clock, through sleep too."""

import time
from collections.abc import Callable

from feeds.live.clock import awake_ns
from pipeline.durations import SECOND

__all__ = ["ReceiveClock"]

MOST_SLEW = 500_000
"""ns by which one correction may move the clock; one a second follows a drift of 500 ppm, as NTP does."""
STEP = 60 * SECOND


class ReceiveClock:
    """Nanoseconds UTC that go on evenly: anchored to the wall clock once, drawn to it by at most 0.5 ms a `correct`.

    A wall clock that steps by a minute or more (someone set it) is not followed.

    >>> wall, steady = [1_000_000_000], [0]
    >>> clock = ReceiveClock(lambda: wall[0], lambda: steady[0])
    >>> wall[0], steady[0] = 3_600_000_000_000, 5_000
    >>> clock.correct()
    >>> clock.now()
    1000005000
    """

    __slots__ = ("_last", "_offset", "_steady", "_wall")

    def __init__(self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = awake_ns) -> None:
        self._wall, self._steady = wall, steady
        self._offset, self._last = wall() - steady(), 0

    def now(self) -> int:
        """ns UTC, never less than before."""
        now = self._steady() + self._offset
        if now > self._last:
            self._last = now
        return self._last

    def latest(self) -> int:
        """ns UTC, the later of `now` and the wall clock, which may know better: a virtual machine that was halted knows no other."""
        return max(self.now(), self._wall())

    def correct(self) -> None:
        """Draw nearer to the wall clock; call it about once a second."""
        behind = self._wall() - self._steady() - self._offset
        if abs(behind) < STEP:
            self._offset += max(-MOST_SLEW, min(MOST_SLEW, behind))
