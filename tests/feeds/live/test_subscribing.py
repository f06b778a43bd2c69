"""Asking for streams: confirmations, refusals, limits, logins: real sockets on loopback, virtual time (FAULTS.md, 50)."""

import asyncio
import json
from random import Random

import pytest
from fault_scripts import confirms_but, never_confirms, refuses, speaks_of, well_behaved
from fault_server import FaultServer
from kept import kept
from spoken_venue import streams
from virtual_time import most, until, virtual

from feeds.live.patience import Patience
from feeds.live.subscriptions import Step, Subscriptions
from feeds.venues.venue import Limits, Refusal, Reply, Stream
from pipeline.errors import UsageError


@virtual
async def test_fault_50_three_of_200_that_are_not_confirmed_are_asked_for_again_alone():
    names = [f"S{number}" for number in range(200)]
    missing = {"S3", "S77", "S199"}
    async with FaultServer(confirms_but(missing)) as server, kept(server, *names, streams_per_request=50) as now:
        await until(lambda: len(server.asked_for) > 4 and now.arrived.changes[-1][1:3] == ("live", ""))
        again = server.asked_for[4:]
        assert sorted(name for names in again for name in names) == sorted(missing)
        assert "no answer for S3 trades, S77 trades, S199 trades; asked again" in now.arrived.reasons
        assert now.arrived.losses == []
        assert len(server.opened) == 1


@virtual
async def test_fault_50_a_stream_that_is_refused_is_told_once_and_not_asked_for_again():
    async with FaultServer(refuses({"B"})) as server, kept(server, "A", "B", "C") as now:
        await asyncio.sleep(20)
        assert server.asked_for == [["A", "B", "C"]]
        assert now.arrived.changes[-1][1:3] == ("live", "the venue refuses B trades: unknown symbol")
        # nor after a reconnect
        server.visits[0].kill()
        await until(lambda: len(server.asked_for) == 2)
        assert server.asked_for[1] == ["A", "C"]


@virtual
async def test_fault_50_who_of_a_refused_request_is_at_fault_is_found_by_halves():
    names = [f"S{number}" for number in range(100)]
    bad = {"S5", "S50", "S51"}
    async with FaultServer(refuses(bad, named=False)) as server, kept(server, *names) as now:
        await until(lambda: now.supervisor._kept[0].machine.subscriptions.settled)
        assert {each.symbol for each in now.supervisor._kept[0].machine.subscriptions.streams} == {*names} - bad
        assert len(server.asked_for) < 60
        assert {name for name in names if now.arrived.trades(name)} == {*names} - bad


@virtual
async def test_fault_50_a_feed_of_which_every_stream_is_refused_ends_with_the_reason():
    async with FaultServer(refuses({"A", "B"})) as server, kept(server, "A", "B") as now:
        with pytest.raises(UsageError, match="spoken: the venue refuses A trades, B trades: unknown symbol"):
            await now.running


@virtual
async def test_fault_50_a_refusal_for_asking_too_often_waits_and_asks_again():
    async def once(visit):
        message = await visit.listen()
        await visit.say(t="no", n=message["n"], kind="rate", why="slow down")
        await visit.asked()
        await visit.trade("A", 1)
        await visit.until_gone()

    async with FaultServer(once) as server, kept(server, "A") as now:
        await until(lambda: now.arrived.trades() == [1])
        (first, _), (second, _) = server.visits[0].heard
        assert second - first >= 10.0
        assert "asked too often: slow down" in now.arrived.reasons


@virtual
async def test_fault_50_a_refusal_of_access_ends_the_feed():
    async def forbids(visit):
        message = await visit.listen()
        await visit.say(t="no", n=message["n"], kind="access", why="invalid key")
        await visit.until_gone()

    async with FaultServer(forbids) as server, kept(server, "A", "B", streams=1) as now:
        with pytest.raises(UsageError, match="spoken: the venue refuses access: invalid key"):
            await now.running
        assert now.supervisor.names == []


