"""FAULTS 60 at a subscriber: what handlers and keys raise; and subscriptions that cannot work."""

import pytest
from broker_model import Heard, broker_threads

from pipeline.broker import FAULTS, Broker
from pipeline.errors import UnknownName, UsageError


@pytest.mark.parametrize("error", [ValueError, StopIteration, SystemExit, KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("raises", [lambda event: True, lambda event: event % 3 == 0], ids=["always", "1 in 3"])
def test_fault_60_a_subscriber_that_raises_gets_the_next_event_and_nobody_else_notices(error, raises):
    broker, called, other, faults = Broker(), [], Heard(), Heard()

    def handler(event):
        called.append(event)
        if raises(event):
            raise error("the house is on fire")

    bad = broker.subscribe("price", handler, name="bad")
    broker.subscribe("price", other)
    broker.subscribe(FAULTS, faults)
    for event in range(30):
        broker.publish("price", event)
    assert broker.close() == {}
    assert called == other == list(range(30))
    expected = sum(map(raises, range(30)))
    assert (bad.counts.delivered, bad.counts.failed, broker.faults, len(faults)) == (30, expected, expected, expected)
    assert {(fault.subscriber, fault.topic, type(fault.error)) for fault in faults} == {("bad", "price", error)}


def test_a_fault_in_a_handler_of_faults_is_only_counted():
    broker, calls = Broker(), []

    def worse(event):
        calls.append(event)
        raise ValueError(event)

    subscription = broker.subscribe("#", worse)
    broker.publish("a", 1)
    broker.close()
    assert calls[0] == 1
    assert [fault.error.args for fault in calls[1:]] == [(1,)]
    assert (subscription.counts.failed, broker.faults) == (2, 2)


def test_a_key_that_raises_is_a_fault_of_the_subscriber_and_spares_the_other_events():
    broker, heard, faults = Broker(), Heard(), Heard()
    broker.subscribe(FAULTS, faults, pumped=True)
    made = broker.subscribe("a", heard, policy="conflate", key=lambda event: event["id"], pumped=True)
    broker.publish_all("a", [{"id": 1}, {}, {"id": []}, {"id": 2}])
    assert broker.drain()
    assert heard == [{"id": 1}, {"id": 2}]
    assert [type(fault.error) for fault in faults] == [KeyError]
    assert (made.counts.published, made.counts.delivered, made.counts.dropped) == (4, 2, 2)


# Mistakes.


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"policy": "drop"}, "no policy of a subscription named 'drop'. There are: block, conflate, drop_oldest"),
        ({"size": 0}, "size of a subscription: 0 is no number of events; expected a whole number from 1"),
        ({"size": 1.5}, "size of a subscription: 1.5"),
        ({"key": len}, "write policy='conflate'"),
        ({"patience": -1}, "patience of a subscription: -1 is no time; expected seconds, 0 or more"),
        ({"patience": float("nan")}, "patience of a subscription: nan"),
    ],
)
def test_a_subscription_that_cannot_work_is_refused(how, message):
    with pytest.raises((UsageError, UnknownName)) as refused:
        Broker().subscribe("a", print, **how)
    assert message in str(refused.value)
    assert broker_threads() == []


def test_a_handler_that_is_no_function_is_refused():
    with pytest.raises(UsageError, match="a handler is a function of an event, not 7"):
        Broker().subscribe("a", 7)


def test_subscriptions_have_names_of_their_own():
    broker = Broker()
    for _ in range(3):
        broker.subscribe("a.#", print, pumped=True)
    assert list(broker.counts) == ["a.#", "a.# #2", "a.# #3"]
