"""A live feed as a whole: its rows, its health, its beginnings and its ends, with connections that follow a script."""

import asyncio
import json

import pytest
from scripted_venue import SECOND, START, Script, ScriptedVenue, Time, live_feed, quote, trade
from websockets.asyncio.server import serve

from feeds.files import file
from feeds.live import live
from feeds.live.arrivals import StateChange
from feeds.live.connecting import connecting
from feeds.live.feed import LiveTicks
from feeds.live.hours import hours
from feeds.live.receive_clock import ReceiveClock
from feeds.venues.alpaca import alpaca
from feeds.venues.venue import Limits, Stream, Unknown
from pipeline.errors import UsageError
from pipeline.live import Live
from pipeline.runner import run
from pipeline.ticks import Kind
from strategies.volume_breakout import VolumeBreakout


def change(arrivals, state, reason="", connection="acme/1"):
    arrivals.changed(StateChange(connection, state, reason, arrivals.time_now()))


def scripted(script, time=None, **options):
    """A feed whose script gets the queue; its clocks stand still unless the script moves them."""
    time = time or Time()

    async def with_time(arrivals, streams):
        arrivals.time_now = lambda: time.steady / SECOND
        await script(arrivals, time)

    return live_feed(with_time, time=time, beat_seconds=0.01, **options)


def lived(feed, **options):
    async def go():
        pipeline = Live(feed, VolumeBreakout(), **options)
        await pipeline.start()
        await asyncio.wait_for(pipeline.wait(), 20)
        return await pipeline.stop()

    return asyncio.run(go())


async def beats(feed, count=2):
    """Until the feed has looked so often."""
    looked, look = asyncio.Semaphore(0), feed.look
    feed.look = lambda: (look(), looked.release())
    for _ in range(count):
        await looked.acquire()
    feed.look = look


# --- rows --------------------------------------------------------------------------------------------------------------------


