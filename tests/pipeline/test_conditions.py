"""What a condition may do; its misuse is refused when the graph is built, with a message that helps."""

import math
from datetime import timedelta

import numpy as np
import pytest

from pipeline.checks import alerts_of, open_tape
from pipeline.combine import combine_latest
from pipeline.errors import BuildError, ParameterError, UnknownName, UsageError
from pipeline.flow import where
from pipeline.operators import last, moving_average
from pipeline.rules import alert_when


def signals(tape):
    """A price, its average, and a comparison."""
    return combine_latest(fast=tape.pipe(last()), slow=tape.pipe(moving_average(2)), up=tape.pipe(last()) > 1)


def judge(condition, **rule):
    """A rule of a condition on a price and its average."""
    tape, _ = open_tape(price=[10.0, 11.0], bid=[1.0, 1.0])
    return tape.pipe(signals, alert_when(condition, **rule))


def with_if(s):
    if s.fast > 1:
        return s.slow > 2
    return s.slow > 3


def with_loop(s):
    return [x > 1 for x in s.fast]


def that_writes(s):
    s.fast = s.slow
    return s.fast > 1


AND, WINDOW, NUMBER = r"use & \| ~ with brackets", r"For a window use an operator", r"numpy\.log, not math\.log"
MISUSE = {
    "and": (lambda s: (s.fast > 1) and (s.slow > 2), AND),
    "or": (lambda s: (s.fast > 1) or (s.slow > 2), AND),
    "not": (lambda s: not (s.fast > 1), AND),
    "if": (with_if, AND),
    "a chained comparison": (lambda s: 1 < s.fast < 2, AND),
    "min": (lambda s: min(s.fast, s.slow) > 1, AND),
    "max": (lambda s: max(s.fast, s.slow) > 1, AND),
    "any": (lambda s: any(s.fast > 1), "loop"),
    "sum": (lambda s: sum(s.fast) > 1, "loop"),
    "a loop": (with_loop, "loop"),
    "in": (lambda s: 1.0 in s.fast, WINDOW),
    "a bare column joined": (lambda s: (s.fast > 1) & s.slow, AND),
    "brackets forgotten": (lambda s: s.fast > 1 & s.slow > 2, AND),
    "the opposite of a number": (lambda s: ~s.fast, AND),
    "a mean of rows": (lambda s: s.fast > s.fast.mean(), WINDOW),
    "numpy.mean": (lambda s: s.fast > np.mean(s.fast), WINDOW),
    "numpy.cumsum": (lambda s: np.cumsum(s.fast) > 1, WINDOW),
    "a reduction": (lambda s: np.add.reduce(s.fast) > 1, WINDOW),
    "an accumulation": (lambda s: np.maximum.accumulate(s.fast) > 1, WINDOW),
    "len": (lambda s: s.fast > len(s.fast), WINDOW),
    "an index": (lambda s: s.fast > s.fast[0], WINDOW),
    "a slice": (lambda s: s.fast[1:] > 1, WINDOW),
    "the row before": (lambda s: s.fast > s.fast.shift(1), WINDOW),
    "numpy.roll": (lambda s: s.fast > np.roll(s.fast, 1), WINDOW),
    "a bit shift": (lambda s: s.fast << 1 > 1, "elementwise"),
    "math.log": (lambda s: math.log(s.fast) > 1, NUMBER),
    "float": (lambda s: float(s.fast) > 1, NUMBER),
    "int": (lambda s: int(s.fast) > 1, NUMBER),
    "round": (lambda s: round(s.fast) > 1, NUMBER),
    "round to places": (lambda s: round(s.fast, 2) > 1, NUMBER),
    "a name that is not there": (lambda s: s.medium > 1, r"no signal or column named 'medium'.*There are:.*fast"),
    "a name nearly right": (lambda s: s.fsat > 1, r"did you mean 'fast'"),
    "a symbol by its code": (lambda s: s.symbol == 3, 's.symbol == "SPY"'),
    "symbols in order": (lambda s: s.symbol > "SPY", 's.symbol == "SPY"'),
    "a comparison with text": (lambda s: s.fast > "10", "'10' is no number"),
    "a comparison with nothing": (lambda s: s.fast == None, "None is no number"),  # noqa: E711
    "a list": (lambda s: s.fast > [1.0, 2.0], r"\[1\.0, 2\.0\] is no number"),
    "a column of one's own": (lambda s: s.fast > np.ones(2), "is no number"),
    "a number as result": (lambda s: s.fast - s.slow, r"expected a comparison of columns, such as s\.price > 10"),
    "True as result": (lambda s: True, "gives True; expected a comparison of columns"),
    "nothing as result": (lambda s: None, "gives None; expected a comparison of columns"),
    "identity": (lambda s: s.fast is not None, "gives True; expected a comparison of columns"),
    "text as result": (lambda s: "yes", "gives 'yes'; expected a comparison of columns"),
    "a column that is set": (that_writes, "cannot set 'fast'"),
}


