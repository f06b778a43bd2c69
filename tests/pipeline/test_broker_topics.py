"""Topics and patterns: which are allowed, and which topics a pattern chooses."""

import pytest
from broker_model import wanted
from hypothesis import given
from hypothesis import strategies as st

from pipeline.broker import Broker, Pattern, topic_of, words_of
from pipeline.broker.topics import checked_topic
from pipeline.errors import UsageError

words = st.sampled_from(["a", "b", "c"])
topics = st.lists(words, min_size=1, max_size=4).map(".".join)
patterns = st.tuples(st.lists(st.sampled_from(["a", "b", "c", "*"]), max_size=4), st.booleans()).filter(lambda p: p[0] or p[1])
patterns = patterns.map(lambda p: ".".join([*p[0], "#"] if p[1] else p[0]))


@given(patterns, topics)
def test_a_pattern_chooses_by_words_from_the_left(pattern, topic):
    assert Pattern(pattern).matches(topic) == wanted(pattern.split("."), topic.split("."))


@given(st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_a_topic_of_any_words_is_a_topic_and_gives_the_words_back(parts):
    topic = topic_of(*parts)
    assert checked_topic(topic) == topic
    assert words_of(topic) == tuple(parts)
    assert Pattern(topic).matches(topic)


@pytest.mark.parametrize("topic", ["", ".", "a.", ".a", "a..b", "a.*", "#", "a b", "a\n", "a\tb", None, 7])
def test_what_is_no_topic_is_refused_with_the_reason(topic):
    with pytest.raises(UsageError, match="topic"):
        Broker().publish(topic, 1)


@pytest.mark.parametrize("pattern", ["", "a.", "a..b", "#.a", "a.#.b", "a*", "a#", "a b", None, 7])
def test_what_is_no_pattern_is_refused_with_the_reason(pattern):
    with pytest.raises(UsageError, match="pattern"):
        Broker().subscribe(pattern, print)


def test_topics_are_bounded_and_that_of_faults_is_one_of_them():
    broker = Broker(max_topics=3)
    broker.publish("a", 1)
    broker.publish("b", 1)
    broker.publish("a", 1)
    with pytest.raises(UsageError, match=r"'c' is one more than the limit of 3 topics; .* raise Broker\(max_topics=\.\.\.\)"):
        broker.publish("c", 1)
