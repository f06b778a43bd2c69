"""The broker against its model: whatever is published, subscribed, pumped and unsubscribed, for every policy."""

import sys
import threading
from collections import Counter

import pytest
from broker_model import Modelled, wanted
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from tries import tries

from pipeline.broker import FAULTS, Broker
from pipeline.errors import SubscriberStuck, UsageError

POLICIES = ["block", "drop_oldest", "conflate"]
TOPICS = ["a", "a.x", "a.y", "b.x", "b.x.z"]
PATTERNS = ["#", "a.#", "*.x", "a", "b.*.z", "*", "c.#"]


def as_modelled(event):
    return event if isinstance(event, int) else "a fault"


class Pumped(RuleBasedStateMachine):
    """Subscriptions that are pumped, so that every step has one outcome; events are numbered, some make a handler raise."""

    subscriptions = Bundle("subscriptions")

    def __init__(self) -> None:
        super().__init__()
        self.broker = Broker(patience=0)
        self.models: dict = {}
        self.heard: dict = {}
        self.faults: list = []
        self.expected_faults: list = []
        self.count = 0
        self.listener = self.broker.subscribe(FAULTS, self.faults.append, pumped=True, name="faults")

    @rule(
        target=subscriptions,
        pattern=st.sampled_from(PATTERNS),
        policy=st.sampled_from(POLICIES),
        size=st.integers(1, 4),
        batch=st.booleans(),
        picky=st.booleans(),
    )
    def subscribe(self, pattern, policy, size, batch, picky):
        heard = []

        def handler(given):
            heard.extend(given if batch else [given])
            if picky and any(isinstance(event, int) and event % 3 == 0 for event in (given if batch else [given])):
                raise ValueError("picky")

        made = self.broker.subscribe(pattern, handler, policy=policy, size=size, batch=batch, pumped=True)
        self.models[made], self.heard[made] = Modelled(pattern, policy, size), heard
        made.picky, made.batched = picky, batch
        return made

    def model_publishes(self, topic, event):
        for made, model in self.models.items():
            if wanted(model.pattern.split("."), topic.split(".")) and model.offer(topic, event) and topic != FAULTS:
                yield made.name, topic, SubscriberStuck

    def expect(self, faults):
        """Faults are events too, and patterns such as # want them."""
        for fault in faults:
            self.expected_faults.append(fault)
            assert list(self.model_publishes(FAULTS, as_modelled(fault))) == []

    @rule(topics=st.lists(st.sampled_from(TOPICS), min_size=1, max_size=5))
    def publish(self, topics):
        for topic in topics:
            self.count += 1
            self.broker.publish(topic, self.count)
            self.expect(list(self.model_publishes(topic, self.count)))

    @rule(topics=st.lists(st.sampled_from(TOPICS), max_size=5))
    def publish_all(self, topics):
        numbered = [(topic, self.count + 1 + place) for place, topic in enumerate(topics)]
        self.count += len(topics)
        self.broker.publish_all(dict(map(reversed, numbered)).__getitem__, [event for _, event in numbered])
        found = {}
        for topic, event in numbered:
            for name, _, error in self.model_publishes(topic, event):
                found[name] = (name, error)
        for made, model in self.models.items():
            if made.name in found:
                last = [topic for topic, _ in numbered if wanted(model.pattern.split("."), topic.split("."))][-1]
                found[made.name] = (made.name, last, SubscriberStuck)
        first_wanting = [topic for topic, _ in numbered]

        def place(name):
            (made,) = [made for made in self.models if made.name == name]
            pattern = self.models[made].pattern.split(".")
            first = next(at for at, topic in enumerate(first_wanting) if wanted(pattern, topic.split(".")))
            return first, list(self.models).index(made)

        self.expect([found[name] for name in sorted(found, key=place)])

    @rule(made=subscriptions)
    def pump(self, made):
        model = self.models[made]
        assert made.pump() == len(model.waiting)
        taken = model.pump()
        bad = [item for item in taken if isinstance(item[1], int) and item[1] % 3 == 0] if made.picky else []
        if bad and made.batched:
            bad = taken[:1]
        self.expect([(made.name, topic, ValueError) for topic, _ in bad if topic != FAULTS])

    @rule(made=consumes(subscriptions))
    def unsubscribe(self, made):
        assert self.broker.unsubscribe(made)
        model = self.models.pop(made)
        model.end()
        self.agree(made, model)
        assert self.broker.unsubscribe(made)
        assert made.pump() == 0

    def teardown(self):
        """Close, with or without draining, by whether the number of events is even; then nothing goes on."""
        drain = self.count % 2 == 0
        self.faults_are_told_in_order()
        owed = {made.name: len(model.waiting) for made, model in self.models.items() if model.waiting and not drain}
        before = {made: list(heard) for made, heard in self.heard.items()}
        found = self.broker.close(drain=drain)
        found.pop("faults", None)
        assert found == owed
        for made, model in self.models.items():
            assert made.pump() == made.counts.depth == 0
            if drain and not any(other.picky for other in self.models):
                model.pump()
                assert [as_modelled(event) for event in self.heard[made]] == model.handled
            elif not drain:
                assert self.heard[made] == before[made]
        with pytest.raises(UsageError, match="has been closed"):
            self.broker.publish("a", 0)
        with pytest.raises(UsageError, match="has been closed"):
            self.broker.subscribe("a", print)
        assert self.broker.close() == {}

    def agree(self, made, model):
        counts = made.counts
        assert counts.published == counts.delivered + counts.dropped + counts.conflated + counts.depth
        found = (counts.published, counts.delivered, counts.dropped, counts.conflated, counts.depth)
        assert found == (model.published, model.delivered, model.dropped, model.conflated, len(model.waiting))
        assert [as_modelled(event) for event in self.heard[made]] == model.handled

    @invariant()
    def every_subscription_is_as_its_model(self):
        for made, model in self.models.items():
            self.agree(made, model)

    @invariant()
    def faults_are_told_in_order(self):
        self.listener.pump()
        assert [(fault.subscriber, fault.topic, type(fault.error)) for fault in self.faults] == self.expected_faults


