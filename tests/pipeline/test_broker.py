"""FAULTS 59 and the broker's part of 60 to 62: slow, raising, storming subscribers, and those that come and go in the middle."""

import threading
import weakref
from time import monotonic

import pytest
import reactivex
from broker_model import Clock, Gate, Heard
from reactivex import Subject
from reactivex import operators as ops

from pipeline.broker import FAULTS, Broker, topic_of
from pipeline.errors import SubscriberStuck, UnknownName, UsageError

POLICIES = ["block", "drop_oldest", "conflate"]


def broker_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("rxtape-broker")]


def in_a_thread(work) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


# FAULTS 59: a slow subscriber.


@pytest.mark.parametrize("policy", POLICIES)
def test_fault_59_a_stuck_subscriber_loses_what_its_policy_says_and_the_others_nothing(policy):
    broker, stuck, others, faults = Broker(patience=0), Gate(), [Heard(101), Heard(101)], Heard(1)
    broker.subscribe(FAULTS, faults)
    slow = broker.subscribe("price", stuck, policy=policy, size=10, key=(lambda event: event % 5) if policy == "conflate" else None)
    for other in others:
        broker.subscribe("price", other)
    broker.publish("price", 0)
    assert stuck.entered.wait(60)
    for event in range(1, 101):
        broker.publish("price", event)
    for other in others:
        assert other.complete.wait(60)
        assert other == list(range(101))
    counts = slow.counts
    assert (counts.published, counts.delivered, counts.depth) == (101, 0, 11 if policy != "conflate" else 6)
    stuck.let_go.set()
    assert broker.close() == {}
    kept = {"block": range(1, 11), "drop_oldest": range(91, 101), "conflate": range(96, 101)}[policy]
    assert stuck.heard == [0, *kept]
    assert slow.counts[:6] == (101, len(stuck.heard), 0, 90 * (policy != "conflate"), 95 * (policy == "conflate"), 0)
    assert [type(fault.error) for fault in faults] == [SubscriberStuck] * (policy == "block")


def test_fault_59_a_publisher_waits_for_room_where_it_was_told_to_and_loses_nothing():
    broker, slow = Broker(patience=60), Gate()
    subscription = broker.subscribe("price", slow, policy="block", size=2)
    broker.publish("price", 0)
    assert slow.entered.wait(60)
    broker.publish_all("price", [1, 2])
    done = threading.Event()
    publisher = in_a_thread(lambda: (broker.publish_all("price", range(3, 50)), done.set()))
    while subscription.counts.published < 50:
        assert not done.is_set()
    assert not done.is_set()
    slow.let_go.set()
    publisher.join()
    broker.close()
    assert slow.heard == list(range(50))


def test_fault_59_only_the_first_publisher_waits_for_a_stuck_subscriber_and_it_is_told_once():
    broker, stuck, faults = Broker(patience=0.05), Gate(), Heard()
    broker.subscribe(FAULTS, faults, pumped=True)
    subscription = broker.subscribe("price", stuck, policy="block", size=1)
    broker.publish("price", 0)
    assert stuck.entered.wait(60)
    began = monotonic()
    for event in range(1, 2_000):
        broker.publish("price", event)
    assert monotonic() - began < 50
    stuck.let_go.set()
    broker.close()
    assert stuck.heard == [0, 1]
    assert subscription.counts.dropped == 1_998
    (fault,) = faults
    assert (fault.subscriber, fault.topic) == ("price", "price")
    assert str(fault.error).startswith("took nothing for 0.05 s while 1 events waited; what is published until it does is dropped")


def test_a_handler_that_publishes_to_its_own_full_queue_does_not_wait_for_itself():
    broker, heard = Broker(patience=60), []

    def echo(event):
        heard.append(event)
        if event == 0:
            broker.publish_all("echo", [1, 2, 3])

    subscription = broker.subscribe("echo", echo, policy="block", size=2)
    began = monotonic()
    broker.publish("echo", 0)
    broker.close()
    assert monotonic() - began < 30
    assert heard == [0, 1, 2]
    assert subscription.counts.dropped == 1


def test_the_age_of_the_oldest_is_told_by_the_clock_given():
    clock = Clock()
    broker = Broker(clock=clock)
    subscription = broker.subscribe("a", print, pumped=True)
    assert subscription.counts.oldest_age == 0
    broker.publish("a", 1)
    clock.now += 5
    broker.publish("a", 2)
    clock.now += 2
    assert (subscription.counts.depth, subscription.counts.oldest_age) == (2, 7)


# FAULTS 59 and 60: a subscriber that raises.


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


# FAULTS 59: coming and going in the middle.


def test_fault_59_a_handler_that_unsubscribes_itself_is_never_called_again():
    broker, heard = Broker(), []

    def once(event):
        heard.append(event)
        assert broker.unsubscribe(subscription)

    subscription = broker.subscribe("a", once, pumped=True)
    broker.publish_all("a", [1, 2, 3])
    assert subscription.pump() == 1
    broker.publish("a", 4)
    assert subscription.pump() == 0
    assert heard == [1]
    assert subscription.counts[:6] == (3, 1, 0, 2, 0, 0)


def test_fault_59_a_handler_that_pumps_itself_is_not_called_inside_of_its_own_call():
    broker, heard = Broker(), []

    def handler(event):
        broker.publish("a", event + 1)
        assert subscription.pump() == 0
        heard.append(event)

    subscription = broker.subscribe("a", handler, pumped=True)
    broker.publish("a", 1)
    assert (subscription.pump(), subscription.pump(), heard) == (1, 1, [1, 2])


