"""Bursts of trades through a socket are read together, and are what they would be one by one."""

import asyncio
import json

from websockets.asyncio.server import serve

from feeds.files import file
from feeds.live import live
from feeds.live.ingress import Ingress
from pipeline import Live, run
from strategies.volume_spike import VolumeSpike

SYMBOLS, TRADES = 4, 400
START = 1_700_000_000_000
COLUMNS = ("time", "symbol", "price", "size", "side", "trade_id")


def frame(number):
    symbol = f"S{number % SYMBOLS}USDT"
    said = {"e": "trade", "s": symbol, "t": number // SYMBOLS + 1, "p": f"{100 + number % 7}", "q": "1.5", "T": START + number, "m": True}
    return json.dumps({"stream": f"{symbol.lower()}@trade", "data": said})


async def bursts(connection):
    """Answers, then says the trades in three bursts, the second of which repeats one, with a frame between them that cannot be read."""
    await connection.send(json.dumps({"result": None, "id": json.loads(await connection.recv())["id"]}))
    for burst in (range(8), range(7, 200), range(200, TRADES)):
        for number in burst:
            await connection.send(frame(number))
        await asyncio.sleep(0.05)
        await connection.send('{"stream":"s0usdt@trade","data":{}}')
        await asyncio.sleep(0.05)
    await connection.wait_closed()


async def heard(folder):
    """The rows that the graph had, and what the feed says of itself; recorded in a folder."""
    async with serve(bursts, "127.0.0.1", 0, compression=None) as server:
        address = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        pipeline = Live(live(f"binance:{','.join(f'S{place}USDT' for place in range(SYMBOLS))}", url=address), VolumeSpike(), record=folder)
        rows = []
        pipeline.run.tape.subscribe(lambda ticks: rows.extend(zip(*(ticks.columns[name].tolist() for name in COLUMNS), strict=True)))
        await pipeline.start()
        while pipeline.feed.ingress.counts.refused < 3:
            await asyncio.sleep(0.01)
        report = await pipeline.stop()
    return rows, dict(report.of_feed)["feed"]


def test_bursts_are_read_together(monkeypatch, tmp_path):
    together, traded = [], Ingress.traded

    def noted(ingress, connection, received, trades):
        together.append(len(trades.time))
        traded(ingress, connection, received, trades)

    monkeypatch.setattr(Ingress, "traded", noted)
    rows, facts = asyncio.run(heard(tmp_path / "together"))
    assert run(file(tmp_path / "together"), VolumeSpike()).ticks == TRADES
    assert sum(together) > TRADES // 2
    assert len(rows) == TRADES
    assert facts == f"{TRADES + 2} frames, {TRADES} trades, 1 duplicates, 3 refused"
    monkeypatch.setattr("feeds.venues.frames.FrameReader.decode_together", lambda reader, frames: None)
    assert asyncio.run(heard(tmp_path / "alone")) == (rows, facts)
    monkeypatch.setattr("feeds.venues.frames.FrameReader.decode_together", lambda reader, frames: frames[len(frames)])
    assert asyncio.run(heard(tmp_path / "by a codec with a fault")) == (rows, facts)
