"""Servers that accept and close: real sockets on loopback, virtual time (FAULTS.md, 43)."""

import asyncio

import pytest
from fault_scripts import hangs_up, one_old_trade, one_trade, well_behaved
from fault_server import FaultServer
from kept import kept
from virtual_time import most, until, virtual

MINUTE = 60.0


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1008, 1011, 1012, 1013])
@pytest.mark.parametrize("before", [None, one_trade, one_old_trade], ids=["at once", "after a trade", "after an old trade"])
@virtual
async def test_fault_43_a_server_that_accepts_and_closes_is_not_stormed(code, before):
    limits = {"connects": 6, "connects_seconds": MINUTE}
    async with FaultServer(hangs_up(code, after=before)) as server, kept(server, "A", **limits) as now:
        await asyncio.sleep(10 * MINUTE)
        assert most(server.opened, MINUTE - 0.01) <= limits["connects"]
        assert len(server.opened) >= 10, "it does not try again"
        if before is not one_trade:
            assert len(server.opened) <= 60, "the backoff does not grow where no market data comes"
        assert f"({code}" in now.arrived.reasons or code == 1006
        assert len(now.arrived.losses) in (len(server.opened) - 1, len(server.opened))


@virtual
async def test_fault_43_waits_are_jittered():
    async with FaultServer(hangs_up(1001)) as server, kept(server, "A", connects=1000, connects_seconds=1.0):
        await asyncio.sleep(20 * MINUTE)
        gaps = [round(later - sooner, 3) for sooner, later in zip(server.opened, server.opened[1:], strict=False)]
        assert len(set(gaps)) > len(gaps) * 0.8
        assert max(gaps) > 10.0
        assert max(gaps) < 62.0


@virtual
async def test_fault_43_a_clean_close_is_an_outage():
    async with FaultServer(hangs_up(1000, after=one_trade), well_behaved) as server, kept(server, "A") as now:
        await until(lambda: len(now.arrived.trades()) > 3)
        assert now.arrived.losses == [("spoken/1", ["A"], "the venue closed it (1000 as the script says)")]
        assert now.arrived.states == ["connecting", "subscribing", "live", "gap", "backoff", "connecting", "subscribing", "live"]


@virtual
async def test_a_server_that_is_killed_and_comes_back_is_found_again():
    async with FaultServer(well_behaved) as server, kept(server, "A", "B") as now:
        await until(lambda: len(now.arrived.trades("B")) > 3)
        port = server.port
        await server.__aexit__()
        await until(lambda: "refuses connections" in now.arrived.reasons)
        async with FaultServer(well_behaved, port=port):
            before = len(now.arrived.trades("B"))
            await until(lambda: len(now.arrived.trades("B")) > before + 3)
        assert now.arrived.losses[0][1] == ["A", "B"]
