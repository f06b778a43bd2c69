"""Rules: when they raise and clear, on time, and under which id."""

import numpy as np
import pytest
from hurtful import cuts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules_under_test import Level, expected_events, level_tape, told
from second_process import Everything, tape
from tries import tries

from pipeline.alerts import AlertIds
from pipeline.checks import LAWS, alerts_of, observe, tape_of
from pipeline.combine import combine_latest
from pipeline.operators import column, last, price_change, volume
from pipeline.rules import alert_when
from pipeline.ticks import Kind, Ticks
from pipeline.windows import bars, clock

NS = 1e-9
quick = settings(max_examples=tries(8), deadline=None, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 10**6)
lengths = st.integers(1, 120)
waits = st.sampled_from(["0s", "10ms", "30ms", "100ms", "2s", "15s", "1m"])
sources = pytest.mark.parametrize("of", ["signal", "row", "comparison", "bars"])


def level_ticks(of: str, seed: int, rows: int, symbols: int = 3) -> Ticks:
    return level_tape(seed, rows, symbols, unknown=0.0 if of == "bars" else 0.1)


# The rule machine against its twin.


@sources
@given(seed=seeds, rows=lengths, symbols=st.integers(1, 4), hold=waits, cooldown=waits, clear=st.booleans(), at=cuts(120))
@settings(quick, max_examples=tries(40))
def test_a_rule_agrees_with_its_definition(of, seed, rows, symbols, hold, cooldown, clear, at):
    ticks = level_ticks(of, seed, rows, symbols)
    rule = Level(of=of, hold=hold, cooldown=cooldown, clear=clear)
    ids = AlertIds(repr(rule), "rule")
    expected = [(time, symbol, event, ids.id(event, symbol, time, nth)) for time, symbol, event, nth in expected_events(rule, ticks)]
    assert told(rule, ticks, at) == expected


@sources
@given(seed=seeds, rows=lengths, cooldown=waits, at=cuts(120))
@settings(quick, max_examples=tries(16))
def test_a_rule_for_every_row_agrees_with_its_definition(of, seed, rows, cooldown, at):
    ticks, rule = level_ticks(of, seed, rows), Level(of=of, cooldown=cooldown, every=True)
    ids = AlertIds(repr(rule), "rule")
    expected = [(time, symbol, event, ids.id(event, symbol, time, nth)) for time, symbol, event, nth in expected_events(rule, ticks)]
    assert told(rule, ticks, at) == expected


LAWFUL = {
    "edges": lambda of: Level(of=of),
    "hold and cooldown": lambda of: Level(of=of, hold="30ms", cooldown="2s"),
    "clear and cooldown": lambda of: Level(of=of, clear=True, cooldown="100ms"),
    "every": lambda of: Level(of=of, every=True, cooldown="30ms"),
}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("make", LAWFUL.values(), ids=LAWFUL)
@sources
@given(seed=seeds, rows=st.integers(1, 70), at=cuts(70))
@quick
def test_a_rule_obeys(of, make, law, seed, rows, at):
    law(make(of).alerts, level_ticks(of, seed, rows), at[:15] if law.__name__ == "no_look_ahead_law" else at)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@given(seed=seeds, at=cuts(60))
@quick
def test_rules_of_every_shape_side_by_side_obey(law, seed, at):
    law(Everything().alerts, tape(seed)[:60], at[:15] if law.__name__ == "no_look_ahead_law" else at)


# Golden edge cases.


def heard(condition, times, prices, sizes=None, **rule):
    """Seconds and event of each alert on one symbol's trades; a price of None is a HEARTBEAT."""
    size = [1.0] * len(prices) if sizes is None else sizes
    kinds = [Kind.HEARTBEAT if price is None else Kind.TRADE for price in prices]
    symbols = ["" if price is None else "A" for price in prices]
    ticks = tape_of(times, symbols, price=[np.nan if price is None else price for price in prices], size=size, kind=kinds)

    def judged(tape):
        return combine_latest(volume=tape.pipe(volume("5s")), change=tape.pipe(price_change("5s"))).pipe(alert_when(condition, **rule))

    start = ticks.time[0] - round(times[0] * 1e9)
    return [(round((alert.time - start) / 1e9, 9), alert.event) for alert in observe(judged, ticks).alerts]


def above(s):
    return s.price > 10.0


def under_nine(s):
    return s.price < 9.0