Pumped.TestCase.settings = settings(max_examples=tries(150), stateful_step_count=30, deadline=None)
TestEveryStepIsAsInTheModel = Pumped.TestCase


@settings(max_examples=tries(30), deadline=None)
@given(
    policy=st.sampled_from(POLICIES),
    size=st.integers(1, 20),
    batch=st.booleans(),
    publishers=st.lists(st.lists(st.sampled_from(TOPICS), max_size=60), min_size=1, max_size=3),
)
def test_with_threads_nothing_is_lost_beyond_the_policy_and_each_topic_keeps_its_order(policy, size, batch, publishers):
    broker, heard, all_heard = Broker(patience=60), [], []
    made = broker.subscribe("#", heard.extend if batch else heard.append, policy=policy, size=size, batch=batch)
    broker.subscribe("#", all_heard.append, policy="block", size=1)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work(number, topics):
        events = [(topic, number, place) for place, topic in enumerate(topics)]
        if number % 2:
            broker.publish_all(lambda event: event[0], events)
        for event in () if number % 2 else events:
            broker.publish(event[0], event)

    threads = [threading.Thread(target=work, args=each) for each in enumerate(publishers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(before)
    assert broker.close() == {}
    counts, total = made.counts, sum(map(len, publishers))
    assert (counts.published, counts.depth, counts.delivered) == (total, 0, len(heard))
    assert counts.delivered + counts.dropped + counts.conflated == total
    assert Counter(all_heard) == Counter((topic, n, place) for n, topics in enumerate(publishers) for place, topic in enumerate(topics))
    if policy == "block":
        assert Counter(heard) == Counter(all_heard)
    for topic in TOPICS:
        published, mine = ([event for event in events if event[0] == topic] for events in (all_heard, heard))
        assert is_part_in_order(mine, published)
        if policy != "block" and size >= len(TOPICS):
            assert mine[-1:] == published[-1:] or policy == "drop_oldest"


def is_part_in_order(part, whole) -> bool:
    rest = iter(whole)
    return all(event in rest for event in part)
