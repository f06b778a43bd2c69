"""The local venue through real sockets: every row once and in order, at its pace, and every end that a connection can have."""

import asyncio
import json
import socket
from contextlib import suppress
from math import inf

import pytest
from runs import Cut
from served_tapes import HastyClock, Read, SetClock, quotes, reading, rows_of, run, trades, turns
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from feeds.serving.offered import binance, coinbase
from pipeline.errors import InputError, UsageError
from pipeline.feed import recorded
from pipeline.ticks import Kind, Ticks

BOTH = "/stream?streams=spy@trade/ibm@trade"
MATCHES = {"type": "subscribe", "product_ids": ["SPY-USD", "IBM-USD"], "channels": ["matches"]}


async def served(offered, feed, path, *requests, **serving):
    """What one client reads of the whole tape."""
    async with offered(feed, speed=inf, **serving) as venue:
        read = await reading(venue, path, *requests)
        await venue.ended()
        return read


def prices(read, key="p"):
    """The prices of the trades, in the order of their coming."""
    data = [frame.get("data", frame) for frame in read.frames]
    return [float(frame[key]) for frame in data if key in frame]


@pytest.mark.parametrize("rows", [1, 255, 256, 257, 20_000])
def test_every_row_of_a_tape_comes_out_once_and_in_order(rows):
    ticks = trades(rows)
    read = run(served(binance, recorded(ticks), BOTH))
    found = [
        (each["s"], each["T"] * 10**6, float(each["p"]), float(each["q"]), each["m"]) for each in (frame["data"] for frame in read.frames)
    ]
    assert found == [(*row, side < 0) for *row, side in rows_of(ticks, Kind.TRADE, "price", "size", "side")]
    assert (read.code, read.reason) == (1001, "the tape has ended")


def test_coinbase_sends_every_row_too():
    ticks = trades(3000)
    read = run(served(coinbase, recorded(ticks), "/", MATCHES))
    assert read.frames[0]["type"] == "subscriptions"
    assert [(float(each["price"]), each["type"]) for each in read.frames[1:]] == [(price, "match") for price in ticks.price.tolist()]
    assert read.code == 1001


@pytest.mark.parametrize("cuts", [[], [1], [10, 11, 400]])
def test_blocks_of_the_feed_leave_no_trace(cuts):
    read = run(served(binance, Cut(trades(500), *cuts), BOTH))
    assert prices(read) == [row + 1.0 for row in range(500)]


def test_each_client_gets_all_that_it_has_subscribed_to():
    async def three():
        async with binance(recorded(trades(2000)), speed=1.0, clock=(clock := SetClock())) as venue:
            paths = [BOTH, "/ws/spy@trade", "/ws/ibm@trade"]
            reads = [Read() for _ in paths]
            clients = [asyncio.create_task(reading(venue, path, read=read)) for path, read in zip(paths, reads, strict=True)]
            await turns(lambda: venue.clients_seen == 3 and venue.rows and len(clock.alarms) == 2)
            clock.on(3.0)
            await venue.ended()
            await asyncio.gather(*clients)
            return reads

    both, spy, ibm = run(three())
    assert prices(both)[-1] == 2000.0
    assert prices(spy) == [price for price in (row + 1.0 for row in range(0, 2000, 2)) if price >= prices(spy)[0]]
    assert prices(ibm)[-1] == 2000.0


def test_the_tape_begins_with_the_first_subscription_not_the_first_connection():
    async def late_request():
        async with binance(recorded(trades(10)), speed=inf) as venue, connect(venue.url + "/ws", proxy=None) as connection:
            await turns(lambda: venue.clients_seen == 1)
            before = venue.rows
            await connection.send('{"method":"SUBSCRIBE","params":["spy@trade"],"id":7}')
            first = json.loads(await connection.recv())
            await venue.ended()
            return before, first, json.loads(await connection.recv())["t"]

    assert run(late_request()) == (0, {"result": None, "id": 7}, 1)


def test_at_once_waits_for_nobody():
    async def alone():
        async with binance(recorded(trades(1000)), speed=inf, at_once=True) as venue:
            await venue.ended()
            return venue.rows

    assert run(alone()) == 1000


def test_rows_come_when_they_are_due():
    async def paced():
        clock, read = SetClock(), Read()
        async with binance(recorded(trades(11, step_ms=1000)), speed=2.0, clock=clock) as venue:
            client = asyncio.create_task(reading(venue, BOTH, read=read))
            counts = []
            for due in range(1, 11):
                await turns(lambda due=due: len(read.frames) == due and len(clock.alarms) >= 2)
                counts.append(venue.rows)
                clock.on(0.5)
            await venue.ended()
            await client
        return counts, read

    counts, read = run(paced())
    assert counts == [*range(1, 11)]
    assert prices(read) == [*range(1, 12)]


