"""The clock that connections live by: monotonic, never the wall's."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from pipeline.durations import SECOND

__all__ = ["Clock", "LoopClock", "Timer", "awake_ns"]


GOES_ON: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def awake_ns() -> int:
    """ns, monotonic, and going on while the machine sleeps: the clock since boot on Linux, macOS's and Windows' own."""
    return time.monotonic_ns() if GOES_ON is None else time.clock_gettime_ns(GOES_ON)


class Timer(Protocol):
    """Something that will be called, unless it is cancelled."""

    def cancel(self) -> None:
        """It will not be called."""


class Clock(Protocol):
    """What time it is, and when to be called."""

    def now(self) -> float:
        """s, monotonic."""

    def awake(self) -> float:
        """s, monotonic, and going on while the machine sleeps."""

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call once, in so many seconds."""


class LoopClock:
    """The clock of the running event loop; on a loop in virtual time, as in the tests, all of it is virtual."""

    def now(self) -> float:
        """s, as the loop counts them."""
        return asyncio.get_running_loop().time()

    def awake(self) -> float:
        """s, as `awake_ns`."""
        return awake_ns() / SECOND

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """By the loop's timer."""
        return asyncio.get_running_loop().call_later(max(seconds, 0.0), call)
