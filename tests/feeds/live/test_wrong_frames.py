"""Frames that are wrong, and floods: real sockets on loopback, virtual time (FAULTS.md, 46)."""

import json

import pytest
import websockets.exceptions
from fault_scripts import between_trades, garbles, well_behaved
from fault_server import FaultServer
from kept import kept
from virtual_time import until, virtual

from feeds.live.patience import Patience


@pytest.mark.parametrize(("name", "frame"), garbles(), ids=[name for name, _ in garbles()])
@virtual
async def test_fault_46_a_wrong_frame_is_set_aside_and_the_connection_lives(name, frame):
    async with FaultServer(between_trades(frame)) as server, kept(server, "A") as now:
        await until(lambda: now.arrived.trades() == [1, 2])
        assert len(now.arrived.refusals) == 1
        assert now.arrived.losses == []
        assert len(server.opened) == 1
        if name == "a fault of the codec":
            assert now.arrived.refusals[0][2] == "the codec of spoken failed: RuntimeError: a bug of the codec"


@virtual
async def test_fault_46_an_unknown_event_is_no_fault():
    async with FaultServer(between_trades('{"t":"news"}')) as server, kept(server, "A") as now:
        await until(lambda: now.arrived.trades() == [1, 2])
        assert now.arrived.refusals == []


@virtual
async def test_fault_46_a_message_beyond_the_limit_is_told_and_the_connection_made_anew():
    big = json.dumps({"t": "trade", "s": "A", "i": 9, "p": 1, "x": "y" * 2_000_000})
    patience = Patience(max_size=1_000_000)
    async with FaultServer(between_trades(big), well_behaved) as server, kept(server, "A", patience=patience) as now:
        await until(lambda: len(now.arrived.trades()) > 3)
        assert [reason.partition(":")[0] for _, _, reason in now.arrived.refusals] == ["too long to read"]
        assert len(now.arrived.losses) == 1
        assert 9 not in now.arrived.trades(connection="spoken/1")[:1]


@virtual
async def test_fault_46_a_message_of_2_mb_is_read():
    big = json.dumps({"t": "trade", "s": "A", "i": 9, "p": 1, "x": "y" * 2_000_000})
    async with FaultServer(between_trades(big)) as server, kept(server, "A") as now:
        await until(lambda: now.arrived.trades() == [1, 9, 2])


@pytest.mark.skipif(not hasattr(websockets.exceptions, "TooManyFragments"), reason="this version of websockets bounds the size alone")
@virtual
async def test_fault_46_a_flood_of_fragments_ends_its_connection_and_not_the_feed():
    async def fragments(visit):
        await visit.asked()
        await visit.socket.send(" " for _ in range(50_000))

    async with FaultServer(fragments, well_behaved) as server, kept(server, "A") as now:
        await until(lambda: len(now.arrived.trades()) > 3)
        assert [reason for _, _, reason in now.arrived.refusals] == ["too long to read: 1009 too many fragments"]


@virtual
async def test_fault_46_a_message_in_many_fragments_is_read():
    async def fragments(visit):
        await visit.asked()
        await visit.socket.send(iter('{"t":"trade","s":"A","i":5,"p":1}'))
        await visit.until_gone()

    async with FaultServer(fragments) as server, kept(server, "A") as now:
        await until(lambda: now.arrived.trades() == [5])


@virtual
async def test_messages_in_pieces_and_whole_ones_keep_their_order():
    """Whole ones are heard as they are read, those in pieces when they are whole: neither overtakes the other."""

    async def mixed(visit):
        await visit.asked()
        for number in range(1, 101):
            text = json.dumps({"t": "trade", "s": "A", "i": number, "p": 1})
            await visit.socket.send(iter((text[:9], text[9:])) if number % 3 == 0 else text)
        await visit.until_gone()

    async with FaultServer(mixed) as server, kept(server, "A") as now:
        await until(lambda: len(now.arrived.trades()) == 100)
        assert now.arrived.trades() == list(range(1, 101))


@virtual
async def test_fault_46_a_flood_of_pings_is_borne():
    async def pings(visit):
        await visit.asked()
        for number in range(3000):
            await visit.socket.ping(str(number))
        await visit.trade("A", 1)
        await visit.until_gone()

    async with FaultServer(pings) as server, kept(server, "A") as now:
        await until(lambda: now.arrived.trades() == [1])
        assert now.arrived.losses == []
