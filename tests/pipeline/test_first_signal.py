"""The first signal asks a run on an event loop to stop; the next is what it was, and one that is ignored stays ignored."""

import asyncio
import os
import signal

import pytest

from pipeline.interruption import on_first_signal


@pytest.fixture
def before():
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield kept
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_the_first_signal_is_told_on_the_loop_and_the_next_is_what_it_was(before):
    later = []
    signal.signal(signal.SIGTERM, lambda number, frame: later.append(number))

    async def run():
        asked = asyncio.Event()
        with on_first_signal(lambda number: asked.set()):
            os.kill(os.getpid(), signal.SIGTERM)
            await asked.wait()
            told = list(later)
            os.kill(os.getpid(), signal.SIGTERM)
        return told

    assert asyncio.run(run()) == []
    assert later == [signal.SIGTERM]


def test_a_signal_that_is_ignored_stays_ignored(before):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def run():
        asked = []
        with on_first_signal(asked.append):
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0)
            return asked, signal.getsignal(signal.SIGHUP)

    assert asyncio.run(run()) == ([], signal.SIG_IGN)
