"""The status of a live run as it is drawn: connections with their reconnects, symbols by how they are, alerts so far."""

import asyncio

from rich.console import Console
from scripted_venue import START, Time, live_feed, trade

from feeds.live.arrivals import StateChange
from pipeline.cli.live_screen import StatusLine
from pipeline.live import Live
from strategies.volume_breakout import VolumeBreakout


def drawn(script, columns=110, **options):
    """The lines of the status, each time that a script yields."""
    looks = []

    async def go():
        time = Time()

        async def looking(arrivals, streams):
            async for _ in script(arrivals, time):
                live.feed.look()
                console = Console(width=columns, color_system=None)
                with console.capture() as captured:
                    console.print(status.table())
                looks.append([line.rstrip() for line in captured.get().splitlines()])

        live = Live(live_feed(looking, time=time, **options), VolumeBreakout())
        status = StatusLine(live)
        await live.start()
        await live.stop()

    asyncio.run(go())
    return looks


def changed(arrivals, time, state, reason=""):
    arrivals.changed(StateChange("acme/1", state, reason, time.steady / 1e9))


async def down_and_up(arrivals, time):
    changed(arrivals, time, "subscribing")
    changed(arrivals, time, "live")
    for symbol in "AB":
        arrivals.said("acme/1", START, [trade(1, symbol, seconds=0.0)])
    yield
    time.pass_seconds(8)
    arrivals.said("acme/1", START + 8_000_000_000, [trade(2, "A", seconds=7.5)])
    yield
    for _ in range(2):
        changed(arrivals, time, "connecting")
        changed(arrivals, time, "subscribing")
        changed(arrivals, time, "subscribing", "no answer for A trades; asked again")
        changed(arrivals, time, "backoff", "the line broke; again in 0.3 s")
        changed(arrivals, time, "connecting")
        changed(arrivals, time, "backoff", "the line broke; again in 0.3 s")
    yield


def test_connections_symbols_and_alerts_have_their_lines():
    well, quiet, down = drawn(down_and_up)
    assert [line.split() for line in well] == [
        ["acme/1", "LIVE", "0", "messages/s", "lag", "0", "ms", "for", "0", "s"],
        ["symbols", "LIVE", "2", "of", "2"],
        ["alerts", "0", "0", "ticks"],
    ]
    assert quiet[0].endswith("lag 500 ms  for 8 s")
    assert [line.split()[1:5] for line in quiet[1:3]] == [["LIVE", "1", "of", "2"], ["QUIET", "1", "of", "2"]]
    assert quiet[2].endswith("B: no market data for 8.0 s, the connection is well")
    assert down[0].split()[:2] == ["acme/1", "DOWN"]
    assert down[0].endswith("2 reconnects, the line broke; again in 0.3 s")
    assert down[1].split()[:5] == ["symbols", "DOWN", "2", "of", "2"]
    assert down[1].endswith("A, B: the line broke; again in 0.3 s")


def test_nothing_wraps_on_a_narrow_terminal():
    for look in drawn(down_and_up, columns=60):
        assert all(len(line) <= 60 for line in look)
        assert len(look) == len({line.split()[0] + line.split()[1] for line in look})
