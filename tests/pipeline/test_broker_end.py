"""Draining and closing a broker, and its observables."""

import threading
from time import monotonic

import pytest
import reactivex
from broker_model import Gate, Heard, broker_threads
from reactivex import Subject
from reactivex import operators as ops

from pipeline.broker import FAULTS, Broker, topic_of
from pipeline.errors import UsageError


def test_close_lets_everybody_handle_what_waits_and_leaves_no_thread():
    broker, heard = Broker(), [[] for _ in range(20)]
    for each in heard:
        broker.subscribe("a.#", each.append)
    broker.publish_all("a.b", range(1_000))
    assert broker.close() == {}
    assert heard == [list(range(1_000))] * 20
    assert broker_threads() == []


def test_close_waits_for_what_handlers_publish_in_turn():
    broker, heard = Broker(), []
    broker.subscribe("a", lambda event: broker.publish("b", event))
    broker.subscribe("b", lambda event: broker.publish("c", event))
    broker.subscribe("c", heard.append)
    broker.publish_all("a", range(100))
    assert broker.close() == {}
    assert heard == list(range(100))


def test_drain_waits_for_what_handlers_publish_to_those_that_were_looked_at_before():
    broker, heard = Broker(), []
    broker.subscribe("c", heard.append, pumped=True)
    broker.subscribe("b", lambda event: broker.publish("c", event), pumped=True)
    broker.subscribe("a", lambda event: broker.publish("b", event), pumped=True)
    broker.publish_all("a", range(100))
    assert broker.drain()
    assert heard == list(range(100))


def test_close_has_a_deadline_and_says_who_did_not_get_what():
    broker, stuck, heard = Broker(), Gate(), Heard()
    broker.subscribe("a", stuck, name="stuck")
    other = broker.subscribe("a", heard)
    broker.publish("a", 1)
    assert stuck.entered.wait(60)
    broker.publish_all("a", [2, 3])
    assert other.wait_until_idle(monotonic() + 60)
    assert broker.close(deadline=0.01) == {"stuck": 3}
    assert heard == [1, 2, 3]
    stuck.let_go.set()
    for thread in threading.enumerate():
        if thread.name.startswith("rxtape-broker"):
            thread.join(60)
    assert broker_threads() == []
    assert stuck.heard == [1]


def test_a_handler_may_close_the_broker():
    broker, heard, closed = Broker(), [], threading.Event()

    def last(event):
        assert broker.close() == {}
        closed.set()

    broker.subscribe("a", heard.append)
    broker.subscribe("a", last)
    broker.publish("a", 1)
    assert closed.wait(60)
    assert heard == [1]
    with pytest.raises(UsageError, match=r"an event of a came after that; publish before close\(\), or make another Broker\(\)"):
        broker.publish("a", 2)


def test_a_with_block_drains_and_one_that_raises_does_not():
    heard = []
    with Broker() as broker:
        broker.subscribe("a", heard.append, pumped=True)
        broker.publish("a", 1)

    def interrupted():
        with Broker() as broker:
            broker.subscribe("a", heard.append, pumped=True)
            broker.publish("a", 2)
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert heard == [1]


# Rx.


def test_a_topic_is_an_observable_that_completes_when_the_broker_closes():
    broker, heard, ended = Broker(), [], []
    stream = broker.observable("price.*", policy="block", patience=60)
    stream.pipe(ops.filter(lambda price: price > 1), ops.pairwise()).subscribe(heard.append, on_completed=lambda: ended.append(len(heard)))
    stream.pipe(ops.take(2)).subscribe(on_completed=lambda: ended.append("two"))
    broker.publish_all(lambda price: f"price.{price}", [1, 2, 3, 4])
    broker.close()
    assert heard == [(2, 3), (3, 4)]
    assert sorted(ended, key=str) == [2, "two"]
    assert broker_threads() == []


def test_an_observer_that_raises_is_told_as_a_fault_and_hears_the_next_event():
    broker, heard, faults = Broker(), [], Heard()
    broker.subscribe(FAULTS, faults)

    def observer(event):
        heard.append(event)
        raise ValueError(event)

    broker.observable("a").subscribe(observer)
    broker.publish_all("a", [1, 2])
    broker.close()
    assert heard == [1, 2]
    assert [fault.error.args for fault in faults] == [(1,), (2,)]


def test_an_observable_is_published_until_it_is_disposed_of_and_its_error_is_a_fault():
    broker, heard, faults, source = Broker(), [], Heard(), Subject()
    broker.subscribe("health.*", heard.append, pumped=True)
    broker.subscribe(FAULTS, faults, pumped=True)
    link = broker.publish_from(source, lambda event: topic_of("health", event[0]), name="health")
    broker.publish_from(reactivex.throw(OSError("gone")), "health.x")
    for event in (("SPY", "LIVE"), ("BRK.B", "LIVE"), None, ("SPY", "STALE")):
        source.on_next(event)
    link.dispose()
    source.on_next(("SPY", "DOWN"))
    broker.drain()
    assert heard == [("SPY", "LIVE"), ("BRK.B", "LIVE"), ("SPY", "STALE")]
    assert [(fault.subscriber, type(fault.error)) for fault in faults] == [("the source of health.x", OSError), ("health", TypeError)]
    broker.publish_from(source, "health.y")
    broker.close()
    source.on_next(("SPY", "DOWN"))
    assert (len(heard), broker.faults, source.observers) == (3, 2, [])
