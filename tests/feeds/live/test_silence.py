"""Silence: real sockets on loopback, virtual time (FAULTS.md, 45)."""

import asyncio

import pytest
from fault_scripts import heartbeats, only_confirms, speaks_of, well_behaved
from fault_server import FaultServer
from kept import Arrived, kept
from virtual_time import until, virtual

from feeds.live.patience import Patience

MINUTE = 60.0
HOUR = 3600.0


@pytest.mark.parametrize("script", [only_confirms, heartbeats], ids=["ponging", "heartbeats"])
@virtual
async def test_fault_45_a_connection_that_says_no_market_data_is_stale_and_is_made_anew(script):
    async with FaultServer(script, well_behaved) as server, kept(server, "A", "B") as now:
        await until(lambda: "stale" in now.arrived.states)
        stale = next(change for change in now.arrived.changes if change.state == "stale")
        assert 30.0 <= stale.since - server.opened[0] <= 32.0
        await until(lambda: len(now.arrived.trades()) > 3)
        assert 60.0 <= server.opened[1] - server.opened[0] <= 63.0
        assert now.arrived.losses == [("spoken/1", ["A", "B"], "no market data for 60 s")]


@virtual
async def test_fault_45_a_stream_that_alone_is_silent_is_asked_for_again_and_nothing_else():
    async with FaultServer(speaks_of("A", "C")) as server, kept(server, "A", "B", "C") as now:
        await asyncio.sleep(5 * MINUTE)
        assert server.asked_for == [["A", "B", "C"], ["B"], ["B"], ["B"]], "silence is borne twice as long each time"
        assert {tuple(names) for _, names, _ in now.arrived.doubts} == {("B",)}
        assert len(server.opened) == 1
        assert "live no market data from B trades; asked again" in now.arrived.reasons
        assert now.arrived.changes[-1][1:3] == ("live", "")


@virtual
async def test_fault_45_a_quiet_symbol_is_soon_left_in_peace():
    async def quiet(visit):
        async def talk(name, every):
            for number in range(10_000):
                await visit.trade(name, number)
                await asyncio.sleep(every)

        await visit.asked(2)
        talking = [asyncio.create_task(talk("A", 1)), asyncio.create_task(talk("B", 50))]
        try:
            while True:
                await visit.asked()
        finally:
            for each in talking:
                each.cancel()

    async with FaultServer(quiet) as server, kept(server, "A", "B") as now:
        await asyncio.sleep(2 * HOUR)
        assert 1 <= len(now.arrived.doubts) <= 2


@virtual
async def test_fault_45_a_stream_that_was_dropped_is_doubted_as_soon_the_next_time():
    async def drops(visit):
        held: list[str] = []

        async def talk():
            for number in range(10_000):
                for name in held:
                    await visit.trade(name, number)
                if number % 60 == 20 and "B" in held:
                    held.remove("B")
                await asyncio.sleep(1)

        talking = asyncio.create_task(talk())
        try:
            while True:
                held += [name for name in await visit.asked() if name not in held]
        finally:
            talking.cancel()

    async with FaultServer(drops) as server, kept(server, "A", "B") as now:
        await asyncio.sleep(10 * MINUTE)
        asked = [names for names in server.asked_for if names == ["B"]]
        assert 5 <= len(asked) <= 12
        assert len(now.arrived.doubts) == len(asked)
        assert now.arrived.losses == []


@virtual
async def test_fault_45_outside_session_hours_silence_is_no_fault():
    is_open = [False]
    patience = Patience(market_open=lambda: is_open[0])
    async with FaultServer(only_confirms) as server, kept(server, "A", "B", patience=patience) as now:
        await asyncio.sleep(10 * HOUR)
        assert len(server.opened) == 1
        assert now.arrived.states == ["connecting", "subscribing", "live"]
        is_open[0] = True
        await asyncio.sleep(29)
        assert "stale" not in now.arrived.states
        await asyncio.sleep(10)
        assert "stale" in now.arrived.states


@virtual
async def test_fault_45_a_server_that_is_always_silent_is_left_alone_more_and_more():
    async with FaultServer(only_confirms) as server, kept(server, "A"):
        await asyncio.sleep(6 * HOUR)
        assert 5 <= len(server.opened) <= 15


@virtual
async def test_silence_of_our_own_making_is_no_fault():
    class Crowded(Arrived):
        async def room(self):
            self.waits += 1
            await asyncio.sleep(HOUR / 2)
            self.room_for = 10**9

    arrived = Crowded(room_for=3)
    patience = Patience(ping_every=10 * HOUR)
    async with FaultServer(well_behaved, ping_interval=None) as server, kept(server, "A", patience=patience, arrived=arrived):
        await until(lambda: len(arrived.trades()) > 100)
        assert arrived.waits == 1
        assert arrived.states == ["connecting", "subscribing", "live"]


@virtual
async def test_fault_45_one_thin_symbol_on_a_connection_that_is_well_is_left_in_peace():
    """A trade each 70 s, and heartbeats: a connection is not made anew for every second one."""

    async def thin(visit):
        await visit.asked()
        while True:
            for _ in range(70):
                await visit.say(t="alive")
                await asyncio.sleep(1)
            await visit.trade("A", int(asyncio.get_running_loop().time()))

    async with FaultServer(thin) as server, kept(server, "A") as now:
        await asyncio.sleep(4 * HOUR)
        assert len(server.opened) <= 4
        assert len(now.arrived.trades()) > 150


@virtual
async def test_fault_45_a_market_that_wakes_up_is_doubted_as_soon_as_before():
    """A night of silence makes one patient; a day of trades makes one watchful again."""

    async def night_and_day(visit):
        await visit.asked()
        loop = asyncio.get_running_loop()
        while loop.time() - began < 9 * HOUR:
            await visit.say(t="alive")
            await asyncio.sleep(10)
        number = 0
        while loop.time() - began < 10 * HOUR:
            number += 1
            await visit.trade("A", number)
            await asyncio.sleep(1)
        await visit.until_gone()

    began = asyncio.get_running_loop().time()
    async with FaultServer(night_and_day) as server, kept(server, "A"):
        await asyncio.sleep(10 * HOUR - 1)
        night = len(server.opened)
        await asyncio.sleep(3 * MINUTE)
        assert len(server.opened) > night