GOLDEN = {
    "at the threshold is not above it": (above, [0, 1], [10.0, 10.0], {}, []),
    "one tick above it is": (above, [0, 1], [10.0, 10.01], {}, [(1, "raised")]),
    "at the threshold it is over": (above, [0, 1], [10.01, 10.0], {}, [(0, "raised"), (1, "cleared")]),
    "at or above": (lambda s: s.price >= 10.0, [0, 1], [9.99, 10.0], {}, [(1, "raised")]),
    "at the clear threshold it is not over": (above, [0, 1], [11.0, 9.0], {"clear": under_nine}, [(0, "raised")]),
    "one tick below it is": (above, [0, 1], [11.0, 8.99], {"clear": under_nine}, [(0, "raised"), (1, "cleared")]),
    "flapping by a tick, each time": (
        above, [0, 1, 2, 3], [10.01, 10.0, 10.01, 10.0], {}, [(0, "raised"), (1, "cleared"), (2, "raised"), (3, "cleared")]
    ),
    "flapping by a tick, held off by clear": (above, [0, 1, 2, 3], [10.01, 10.0, 10.01, 10.0], {"clear": under_nine}, [(0, "raised")]),
    "flapping by a tick, held off by hold": (above, [0, 1, 2, 3], [10.01, 10.0, 10.01, 10.0], {"hold": "1001ms"}, []),
    "flapping by a tick, held off by cooldown": (
        above, [0, 1, 2, 3], [10.01, 10.0, 10.01, 10.0], {"cooldown": "10s"}, [(0, "raised"), (1, "cleared")]
    ),
    "over a nanosecond before the hold ends": (above, [0, 5 - NS], [11.0, 9.0], {"hold": "5s"}, []),
    "over when the hold ends": (above, [0, 5], [11.0, 9.0], {"hold": "5s"}, [(5, "raised"), (5, "cleared")]),
    "over a nanosecond after the hold ends": (above, [0, 5 + NS], [11.0, 9.0], {"hold": "5s"}, [(5, "raised"), (5 + NS, "cleared")]),
    "time ends a nanosecond before the hold": (above, [0, 5 - NS], [11.0, None], {"hold": "5s"}, []),
    "time ends with the hold": (above, [0, 5], [11.0, None], {"hold": "5s"}, [(5, "raised")]),
    "met again, the hold begins anew": (above, [0, 4, 4.5, 9], [11.0, 9.0, 11.0, 11.0], {"hold": "5s"}, []),
    "met a nanosecond before the cooldown ends": (
        above, [0, 1, 5 - NS, 6], [11.0, 9.0, 11.0, None], {"cooldown": "5s"}, [(0, "raised"), (1, "cleared"), (5, "raised")]
    ),
    "met when the cooldown ends": (above, [0, 1, 5], [11.0, 9.0, 11.0], {"cooldown": "5s"}, [(0, "raised"), (1, "cleared"), (5, "raised")]),
    "met a nanosecond after the cooldown ends": (
        above, [0, 1, 5 + NS], [11.0, 9.0, 11.0], {"cooldown": "5s"}, [(0, "raised"), (1, "cleared"), (5 + NS, "raised")]
    ),
    "over when the cooldown ends": (
        above, [0, 1, 2, 5], [11.0, 9.0, 11.0, 9.0], {"cooldown": "5s"}, [(0, "raised"), (1, "cleared"), (5, "raised"), (5, "cleared")]
    ),
    "over a nanosecond before the cooldown ends": (
        above, [0, 1, 2, 5 - NS, 6], [11.0, 9.0, 11.0, 9.0, None], {"cooldown": "5s"}, [(0, "raised"), (1, "cleared")]
    ),
    "hold and cooldown end together": (
        above, [0, 2.5, 3, 9], [11.0, 9.0, 11.0, None], {"hold": "2s", "cooldown": "3s"}, [(2, "raised"), (2.5, "cleared"), (5, "raised")]
    ),
    "every row, before the cooldown ends": (above, [0, 5 - NS], [11.0, 11.0], {"every": True, "cooldown": "5s"}, [(0, "raised")]),
    "every row, when the cooldown ends": (above, [0, 5], [11.0, 11.0], {"every": True, "cooldown": "5s"}, [(0, "raised"), (5, "raised")]),
    "every row, not on a heartbeat": (lambda s: s.volume > 0.5, [0, 1], [11.0, None], {"every": True}, [(0, "raised")]),
    "a trade a nanosecond inside the window": (lambda s: s.volume > 1.5, [0, 5 - NS], [1.0, 1.0], {}, [(5 - NS, "raised")]),
    "a trade at the window's edge": (lambda s: s.volume > 1.5, [0, 5], [1.0, 1.0], {}, []),
    "a trade a nanosecond outside the window": (lambda s: s.volume > 1.5, [0, 5 + NS], [1.0, 1.0], {}, []),
    "a nanosecond before there is an earlier price": (lambda s: s.change > 0.5, [0, 5 - NS], [1.0, 2.0], {}, []),
    "when there is an earlier price": (lambda s: s.change > 0.5, [0, 5], [1.0, 2.0], {}, [(5, "raised")]),
}  # fmt: skip


