"""A local venue's trades through a socket: rxtape against a bare receive loop.

    python -m benchmarks --only websocket --rounds 5
    python -m benchmarks --only cryptofeed                  beside cryptofeed 2.4, if RXTAPE_CRYPTOFEED names an environment that has it
    python -m benchmarks.websocket bare PORT MESSAGES      what runs in the process of its own that every contender has

The venue has the other core. Every contender sees the same frames; rxtape's clock covers what a live run does: connection,
codec, duplicates, queue, validation, W1 with its rule. For latency every hundredth trade is an alert: from the moment the venue
hands a message to its socket until the subscriber has the alert, against the bare loop's decoded and stamped message.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.flood import SYMBOLS

FLOOD = 300_000
STEADY, RATE = 50_000, 10_000
WARM = 5_000
EVERY = 100
READER = Path(__file__).with_name("cryptofeed_reader.py")
CRYPTOFEED = "RXTAPE_CRYPTOFEED"


class Trade(msgspec.Struct):
    """The fields any reader of trades needs."""

    s: str
    p: str
    q: str
    T: int
    m: bool
    t: int = 0
    a: int = 0


class Streamed(msgspec.Struct):
    data: Trade


def number_of(symbol: str, trade_id: int) -> int:
    """The number of a message, by its symbol and trade id."""
    return (trade_id - 1) * SYMBOLS + int(symbol[1:-4])


async def bare(port: int, messages: int, sent: str) -> dict[str, Any]:
    """`recv`, decode, stamp."""
    from websockets.asyncio.client import connect

    decode, now = msgspec.json.Decoder(Streamed).decode, time.time_ns
    heard: list[tuple[str, int, int]] = []
    async with connect(f"ws://127.0.0.1:{port}/stream", compression=None, ping_interval=None) as socket:
        await socket.send('{"method":"SUBSCRIBE","params":[],"id":1}')
        await socket.recv()
        began = at_work = 0.0
        for place in range(messages):
            trade = decode(await socket.recv(decode=False)).data
            if place == 0:
                began, at_work = time.perf_counter(), time.process_time()
            if sent != "-" and trade.t % 2 and trade.s == "S7USDT":
                heard.append((trade.s, trade.t, now()))
        seconds, worked = time.perf_counter() - began, time.process_time() - at_work
    return {"rate": messages / seconds, "work": worked / messages * 1e6, "us": delays(heard, sent)}


async def rxtape(port: int, messages: int, sent: str) -> dict[str, Any]:
    """A live run as a user has it."""
    from feeds.live import live
    from pipeline import Live, Strategy, alert_when, combine_latest
    from pipeline.operators import column
    from strategies.volume_spike import VolumeSpike

    class Now(Strategy):
        """Every second trade of one symbol."""

        def alerts(self, ticks: Any) -> Any:
            trade = ticks.pipe(column("trade_id"))
            return combine_latest(trade=trade).pipe(alert_when(lambda s: (s.trade % 2 == 1) & (s.symbol == "S7USDT"), every=True))

    heard: list[tuple[str, int, int]] = []
    now = time.time_ns
    strategies = [VolumeSpike(move=0.5), Now()] if sent != "-" else [VolumeSpike(move=0.5)]
    run = Live(live("binance:" + ",".join(f"S{place}USDT" for place in range(SYMBOLS)), url=f"ws://127.0.0.1:{port}"), *strategies)
    run.alerts.subscribe(lambda alert: heard.append((alert.symbol, int(alert.values["trade"]), now())))
    await run.start()
    began, at_work, seen = 0.0, 0.0, 0
    while (ticks := run.report.ticks) < messages:
        if not seen and ticks:
            began, at_work, seen = time.perf_counter(), time.process_time(), ticks
        await asyncio.sleep(0.002)
    seconds, worked = time.perf_counter() - began, time.process_time() - at_work
    report = await run.stop()
    if report.ticks != messages:
        raise SystemExit(f"rxtape has {report.ticks} ticks of {messages}: {report.summary()}")
    return {"rate": (messages - seen) / seconds, "work": worked / (messages - seen) * 1e6, "us": delays(heard, sent)}


def delays(heard: list[tuple[str, int, int]], sent: str) -> dict[str, float]:
    """Microseconds from the venue's socket to the reader's code: median and 99%, after the first five thousand messages."""
    if not heard:
        return {}
    times = np.memmap(sent, np.int64, "r")
    found = [(at - int(times[number])) / 1e3 for symbol, turn, at in heard if (number := number_of(symbol, turn)) > WARM]
    return {"p50": round(float(np.quantile(found, 0.5)), 1), "p99": round(float(np.quantile(found, 0.99)), 1)}


CLIENTS: dict[str, Callable[[int, int, str], Any]] = {"bare": bare, "rxtape": rxtape}


@contextmanager
def venue(messages: int, rate: int, sent: str, channel: str) -> Iterator[int]:
    """A flooding venue in a process of its own; its port."""
    words = [sys.executable, "-m", "benchmarks.flood", str(messages), str(rate), sent, channel]
    process = subprocess.Popen(pinned(1, words), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def pinned(core: int, words: list[str]) -> list[str]:
    """The command on one core, where the system can do that."""
    return ["taskset", "-c", str(core), *words] if Path("/usr/bin/taskset").exists() and (os.cpu_count() or 1) > 1 else words


def measured(contender: str, messages: int, rate: int, channel: str = "trade") -> dict[str, Any]:
    """One contender, once; `contender` may be the Python of an environment that has cryptofeed."""
    with tempfile.TemporaryDirectory() as folder:
        sent = "-"
        if rate:
            sent = str(Path(folder, "sent"))
            np.zeros(messages, np.int64).tofile(sent)
        with venue(messages, rate, sent, channel) as port:
            words = [sys.executable, "-m", "benchmarks.websocket", contender, str(port), str(messages), sent]
            if contender not in CLIENTS:
                words = [contender, str(READER), str(port), str(messages)]
            done = subprocess.run(pinned(0, words), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def websocket(rounds: int) -> dict[str, Any]:
    """Messages a second of every contender, and the delay at a steady rate; medians of as many rounds, in turn."""
    rates: dict[str, list[float]] = {name: [] for name in CLIENTS}
    delay: dict[str, list[dict[str, float]]] = {name: [] for name in CLIENTS}
    for turn in range(rounds):
        for name in CLIENTS:
            rates[name].append(measured(name, FLOOD, 0)["rate"])
        for name, found in delay.items():
            found.append(measured(name, STEADY, RATE)["us"])
        print(f"websocket: round {turn + 1} of {rounds}", file=sys.stderr)
    table: dict[str, Any] = {f"{name}, messages/s": round(statistics.median(found)) for name, found in rates.items()}
    for name, each in delay.items():
        table[f"{name}, us at {RATE:,}/s"] = {q: round(statistics.median(found[q] for found in each), 1) for q in ("p50", "p99")}
    table["rxtape / bare"] = round(table["rxtape, messages/s"] / table["bare, messages/s"], 2)
    return table


def beside_cryptofeed(rounds: int) -> dict[str, Any]:
    """rxtape, cryptofeed and the bare loop on the same frames, `aggTrade`: messages/s, and processor time a message; medians, in turn.

    The second says the same on a machine that is busy with other work.
    """
    folder = os.environ.get(CRYPTOFEED)
    if not folder:
        return {"skipped": f"set {CRYPTOFEED} to a virtual environment that has cryptofeed 2.4"}
    contenders = {"bare": "bare", "rxtape": "rxtape", "cryptofeed": str(Path(folder, "bin", "python"))}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders}
    for turn in range(rounds):
        for name, contender in contenders.items():
            found[name].append(measured(contender, FLOOD, 0, "aggTrade"))
        print(f"cryptofeed: round {turn + 1} of {rounds}", file=sys.stderr)
    table: dict[str, Any] = {}
    for name, each in found.items():
        table[f"{name}, messages/s"] = round(statistics.median(one["rate"] for one in each))
        table[f"{name}, us of its core a message"] = round(statistics.median(one["work"] for one in each), 2)
    theirs, ours = (table[f"{name}, us of its core a message"] for name in ("cryptofeed", "rxtape"))
    return table | {"cryptofeed / rxtape, of a core": round(theirs / ours, 2)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(CLIENTS[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))))
