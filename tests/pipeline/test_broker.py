"""FAULTS 59: subscribing, unsubscribing and publishing inside of a handler and beside one; a thousand topics."""

import threading
import weakref

from broker_model import Gate, Heard, broker_threads, in_a_thread

from pipeline.broker import Broker


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
