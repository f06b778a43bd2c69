"""Alerts whose windows span a GAP: told as degraded, or held back."""

import math

import numpy as np
import pytest
import reference as ref
import reference_gaps as doubt
from hurtful import cuts, reference_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rules_under_test import Level, level_tape
from test_gap_marks import rows_made
from tries import tries

from pipeline.checks import LAWS, observe, tape_of
from pipeline.combine import combine_latest
from pipeline.errors import UnknownName
from pipeline.operators import last, moving_average, volume
from pipeline.rules import alert_when
from pipeline.ticks import Kind
from pipeline.windows import bars

quick = settings(max_examples=tries(8), deadline=None, suppress_health_check=list(HealthCheck))
thorough = settings(quick, max_examples=tries(60))
seeds = st.integers(0, 10**6)
lengths = st.integers(1, 120)
waits = st.sampled_from(["0s", "10ms", "30ms", "100ms", "2s", "15s", "1m"])
sources = pytest.mark.parametrize("of", ["signal", "row", "comparison", "bars"])


class Guarded(Level):
    """A level that says what a gap does to it."""

    on_gap: str = "mark"

    def alerts(self, ticks):
        """One rule."""
        rule = {"every": True} if self.every else {"hold": self.hold, "clear": self._is_down if self.clear else None}
        return self._signals(ticks).pipe(alert_when(self._is_up, cooldown=self.cooldown, on_gap=self.on_gap, **rule))


# The rule machine against its twin.


def expected(rule: Guarded, ticks) -> list[tuple[int, str, str, bool]]:
    """What the slow machine tells of the levels and the gaps."""
    rows, suppress = reference_rows(ticks), rule.on_gap == "suppress"
    if rule.of == "bars":
        closes = ref.bars(rows, "1s")
        lost = doubt.lost_in(doubt.gaps_of(rows), rows_made(bars("1s"), ticks))
        marks = doubt.marks([doubt.Seen(bar.time, bar.symbol, True, mark) for bar, mark in zip(closes, lost, strict=True)], 2)
        mean = ref.moving_average(ref.derived_inputs(closes, "close"), 2)
        levels = [(bar.time, bar.symbol, bar.close, not math.isnan(known)) for bar, known in zip(closes, mean, strict=True)]
        gaps = [row for row in rows if row.kind == "GAP"]
    else:
        standing = rule.of != "row"
        values = ref.column(ref.inputs_of(rows, "price")) if standing else [row.price for row in rows]
        levels = [
            (row.time, row.symbol, level, not math.isnan(level) and not (rule.every and row.kind != "TRADE"))
            for row, level in zip(rows, values, strict=True)
        ]
        marks = doubt.marks(doubt.seen(rows, ref.inputs_of(rows, "price")), 1) if standing else [row.kind == "GAP" for row in rows]
        gaps = []
    judged = [ref.RuleRow(time, symbol, level > 0.5, level < -0.5 if rule.clear else None, known) for time, symbol, level, known in levels]
    found = doubt.rule(judged, marks, gaps, int(ticks.time[-1]), rule.hold, rule.cooldown, suppress, rule.every)
    return [(event.time, event.symbol, event.event, mark) for event, mark in found]


def told(rule: Guarded, ticks, at) -> list[tuple[int, str, str, bool]]:
    return [(alert.time, alert.symbol, alert.event, alert.degraded) for alert in observe(rule.alerts, ticks, at).alerts]


def level_ticks(of, seed, rows, symbols=3):
    return level_tape(seed, rows, symbols, unknown=0.0)


@sources
@pytest.mark.parametrize("on_gap", ["mark", "suppress"])
@given(seed=seeds, rows=lengths, symbols=st.integers(1, 4), hold=waits, cooldown=waits, clear=st.booleans(), at=cuts(120))
@thorough
def test_a_rule_over_gaps_agrees_with_its_definition(of, on_gap, seed, rows, symbols, hold, cooldown, clear, at):
    rule, ticks = Guarded(of=of, hold=hold, cooldown=cooldown, clear=clear, on_gap=on_gap), level_ticks(of, seed, rows, symbols)
    assert told(rule, ticks, at) == expected(rule, ticks)


@sources
@pytest.mark.parametrize("on_gap", ["mark", "suppress"])
@given(seed=seeds, rows=lengths, cooldown=waits, at=cuts(120))
@thorough
def test_a_rule_for_every_row_over_gaps_agrees_with_its_definition(of, on_gap, seed, rows, cooldown, at):
    rule, ticks = Guarded(of=of, cooldown=cooldown, every=True, on_gap=on_gap), level_ticks(of, seed, rows)
    assert told(rule, ticks, at) == expected(rule, ticks)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("shape", [{}, {"hold": "30ms", "cooldown": "2s"}, {"clear": True, "cooldown": "100ms"}, {"every": True}], ids=str)
@pytest.mark.parametrize("on_gap", ["mark", "suppress"])
@sources
@given(seed=seeds, rows=st.integers(1, 70), at=cuts(70))
@quick
def test_a_rule_over_gaps_obeys(of, on_gap, shape, law, seed, rows, at):
    rule = Guarded(of=of, on_gap=on_gap, **shape)
    law(rule.alerts, level_ticks(of, seed, rows), at[:15] if law.__name__ == "no_look_ahead_law" else at)


