"""Mistakes that show while the graph is built: the message says what to write instead."""

import math

import numpy as np
import pytest

from pipeline import combine_latest
from pipeline.checks import open_tape, values_of
from pipeline.doors import each_tick
from pipeline.errors import UsageError
from pipeline.operators import column, ema, last, mid, moving_average, price_change, rsi, volume_baseline
from pipeline.rules import alert_when
from pipeline.windows import bars


def price(ticks):
    return ticks.pipe(last())


MISTAKES = {
    "numpy.log": (lambda t: np.log(price(t)), r"write signal.apply\(np.log\)"),
    "math.log": (lambda t: math.log(price(t)), r"write signal.apply\(np.log\) for math.log\(signal\)"),
    "numpy.maximum": (lambda t: np.maximum(price(t), 3), r"apply\(lambda s: np.maximum\(s.a, s.b\)\)"),
    "numpy.mean": (lambda t: np.mean(price(t)), r"signal.pipe\(moving_average\(10\)\)"),
    "a mean": (lambda t: price(t).mean(), "a signal has no 'mean'; for a window use an operator"),
    "a place": (lambda t: price(t)[-1], r"signal\[-1\]: a signal has one value a row"),
    "float": (lambda t: float(price(t)), "a signal is a column, not a number"),
    "len": (lambda t: len(price(t)), "a signal is a column, not a number"),
    "a loop": (lambda t: list(price(t)), "a signal is a column, not a number"),
    "round": (lambda t: round(price(t)), r"write signal.apply\(np.round\)"),
    "max": (lambda t: max(price(t), t.pipe(rsi())), r"np.maximum\(s.a, s.b\)"),
    "an operator that is not called": (lambda t: t.pipe(rsi), r"write pipe\(rsi\(...\)\), as in rsi\(n=14\)"),
    "another": (lambda t: t.pipe(mid), r"write pipe\(mid\(...\)\), as in mid\(\)"),
    "on a signal": (lambda t: price(t).pipe(moving_average), r"as in moving_average\(window\)"),
    "bars not called": (lambda t: t.pipe(bars), r"write pipe\(bars\(...\)\), as in bars\(of\)"),
    "alert_when not called": (lambda t: combine_latest(x=price(t)).pipe(alert_when), r"write pipe\(alert_when\(...\)\)"),
    "a number": (lambda t: t.pipe(5), r"pipe\(5\): expected an operator"),
    "a window of a float": (lambda t: t.pipe(moving_average(5.0)), '5.0 is no window; write "5s" for 5 seconds, or 5 for the last 5 rows'),
    "a window without a unit": (lambda t: t.pipe(moving_average("5")), 'write "5s" for 5 seconds, or the number 5 for the last 5 rows'),
    "a change": (lambda t: t.pipe(price_change(5.0)), '5.0 is no window; write "5s"'),
    "an average": (lambda t: t.pipe(ema("12")), 'is no window; write "12s" for 12 seconds, or the number 12'),
    "a window beyond memory": (
        lambda t: t.pipe(moving_average(10**9)),
        'a window of 1,000,000,000 rows needs 477 GiB or more; it has at most 10,000,000; a length of time, such as "1h"',
    ),
    "a window beyond numbers": (lambda t: t.pipe(moving_average(10**19)), "a window of 10,000,000,000,000,000,000 rows needs"),
    "rsi of a float": (lambda t: t.pipe(rsi(5.0)), r"rsi\(5.0\): expected a whole number of changes"),
    "a length without a unit": (lambda t: t.pipe(volume_baseline("60", "5m")), '"60s" is 60 seconds'),
    "half a row": (lambda t: t.pipe(moving_average(2.5)), "2.5 is no length of time"),
    "close": (lambda t: t.pipe(bars("1m"), column("close")), "did you mean 'price'"),
    "volume": (lambda t: t.pipe(bars("1m"), column("volume")), "did you mean 'size'"),
    "close in a condition": (lambda t: combine_latest(x=price(t)).pipe(alert_when(lambda s: s.close > 1)), "did you mean 'price'"),
    "a column of the tape": (lambda t: t.price, r'write ticks.pipe\(column\("price"\)\)'),
    "something of the tape": (lambda t: t.mean, "a tape has no 'mean'"),
    "an operator as a signal": (
        lambda t: combine_latest(x=rsi(5)),
        r"x is Rsi, expected a Signal; apply the operator: x=ticks.pipe\(...\)",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_answered_with_what_to_write(case):
    make, words = MISTAKES[case]
    tape, _ = open_tape(price=[10.0, 11.0])
    with pytest.raises((UsageError, AttributeError), match=words):
        make(tape)


def test_numpy_numbers_and_signs_work_as_pythons_own():
    def doubled(ticks):
        return np.float64(2.0) * price(ticks)

    assert values_of(doubled, price=[10.0, 11.0]) == [20.0, 22.0]
    assert values_of(lambda t: np.abs(-price(t)), price=[10.0]) == [10.0]
    assert values_of(lambda t: np.subtract(price(t), 4.0), price=[10.0]) == [6.0]
    assert values_of(lambda t: price(t) % 4, price=[10.0]) == [2.0]
    assert values_of(lambda t: price(t) // 4, price=[10.0]) == [2.0]
    assert values_of(lambda t: 2 ** price(t), price=[3.0]) == [8.0]


def test_rx_operators_and_doors_still_go_through_pipe():
    seen = []
    tape, run = open_tape(price=[10.0, 11.0])
    tape.pipe(each_tick()).subscribe(lambda tick: seen.append(tick.price))
    run()
    assert seen == [10.0, 11.0]
