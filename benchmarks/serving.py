"""How many trades a second the local venue gives one client: `python -m benchmarks.serving [--coinbase]`.

The client is a process of its own that counts frames and reads nothing out of them, so that the server is what is measured.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from math import inf

import numpy as np

from feeds.serving.offered import binance, coinbase
from pipeline.feed import recorded
from pipeline.ticks import Ticks

ROWS, RUNS = 300_000, 3
CLIENT = """
import asyncio, sys, time
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

async def main(url, request):
    async with connect(url, proxy=None, compression=None, max_queue=1024) as connection:
        if request:
            await connection.send(request)
        count, began = 0, 0.0
        try:
            while True:
                await connection.recv(decode=False)
                began, count = began or time.perf_counter(), count + 1
        except ConnectionClosed:
            print(count, (count - 1) / (time.perf_counter() - began))

asyncio.run(main(*sys.argv[1:]))
"""
ASKED = '{"type":"subscribe","product_ids":["SPY-USD","IBM-USD"],"channels":["matches"]}'


def tape() -> Ticks:
    """Trades of two symbols, a millisecond apart."""
    rng = np.random.default_rng(1)
    prices = np.round(100 + rng.normal(size=ROWS).cumsum() * 0.01, 2)
    names = np.array(["SPY", "IBM"], dtype=object)[rng.integers(0, 2, ROWS)]
    sizes, sides = rng.integers(1, 1000, ROWS).astype(float), rng.choice([-1, 1], ROWS)
    return Ticks.of(10**18 + np.arange(ROWS) * 10**6, names, price=prices, size=sizes, side=sides)


async def measured(ticks: Ticks, of_coinbase: bool) -> tuple[float, float]:
    """Trades a second as the client counts them, and as one core of the server could give them."""
    offered = coinbase if of_coinbase else binance
    async with offered(recorded(ticks), speed=inf) as venue:
        asked = ["/", ASKED] if of_coinbase else ["/stream?streams=spy@trade/ibm@trade", ""]
        client = subprocess.Popen([sys.executable, "-c", CLIENT, venue.url + asked[0], asked[1]], stdout=subprocess.PIPE, text=True)
        began = time.process_time()
        await venue.ended()
        spent = time.process_time() - began
    said, _ = client.communicate()
    count, rate = said.split()
    assert int(count) == ROWS + of_coinbase, f"{count} frames of {ROWS} trades"
    return float(rate), ROWS / spent


def main() -> None:
    """Print the median of some runs."""
    ticks, of_coinbase = tape(), "--coinbase" in sys.argv
    rates = [asyncio.run(measured(ticks, of_coinbase)) for _ in range(RUNS)]
    seen, possible = (statistics.median(each) for each in zip(*rates, strict=True))
    print(f"{seen:,.0f} trades a second to one client; {possible:,.0f} a second of the server's own core")


if __name__ == "__main__":
    main()
