"""Laws of buckets and backoff: never more than allowed in any window, and always something after a while."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.live.limits import Backoff, Gates, TokenBucket, connect_bucket, full_jitter
from feeds.venues.venue import Limits

waits = st.lists(st.floats(0.0, 5.0), min_size=1, max_size=60)


def taken(bucket, gaps) -> list[float]:
    """The times at which something was taken, by someone who tries after each gap and, half of the time, as soon as told."""
    now, times = 100.0, []
    for place, gap in enumerate(gaps):
        now += gap if place % 2 else bucket.wait(now)
        if bucket.take(now):
            times.append(now)
    return times


def most_in_any_window(times: list[float], width: float) -> int:
    return max((sum(start <= time < start + width for time in times) for start in times), default=0)


@given(waits, st.floats(0.1, 50.0), st.integers(1, 20), st.floats(0.01, 30.0))
def test_no_window_holds_more_than_the_burst_and_what_was_refilled(gaps, rate, burst, width):
    assert most_in_any_window(taken(TokenBucket(rate, burst), gaps), width) <= burst + rate * width + 1e-6


@given(waits, st.integers(1, 12), st.floats(0.5, 300.0))
def test_no_window_holds_more_connects_than_the_venue_allows(gaps, connects, seconds):
    times = taken(connect_bucket(Limits(connects=connects, connects_seconds=seconds)), gaps)
    assert most_in_any_window(times, seconds * (1 - 1e-9)) <= connects


@given(waits, st.floats(0.1, 50.0), st.integers(1, 20))
def test_what_is_told_to_wait_for_is_enough(gaps, rate, burst):
    bucket, now = TokenBucket(rate, burst), 0.0
    for gap in gaps:
        now += gap
        bucket.take(now)
        later = now + bucket.wait(now) + 1e-9
        assert bucket.wait(later) <= 1e-6


def test_a_bucket_that_is_held_gives_nothing_before_that():
    bucket = TokenBucket(10.0, 5)
    bucket.hold(60.0)
    assert (bucket.take(59.9), bucket.wait(50.0), bucket.take(60.0)) == (False, 10.0, True)


def test_a_gate_takes_from_all_buckets_or_from_none():
    gates = Gates(TokenBucket(1.0, 2), TokenBucket(1.0, 1), TokenBucket(1.0, 1))
    assert gates.take(0.0)
    assert not gates.take(0.5)
    assert gates.connects.wait(0.5) == 0.0, "the refused try has cost a connect"
    assert gates.wait(0.5) == 0.5


@given(st.integers(0, 2**32), st.floats(0.01, 5.0), st.floats(5.0, 100.0), st.integers(0, 5000))
def test_full_jitter_is_anything_up_to_a_span_that_doubles_to_its_cap(seed, least, most, tries):
    assert 0.0 <= full_jitter(Random(seed), least, most, tries) <= min(most, least * 2.0 ** min(tries, 60))


def test_full_jitter_uses_its_whole_span():
    drawn = [full_jitter(Random(seed), 1.0, 60.0, 3) for seed in range(1000)]
    assert min(drawn) < 0.1
    assert max(drawn) > 7.9
    assert sum(drawn) / 1000 == pytest.approx(4.0, rel=0.1)


def test_backoff_grows_until_it_is_reset():
    backoff = Backoff(Random(3), 1.0, 60.0)
    grown = [backoff.next() for _ in range(200)][20:]
    assert max(grown) > 50.0
    backoff.reset()
    assert backoff.next() <= 1.0