@pytest.mark.parametrize(("condition", "words"), MISUSE.values(), ids=MISUSE)
def test_misuse_of_a_condition_is_refused_when_the_graph_is_built(condition, words):
    with pytest.raises((BuildError, UnknownName), match=words):
        judge(condition)


@pytest.mark.parametrize(("condition", "words"), MISUSE.values(), ids=MISUSE)
def test_misuse_of_a_clear_is_refused_when_the_graph_is_built(condition, words):
    with pytest.raises((BuildError, UnknownName), match=words):
        judge(lambda s: s.fast > 1, clear=condition)


FILTERS = {name: MISUSE[name] for name in MISUSE if name in ("and", "a chained comparison", "True as result", "a name that is not there")}


@pytest.mark.parametrize(("condition", "words"), FILTERS.values(), ids=FILTERS)
def test_misuse_of_a_filter_is_refused_when_the_graph_is_built(condition, words):
    tape, _ = open_tape(price=[1.0], fast=[1.0], slow=[1.0])
    with pytest.raises((BuildError, UnknownName), match=words):
        tape.pipe(where(condition))


ALLOWED = {
    "joined comparisons": lambda s: (s.fast > 1) & ((s.slow < 99) | ~(s.price > 10)),
    "numpy's functions": lambda s: np.log(np.abs(s.fast)) + np.maximum(s.slow, s.price) > 1,
    "numpy.where": lambda s: np.where(s.fast > 1, s.fast, s.slow) > 1,
    "numpy.isnan": lambda s: ~np.isnan(s.slow),
    "a comparison signal": lambda s: s.up,
    "a comparison signal joined": lambda s: s.up & (s.fast > 1),
    "a power and a rest": lambda s: (s.fast**2 % 7 >= 0) & (s.fast // 2 > 1),
    "numbers on the left": lambda s: 1 / s.fast + 2 * s.slow - 1 > 1 - s.price,
    "numpy's numbers": lambda s: (s.fast > np.float64(1)) & (s.slow < np.array(99)) & np.bool_(True),
    "a band": lambda s: (s.fast > 1) & (s.fast < 100),
}


@pytest.mark.parametrize("condition", ALLOWED.values(), ids=ALLOWED)
def test_a_condition_of_elementwise_arithmetic_is_allowed(condition):
    alerts = alerts_of(lambda tape: tape.pipe(signals, alert_when(condition)), price=[10.0, 11.0, 12.0])
    assert [alert.event for alert in alerts] == ["raised"]


RULES = {
    "a message with an unknown name": ({"message": "{symbol} {chnage}"}, r"no signal or column for the message named 'chnage'"),
    "a message without names": ({"message": "{} is up"}, "for the message named ''"),
    "a message with a bad format": ({"message": "{fast:d}"}, r"\{fast:d\}"),
    "a message with an open bracket": ({"message": "{fast is up"}, r"\{fast is up"),
    "hold with every": ({"every": True, "hold": "5s"}, "hold= have no meaning"),
    "clear with every": ({"every": True, "clear": lambda s: s.fast < 1}, "clear= and hold= have no meaning"),
    "an unknown severity": ({"severity": "warn"}, "did you mean 'warning'"),
    "a hold of words": ({"hold": "soon"}, "'soon' is no length of time"),
    "a hold of a number": ({"hold": 5}, "5 is no length of time"),
    "a hold below zero": ({"hold": "-5s"}, "no length of time"),
    "a cooldown of words": ({"cooldown": "later"}, "'later' is no length of time"),
}


@pytest.mark.parametrize(("rule", "words"), RULES.values(), ids=RULES)
def test_a_rule_that_cannot_work_is_refused_when_the_graph_is_built(rule, words):
    with pytest.raises(UsageError, match=words):
        judge(lambda s: s.fast > 1, **rule)


def test_two_rules_of_one_name_are_refused():
    tape, _ = open_tape(price=[1.0])
    both = combine_latest(fast=tape.pipe(last()))
    both.pipe(alert_when(lambda s: s.fast > 1, name="up"))
    with pytest.raises(BuildError, match="'up'"):
        both.pipe(alert_when(lambda s: s.fast > 2, name="up"))


def test_a_length_of_time_below_zero_is_refused():
    with pytest.raises(ParameterError, match="no length of time"):
        alert_when(lambda s: s.fast > 1, hold=timedelta(seconds=-1))


def test_alert_when_follows_a_combination():
    tape, _ = open_tape(price=[1.0])
    with pytest.raises(BuildError, match=r"alert_when follows combine_latest\(name=signal, \.\.\.\), not Signal"):
        tape.pipe(last(), alert_when(lambda s: s.price > 1))
