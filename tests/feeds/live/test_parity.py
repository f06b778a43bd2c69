"""Parity through real sockets: what a live run said, its recording says again, ids included."""

import asyncio
import gzip
import json
from pathlib import Path

import pytest
from websockets.asyncio.server import serve

from feeds.files import file
from feeds.live.feed import LiveTicks
from feeds.live.patience import Patience
from feeds.live.supervisor import Supervisor
from feeds.live.wrapped import Elsewhere
from feeds.venues.binance import binance
from pipeline import Live, Strategy, alert_when, combine_latest, run
from pipeline.operators import mid, moving_average, price_change, volume

CAPTURES = Path(__file__).parents[4] / "shared" / "data" / "ws" / "hftbacktest" / "spot"
IMPATIENT = Patience(least_backoff=0.01, most_backoff=0.02)


class Busy(Strategy):
    """Rules of every kind: at once, held, with a cooldown, on each row; of trades and of quotes."""

    def alerts(self, ticks):
        moved = combine_latest(
            change=ticks.pipe(price_change("2s")),
            average=ticks.pipe(moving_average(20)),
            volume=ticks.pipe(volume("5s")),
            mid=ticks.pipe(mid()),
        )
        return [
            moved.pipe(alert_when(lambda s: abs(s.change) > 0.0)),
            moved.pipe(alert_when(lambda s: s.price > s.average, hold="5ms", cooldown="50ms", name="held")),
            moved.pipe(alert_when(lambda s: (s.price > s.mid) & (s.volume > 0.5), every=True, cooldown="500ms", name="every")),
        ]


def frames_of(path):
    with gzip.open(path, "rt") as lines:
        return [line.partition(" ")[2].strip() for line in lines]


class Venue:
    """Says a capture; hangs up in the middle of it, and then repeats the last frames, as venues do."""

    def __init__(self, frames, hang_up_at):
        self.frames, self.hang_up_at, self.at = frames, [*hang_up_at], 0

    async def __call__(self, connection):
        request = json.loads(await connection.recv())
        await connection.send(json.dumps({"result": None, "id": request["id"]}))
        self.at = max(self.at - 80, 0)
        until = self.hang_up_at.pop(0) if self.hang_up_at else len(self.frames)
        while self.at < until:
            await connection.send(self.frames[self.at])
            self.at += 1
        if until < len(self.frames):
            return
        self.done.set()
        await connection.wait_closed()


async def lived(frames, hang_up_at, folder, time_of):
    venue = Venue(frames, hang_up_at)
    venue.done = asyncio.Event()
    async with serve(venue, "127.0.0.1", 0, compression=None) as server:
        there = Elsewhere(binance(), f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")

        def connect(venue, streams, arrivals, clock):
            return Supervisor(venue, streams, arrivals, received=clock.now, patience=IMPATIENT)

        feed = LiveTicks(((there, ("BTCUSDT",)),), connect, time_of, frozenset({"trades", "quotes"}), beat_seconds=0.05)
        live = Live(feed, Busy(), record=folder)
        await live.start()
        await venue.done.wait()
        frames_heard = -1
        while frames_heard != (frames_heard := feed.ingress.counts.frames + feed.ingress.counts.refused):
            await asyncio.sleep(0.2)
        return await live.stop(), feed.ingress.counts


def identity(alerts):
    return [repr(alert) for alert in alerts]


@pytest.mark.parametrize(("day", "time_of"), [("btcusdt_20240808.gz", "event"), ("btcusdt_20240809.gz", "received")])
def test_parity_of_a_recorded_capture_through_sockets_with_reconnects_and_repeats(day, time_of, tmp_path):
    path = CAPTURES / day
    if not path.exists():
        pytest.skip(f"the capture {path.name} is not here")
    frames = frames_of(path)[:12_000]
    report, counts = asyncio.run(lived(frames, (3_000, 7_000), tmp_path / "tape", time_of))
    assert counts.duplicates > 0
    assert counts.gaps >= 2
    assert report.exit_code == 0
    again = run(file(tmp_path / "tape"), Busy())
    assert identity(again.alerts) == identity(report.alerts)
    assert {alert.rule for alert in again.alerts} >= {"held", "every"}
    trades = [json.loads(frame)["data"]["t"] for frame in frames if "@trade" in frame]
    assert counts.trades == len(set(trades))
