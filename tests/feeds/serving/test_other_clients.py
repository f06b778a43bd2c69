"""Client libraries that others wrote for these exchanges connect to the local venue, and read the trades of the tape."""

import asyncio
import json
import subprocess
import sys
from math import inf
from pathlib import Path

import numpy as np
import pytest
from recorded_tapes import recorded as tape_named
from served_tapes import rows_of, run, trades

from feeds.serving.offered import binance, coinbase
from pipeline.feed import recorded
from pipeline.ticks import Kind, Ticks

pytestmark = pytest.mark.slow
ROWS = 20_000

PYTHON_BINANCE = """
import asyncio, json, sys
from binance import AsyncClient, BinanceSocketManager

async def main(url, count, *symbols):
    client = AsyncClient()
    manager = BinanceSocketManager(client, max_queue_size=10**7)
    manager.STREAM_URL = url + "/"
    rows = []
    async with manager.multiplex_socket([f"{symbol.lower()}@trade" for symbol in symbols]) as stream:
        while len(rows) < int(count):
            said = (await stream.recv())["data"]
            rows.append([said["s"], said["T"], float(said["p"]), float(said["q"]), -1 if said["m"] else 1, said["t"]])
    await client.close_connection()
    json.dump(rows, sys.stdout)

asyncio.run(main(*sys.argv[1:]))
"""

CCXT = """
import asyncio, json, sys
import ccxt.pro

async def main(url, count, *products):
    exchange = ccxt.pro.coinbaseexchange({"options": {"tradesLimit": 10**7}})
    exchange.urls["api"]["ws"] = url
    pairs = [(product, *product.split("-")) for product in products]
    exchange.set_markets([
        {"id": name, "symbol": f"{base}/{quote}", "base": base, "quote": quote, "baseId": base, "quoteId": quote, "spot": True,
         "type": "spot", "precision": {"price": 1e-8, "amount": 1e-8}, "limits": {}}
        for name, base, quote in pairs
    ])
    (symbol,) = [f"{base}/{quote}" for _, base, quote in pairs]
    while len(exchange.trades.get(symbol, ())) < int(count):
        await exchange.watch_trades(symbol)
    rows = [
        [said["info"]["product_id"], said["timestamp"], said["price"], said["amount"], said["side"], said["info"]["side"], int(said["id"])]
        for said in exchange.trades[symbol][: int(count)]
    ]
    await exchange.close()
    json.dump(rows, sys.stdout)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Gives a Python of its own that has a package; skips where it cannot be had."""

    def installed(package: str) -> Path:
        folder = tmp_path_factory.mktemp(package)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        command = [folder / "bin" / "pip", "install", "-q", "--retries", "1", "--timeout", "15", package]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{package} cannot be installed here: {done.stderr.strip().splitlines()[-1:]}")
        return folder / "bin" / "python"

    return installed


async def read_by(python, script, offered, ticks, *symbols):
    """The rows that a script of another library has read of these ticks.

    The tape goes on after them: python-binance leaves unread what it holds when the connection is closed.
    """
    async with offered(recorded(ticks), speed=inf, patience=60.0, loop=True) as venue:
        arguments = [str(python), "-c", script, venue.url, str(len(ticks)), *symbols]
        other = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            said, complained = await other.communicate()
        finally:
            if other.returncode is None:
                other.kill()
                await other.wait()
        assert other.returncode == 0, complained.decode()
        return json.loads(said)


def tapes_of_both():
    """A recorded tape with ids and sides, and one of two symbols whose ids are counted."""
    yield tape_named("btcusdt_20240808", ROWS), ["BTCUSDT"]
    yield trades(ROWS), ["SPY", "IBM"]


def test_python_binance_reads_the_trades_of_the_tape(library):
    python = library("python-binance")
    for ticks, symbols in tapes_of_both():
        rows = run(read_by(python, PYTHON_BINANCE, binance, ticks, *symbols))
        wanted = rows_of(ticks, Kind.TRADE, "price", "size", "side")
        assert [tuple(row[:5]) for row in rows] == [(name, time // 10**6, *rest) for name, time, *rest in wanted]
        assert [row[5] for row in rows] == ids_of(ticks)


def test_ccxt_reads_the_trades_of_the_tape(library):
    python, ticks = library("ccxt"), tape_named("btcusdt_20240808", ROWS)
    rows = run(read_by(python, CCXT, coinbase, ticks, "BTC-USDT"))
    wanted = [("BTC-USDT", time // 10**6, *rest) for _, time, *rest in rows_of(ticks, Kind.TRADE, "price", "size")]
    assert [tuple(row[:4]) for row in rows] == wanted
    assert [row[4] for row in rows] == ["buy" if side > 0 else "sell" for side in ticks.side.tolist()]
    assert [row[6] for row in rows] == ids_of(ticks)


def ids_of(ticks: Ticks) -> list[int]:
    """The ids of the tape, or the trades of each symbol counted from 1."""
    if "trade_id" in ticks.columns:
        return list(map(int, ticks.trade_id))
    counts = np.zeros(len(ticks.symbols) + 1, int)
    ids = []
    for code in ticks.symbol.tolist():
        counts[code] += 1
        ids.append(int(counts[code]))
    return ids
