"""A live run: alerts as they come, the same again from its recording, and nothing left behind when it stops."""

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_venue import START, Time, live_feed, quote, trade
from tries import tries

from feeds.files import file
from feeds.live.arrivals import StateChange
from feeds.venues.alpaca import alpaca
from feeds.venues.venue import Cancelled, Corrected, Stream
from pipeline import Strategy, alert_when, combine_latest, run
from pipeline.errors import UsageError
from pipeline.live import Live
from pipeline.operators import mid, moving_average
from pipeline.sinks.memory import MemorySink
from pipeline.ticks import Ticks

STREAMS = [Stream("trades", "A"), Stream("trades", "B")]


class Above(Strategy):
    """The price is above its average of three, at once and for two seconds."""

    def alerts(self, ticks):
        both = combine_latest(average=ticks.pipe(moving_average(3)))
        return [
            both.pipe(alert_when(lambda s: s.price > s.average)),
            both.pipe(alert_when(lambda s: s.price > s.average, hold="2s", name="held")),
        ]


class Mid(Strategy):
    """The mid is above its average."""

    def alerts(self, ticks):
        return combine_latest(mid=ticks.pipe(mid()), usual=ticks.pipe(mid(), moving_average(2))).pipe(alert_when(lambda s: s.mid > s.usual))


def lived(script, *strategies, folder=None, sinks=(), **options):
    """The report of a run of a script, and the alerts that a subscriber heard."""

    async def go():
        live = Live(live_feed(script, **options), *strategies, record=folder, sinks=sinks)
        heard = []
        live.alerts.subscribe(heard.append)
        await live.start()
        await live.wait()
        return await live.stop(), heard

    return asyncio.run(go())


def identity(alerts):
    return [(alert.id, alert.time, alert.symbol, alert.event, alert.values) for alert in alerts]


async def rising(arrivals, streams):
    arrivals.changed(StateChange("acme/1", "live", "", 0.0))
    for number, price in enumerate((10.0, 11.0, 12.0, 13.0, 9.0), 1):
        arrivals.said("acme/1", START, [trade(number, price=price)])
        await asyncio.sleep(0)


def test_alerts_reach_subscribers_sinks_and_the_report():
    sink = MemorySink()
    report, heard = lived(rising, Above(), sinks=[sink])
    assert [alert.event for alert in report.alerts] == ["raised", "raised", "cleared", "cleared"]
    assert identity(heard) == identity(report.alerts) == identity(sink.alerts)
    assert (report.ticks, report.exit_code) == (5, 0)


@settings(max_examples=tries(40), deadline=None)
@given(st.lists(st.tuples(st.sampled_from("tttqdlrb"), st.sampled_from("AB"), st.integers(1, 30)), max_size=60), st.integers(0, 3))
def test_parity_a_recording_replayed_gives_the_same_alerts(tmp_path_factory, steps, hurry):
    """Through losses, repeats, late trades, silences and bursts: ids, times and values are the same."""
    folder = tmp_path_factory.mktemp("tape")
    time = Time()

    async def script(arrivals, streams):
        numbers, connection = {"A": 0, "B": 0}, 1
        arrivals.changed(StateChange("acme/1", "live", "", 0.0))
        for place, (what, symbol, price) in enumerate(steps):
            time.pass_seconds(0.7)
            seconds = place * 0.7
            if what == "t":
                numbers[symbol] += 1
                arrivals.said(f"acme/{connection}", time.wall, [trade(numbers[symbol], symbol, seconds, float(price))])
            elif what == "q":
                arrivals.said(f"acme/{connection}", time.wall, [quote(float(price), symbol, seconds)])
            elif what == "d":
                arrivals.said(f"acme/{connection}", time.wall, [trade(numbers[symbol], symbol, seconds - 5, float(price))])
            elif what == "l":
                arrivals.lost(f"acme/{connection}", streams, "closed")
                connection += 1
            elif what == "r":
                numbers[symbol] += price
            else:
                time.pass_seconds(1.5)
                arrivals.beat()
            if hurry and place % hurry == 0:
                await asyncio.sleep(0)

    report, _ = lived(script, Above(), Mid(), folder=folder / "tape", time=time)
    if report.ticks:
        again = run(file(folder / "tape"), Above(), Mid())
        assert identity(again.alerts) == identity(report.alerts)
        assert again.ticks == report.ticks