@virtual
async def test_fault_50_no_confirmation_at_all_is_asked_for_again_and_then_made_anew():
    async with FaultServer(never_confirms, well_behaved) as server, kept(server, "A") as now:
        await until(lambda: len(now.arrived.trades()) > 3)
        assert len(server.opened) == 2
        assert len(server.visits[0].heard) > 2


@virtual
async def test_fault_50_limits_hold_with_2000_symbols():
    names = [f"S{number}" for number in range(2000)]
    limits = {"streams": 1024, "streams_per_request": 10, "requests": 4.0, "burst": 1, "ping": '{"op":"ping"}', "ping_seconds": 5.0}
    async with FaultServer(speaks_of()) as server, kept(server, *names, **limits) as now:
        await until(lambda: sum(len(names) for names in server.asked_for) >= 2000)
        await until(lambda: now.arrived.states.count("live") >= 2)
        times = [time for visit in server.visits for time, _ in visit.heard]
        pings = [message for visit in server.visits for _, message in visit.heard if message["op"] == "ping"]
        assert most(times, 1.0) <= 5
        assert max(len(names) for names in server.asked_for) <= 10
        assert len(server.opened) == 2
        assert sorted(name for names in server.asked_for for name in names) == sorted(names)
        assert len(pings) > 10


@virtual
async def test_who_must_log_in_is_asked_for_nothing_before():
    async def gate(visit):
        assert (await visit.listen())["key"] == "one"
        await visit.say(t="ready")
        assert (await visit.listen())["key"] == "two"
        await visit.say(t="ok", n=1001)
        await visit.asked()
        await visit.trade("A", 1)
        await visit.until_gone()

    async with FaultServer(gate) as server, kept(server, "A", keys=("one", "two")) as now:
        await until(lambda: now.arrived.trades() == [1])


@virtual
async def test_a_login_that_is_not_answered_is_tried_again_on_a_new_connection():
    async with FaultServer(never_confirms) as server, kept(server, "A", keys=("one",)) as now:
        await until(lambda: len(server.opened) == 3)
        assert "no answer to the login within 10 s" in now.arrived.reasons
        assert server.asked_for == []


@virtual
async def test_fault_72_a_key_that_a_venue_repeats_is_shown_nowhere():
    async def repeats(visit):
        (key,) = [(await visit.listen())["key"]]
        await visit.say(t="no", kind="stream", on=["A"], why=f"who is {key}?")
        await visit.socket.send(f"garbage {key}")
        await visit.socket.send(json.dumps({"t": "trade", "symbol": key}))
        await visit.say(t=key)
        await visit.socket.close(1008, f"unknown key {key}")

    async with FaultServer(repeats) as server, kept(server, "A", "B", keys=("s3cr3t-k3y",)) as now:
        await until(lambda: len(server.opened) > 2)
        found = repr((now.arrived.changes, now.arrived.losses, now.arrived.denials, now.arrived.refusals))
    found += repr(now.arrived.items)
    assert "garbage ***" in found
    assert "Unknown(kind='***')" in found
    assert "unknown key ***" in found
    assert "s3cr3t" not in found


@virtual
async def test_fault_72_a_key_that_stands_in_market_data_changes_none():
    """A stand-in at another address takes any key; what is shorter than 8 letters is no secret, and what is said is read as it came."""

    async def talks(visit):
        await visit.say(t="ok", n=(await visit.listen())["n"])
        await visit.say(t="ok", n=(await visit.listen())["n"])
        await visit.say(t="ready")
        await visit.say(t="ok", n=(await visit.listen())["n"])
        await visit.trade("A", 1)
        await visit.trade("LONGSYMBOL", 2)
        await visit.until_gone()

    async with FaultServer(talks) as server, kept(server, "A", "LONGSYMBOL", keys=("A", "LONGSYMBOL")) as now:
        await until(lambda: now.arrived.trades("LONGSYMBOL") == [2])
        assert now.arrived.trades("A") == [1]
        assert now.arrived.refusals == []


