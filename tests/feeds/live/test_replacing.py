"""Connections that are replaced before they end: real sockets on loopback, virtual time (FAULTS.md, 49)."""

import asyncio

import pytest
from fault_scripts import leaves_after, never_confirms, one_trade, refuses, well_behaved
from fault_server import FaultServer
from kept import kept
from virtual_time import most, until, virtual

MINUTE = 60.0
HOUR = 3600.0


@virtual
async def test_fault_49_a_connection_is_replaced_before_the_venue_ends_it():
    async with FaultServer(well_behaved) as server, kept(server, "A", "B", session_seconds=HOUR) as now:
        await asyncio.sleep(1.5 * HOUR)
        first, second = server.opened
        assert 0.9 * HOUR <= second - first <= 0.98 * HOUR
        assert now.arrived.losses == [("spoken/1", ["A", "B"], "replaced by spoken/2")]
        assert_made_before_broken(now.arrived)


@virtual
async def test_fault_49_a_server_that_says_it_is_leaving_is_left_before_it_does():
    async with FaultServer(leaves_after(30), well_behaved) as server, kept(server, "A") as now:
        await asyncio.sleep(5 * MINUTE)
        assert len(server.opened) == 2
        assert [reason for _, _, reason in now.arrived.losses] == ["replaced by spoken/2"]
        assert_made_before_broken(now.arrived)


@pytest.mark.slow
@virtual
async def test_fault_49_names_of_connections_are_used_again():
    async with FaultServer(well_behaved) as server, kept(server, "A", session_seconds=HOUR) as now:
        await asyncio.sleep(4 * HOUR)
        assert len(server.opened) > 3
        assert {change.connection for change in now.arrived.changes} == {"spoken/1", "spoken/2"}
        assert len(now.supervisor.names) == 1
        assert_made_before_broken(now.arrived)


@virtual
async def test_fault_49_an_old_connection_that_ends_early_leaves_its_streams_to_the_successor():
    async with FaultServer(leaves_after(30), never_confirms, well_behaved) as server, kept(server, "A") as now:
        await asyncio.sleep(10 * MINUTE)
        assert now.supervisor.names == ["spoken/2"]
        assert now.arrived.changes[-1][:2] == ("spoken/2", "live")
        assert [name for name, _, _ in now.arrived.losses] == ["spoken/1", "spoken/2"]


@virtual
async def test_fault_49_a_successor_that_is_lost_before_the_old_one_goes_takes_nothing_over():
    """The old connection goes when another has all its streams at that moment, not when one once had them."""

    async def dies(visit):
        await one_trade(visit)
        await asyncio.sleep(1)
        visit.kill()

    async def stays(visit):
        """Says that it leaves, and does not."""
        behaving = asyncio.create_task(well_behaved(visit))
        await asyncio.sleep(10)
        await visit.say(t="leaving")
        await behaving

    async with FaultServer(stays, dies, never_confirms, well_behaved) as server, kept(server, "A") as now:
        await until(lambda: len(server.opened) == 2)
        await asyncio.sleep(2.5)
        assert "spoken/1" in now.supervisor.names
        assert "spoken/1" not in [name for name, _, _ in now.arrived.losses]
        await until(lambda: now.supervisor.names == ["spoken/2"])
        assert [name for name, _, _ in now.arrived.handovers] == ["spoken/1"]
        assert now.arrived.handovers[0][2]


@pytest.mark.parametrize("second", ["settles late", "is lost"])
@virtual
async def test_fault_49_a_successor_that_is_itself_replaced_leaves_all_to_the_last(second):
    """A leaves, B leaves before it has all its streams, C takes over from both, and nothing is heard from who is gone."""

    async def stays(visit):
        behaving = asyncio.create_task(well_behaved(visit))
        await asyncio.sleep(10)
        await visit.say(t="leaving")
        await behaving

    async def leaves_at_once(visit):
        asked = await visit.listen()
        await visit.say(t="leaving")
        await asyncio.sleep(1.5)
        if second == "is lost":
            visit.kill()
            return
        await visit.say(t="ok", n=asked["n"])
        await visit.trade("A", 900)
        await visit.until_gone()

    async with FaultServer(stays, leaves_at_once, well_behaved) as server, kept(server, "A") as now:
        await until(lambda: len(server.opened) == 3)
        await asyncio.sleep(20)
        assert now.supervisor.names == ["spoken/3"]
        assert len(server.opened) == 3
        assert {name for name, _, _ in now.arrived.losses} == {"spoken/1", "spoken/2"}
        assert {new for _, new, _ in now.arrived.handovers} == {"spoken/3"}
        assert now.arrived.items[-1][0] == "spoken/3"


@virtual
async def test_fault_49_one_whose_successor_is_refused_for_good_goes_on_by_itself():
    async with FaultServer(leaves_after(10), refuses({"A"}), well_behaved) as server, kept(server, "A") as now:
        await until(lambda: len(server.opened) == 2)
        await asyncio.sleep(5)
        assert now.supervisor.names == ["spoken/1"]
        server.visits[0].kill()
        await until(lambda: len(server.opened) == 3)
        await until(lambda: now.arrived.changes[-1][:2] == ("spoken/1", "live"))


@virtual
async def test_fault_49_where_no_further_connection_is_allowed_the_old_one_goes_first():
    async with FaultServer(well_behaved) as server, kept(server, "A", session_seconds=HOUR, overlap=False) as now:
        await asyncio.sleep(1.5 * HOUR)
        assert len(server.opened) == 2
        assert {change.connection for change in now.arrived.changes} == {"spoken/1"}
        assert [reason for _, _, reason in now.arrived.losses] == ["the venue ends connections of this age"]


@virtual
async def test_fault_49_servers_that_all_leave_at_once_are_not_stormed():
    async def leaves(visit):
        await visit.asked()
        await visit.say(t="leaving")
        await visit.until_gone()

    async with FaultServer(leaves) as server, kept(server, "A", connects=10, connects_seconds=MINUTE) as now:
        await asyncio.sleep(20 * MINUTE)
        assert most(server.opened, MINUTE - 0.01) <= 10
        assert len(server.opened) < 80
        assert len(now.supervisor.names) <= 3


def assert_made_before_broken(arrived):
    """Every trade is heard by someone, in order, and connections overlap."""
    heard = arrived.trades()
    assert set(range(heard[0], max(heard) + 1)) == set(heard)
    held = {}
    for change in arrived.changes:
        held[change.connection] = change.state
        assert "live" in held.values() or change.since < arrived.changes[3].since
