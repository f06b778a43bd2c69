"""FAULTS 59, 61 and 62: subscribers that are slow or stuck, and storms; who pays, and how much."""

import threading
from time import monotonic

import pytest
from broker_model import Clock, Gate, Heard, in_a_thread

from pipeline.broker import FAULTS, Broker
from pipeline.errors import SubscriberStuck

POLICIES = ["block", "drop_oldest", "conflate"]


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


# Storms.


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