def test_silence_on_a_living_connection_is_a_heartbeat_and_on_a_dead_one_is_nothing(tmp_path):
    async def script(arrivals, time):
        change(arrivals, "live")
        arrivals.said("acme/1", START, [trade(1, seconds=0)])
        for _ in range(3):
            time.pass_seconds(1)
            await beats(feed)
        change(arrivals, "backoff", "the line broke; again in 9 s")
        for _ in range(3):
            time.pass_seconds(1)
            await beats(feed)

    feed = scripted(script)
    lived(feed, record=tmp_path / "tape")
    rows = [
        (kind, time) for raw in file(tmp_path / "tape").rows() for kind, time in zip(raw.columns["kind"], raw.columns["time"], strict=True)
    ]
    assert [(Kind(kind).name, (time - START) // SECOND) for kind, time in rows] == [
        ("TRADE", 0),
        ("HEARTBEAT", 1),
        ("HEARTBEAT", 2),
        ("HEARTBEAT", 3),
    ]


def several(time_of):
    """A feed of two venues, of which one's clock is an hour behind."""
    time, scripts = Time(), {}

    def connect(venue, streams, arrivals, clock):
        async def script(arrivals, streams):
            name = f"{venue.name}/1"
            change_of = StateChange(name, "live", "", 0.0)
            arrivals.changed(change_of)
            behind = 3600 if venue.name == "late" else 0
            for number in (1, 2, 3):
                arrivals.said(name, clock.now(), [trade(number, "A", seconds=number - behind)])
                time.pass_seconds(1)
                await asyncio.sleep(0)

        scripts[venue.name] = Script(script, time)
        return scripts[venue.name](venue, streams, arrivals, clock)

    venues = tuple((ScriptedVenue(name), ("A",)) for name in ("late", "sure"))
    return LiveTicks(venues, connect, time_of, clock=ReceiveClock(lambda: time.wall, lambda: time.steady), steady=lambda: time.steady)


@pytest.mark.parametrize(("time_of", "hour_late"), [(None, False), ("received", False), ("event", True)])
def test_several_venues_stand_on_one_tape_by_arrival_unless_told_otherwise(time_of, hour_late, tmp_path):
    feed = several(time_of)
    assert feed.names == ("late:A", "sure:A")
    report = lived(feed, record=tmp_path / "tape")
    assert report.ticks == 6
    (raw,) = file(tmp_path / "tape").rows()
    assert set(raw.names) == {"late:A", "sure:A"}
    times, events, received = (raw.columns[name].tolist() for name in ("time", "event_time", "received"))
    assert times == sorted(times)
    assert (times == received) is not hour_late
    assert min(events) < START - 3000 * SECOND
    again = run(file(tmp_path / "tape"), VolumeBreakout())
    assert again.ticks == 6


# --- health ------------------------------------------------------------------------------------------------------------------


def test_health_tells_what_was_lost_what_is_quiet_and_what_is_in_doubt():
    seen = []

    async def script(arrivals, time):
        async def told(*symbols):
            await beats(feed)
            seen.append({name: feed.health.symbols[name].status for name in symbols})

        change(arrivals, "live")
        await told("A")
        arrivals.said("acme/1", START, [trade(1, seconds=0), trade(1, "B", seconds=0)])
        await told("A", "B")
        time.pass_seconds(6)
        arrivals.said("acme/1", START + 6 * SECOND, [trade(3, seconds=6)])
        await told("A", "B")
        time.pass_seconds(59)
        change(arrivals, "stale", "no market data for 53 s")
        await told("A", "B")
        change(arrivals, "live")
        arrivals.said("acme/1", START + 65 * SECOND, [trade(4, seconds=65)])
        await told("A", "B")
        time.pass_seconds(2)
        await told("A", "B")
        arrivals.denied("acme/1", [Stream("trades", "B")], "no such symbol")
        await told("A", "B")

    feed = scripted(script)
    changes = []
    feed.changes.subscribe(changes.append)
    lived(feed)
    assert seen == [
        {"A": "LIVE"},
        {"A": "LIVE", "B": "LIVE"},
        {"A": "GAPPED", "B": "QUIET"},
        {"A": "STALE", "B": "STALE"},
        {"A": "GAPPED", "B": "LIVE"},
        {"A": "LIVE", "B": "LIVE"},
        {"A": "LIVE", "B": "DOWN"},
    ]
    told = [str(each) for each in changes if each.subject in "AB"]
    assert told.count("B is DOWN: the venue refuses its trades: no such symbol") == 1
    assert "A is GAPPED: 1 trades missed" in told
    assert "B is DOWN: the venue refuses its trades: no such symbol" in told
    assert {each.since for each in changes} <= {1000.0, 1006.0, 1065.0, 1067.0}, "all by the monotonic clock"


def test_what_nobody_asked_for_and_what_nobody_reads_is_named():
    async def script(arrivals, time):
        change(arrivals, "live")
        arrivals.said("acme/1", START, [trade(1, "a"), trade(1, "b"), *[Unknown("status")] * 2, Unknown("hello")])

    facts = dict(lived(scripted(script)).facts())
    assert facts["unasked"] == "2 messages about symbols nobody asked for, such as 'a'"
    assert facts["unknown"] == "messages of kinds that nobody reads: 2 status, 1 hello"


def test_while_a_stop_says_goodbye_nobody_is_said_to_be_down():
    said = []

    async def script(arrivals, time):
        change(arrivals, "live")
        arrivals.said("acme/1", START, [trade(1, seconds=0)])
        await beats(feed)
        feed.changes.subscribe(lambda each: said.append(str(each)))
        feed.close()
        change(arrivals, "stopped")
        await asyncio.sleep(0.1)

    feed = scripted(script, symbols=("A",))
    report = lived(feed)
    assert said == []
    assert not [name for name, _ in report.facts() if name == "DOWN"]


def test_who_listens_to_changes_before_quotes_are_wanted_hears_them():
    async def script(arrivals, time):
        change(arrivals, "live")
        arrivals.said("acme/1", START, [quote(9.0)])
        await beats(feed.also(frozenset()))

    feed = scripted(script)
    more = feed.also(frozenset({"bid"}))
    assert more is not feed
    said = []
    feed.changes.subscribe(lambda each: said.append(str(each)))
    more.health.changed(StateChange("acme/1", "live", "", 0.0), ["A"])
    assert said == ["acme/1 is LIVE"]


# --- beginnings and ends ------------------------------------------------------------------------------------------------------


def test_a_feed_is_listened_to_once():
    async def script(arrivals, time):
        change(arrivals, "live")

    feed = scripted(script)
    lived(feed)

    async def again():
        with pytest.raises(UsageError, match="has been listened to already; make another feed"):
            await Live(feed, VolumeBreakout()).start()

    asyncio.run(again())


def test_fault_72_a_missing_key_of_one_of_several_venues_is_told_at_the_start(monkeypatch):
    for name in ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)

    async def start():
        with pytest.raises(UsageError, match="alpaca needs APCA_API_KEY_ID and APCA_API_SECRET_KEY"):
            await Live(live(["binance:BTCUSDT", "alpaca:AAPL"]), VolumeBreakout()).start()

    asyncio.run(start())


def test_a_fault_of_our_own_in_one_of_several_venues_ends_the_run_at_once():
    def connect(venue, streams, arrivals, clock):
        async def script(arrivals, streams):
            if venue.name == "broken":
                raise RuntimeError("a fault of our own")
            await made["sure"].closed.wait()

        made[venue.name] = Script(script, Time())
        return made[venue.name](venue, streams, arrivals, clock)

    made = {}
    venues = tuple((ScriptedVenue(name), ("A",)) for name in ("sure", "broken"))
    with pytest.raises(RuntimeError, match="a fault of our own"):
        lived(LiveTicks(venues, connect))
    assert made["sure"].closed.is_set()