@sources
@given(seed=seeds, rows=lengths, hold=waits, cooldown=waits)
@thorough
def test_marks_change_no_alert_and_no_id(of, seed, rows, hold, cooldown):
    ticks, rule = level_ticks(of, seed, rows), {"of": of, "hold": hold, "cooldown": cooldown}
    kind = np.where(ticks.kind == Kind.GAP, Kind.QUOTE, ticks.kind).astype("i1")
    marked = observe(Guarded(**rule).alerts, ticks).alerts
    plain = observe(Guarded(**rule).alerts, type(ticks)({**ticks.columns, "kind": kind}, ticks.symbols)).alerts
    assert [alert.id for alert in marked] == [alert.id for alert in plain]
    assert not any(alert.degraded for alert in plain)


# The edges.


def heard(kinds, seconds=None, prices=None, build=None, **rule):
    """Second, event and mark of each alert on one symbol: T a trade above the level, t one below, G a gap, h a heartbeat."""
    kind = [{"T": Kind.TRADE, "t": Kind.TRADE, "G": Kind.GAP, "h": Kind.HEARTBEAT}[each] for each in kinds]
    price = prices or [{"T": 11.0, "t": 9.0}.get(each, np.nan) for each in kinds]
    ticks = tape_of(seconds, ["" if each == "h" else "A" for each in kinds], price=price, kind=kind)
    combined = build or (lambda t: combine_latest(level=t.pipe(last())))
    alerts = observe(lambda t: combined(t).pipe(alert_when(lambda s: s.level > 10.0, **rule)), ticks).alerts
    start = int(ticks.time[0]) - round((0 if seconds is None else seconds[0]) * 1e9)
    return [(round((alert.time - start) / 1e9, 9), alert.event[0] + ("*" if alert.degraded else "")) for alert in alerts]


def bars_of(tape):
    return combine_latest(level=tape.pipe(bars("1s"), last()))


def slow(tape):
    return combine_latest(level=tape.pipe(moving_average("5s")))


def shown_only(tape):
    return combine_latest(level=tape.pipe(last()), shown=tape.pipe(volume("1m")))


HELD_BACK = {"on_gap": "suppress"}
ON_BARS = {"build": bars_of, "seconds": [0.5, 2.5, 3, 4, 5, 6]}

EDGES = {
    "raised before the gap": ("TGt", {}, [(0, "r"), (2, "c")]),
    "raised on a window that spans it": ("tGT", {"build": slow, "prices": [9.0, np.nan, 13.0]}, [(2, "r*")]),
    "held back while a window spans it": ("tGTTTTTT", {"build": slow, **HELD_BACK}, [(6, "r")]),
    "cleared once it is whole": (
        "TGttttt", {"build": slow, "prices": [30.0, np.nan, *[1.0] * 5], **HELD_BACK}, [(0, "r"), (6, "c")]
    ),

    "a hold that meets it": ("TGTTT", {"hold": "3s"}, [(3, "r*")]),
    "a hold that meets it begins anew": ("TGTTTTT", {"hold": "3s", **HELD_BACK}, [(5, "r")]),
    "a hold that it ends with": ("TTG", {"hold": "2s"}, [(2, "r")]),
    "a hold that it ends with is not held back": ("TTG", {"hold": "2s", **HELD_BACK}, [(2, "r")]),
    "a hold of a symbol that is quiet after it": ("TGhhh", {"hold": "3s"}, [(3, "r*")]),
    "a hold of a symbol that is quiet after it, held back": ("TGhhhh", {"hold": "3s", **HELD_BACK}, []),
    "a hold on bars, the gap in no row of theirs": ("TGhhhh", {"hold": "3s", **ON_BARS}, [(4, "r*")]),
    "held back on bars": ("TGhhhh", {"hold": "3s", **ON_BARS, **HELD_BACK}, []),
    "a cooldown looks at its last row": (
        "TtTGTth", {"cooldown": "5s", "seconds": [0, 1, 2, 3, 4, 5.5, 6]}, [(0, "r"), (1, "c"), (5, "r"), (5.5, "c")]
    ),

    "a cooldown that ends in doubt": ("TtTGhh", {"cooldown": "5s"}, [(0, "r"), (1, "c"), (5, "r*")]),
    "a cooldown that ends in doubt, held back": ("TtTGhh", {"cooldown": "5s", **HELD_BACK}, [(0, "r"), (1, "c")]),
    "every row": ("TGTT", {"every": True, "build": slow, "prices": [11.0, np.nan, 11.0, 11.0]}, [(0, "r"), (2, "r*"), (3, "r*")]),
    "every row, held back": ("TGTT", {"every": True, "build": slow, **HELD_BACK}, [(0, "r")]),
    "a signal that the rule does not name": ("tGT", {"build": shown_only}, [(2, "r")]),
    "a signal that only the message names": ("tGT", {"build": shown_only, "message": "{shown}"}, [(2, "r*")]),
}  # fmt: skip


@pytest.mark.parametrize(("kinds", "rule", "expected"), EDGES.values(), ids=EDGES)
def test_at_the_edge(kinds, rule, expected):
    assert heard(kinds, **rule) == expected


def test_another_symbols_gap_is_nobody_elses():
    ticks = tape_of(symbol=["A", "B", "A"], price=[9.0, np.nan, 11.0], kind=[Kind.TRADE, Kind.GAP, Kind.TRADE])
    alerts = observe(lambda t: combine_latest(level=t.pipe(moving_average(1))).pipe(alert_when(lambda s: s.level > 10.0)), ticks).alerts
    assert [alert.degraded for alert in alerts] == [False]


def test_what_a_gap_does_must_be_known():
    with pytest.raises(UnknownName, match="on_gap"):
        alert_when(lambda s: s.x > 1, on_gap="hide")