def test_fault_52_a_trade_taken_back_is_linked_to_its_alerts_and_leaves_a_gap():
    async def script(arrivals, streams):
        for number, price in enumerate((10.0, 11.0, 12.0), 1):
            arrivals.said("acme/1", START, [trade(number, price=price)])
        await asyncio.sleep(0.01)
        arrivals.said("acme/1", START, [Cancelled("A", START, 3), Corrected("A", START, 1, 9.0, 1.0)])

    async def go():
        live, taken_back = Live(live_feed(script), Above()), []
        live.corrections.subscribe(taken_back.append)
        await live.start()
        await live.wait()
        return await live.stop(), taken_back

    report, taken_back = asyncio.run(go())
    (raised,) = report.alerts
    assert [(each.trade_id, each.what, each.alerts) for each in taken_back] == [(3, "cancelled", (raised.id,)), (1, "corrected", ())]
    assert ("corrected", f"trade 3 of A was cancelled; alerts on it: {raised.id}") in report.facts()
    assert report.ticks == 5


def test_fault_52_trades_of_alpaca_whose_ids_are_no_numbers_are_linked_too():
    """`i` is a number of an exchange, so a trade is known by both; the tape has no room for that."""
    frame = '[{"T":"t","i":%d,"S":"A","x":"%s","p":%s,"s":1,"t":"2023-11-14T22:13:2%d.000000001Z","c":["@"],"z":"C"}]'
    taken_back = [
        '[{"T":"c","S":"A","x":"D","oi":3,"op":12,"os":1,"oc":["@"],"ci":9,"cp":11.5,"cs":1,"cc":["@"],"t":"2023-11-14T22:13:26Z","z":"C"}]',
        '[{"T":"x","S":"A","i":2,"x":"V","p":11,"s":1,"a":"C","t":"2023-11-14T22:13:27Z","z":"C"}]',
    ]

    async def script(arrivals, streams):
        read = alpaca().decoder().decode
        for number, exchange, price in ((1, "D", "10"), (2, "V", "11"), (3, "V", "9"), (3, "D", "12")):
            arrivals.said("acme/1", START, read(frame % (number, exchange, price, number)))
        await asyncio.sleep(0.01)
        for each in taken_back:
            arrivals.said("acme/1", START, read(each))

    async def go():
        live, found = Live(live_feed(script), Above()), []
        live.corrections.subscribe(found.append)
        await live.start()
        await live.wait()
        return await live.stop(), found

    report, found = asyncio.run(go())
    raised = [alert for alert in report.alerts if alert.event == "raised"]
    assert raised
    assert [(each.trade_id, each.what) for each in found] == [("D3", "corrected"), ("V2", "cancelled")]
    assert found[0].alerts == (raised[-1].id,)
    assert found[1].alerts == ()


def test_fault_54_what_a_subscriber_feeds_back_is_judged_after_the_batch_under_way():
    async def script(arrivals, streams):
        arrivals.said("acme/1", START, [trade(number, price=float(number)) for number in range(1, 4)])

    async def go():
        feed = live_feed(script)
        live, heard = Live(feed, Above()), []

        def feed_back(alert):
            heard.append((alert.symbol, alert.event))
            if alert.symbol == "A":
                feed.ingress.said("acme/1", START, [trade(number, "B", price=float(number)) for number in range(1, 4)])

        live.alerts.subscribe(feed_back)
        await live.start()
        await live.wait()
        return await live.stop(), heard

    report, heard = asyncio.run(go())
    assert heard == [("A", "raised"), ("B", "raised")]
    assert report.ticks == 6


