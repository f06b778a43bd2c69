"""Arithmetic and comparisons of signals; equal operators share one stage."""

import math
import operator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tries import tries

from pipeline.checks import open_tape, values_of
from pipeline.combine import combine_latest
from pipeline.errors import BuildError
from pipeline.operators import column, ema, last, mid, moving_average, volume
from pipeline.windows import bars

quick = settings(max_examples=tries(8), deadline=None, suppress_health_check=list(HealthCheck))

COMPARISONS = [operator.gt, operator.ge, operator.lt, operator.le, operator.and_, operator.or_]
some = st.lists(st.sampled_from([math.nan, -1.0, 0.0, 1.0, 2.0]), min_size=6, max_size=6)


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda compare: compare.__name__)
@given(left=some, right=some)
@quick
def test_a_comparison_with_what_is_not_known_is_not_known(compare, left, right):
    found = values_of(lambda t: compare(t.pipe(column("x")), t.pipe(column("y"))), price=[1.0] * 6, x=left, y=right)
    truth = compare if compare not in (operator.and_, operator.or_) else lambda a, b: compare(a != 0, b != 0)
    expected = [math.nan if math.isnan(a) or math.isnan(b) else float(truth(a, b)) for a, b in zip(left, right, strict=True)]
    np.testing.assert_equal(found, expected)


@given(x=some)
@quick
def test_the_opposite_of_what_is_not_known_is_not_known(x):
    found = values_of(lambda t: ~(t.pipe(column("x")) > 0.5), price=[1.0] * 6, x=x)
    np.testing.assert_equal(found, [math.nan if math.isnan(value) else float(value <= 0.5) for value in x])


# Equal operators are computed once.

ONCE = {
    "equal windows": lambda t: (t.pipe(volume("60s")), t.pipe(volume("1m"))),
    "equal counts": lambda t: (t.pipe(moving_average(3)), t.pipe(moving_average(3))),
    "equal bars": lambda t: (t.pipe(bars("60s")), t.pipe(bars("1m"))),
    "equal operators on equal bars": lambda t: (t.pipe(bars("60s"), ema(2)), t.pipe(bars("1m"), ema(2))),
    "equal arithmetic": lambda t: (t.pipe(last()) - t.pipe(mid()), t.pipe(last()) - t.pipe(mid())),
}


@pytest.mark.parametrize("build", ONCE.values(), ids=ONCE)
def test_equal_operators_are_computed_once(build):
    tape, _ = open_tape(price=[1.0], bid=[1.0], ask=[1.0])
    first, second = build(tape)
    assert first is second


def test_different_operators_are_computed_apart():
    tape, _ = open_tape(price=[1.0])
    combine_latest(a=tape.pipe(volume("60s")), b=tape.pipe(volume("1m")), c=tape.pipe(volume("61s")))
    assert len(tape.graph.stages) == 2


# Arithmetic is Python's, row by row.

ARITHMETIC = {
    "x + y": lambda x, y: x + y,
    "x - y": lambda x, y: x - y,
    "x * y": lambda x, y: x * y,
    "x / y": lambda x, y: x / y,
    "x + 3": lambda x, y: x + 3,
    "3 - x": lambda x, y: 3 - x,
    "x - 3": lambda x, y: x - 3,
    "3 / y": lambda x, y: 3 / y,
    "y / 3": lambda x, y: y / 3,
    "x ** 2": lambda x, y: x**2,
    "-x": lambda x, y: -x,
    "|x|": lambda x, y: abs(x),
}


@pytest.mark.parametrize("compute", ARITHMETIC.values(), ids=ARITHMETIC)
def test_arithmetic_is_that_of_numbers(compute):
    x, y = [-2.0, 0.0, 1.5, 7.0], [4.0, -0.5, 3.0, 8.0]
    found = values_of(lambda t: compute(t.pipe(column("x")), t.pipe(column("y"))), price=[1.0] * 4, x=x, y=y)
    np.testing.assert_allclose(found, [compute(a, b) for a, b in zip(x, y, strict=True)], atol=1e-4)


@pytest.mark.parametrize("misuse", [bool, lambda x: x and x, lambda x: not x, lambda x: 0 < x < 1], ids=["bool", "and", "not", "chain"])
def test_a_signal_is_neither_true_nor_false(misuse):
    with pytest.raises(BuildError, match=r"combine signals with & and \|"):
        misuse(open_tape(price=[1.0])[0].pipe(last()))


def test_a_signal_and_text_do_not_add_up():
    with pytest.raises(TypeError):
        open_tape(price=[1.0])[0].pipe(last()) + "1"
