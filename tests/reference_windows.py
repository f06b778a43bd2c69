"""Sums, counts, averages and order statistics over a window of rows (int) or of time (str)."""

import math
from fractions import Fraction

from reference_exact import NAN, mean, rounded, total
from reference_tape import Input, Inputs, Numbers, Session, Values, Window, each_row, inside, nanoseconds, rolling, since_open


def rolling_sum(inputs: Inputs[float], window: Window) -> Values:
    """Sum in the window; 0 in an empty time window."""
    return rolling(inputs, window, lambda xs: rounded(total(xs)))


def volume(inputs: Inputs[float], window: Window) -> Values:
    """Sum of the sizes in the window."""
    return rolling_sum(inputs, window)


def moving_average(inputs: Inputs[float], window: Window) -> Values:
    """Mean in the window."""
    return rolling(inputs, window, lambda xs: rounded(mean(xs)) if xs else NAN)


def volume_baseline(inputs: Inputs[float], over: str, baseline: str) -> Values:
    """Mean volume per `over` in `(t - over - baseline, t - over]`; NaN unless the symbol traded by its beginning."""
    over_ns, baseline_ns = nanoseconds(over), nanoseconds(baseline)

    def at(past: Inputs[float], now: int) -> float:
        end = now - over_ns
        begin = end - baseline_ns
        if not past or past[0].time > begin:
            return NAN
        return rounded(total(row.x for row in past if begin < row.time <= end) * over_ns / baseline_ns)

    return each_row(inputs, at)


def tick_count(inputs: Inputs[float], over: str) -> Values:
    """Number of counted rows in the window."""
    return rolling(inputs, over, lambda xs: float(len(xs)))


def trade_rate(inputs: Inputs[float], over: str) -> Values:
    """Counted rows per second in the window."""
    return rolling(inputs, over, lambda xs: rounded(Fraction(len(xs) * 10**9, nanoseconds(over))))


def vwap(inputs: Inputs[Numbers], window: Window | Session) -> Values:
    """Sum of price times size by sum of size, of (price, size) inputs, in the window or since the session's open."""

    def at(past: Inputs[Numbers], now: int) -> float:
        rows = inside(past, now, window) if isinstance(window, int | str) else since_open(past, now, window)
        return _average_price(rows or [])

    return each_row(inputs, at)


def _average_price(rows: list[Input[Numbers]]) -> float:
    size = total(row.x[1] for row in rows)
    return rounded(total(Fraction(row.x[0]) * Fraction(row.x[1]) for row in rows) / size) if size else NAN


def rolling_min(inputs: Inputs[float], window: Window) -> Values:
    """Lowest in the window."""
    return rolling(inputs, window, lambda xs: min(xs, default=NAN))


def rolling_max(inputs: Inputs[float], window: Window) -> Values:
    """Highest in the window."""
    return rolling(inputs, window, lambda xs: max(xs, default=NAN))


def rolling_quantile(inputs: Inputs[float], window: Window, q: float) -> Values:
    """The q-quantile in the window, between two values by numpy's linear interpolation."""
    return rolling(inputs, window, lambda xs: _quantile(sorted(xs), q) if xs else NAN)


def rolling_median(inputs: Inputs[float], window: Window) -> Values:
    """The middle value in the window, or the mean of the middle two."""
    return rolling_quantile(inputs, window, 0.5)


def _quantile(ordered: list[float], q: float) -> float:
    position = q * (len(ordered) - 1)  # a float, as in numpy: 0.1 of ten steps is one step
    below, above = Fraction(ordered[math.floor(position)]), Fraction(ordered[math.ceil(position)])
    return rounded(below + (above - below) * (Fraction(position) - math.floor(position)))