def test_fault_54_two_feeds_on_two_threads_that_feed_each_other_are_each_judged_in_order():
    """Each has an event loop of its own; an alert of one becomes trades of B at the other, through its loop."""
    ready = threading.Barrier(2, timeout=5)
    feeds, loops, reports, recorded = {}, {}, {}, {}

    def work(name, other):
        async def script(arrivals, streams):
            loops[name] = asyncio.get_running_loop()
            await asyncio.to_thread(ready.wait)
            for number in range(1, 200):
                arrivals.said("acme/1", START, [trade(number, price=float(number % 7))])
                await asyncio.sleep(0)
            await asyncio.to_thread(ready.wait)
            await asyncio.sleep(0.05)

        def feed_back(alert):
            if alert.symbol == "A":
                numbers[0] += 1
                back = [trade(numbers[0], "B", price=float(numbers[0] % 5))]
                loops[other].call_soon_threadsafe(feeds[other].ingress.said, "acme/1", START, back)

        async def go():
            live, batches = Live(feeds[name], Above()), []
            live.alerts.subscribe(feed_back)
            live.run.on_batch = batches.append
            await live.start()
            await live.wait()
            reports[name], recorded[name] = await live.stop(), Ticks.concat(batches)

        numbers = [0]
        feeds[name] = live_feed(script)
        asyncio.run(asyncio.wait_for(go(), 20))

    threads = [threading.Thread(target=work, args=pair) for pair in (("left", "right"), ("right", "left"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(25)
    assert not any(thread.is_alive() for thread in threads)
    for name in ("left", "right"):
        again = run(recorded[name], Above())
        assert identity(again.alerts) == identity(reports[name].alerts)
        assert {alert.symbol for alert in again.alerts} == {"A", "B"}


def test_quotes_are_listened_to_only_where_somebody_asks():
    asked = {}

    def script_of(name):
        async def script(arrivals, streams):
            asked[name] = {stream.channel for stream in streams}

        return script

    lived(script_of("trades"), Above())
    lived(script_of("quotes"), Mid())
    assert asked == {"trades": {"trades"}, "quotes": {"trades", "quotes"}}


def test_a_subscriber_that_raises_is_cut_off_alone():
    async def go():
        live = Live(live_feed(rising), Above())
        heard = []
        live.alerts.subscribe(lambda alert: 1 / 0)
        live.alerts.subscribe(heard.append)
        await live.start()
        await live.wait()
        return (await live.stop()), heard

    report, heard = asyncio.run(go())
    assert len(heard) == len(report.alerts) == 4


def test_stop_judges_what_waits_and_leaves_no_task_and_no_thread():
    async def stoppable(arrivals, streams):
        arrivals.said("acme/1", START, [trade(1, price=10.0), trade(2, price=11.0), trade(3, price=12.0)])

    async def go():
        before = threading.active_count()
        live = Live(live_feed(stoppable), Above())
        await live.start()
        report = await live.stop()
        return report, len(asyncio.all_tasks()) - 1, threading.active_count() - before

    report, tasks, threads = asyncio.run(go())
    assert (report.ticks, len(report.alerts), tasks, threads) == (3, 1, 0, 0)


def test_a_venue_that_refuses_access_ends_the_run_with_its_reason():
    async def script(arrivals, streams):
        raise UsageError("acme refuses access: 401")

    with pytest.raises(UsageError, match="acme refuses access: 401"):
        lived(script, Above())


def test_a_live_feed_is_not_for_run_and_a_file_is_not_for_live():
    with pytest.raises(UsageError, match="is live and does not end"):
        run(live_feed(rising), Above())
    with pytest.raises(UsageError, match="is no live feed"):
        Live([], Above())


def test_health_tells_a_quiet_market_from_a_dead_feed():
    time, said = Time(), []

    def look(arrivals):
        feed.health.look(feed.clock.now() / 1e9, {name: at / 1e9 for name, at in arrivals.spoke().items()})

    async def script(arrivals, streams):
        arrivals.changed(StateChange("acme/1", "live", "", 1000.0))
        arrivals.said("acme/1", START, [trade(1), trade(1, "B")])
        look(arrivals)
        time.pass_seconds(10)
        arrivals.said("acme/1", time.wall, [trade(2)])
        look(arrivals)
        arrivals.lost("acme/1", streams, "closed 1006")
        arrivals.changed(StateChange("acme/1", "backoff", "closed 1006", 1010.0))
        look(arrivals)

    feed = live_feed(script, time=time)
    feed.changes.subscribe(lambda change: said.append(str(change)))

    async def go():
        live = Live(feed, Above())
        await live.start()
        return await live.stop()

    report = asyncio.run(go())
    assert said == [
        "acme/1 is LIVE", "A is LIVE", "B is LIVE", "B is QUIET: no market data for 10.0 s, the connection is well",
        "acme/1 is DOWN: closed 1006", "A is DOWN: closed 1006", "B is DOWN: closed 1006",
    ]  # fmt: skip
    assert ("acme/1", "DOWN: closed 1006") in report.facts()