@pytest.mark.parametrize(("condition", "times", "prices", "rule", "expected"), GOLDEN.values(), ids=GOLDEN)
def test_fault_63_at_the_edge(condition, times, prices, rule, expected):
    assert heard(condition, times, prices, **rule) == expected


MOVERS = {"another symbol": ("B", Kind.TRADE), "a heartbeat": ("", Kind.HEARTBEAT), "a gap": ("B", Kind.GAP), "a quote": ("B", Kind.QUOTE)}
QUIET = {
    "the tape": (lambda t: t, 3 + 5),
    "bars": (lambda t: t.pipe(bars("1s")), 4 + 5),
    "the clock": (lambda t: t.pipe(clock("1s")), 4 + 5),
}


@pytest.mark.parametrize(("symbol", "kind"), MOVERS.values(), ids=MOVERS)
@pytest.mark.parametrize(("source", "due"), QUIET.values(), ids=QUIET)
def test_the_hold_of_a_quiet_symbol_ends_at_its_exact_time(source, due, symbol, kind):
    ticks = tape_of([3, 9.25], ["A", symbol], kind=[Kind.TRADE, kind], price=[11.0, np.nan])
    alerts = observe(
        lambda t: combine_latest(level=source(t).pipe(last())).pipe(alert_when(lambda s: s.level > 10, hold="5s")), ticks
    ).alerts
    assert [(alert.symbol, alert.time - ticks.time[0] + 3 * 10**9) for alert in alerts] == [("A", due * 10**9)]


@pytest.mark.parametrize(("symbol", "kind"), MOVERS.values(), ids=MOVERS)
def test_the_cooldown_of_a_quiet_symbol_ends_at_its_exact_time(symbol, kind):
    ticks = tape_of([0, 1, 2, 9.25], ["A", "A", "A", symbol], kind=[Kind.TRADE] * 3 + [kind], price=[11.0, 9.0, 11.0, np.nan])
    rule = alert_when(lambda s: s.level > 10, cooldown="5s")
    alerts = observe(lambda t: combine_latest(level=t.pipe(last())).pipe(rule), ticks).alerts
    assert [(alert.symbol, alert.time - ticks.time[0]) for alert in alerts[2:]] == [("A", 5 * 10**9)]


def test_an_alert_at_a_deadline_tells_what_its_symbol_knew_last():
    values = {"hold": "5s", "message": "{price} {level}"}
    rows = {"price": [11.0, 12.0, 7.0], "symbol": ["A", "A", "B"], "seconds": [0, 4, 5]}
    found = alerts_of(lambda t: combine_latest(level=t.pipe(last())).pipe(alert_when(lambda s: s.level > 10, **values)), **rows)
    assert [(alert.message, alert.values) for alert in found] == [("12.0 12.0", {"level": 12.0, "price": 12.0})]


NEGATIVE = {"not above": lambda s: ~(s.x > 1.0), "unequal": lambda s: s.x != s.y, "not known": lambda s: np.isnan(s.x)}


@pytest.mark.parametrize("every", [False, True], ids=["edges", "every"])
@pytest.mark.parametrize("condition", NEGATIVE.values(), ids=NEGATIVE)
def test_what_is_not_known_raises_nothing(condition, every):
    def judged(tape):
        return combine_latest(x=tape.pipe(column("x")), y=tape.pipe(column("y"))).pipe(alert_when(condition, every=every))

    assert not alerts_of(judged, price=[1.0] * 3, x=[np.nan] * 3, y=[2.0] * 3)


def test_what_is_not_known_clears_nothing():
    def judged(tape):
        return combine_latest(x=tape.pipe(column("x"))).pipe(alert_when(lambda s: s.x > 1.0))

    assert [alert.event for alert in alerts_of(judged, price=[1.0] * 3, x=[2.0, np.nan, np.nan])] == ["raised"]


def test_what_is_not_known_ends_no_hold():
    def judged(tape):
        return combine_latest(x=tape.pipe(column("x"))).pipe(alert_when(lambda s: s.x > 1.0, hold="2s"))

    assert [alert.event for alert in alerts_of(judged, price=[1.0] * 4, x=[2.0, np.nan, 2.0, 2.0])] == ["raised"]


ALWAYS_KNOWN = {
    "seq": lambda s: s.seq >= 0,
    "time": lambda s: s.time >= 0,
    "symbol": lambda s: s.symbol == "A",
    "kind": lambda s: s.kind == Kind.TRADE,
    "side": lambda s: s.side >= 0,
}


@pytest.mark.parametrize("condition", ALWAYS_KNOWN.values(), ids=ALWAYS_KNOWN)
def test_a_condition_may_look_only_at_columns_that_are_always_known(condition):
    def judged(tape):
        return combine_latest(price=tape.pipe(last())).pipe(alert_when(condition))

    assert [alert.event for alert in alerts_of(judged, price=[1.0, 1.0], side=[0, 1])] == ["raised"]