def test_at_a_pace_the_market_goes_on_while_nobody_listens():
    async def away():
        clock = SetClock()
        async with binance(recorded(trades(10, step_ms=1000)), speed=1.0, clock=clock) as venue:
            async with connect(venue.url + BOTH, proxy=None) as connection:
                await connection.recv()
            await turns(lambda: len(clock.alarms) == 2)
            clock.on(20.0)
            await venue.ended()
            return venue.rows

    assert run(away()) == 10


@pytest.mark.slow
def test_as_fast_as_possible_the_tape_waits_while_nobody_listens():
    async def away():
        first, second = Read(), Read()
        async with binance(recorded(trades(60_000)), speed=inf, most_waiting=300) as venue:
            connection = await connect(venue.url + BOTH, proxy=None, max_queue=4)
            first.frames = [json.loads(await connection.recv()) for _ in range(10)]
            connection.transport.abort()
            await turns(lambda: venue._clients.somebody.is_set() is False)
            gone_at = venue.rows
            await reading(venue, BOTH, read=second)
            await venue.ended()
            return first, second, gone_at

    first, second, gone_at = run(away())
    assert prices(first) == [*range(1, 11)]
    assert prices(second) == [*range(gone_at + 1, 60_001)]
    assert gone_at < 60_000


def without_reading(offered, ticks, path, most, **serving):
    """A client that subscribes and never reads, through buffers that are small; what the server says of it."""

    async def silent():
        said = []
        async with offered(recorded(ticks), most_waiting=most, tell=said.append, **serving) as venue:
            with socket.socket() as plain:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                plain.setblocking(False)
                await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", int(venue.url.rpartition(":")[2])))
                head = f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                keys = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
                await asyncio.get_running_loop().sock_sendall(plain, (head + keys).encode())
                waiting = []
                await turns(lambda: waiting.append(most_waiting(venue)) or any("cut off" in line for line in said), 1_000_000)
        return said, max(waiting)

    return run(silent())


def most_waiting(venue):
    return max((len(client._waiting) for client in venue._clients._here), default=0)


def test_a_client_that_does_not_read_is_cut_off_with_the_reason_and_its_queue_stays_bounded(monkeypatch):
    monkeypatch.setattr("feeds.serving.local.CLOSE_SECONDS", 0.01)
    said, waiting = without_reading(binance, trades(200_000), BOTH, most=1000, speed=inf, clock=HastyClock())
    assert [line for line in said if "cut off" in line] == ["client 1 is cut off: 1,000 frames wait for it, and it does not read them"]
    assert waiting <= 1000 + 256


def test_at_a_pace_a_client_that_is_behind_is_cut_off_at_once(monkeypatch):
    monkeypatch.setattr("feeds.serving.local.CLOSE_SECONDS", 0.01)
    said, waiting = without_reading(binance, trades(200_000), BOTH, most=1000, speed=1e9)
    assert "cut off" in said[1]
    assert waiting <= 1000 + 256


@pytest.mark.slow
def test_of_quotes_a_client_that_is_behind_gets_the_newest():
    async def behind():
        async with binance(recorded(quotes(100_000)), speed=1e9, most_waiting=300) as venue:
            async with connect(venue.url + "/ws/spy@bookTicker", proxy=None, max_queue=1) as connection:
                await turns(lambda: venue.rows == 100_000, 1_000_000)
                bids = [float(json.loads(frame)["b"]) async for frame in connection]
            await venue.ended()
            return bids

    bids = run(behind())
    assert bids == sorted(set(bids))
    assert bids[-1] == 100_000.0
    assert len(bids) < 100_000


@pytest.mark.slow
def test_a_client_that_asks_and_never_reads_is_cut_off():
    async def asking():
        said = []
        async with binance(recorded(trades(10)), most_waiting=50, tell=said.append) as venue:
            connection = await connect(venue.url + "/ws", proxy=None, max_queue=1)
            await connection.send(json.dumps({"method": "SUBSCRIBE", "params": [f"s{number}@x" for number in range(1000)], "id": 1}))
            with suppress(ConnectionClosed):
                while not any("cut off" in line for line in said):
                    await connection.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
            connection.transport.abort()
        return [line for line in said if "cut off" in line]

    assert run(asking()) == ["client 1 is cut off: 50 frames wait for it, and it does not read them"]


def test_dropping_cuts_every_connection_after_so_many_rows_refuses_new_ones_then_welcomes_them():
    async def dropped():
        clock, said = SetClock(), []
        async with binance(recorded(trades(1000)), speed=inf, drop_after=300, clock=clock, tell=said.append) as venue:
            first = await reading(venue, BOTH)
            with pytest.raises(InvalidStatus) as refusal:
                await reading(venue, BOTH)
            clock.on(3.0)
            await turns(lambda: "connections are welcome again" in said)
            second = await reading(venue, BOTH)
            await venue.ended()
            return first, refusal.value.response.status_code, second

    first, status, second = run(dropped())
    assert (first.code, status, second.code) == (1006, 503, 1001)
    assert prices(first) == [*range(1, 301)]
    assert prices(second) == [*range(301, 1001)]