def test_nothing_is_kept_of_who_has_unsubscribed():
    broker, handler = Broker(), Heard()
    gone = weakref.ref(handler)
    subscription = broker.subscribe("a", handler)
    broker.publish("a", 1)
    broker.unsubscribe(subscription)
    del subscription, handler
    for thread in threading.enumerate():
        if thread.name == "rxtape-broker-a":
            thread.join(60)
    assert gone() is None


def test_fault_59_unsubscribe_returns_when_the_call_that_runs_has_returned():
    broker, slow = Broker(patience=60), Gate()
    subscription = broker.subscribe("a", slow)
    broker.publish_all("a", [1, 2])
    assert slow.entered.wait(60)
    results = []
    leaver = in_a_thread(lambda: results.append((broker.unsubscribe(subscription), list(slow.heard))))
    while not subscription.closed:
        assert results == []
    slow.let_go.set()
    leaver.join()
    assert results == [(True, [1])]
    broker.close()
    assert slow.heard == [1]
    assert broker_threads() == []


def test_fault_59_two_handlers_that_unsubscribe_each_other_both_return():
    broker, meet = Broker(patience=3_600), threading.Barrier(2)
    made, returned = {}, []

    def leave(other):
        def handler(event):
            meet.wait(60)  # or one of them would be ended before it is called
            broker.unsubscribe(made[other])
            returned.append(other)

        return handler

    made["one"], made["two"] = broker.subscribe("a", leave("two")), broker.subscribe("a", leave("one"))
    broker.publish_all("a", [1, 2])
    broker.close()
    assert sorted(returned) == ["one", "two"]
    assert broker_threads() == []


def test_fault_59_who_subscribes_in_a_handler_hears_from_the_next_publish_on():
    broker, late = Broker(), []

    def handler(event):
        if event == 1:
            broker.subscribe("a", late.append, pumped=True)

    first = broker.subscribe("a", handler, pumped=True)
    broker.publish_all("a", [1, 2])
    first.pump()
    broker.publish("a", 3)
    assert broker.drain()
    assert late == [3]


def test_fault_59_who_subscribes_while_others_publish_hears_a_tail_without_holes():
    broker, go_on = Broker(), threading.Event()
    early = Heard(500)
    broker.subscribe("a", early)
    publisher = in_a_thread(lambda: [broker.publish("a", event) for event in range(5_000)] and go_on.set())
    assert early.complete.wait(60)
    late = Heard()
    broker.subscribe("a", late)
    publisher.join()
    broker.publish("a", 5_000)
    broker.close()
    assert early == list(range(5_001))
    assert late == list(range(5_001))[-len(late) :]
    assert late[-1] == 5_000


def test_fault_59_what_a_handler_publishes_comes_after_what_was_published_before():
    broker, heard = Broker(), []

    def echo(event):
        if event < 4:
            broker.publish("a", event + 2)

    broker.subscribe("a", echo, pumped=True)
    broker.subscribe("#", heard.append, pumped=True)
    broker.publish_all("a", [0, 1])
    assert broker.drain()
    assert heard == [0, 1, 2, 3, 4, 5]


def test_fault_59_a_thousand_topics_with_wildcards():
    broker = Broker()
    markets = [f"m{market}" for market in range(10)]
    everything, one_market, one_symbol, shape = Heard(), Heard(), Heard(), Heard()
    for pattern, handler in (("#", everything), ("price.m3.*", one_market), ("price.*.s42", one_symbol), ("*.*", shape)):
        broker.subscribe(pattern, handler, policy="block", patience=60)
    topics = [f"price.{market}.s{symbol}" for market in markets for symbol in range(100)]
    for turn in range(3):
        for topic in topics:
            broker.publish(topic, (topic, turn))
    assert len(broker_threads()) == 4
    assert broker.close() == {}
    published = [(topic, turn) for turn in range(3) for topic in topics]
    assert everything == published
    assert one_market == [event for event in published if event[0].startswith("price.m3.")]
    assert one_symbol == [event for event in published if event[0].endswith(".s42")]
    assert shape == []


# FAULTS 61 and 62: slower than the events, and storms.


def test_fault_61_who_is_a_hundred_times_slower_keeps_nobody_waiting_and_a_bounded_number_waits():
    broker, quick = Broker(), Heard(10_000)
    deepest = []
    gate = threading.Semaphore(0)

    def slow(event):
        assert gate.acquire(timeout=60)
        deepest.append(subscription.counts.depth)

    subscription = broker.subscribe("a", slow, size=50)
    broker.subscribe("a", quick, policy="block", size=100, patience=60)
    for event in range(10_000):
        broker.publish("a", event)
        if event % 100 == 0:
            gate.release()
    assert quick.complete.wait(60)
    assert quick == list(range(10_000))
    gate.release(10_000)
    broker.close()
    counts = subscription.counts
    assert max(deepest) <= 100
    assert counts.published == counts.delivered + counts.dropped == 10_000


def test_fault_62_in_a_storm_every_event_is_accounted_for():
    broker, newest = Broker(), {}
    keyed = broker.subscribe(
        "storm.*", lambda event: newest.__setitem__(event % 20, event), policy="conflate", key=lambda event: event % 20
    )
    recent = broker.subscribe("storm.*", Heard(), size=100)
    everything = Heard()
    broker.subscribe("storm.*", everything, policy="block", size=1_000, patience=60)
    broker.publish_all(lambda event: f"storm.{event % 7}", range(100_000))
    broker.close()
    assert everything == list(range(100_000))
    assert newest == {event % 20: event for event in range(99_980, 100_000)}
    for subscription in (keyed, recent):
        counts = subscription.counts
        assert counts.published == counts.delivered + counts.dropped + counts.conflated == 100_000
    assert recent.counts.dropped >= 99_900 - 100


# The end.


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
        if thread.name == "rxtape-broker-stuck":
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
