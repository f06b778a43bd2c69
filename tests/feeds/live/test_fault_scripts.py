"""The scripts that only the queue has something to say to (47, 48, 52): what they say arrives as it is said, no more and no less."""

from fault_scripts import numbers, repeats, takes_back
from fault_server import FaultServer
from kept import kept
from virtual_time import until, virtual

from feeds.venues.venue import Cancelled, Corrected


@virtual
async def test_jumps_repeats_and_reversals_are_handed_on():
    ids = [1, 2, 5, 5, 4, 1]
    async with FaultServer(numbers(ids)) as server, kept(server, "A") as now:
        await until(lambda: len(now.arrived.trades()) == len(ids))
        assert now.arrived.trades() == ids
        assert now.arrived.losses == []


@virtual
async def test_what_is_repeated_after_a_reconnect_is_handed_on_as_old():
    async with FaultServer(repeats(100, "id-{}".format)) as server, kept(server, "A") as now:
        await until(lambda: len(now.arrived.losses) == 2)
        heard = [item for _, item in now.arrived.items if getattr(item, "trade_id", None) is not None]
        assert [item.trade_id for item in heard if item.old][:10] == [f"id-{number}" for number in range(10)]
        assert [item.trade_id for item in heard if not item.old][:20] == [f"id-{number}" for number in range(20)]


@virtual
async def test_corrections_and_cancels_are_handed_on():
    async with FaultServer(takes_back) as server, kept(server, "A") as now:
        await until(lambda: any(isinstance(item, Cancelled) for _, item in now.arrived.items))
        assert [item.trade_id for _, item in now.arrived.items if isinstance(item, Corrected | Cancelled)] == [2, 3]