def test_more_streams_than_the_connections_of_a_venue_carry_are_refused():
    venue = ScriptedVenue(limits=Limits(streams=2, connections=1))
    LiveTicks(((venue, ("A", "B")),), Script(None, Time()))
    with pytest.raises(UsageError, match="acme allows 2 streams, each symbol's trades and quotes being two; 4 are asked for"):
        LiveTicks(((venue, ("A", "B")),), Script(None, Time()), channels=frozenset({"trades", "quotes"}))


async def frames_for_ever(connection):
    await connection.recv()
    number = 0
    while True:
        number += 1
        await connection.send(json.dumps({"symbol": "A", "price": 10, "size": 1, "id": number}))
        await asyncio.sleep(0)


TABLE = {
    "mine": {"url": "", "subscribe": '{"want":{symbols}}', "trade": {"symbol": "symbol", "price": "price", "size": "size", "id": "id"}}
}


def talking(port, **options):
    """A live feed of a venue that never stops talking."""
    return live("mine:A", venues={"mine": {**TABLE["mine"], "url": f"ws://127.0.0.1:{port}"}}, **options)


def on_sockets(work):
    async def go():
        async with serve(frames_for_ever, "127.0.0.1", 0) as server:
            return await work(server.sockets[0].getsockname()[1])

    return asyncio.run(asyncio.wait_for(go(), 30))


@pytest.mark.parametrize("capacity", [16, 65_536])
def test_stop_comes_back_whenever_it_is_called(capacity):
    """Also in the turn in which start began, and while a connection waits for room."""

    async def work(port):
        for pause in (0.0, 0.005, 0.02, 0.05, 0.1, 0.1, 0.1):
            pipeline = Live(talking(port, capacity=capacity), VolumeBreakout())
            await pipeline.start()
            await asyncio.sleep(pause)
            await asyncio.wait_for(pipeline.stop(), 8)
        return [task for task in asyncio.all_tasks() if task.get_name().startswith("rxtape")]

    assert on_sockets(work) == []


def test_who_is_cancelled_while_it_starts_or_stops_leaves_a_run_that_ends():
    async def work(port):
        first = Live(talking(port), VolumeBreakout())
        starting = asyncio.create_task(first.start())
        await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        second = Live(talking(port), VolumeBreakout())
        await second.start()
        await asyncio.sleep(0.1)
        stopping = asyncio.create_task(second.stop())
        await asyncio.sleep(0)
        stopping.cancel()
        report = await second.stop()
        await asyncio.sleep(0.2)
        return report, [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("rxtape")]

    report, left = on_sockets(work)
    assert report.ticks > 0
    assert report.seconds > 0
    assert left == []


def test_fault_21_frames_that_cannot_be_kept_end_the_run(tmp_path):
    async def work(port):
        feed = talking(port, raw=tmp_path / "raw")
        pipeline = Live(feed, VolumeBreakout())
        await pipeline.start()
        while not pipeline.report.ticks:
            await asyncio.sleep(0.01)
        (venue, _), *_ = feed.wanted
        venue.writer._file.close()
        venue.writer._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115
        await asyncio.wait_for(pipeline.wait(), 10)
        return feed.ingress.counts.refused, await pipeline.stop()

    refused, report = on_sockets(work)
    assert refused == 0
    assert report.exit_code == 3
    assert "cannot be written: No space left" in report.summary()


def test_fault_45_outside_of_its_hours_a_market_is_not_expected_to_speak():
    at = {"Friday 13:29 UTC": 1_381_498_140, "Friday 13:30": 1_381_498_200, "Friday 20:00": 1_381_521_600, "Saturday": 1_381_600_000}
    open_at = {name: hours("Mon-Fri 09:30-16:00 America/New_York", lambda at=seconds: at * SECOND)() for name, seconds in at.items()}
    assert open_at == {"Friday 13:29 UTC": False, "Friday 13:30": True, "Friday 20:00": False, "Saturday": False}
    assert hours("09:30-16:00 America/New_York", lambda: at["Saturday"] * SECOND)() is True
    for wrong in ("9-16", "Mon 09:30-16:00 Nowhere", "Mon-Fri 25:00-26:00 UTC", "09:30-16:00"):
        with pytest.raises(UsageError, match="expected such as 'Mon-Fri 09:30-16:00 America/New_York'"):
            live("binance:BTCUSDT", hours=wrong)


def test_fault_45_a_venue_whose_hours_are_known_has_them_unless_told_otherwise(monkeypatch):
    for name in ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY"):
        monkeypatch.setenv(name, "k" * 20)
    saturday = 1_381_600_000 * SECOND
    monkeypatch.setattr(hours, "__defaults__", (lambda: saturday,))
    closed = connecting(30.0)(alpaca(), [Stream("trades", "A")], None, ReceiveClock()).patience.market_open
    opened = connecting(30.0, "Mon-Sun 00:00-24:00 UTC")(alpaca(), [Stream("trades", "A")], None, ReceiveClock()).patience.market_open
    assert (closed(), opened()) == (False, True)