def test_the_end_waits_until_the_last_row_is_read():
    async def slow():
        async with binance(recorded(trades(5000)), speed=inf) as venue, connect(venue.url + BOTH, proxy=None, max_queue=2) as connection:
            await turns(lambda: venue.rows == 5000, 100_000)
            assert not venue._playing.done()
            return [json.loads(await connection.recv())["data"]["p"] for _ in range(5000)][-1]

    assert run(slow()) == "5000.0"


def test_when_the_server_stops_a_client_is_told():
    async def stopped():
        async with binance(recorded(trades(10, step_ms=10_000))) as venue:
            client = asyncio.create_task(reading(venue, BOTH))
            await turns(lambda: venue.rows == 1)
        return await client

    read = run(stopped())
    assert (read.code, read.reason) == (1001, "the server stops")


def test_a_loop_goes_on_in_later_times_and_ids():
    async def looped():
        read = Read()
        async with binance(recorded(trades(4)), speed=inf, loop=True) as venue, connect(venue.url + BOTH, proxy=None) as connection:
            for _ in range(10):
                read.frames.append(json.loads(await connection.recv())["data"])
        return read.frames

    frames = run(looped())
    assert [frame["t"] for frame in frames if frame["s"] == "SPY"] == [1, 2, 3, 4, 5]
    assert [float(frame["p"]) for frame in frames] == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]
    assert [frame["T"] - frames[0]["T"] for frame in frames] == [0, 1, 2, 3, 1003, 1004, 1005, 1006, 2006, 2007]


def test_heartbeats_come_once_a_second_by_the_clock():
    async def beating():
        clock, read = SetClock(), Read()
        request = MATCHES | {"channels": ["matches", "heartbeat"]}
        async with coinbase(recorded(trades(2, step_ms=60_000)), speed=1.0, clock=clock) as venue:
            client = asyncio.create_task(reading(venue, "/", request, read=read))
            await turns(lambda: len(read.frames) == 2)
            for beats in range(1, 4):
                clock.on(1.0)
                await turns(lambda seen=beats: len(read.frames) == 2 + seen)
            client.cancel()
        return [frame["type"] for frame in read.frames]

    assert run(beating()) == ["subscriptions", "match", "heartbeat", "heartbeat", "heartbeat"]


def test_a_path_that_the_exchange_does_not_have_is_404():
    async def lost():
        said = []
        async with binance(recorded(trades(1)), tell=said.append) as venue:
            with pytest.raises(InvalidStatus) as refusal:
                await reading(venue, "/api/v3/ping")
        return refusal.value.response.status_code, said

    assert run(lost()) == (404, ["a client asked for /api/v3/ping, where binance has nothing: 404"])


def test_only_this_machine_can_connect():
    async def bound():
        async with binance(recorded(trades(1))) as venue:
            return [listening.getsockname()[0] for listening in venue._server.sockets]

    assert run(bound()) == ["127.0.0.1"]


def test_a_port_that_is_taken_is_told():
    async def twice():
        async with binance(recorded(trades(1))) as venue:
            port = int(venue.url.rpartition(":")[2])
            async with binance(recorded(trades(1)), port=port):
                pass

    with pytest.raises(UsageError, match=r"port \d+ cannot be listened on: .*; choose another, or leave --port out"):
        run(twice())


def test_bad_input_ends_the_tape_after_the_rows_before_it():
    async def damaged():
        async with binance(Cut(trades(500), 400, error=InputError("cut off")), speed=inf) as venue:
            read = await reading(venue, BOTH)
            with pytest.raises(InputError, match="cut off"):
                await venue.ended()
            return read

    read = run(damaged())
    assert prices(read) == [row + 1.0 for row in range(500)]
    assert (read.code, read.reason) == (1011, "the tape cannot be read any further")


def test_bad_input_at_the_beginning_is_told_before_anybody_can_connect():
    with pytest.raises(InputError, match="would both be spelt"):
        run(served(binance, recorded(Ticks.of([10**18] * 2, ["A.B", "AB"], price=[1.0, 1.0])), BOTH))


def test_what_a_client_sends_never_ends_its_connection():
    async def noisy():
        async with binance(recorded(trades(3)), speed=inf) as venue, connect(venue.url + "/ws", proxy=None) as connection:
            for nonsense in ("", "{", b"\xff\x00", "null", '{"method":1,"id":{}}'):
                await connection.send(nonsense)
                assert "code" in json.loads(await connection.recv())
            await connection.send('{"method":"SUBSCRIBE","params":["spy@trade"],"id":1}')
            return [json.loads(await connection.recv()) for _ in range(2)][-1]["t"]

    assert run(noisy()) == 1
