"""Ten times what can be judged, through a socket: memory stays, what is left out is counted to the row, and alerts say so."""

import asyncio
import json
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from websockets.asyncio.server import serve

from feeds.live import live
from pipeline import Live, Strategy, alert_when, combine_latest
from pipeline.operators import column, moving_average

STATM = Path("/proc/self/statm")
MEBIBYTE = 2**20
SYMBOLS = tuple(f"S{place}USDT" for place in range(10))
JUDGED = 4_000
"""Rows a second that the strategy can judge."""
SENT = 10 * JUDGED
SECONDS = 3
CAPACITY = 8_000
"""Trades that wait: half of them is a second's work, longer than connections wait."""


class Slow(Strategy):
    """Every fiftieth trade of a symbol, found slowly."""

    def alerts(self, ticks):
        number, average = ticks.pipe(column("trade_id")), ticks.pipe(moving_average(5))
        bid = ticks.pipe(column("bid"))
        return combine_latest(number=number, average=average, bid=bid).pipe(alert_when(self._slowly, every=True))

    def _slowly(self, s):
        if isinstance(s.number, np.ndarray):  # not so while the graph is built
            time.sleep(len(s.number) / JUDGED)
        return (s.number % 50 == 0) & (s.average > 0)


def frames(place, now_ms):
    """A trade and a quote of one symbol."""
    symbol, turn = SYMBOLS[place % len(SYMBOLS)], place // len(SYMBOLS) + 1
    price = 100 + place % 7
    yield json.dumps({"stream": f"{symbol.lower()}@trade", "data": {
        "e": "trade", "E": now_ms, "s": symbol, "t": turn, "p": f"{price}", "q": "1", "T": now_ms, "m": False, "M": True}})  # fmt: skip
    yield json.dumps({"stream": f"{symbol.lower()}@bookTicker", "data": {
        "u": turn, "s": symbol, "b": f"{price}", "B": "1", "a": f"{price + 1}", "A": "1"}})  # fmt: skip


async def flooded(connection, done):
    """Answer the subscription, then send at a steady rate, whatever the other end does."""
    await connection.send(json.dumps({"result": None, "id": json.loads(await connection.recv())["id"]}))
    began = time.perf_counter()
    for place in range(SENT * SECONDS // 2):
        if place % 50 == 0 and (early := began + 2 * place / SENT - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        for frame in frames(place, time.time_ns() // 10**6):
            await connection.send(frame)
    done.set()
    await connection.wait_closed()


@contextmanager
def venue():
    """A venue on a thread of its own; its port, and what is set when it has sent everything."""
    done, ready, ports, ends = threading.Event(), threading.Event(), [], []

    async def main():
        ends.extend((asyncio.get_running_loop(), asyncio.Event()))
        async with serve(lambda connection: flooded(connection, done), "127.0.0.1", 0, compression=None, ping_interval=None) as server:
            ports.append(server.sockets[0].getsockname()[1])
            ready.set()
            await ends[1].wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    ready.wait()
    try:
        yield ports[0], done
    finally:
        ends[0].call_soon_threadsafe(ends[1].set)
        thread.join()


async def watched(port, done):
    """The report, the counts, how late each alert was (s), and the resident bytes, second by second."""
    feed = live(f"binance:{','.join(SYMBOLS)}", url=f"ws://127.0.0.1:{port}", capacity=CAPACITY, patience="200ms")
    late, memory, alerts = [], [], []
    pipeline = Live(feed, Slow())

    def heard(alert):
        alerts.append(alert)
        late.append((pipeline.feed.clock.now() - int(pipeline.run.tape.item.received[0])) / 1e9)

    pipeline.alerts.subscribe(heard)
    await pipeline.start()
    ingress = pipeline.feed.ingress
    while not done.is_set() or ingress.counts.quotes < SENT * SECONDS // 2 or len(ingress):
        await asyncio.sleep(0.25)
        memory.append(int(STATM.read_text().split()[1]) * 4096 / MEBIBYTE)
    return await pipeline.stop(), ingress.counts, np.array(late), np.array(memory), alerts


@pytest.mark.slow
@pytest.mark.skipif(not STATM.exists(), reason="the resident memory is read from /proc")
def test_fault_51_ten_times_what_can_be_judged_costs_trades_not_memory():
    with venue() as (port, done):
        report, counts, late, memory, alerts = asyncio.run(watched(port, done))
    each = SENT * SECONDS // 2
    told = f"{counts}; {len(alerts)} alerts, {sum(alert.degraded for alert in alerts)} of them degraded"
    print(f"{told}; late p50 {np.median(late):.2f} s, p99 {np.quantile(late, 0.99):.2f} s; {memory[0]:.0f} to {memory.max():.0f} MiB")
    assert (counts.trades + counts.dropped, counts.quotes) == (each, each)
    assert report.ticks == counts.trades + counts.quotes - counts.conflated + counts.gaps + counts.heartbeats
    assert counts.dropped > each / 10
    assert counts.conflated > each / 2
    assert any(alert.degraded for alert in alerts)
    assert np.quantile(late, 0.99) < 2 * CAPACITY / JUDGED
    assert memory.max() - memory[len(memory) // 4] < 20
