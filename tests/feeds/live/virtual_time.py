"""An event loop in virtual time with real sockets: when nothing can be read or written, time jumps to the next timer.

Server and client are on the same loop, so a quiet selector means that nobody has anything left to say.
"""

import asyncio
import functools
import os
import selectors
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

LOOKS = 3
"""Looks at the sockets before time jumps: the kernel hands a message from one end of loopback to the other at once."""
TOO_LONG = 1_000_000
"""Turns of the loop after which a test is stuck."""


class JumpingSelector(selectors.DefaultSelector):
    loop: "VirtualLoop"

    def select(self, timeout=None):
        self.loop.turns += 1
        assert self.loop.turns < TOO_LONG, "the test does not come to an end"
        for _ in range(LOOKS):
            ready = super().select(0)
            if ready or (timeout is not None and timeout <= 0):
                return ready
            os.sched_yield()
        if not self.loop.notice():
            assert timeout is not None, "nothing is left to wait for"
            self.loop.jump(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`now` is what `time()` says; `slept` is how long the machine has slept beside it."""

    def __init__(self) -> None:
        self.now, self.turns, self.slept = 1000.0, 0, 0.0
        self.awaited: dict[asyncio.Future[None], Callable[[], bool]] = {}
        selector = JumpingSelector()
        selector.loop = self
        super().__init__(selector)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self.now

    def notice(self) -> bool:
        """Whether something has come to hold that is waited for."""
        held = [future for future, holds in self.awaited.items() if not future.done() and holds()]
        for future in held:
            future.set_result(None)
        return bool(held)

    def jump(self, seconds: float) -> None:
        self.now += seconds


class VirtualClock:
    """The loop's virtual time, for what is tested."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def awake(self) -> float:
        loop = asyncio.get_running_loop()
        return loop.time() + loop.slept

    def later(self, seconds, call):
        return asyncio.get_running_loop().call_later(max(seconds, 0.0), call)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it to its end in virtual time; nothing may be left behind."""
    loop = VirtualLoop()
    faults: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    try:
        result = loop.run_until_complete(work)
        left = asyncio.all_tasks(loop)
        assert not left, f"tasks are left: {left}"
        loop.run_until_complete(loop.shutdown_asyncgens())
        assert faults == []
        return result
    finally:
        loop.close()


async def until(holds: Callable[[], bool], within: float = 3600.0) -> None:
    """Let virtual time pass until something holds, whenever nobody has anything left to say."""
    loop = asyncio.get_running_loop()
    loop.awaited[future := loop.create_future()] = holds
    try:
        async with asyncio.timeout(within):
            await future
    finally:
        del loop.awaited[future]


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """The test runs on a loop of its own in virtual time."""

    @functools.wraps(test)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        run(test(*args, **kwargs))

    return wrapped


def most(times: Sequence[float], width: float) -> int:
    """The most that happened in any window [t, t + width)."""
    return max((sum(start <= time < start + width for time in times) for start in times), default=0)
