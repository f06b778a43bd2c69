"""The clock that connections live by, on a real loop."""

import asyncio

from feeds.live.clock import LoopClock


def test_the_clock_is_the_loop_s_and_goes_on():
    async def looks():
        clock, loop = LoopClock(), asyncio.get_running_loop()
        before, awake = clock.now(), clock.awake()
        called = loop.create_future()
        clock.later(-1.0, lambda: called.set_result(clock.now()))
        clock.later(0.0, lambda: called.set_exception(AssertionError("a cancelled timer has called"))).cancel()
        assert before <= await called <= loop.time()
        assert clock.awake() >= awake

    asyncio.run(looks())