@virtual
async def test_fault_72_a_key_that_a_refusal_of_access_repeats_is_in_no_reason():
    async def refuses_it(visit):
        key = (await visit.listen())["key"]
        await visit.say(t="no", kind="access", why=f"no such key: {key}")
        await visit.until_gone()

    async with FaultServer(refuses_it) as server, kept(server, "A", keys=("s3cr3t-k3y",)) as now:
        with pytest.raises(UsageError, match=r"no such key: \*\*\*"):
            await now.running


# --- what has been granted is not refused -------------------------------------------------------------------------------------


def wanted(*names, **limits):
    each = Subscriptions(streams(*names), Limits(**limits), Patience(), Random(1))
    each.begin(0.0)
    each.asked(0.0, 1, each.next_portion(0.0), answered=False)
    return each


@pytest.mark.parametrize("names_the_stream", [True, False])
@pytest.mark.parametrize("spoke", [True, False])
def test_a_quiet_stream_that_is_already_subscribed_stays(names_the_stream, spoke):
    """Asked again after a silence, Bybit and Kraken say that it is subscribed already, which is no refusal and an answer."""
    each, (quiet,) = wanted("A"), streams("A")
    each.replied(1.0, Reply(1))
    if spoke:
        each.spoke(2.0, each.all[quiet])
    each.renew(60.0, each.all.values())
    each.asked(60.0, 2, each.next_portion(60.0), answered=False)
    gone = each.refused(
        61.0, Refusal(None if names_the_stream else 2, (quiet,) if names_the_stream else (), "stream", "already subscribed")
    )
    assert gone == ()
    assert each.streams == (quiet,)
    assert each.all[quiet].step is Step.HELD
    assert each.overdue(100.0) == ()
    each.begin(200.0)
    assert each.next_portion(200.0) == (quiet,)


def test_a_refusal_without_a_name_answers_the_first_question_that_is_open():
    each = wanted("A", "B", streams_per_request=1)
    first, second = streams("A", "B")
    each.asked(0.0, 2, each.next_portion(0.0), answered=False)
    assert each.refused(1.0, Refusal(None, (), "stream", "no such product")) == (first,)
    each.replied(1.0, Reply(None, (second,)))
    assert each.streams == (second,)


@pytest.mark.parametrize("channels", [("trades",), ("trades", "quotes")])
def test_where_one_wrong_name_refuses_all_the_others_are_asked_for_at_once(channels):
    """Coinbase names a product, which may mean both of its channels."""
    each = wanted("A", "BAD", "C", all_or_none=True)
    first, bad, third = streams("A", "BAD", "C")
    named = tuple(Stream(channel, "BAD") for channel in channels)
    assert each.refused(1.0, Refusal(None, named, "stream", "no such topic")) == (bad,)
    assert each.next_portion(1.0) == (first, third)


def test_a_refusal_that_names_the_symbol_only_concerns_the_request_it_answers():
    """Kraken answers with a symbol and the number of the request, not with the channel."""
    trades, quotes = Stream("trades", "A"), Stream("quotes", "A")
    each = Subscriptions((trades, quotes), Limits(one_channel=True), Patience(), Random(1))
    each.begin(0.0)
    for number, stream in ((1, trades), (2, quotes)):
        assert each.next_portion(0.0) == (stream,)
        each.asked(0.0, number, (stream,), answered=False)
    assert each.refused(1.0, Refusal(2, (trades, quotes), "stream", "no such channel")) == (quotes,)
    assert each.streams == (trades,)


def test_one_request_asks_for_both_channels_where_the_venue_takes_them_together():
    both = (Stream("trades", "A"), Stream("quotes", "A"))
    each = Subscriptions(both, Limits(), Patience(), Random(1))
    each.begin(0.0)
    assert each.next_portion(0.0) == both
