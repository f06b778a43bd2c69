"""Clocks that jump: real sockets on loopback, virtual time (FAULTS.md, 27, 28)."""

import asyncio

from fault_scripts import well_behaved
from fault_server import FaultServer
from kept import kept
from virtual_time import until, virtual

from feeds.live.receive_clock import ReceiveClock

MINUTE = 60.0


@virtual
async def test_fault_27_a_process_that_was_stopped_makes_its_connections_anew():
    async with FaultServer(well_behaved) as server, kept(server, "A", "B", streams=1) as now:
        await until(lambda: len(now.arrived.trades("B")) > 3)
        asyncio.get_running_loop().jump(600.0)
        await until(lambda: len(server.opened) == 4)
        await until(lambda: now.arrived.states[-1] == "live")
        assert len(now.arrived.losses) == 2


@virtual
async def test_fault_27_a_machine_that_slept_makes_its_connections_anew():
    async with FaultServer(well_behaved) as server, kept(server, "A") as now:
        await until(lambda: len(now.arrived.trades()) > 3)
        asyncio.get_running_loop().slept += 600.0
        await until(lambda: len(server.opened) == 2)
        assert [reason[:-3] for _, _, reason in now.arrived.losses] == ["this process did not run for 60"]
        await until(lambda: now.arrived.states[-1] == "live")
        await asyncio.sleep(MINUTE)
        assert len(server.opened) == 2


@virtual
async def test_fault_28_the_wall_clock_may_step_as_it_likes(monkeypatch):
    steps = iter(range(10**9))

    def stepping():
        return 1_700_000_000_000_000_000 + 3_600_000_000_000 * (-1) ** next(steps)

    clock = ReceiveClock(stepping, lambda: int(asyncio.get_running_loop().time() * 1e9))
    monkeypatch.setattr("time.time", lambda: stepping() / 1e9)
    async with FaultServer(well_behaved) as server, kept(server, "A", received=clock.now) as now:
        for _ in range(10):
            await asyncio.sleep(MINUTE)
            clock.correct()
        stamps = now.arrived.stamps
        assert 595e9 < stamps[-1] - stamps[0] < 601e9
        assert stamps == sorted(stamps)
        assert now.arrived.states == ["connecting", "subscribing", "live"]
        assert len(server.opened) == 1
