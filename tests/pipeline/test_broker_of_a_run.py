"""What a run publishes: its alerts, faults, progress and health; and that who listens changes nothing."""

import asyncio
import threading

import pytest
from broker_model import Gate, Heard
from runs import Above, Cut, Ups, misbehaving, ticks_of, without_sleep
from scripted_venue import START, live_feed, trade

from feeds.live.arrivals import StateChange
from pipeline import Alert, run
from pipeline.broker import FAULTS, Broker
from pipeline.delivery import MOST_RULES, AlertTopics
from pipeline.errors import UsageError
from pipeline.live import Live
from pipeline.runner import Run
from pipeline.sinks.memory import MemorySink


def test_alerts_travel_by_strategy_and_rule_in_the_order_of_the_report():
    broker, everything, ups, rules = Broker(), Heard(), Heard(), Heard()
    broker.subscribe("alerts.#", everything)
    broker.subscribe("alerts.ups.*", ups)
    broker.subscribe("alerts.*.rule", rules)
    sink = MemorySink()
    report = run(Cut(ticks_of(), 7, 20), Above(), Ups(), sinks=[sink], broker=broker)
    assert broker.close() == {}
    assert everything == rules == sink.alerts == list(report.alerts)
    assert ups == [alert for alert in report.alerts if alert.strategy == "ups"]
    assert 0 < len(ups) < len(everything)


def test_a_strategy_of_any_name_has_a_topic():
    broker, heard = Broker(), Heard()
    broker.subscribe("alerts.my%2Erule%20%23.*", heard)
    report = run(ticks_of(), Above(name="my.rule #"), broker=broker)
    broker.close()
    assert heard == list(report.alerts) != []


def test_rules_made_up_without_end_do_not_end_a_run():
    topics = AlertTopics()
    names = {topics(Alert("A", 0, strategy="s", rule=f"r{number}")) for number in range(MOST_RULES + 50)}
    assert len(names) == MOST_RULES + 1
    assert topics(Alert("A", 0, strategy="s", rule="one more")) == "alerts.s"


def test_fault_60_subscribers_that_raise_or_are_stuck_change_no_alert_and_no_sink():
    undisturbed = MemorySink()
    run(Cut(ticks_of(), 7, 20), Above(), Ups(), sinks=[undisturbed])
    broker, stuck, sink, faults = Broker(), Gate(), MemorySink(), Heard()

    def raises(event):
        raise ValueError("on fire")

    broker.subscribe("#", raises)
    broker.subscribe("#", stuck, size=1)
    broker.subscribe(FAULTS, faults)
    report = run(Cut(ticks_of(), 7, 20), Above(), Ups(), sinks=[sink], broker=broker)
    assert (report.exit_code, report.undelivered) == (0, {})
    assert sink.alerts == undisturbed.alerts
    stuck.let_go.set()
    broker.close()
    assert len(faults) >= len(sink.alerts)


def test_faults_of_strategies_and_sinks_are_told():
    class Broken(MemorySink):
        def write(self, alerts):
            raise OSError("full")

    def act(s, met):
        raise ValueError("no")

    broker, heard = Broker(), Heard()
    broker.subscribe("faults.#", heard)
    made = Run(ticks_of(), misbehaving(act), Above(), broker=broker, on_fault=lambda fault: None)
    report = made.go([Broken()], worker=without_sleep)
    broker.close()
    assert heard == report.quarantined
    assert [fault.owner for fault in heard] == ["misbehaves", "sink Broken"]


def test_progress_is_told_once_a_batch():
    broker, ticks = Broker(), []
    broker.subscribe("progress", lambda report: ticks.append(report.ticks), policy="conflate", pumped=True)
    rows, made = [], Run(Cut(ticks_of(), 7, 20), Above(), broker=broker)
    made.on_batch = lambda batch: rows.append(len(batch)) or broker.drain()
    made.go()
    broker.drain()
    assert ticks == [7, 20, 60]


def test_a_run_without_a_broker_has_one_of_its_own_and_closes_it():
    before = set(threading.enumerate())  # of other tests
    made, heard = Run(ticks_of(), Above()), Heard()
    made.broker.subscribe("alerts.#", heard)
    report = made.go()
    assert heard == list(report.alerts) != []
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("rxtape-") and thread not in before] == []
    with pytest.raises(UsageError, match="has been closed"):
        made.broker.publish("a", 1)


def test_a_broker_serves_several_runs_and_the_sinks_of_one_hear_nothing_of_the_other():
    broker, heard, sinks = Broker(), Heard(), (MemorySink(), MemorySink())
    broker.subscribe("alerts.#", heard)
    first, second = (run(ticks_of(seed=seed), Above(), sinks=[sink], broker=broker) for seed, sink in enumerate(sinks))
    broker.close()
    assert heard == [*first.alerts, *second.alerts]
    assert [list(sink.alerts) for sink in sinks] == [list(first.alerts), list(second.alerts)]


def test_a_broker_that_is_closed_too_early_is_said_to_be():
    broker = Broker()
    broker.subscribe("alerts.#", print)
    broker.close()
    with pytest.raises(UsageError, match="has been closed"):
        run(ticks_of(), Above(), broker=broker)


def test_health_of_a_live_feed_travels_by_its_subject():
    async def script(arrivals, streams):
        arrivals.changed(StateChange("acme/1", "live", "", 0.0))
        for number, price in enumerate((10.0, 11.0, 12.0, 13.0, 9.0), 1):
            arrivals.said("acme/1", START, [trade(number, price=price)])
            await asyncio.sleep(0)
        arrivals.changed(StateChange("acme/1", "backoff", "closed", 0.0))

    broker, health, alerts, changes = Broker(), Heard(), Heard(), []
    broker.subscribe("health.*", health)
    broker.subscribe("alerts.#", alerts)

    async def go():
        live = Live(live_feed(script), Above(), broker=broker)
        assert live.broker is broker
        live.changes.subscribe(changes.append)
        await live.start()
        await live.wait()
        return await live.stop()

    report = asyncio.run(go())
    broker.close()
    assert health == changes != []
    assert "acme/1" in {change.subject for change in health}
    assert alerts == list(report.alerts) != []
