"""Hours in minutes: a live run on a busy venue that drops it now and then grows by nothing. `pytest -m soak`, ten minutes.

RXTAPE_SOAK_SECONDS makes it shorter; CI runs two minutes.
"""

import asyncio
import gc
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from feeds.live import live
from feeds.recorded import demo
from feeds.serving.offered import binance
from pipeline import Live
from strategies.volume_breakout import VolumeBreakout
from strategies.volume_spike import VolumeSpike

SECONDS = float(os.environ.get("RXTAPE_SOAK_SECONDS", "600"))
STATM = Path("/proc/self/statm")
PAGE = 4096
MEBIBYTE = 2**20
SPEED = 600.0
OF_THE_VENUE = ("rxtape-csv", "rxtape-tape")


def threads_of_the_run() -> int:
    """Those of the venue, which reads its tape again and again, are not ours."""
    return sum(not thread.name.startswith(OF_THE_VENUE) for thread in threading.enumerate())


def resident() -> int:
    return int(STATM.read_text().split()[1]) * PAGE


async def soaked(seconds: float):
    """Resident bytes and the numbers of threads and tasks once a second, after a quarter of the time; and the report."""
    looks: list[tuple[float, int, int, int]] = []
    loop = asyncio.get_running_loop()
    async with binance(demo(), speed=SPEED, loop=True, drop_after=20_000) as venue:
        feed = live(f"binance:{','.join(venue.market.symbols)}", url=venue.url)
        pipeline = Live(feed, VolumeBreakout(move=0.005), VolumeSpike())
        await pipeline.start()
        began = loop.time()
        while (passed := loop.time() - began) < seconds:
            for _ in range(10):
                pipeline.alerts.subscribe(lambda alert: None).dispose()
                pipeline.changes.subscribe(lambda change: None).dispose()
            await asyncio.sleep(1.0)
            if passed > seconds / 4:
                gc.collect()
                looks.append((passed, resident(), threads_of_the_run(), len(asyncio.all_tasks())))
        return looks, len(pipeline._alerts._observers), await pipeline.stop()


@pytest.mark.soak
@pytest.mark.skipif(not STATM.exists(), reason="the resident memory is read from /proc")
def test_fault_57_a_live_run_grows_by_nothing():
    looks, observers, report = asyncio.run(soaked(SECONDS))
    passed, memory, threads, tasks = (np.array(column) for column in zip(*looks, strict=True))
    slope = float(np.polyfit(passed / 60, memory / MEBIBYTE, 1)[0])
    print(
        f"{report.ticks:,} ticks, {slope:.3f} MiB a minute, {memory[0] / MEBIBYTE:.0f} to {memory[-1] / MEBIBYTE:.0f} MiB; {report.of_feed}"
    )
    assert report.exit_code == 0
    assert report.ticks > 100 * SECONDS
    assert slope < 1.0, f"{slope:.2f} MiB a minute, from {memory[0] / MEBIBYTE:.0f} to {memory[-1] / MEBIBYTE:.0f} MiB"
    assert threads.max() == threads.min()
    assert tasks.max() - tasks.min() <= 4
    assert observers == 0
