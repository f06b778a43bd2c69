"""Closing: real sockets on loopback, virtual time."""

import asyncio
from dataclasses import replace
from math import inf

import pytest
from fault_scripts import flood, hangs_up, never_confirms, only_confirms, stalls, well_behaved
from fault_server import FaultServer
from kept import Arrived, kept
from virtual_time import most, until, virtual

from feeds.live import live
from feeds.live.patience import Patience
from feeds.recorded import demo
from feeds.serving.offered import binance
from pipeline.errors import SinkError

HOUR = 3600.0


@pytest.mark.parametrize(
    "script",
    [well_behaved, stalls, never_confirms, only_confirms, hangs_up(1001), flood(20_000)],
    ids=["well behaved", "stalls", "never confirms", "only confirms", "hangs up", "flood"],
)
@virtual
async def test_closing_leaves_no_task_and_no_socket(script):
    async with FaultServer(script) as server:
        async with kept(server, "A") as now:
            await asyncio.sleep(5)
        assert now.running.done()
        assert now.supervisor.names == []
        before = len(now.arrived.changes), len(server.opened)
        await asyncio.sleep(HOUR)
        assert (len(now.arrived.changes), len(server.opened)) == before
        # the rest is asserted by `run`: no task is left on the loop


@virtual
async def test_a_run_that_is_cancelled_closes_everything():
    async with FaultServer(well_behaved) as server, kept(server, "A") as now:
        await until(lambda: len(now.arrived.trades()) > 1)
        now.running.cancel()
        await asyncio.wait([now.running])
        await until(lambda: server.visits[0].socket.state.name == "CLOSED", within=5)


@virtual
async def test_closing_before_running_runs_nothing():
    async with FaultServer(well_behaved) as server, kept(server, "A") as now:
        now.supervisor.close()
        await now.running
        assert server.opened == []


@virtual
async def test_a_fault_of_our_own_is_not_hidden():
    class Broken(Arrived):
        def said(self, connection, received, items):
            raise ZeroDivisionError("a bug of the queue")

    async with FaultServer(well_behaved) as server, kept(server, "A", arrived=Broken()) as now:
        with pytest.raises(ZeroDivisionError, match="a bug of the queue"):
            await now.running


@pytest.mark.parametrize("state", ["stale", "backoff", "connecting"])
@virtual
async def test_a_fault_of_our_own_in_a_timer_is_not_hidden(state):
    class Broken(Arrived):
        def changed(self, change):
            if change.state == state:
                raise ZeroDivisionError("a bug of health")

    async with FaultServer(only_confirms) as server, kept(server, "A", arrived=Broken()) as now:
        with pytest.raises(ZeroDivisionError, match="a bug of health"):
            await now.running


@virtual
async def test_a_flood_makes_the_connection_wait_for_room():
    arrived = Arrived(room_for=1000)
    async with FaultServer(flood(3000)) as server, kept(server, "A", arrived=arrived):
        await until(lambda: len(arrived.trades()) == 3000)
        assert arrived.waits >= 19
        assert arrived.losses == []


@virtual
async def test_connects_of_a_process_are_staggered():
    names = [f"S{number}" for number in range(20)]
    async with FaultServer(well_behaved) as server, kept(server, *names, streams=1, connects=1000) as now:
        await until(lambda: now.arrived.states.count("live") == 20)
        assert most(server.opened, 1.0) <= 6


def test_patience_can_be_changed_in_part():
    assert replace(Patience(), stale_after=5.0).reconnect_after == 2.0


def test_what_the_owner_raises_while_a_socket_is_read_ends_the_feed_with_it():
    """A full disk is told by `listen`, not logged by the event loop."""

    def deliver(raw):
        raise SinkError("the disk is full")

    async def listened():
        async with binance(demo(), speed=inf) as venue:
            await asyncio.wait_for(live(f"binance:{','.join(venue.market.symbols)}", url=venue.url).listen(deliver), 20)

    with pytest.raises(SinkError, match="the disk is full"):
        asyncio.run(listened())
