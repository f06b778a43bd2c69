"""What every windowed operator must be at one row, worked out exactly from the rows in its window alone."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import localcontext
from fractions import Fraction
from typing import Any

import numpy as np
from reference_exact import DIGITS, NAN, decimal, mean, root, rounded, total
from reference_tape import nanoseconds

from pipeline.operators import (
    bollinger,
    column,
    moving_average,
    rolling_beta,
    rolling_corr,
    rolling_cov,
    rolling_max,
    rolling_median,
    rolling_min,
    rolling_std,
    rolling_sum,
    volume,
    volume_baseline,
    vwap,
    zscore,
)
from pipeline.ticks import Ticks

RELATIVE = 1e-9
Bounds = int | str
Pairs = list[tuple[float, float]]
"""Price and size of the rows in a window, oldest first."""


@dataclass(frozen=True)
class Operator:
    """How to build an operator on a window, and its exact value; `cancels` where a difference of near-equal numbers is told."""

    build: Callable[[Bounds], Any]
    exact: Callable[[Pairs, Bounds], float]
    cancels: bool = False
    reach: Callable[[Bounds], Bounds] = lambda bounds: bounds
    least: int = 1


def variance(xs: list[float], ddof: int) -> Fraction:
    middle = mean(xs)
    return total((Fraction(x) - middle) ** 2 for x in xs) / (len(xs) - ddof)


def covariance(pairs: Pairs, ddof: int) -> Fraction:
    x_mean, y_mean = mean([x for x, _ in pairs]), mean([y for _, y in pairs])
    return total((Fraction(x) - x_mean) * (Fraction(y) - y_mean) for x, y in pairs) / (len(pairs) - ddof)


def prices(pairs: Pairs) -> list[float]:
    return [price for price, _ in pairs]


def average_price(pairs: Pairs, bounds: Bounds) -> float:
    size = total(size for _, size in pairs)
    return rounded(total(Fraction(price) * Fraction(size) for price, size in pairs) / size) if size else NAN


def score(pairs: Pairs, bounds: Bounds) -> float:
    spread = variance(prices(pairs), 1)
    return rounded(DIGITS.divide(decimal(Fraction(pairs[-1][0]) - mean(prices(pairs))), root(spread))) if spread else NAN


def upper_band(pairs: Pairs, bounds: Bounds) -> float:
    with localcontext(DIGITS):
        return rounded(decimal(mean(prices(pairs))) + 2 * root(variance(prices(pairs), 0)))


def correlation(pairs: Pairs, bounds: Bounds) -> float:
    spread = variance(prices(pairs), 1) * variance([size for _, size in pairs], 1)
    return rounded(DIGITS.divide(decimal(covariance(pairs, 1)), root(spread))) if spread else NAN


def slope(pairs: Pairs, bounds: Bounds) -> float:
    spread = variance([size for _, size in pairs], 1)
    return rounded(covariance(pairs, 1) / spread) if spread else NAN


def middle(pairs: Pairs, bounds: Bounds) -> float:
    ordered, last = sorted(prices(pairs)), len(pairs) - 1
    return rounded((Fraction(ordered[last // 2]) + Fraction(ordered[(last + 1) // 2])) / 2)


def baseline_of(bounds: Bounds) -> tuple[str, str]:
    """`over` and `baseline`; a count has no meaning here and stands for as many seconds."""
    return "1s", bounds if isinstance(bounds, str) else f"{bounds}s"


def baseline_reach(bounds: Bounds) -> str:
    over, baseline = baseline_of(bounds)
    return f"{nanoseconds(over) + nanoseconds(baseline)}ns"


def on_sizes(operator: Callable[..., Any]) -> Callable[[Bounds], Any]:
    return lambda bounds: lambda ticks: ticks.pipe(column("price"), operator(ticks.pipe(column("size")), bounds))


OPERATORS = {
    "sum": Operator(rolling_sum, lambda pairs, bounds: rounded(total(prices(pairs))), cancels=True),
    "moving_average": Operator(moving_average, lambda pairs, bounds: rounded(mean(prices(pairs))), cancels=True),
    "volume": Operator(volume, lambda pairs, bounds: rounded(total(size for _, size in pairs))),
    "vwap": Operator(vwap, average_price, cancels=True),
    "std": Operator(rolling_std, lambda pairs, bounds: rounded(root(variance(prices(pairs), 1))), least=2),
    "std of the population": Operator(
        lambda bounds: rolling_std(bounds, 0), lambda pairs, bounds: rounded(root(variance(prices(pairs), 0)))
    ),
    "zscore": Operator(zscore, score, cancels=True, least=2),
    "bollinger": Operator(lambda bounds: lambda ticks: ticks.pipe(bollinger(bounds)).upper, upper_band, cancels=True),
    "min": Operator(rolling_min, lambda pairs, bounds: min(prices(pairs))),
    "max": Operator(rolling_max, lambda pairs, bounds: max(prices(pairs))),
    "median": Operator(rolling_median, middle, cancels=True),
    "cov": Operator(on_sizes(rolling_cov), lambda pairs, bounds: rounded(covariance(pairs, 1)), cancels=True, least=2),
    "corr": Operator(on_sizes(rolling_corr), correlation, cancels=True, least=2),
    "beta": Operator(on_sizes(rolling_beta), slope, cancels=True, least=2),
    "volume_baseline": Operator(
        lambda bounds: volume_baseline(*baseline_of(bounds)),
        lambda pairs, bounds: rounded(total(size for _, size in pairs) / Fraction(nanoseconds(baseline_of(bounds)[1]), nanoseconds("1s"))),
        reach=baseline_reach,
        least=0,
    ),
}
ALL = {
    "rolling_sum", "moving_average", "volume", "vwap", "rolling_std", "zscore", "bollinger", "rolling_min", "rolling_max",
    "rolling_median", "rolling_cov", "rolling_corr", "rolling_beta", "volume_baseline",
}  # fmt: skip


def price_walk(seed: int, rows: int) -> np.ndarray:
    """Prices that wander around 60,000 with a tick of 0.01."""
    steps = np.random.default_rng(seed).integers(-50, 51, rows)
    return np.round(60_000 + np.cumsum(steps) * 0.01, 2)


def places_inside(ticks: Ticks, place: int, bounds: Bounds) -> np.ndarray:
    """The rows of the symbol of row `place` that are in its window, found anew from the whole tape."""
    if isinstance(bounds, int):
        first = max(0, place + 1 - 64 * bounds)
        return (first + np.flatnonzero(ticks.symbol[first : place + 1] == ticks.symbol[place]))[-bounds:]
    first = int(np.searchsorted(ticks.time, ticks.time[place] - nanoseconds(bounds), side="right"))
    return first + np.flatnonzero(ticks.symbol[first : place + 1] == ticks.symbol[place])


def expected_at(name: str, bounds: Bounds, ticks: Ticks, place: int) -> tuple[float, Pairs]:
    """The exact value at a row, and the rows it was made of."""
    operator = OPERATORS[name]
    inside = places_inside(ticks, place, operator.reach(bounds))
    if name == "volume_baseline":
        over, baseline = baseline_of(bounds)
        now = int(ticks.time[place])
        mine = ticks.time[: place + 1][ticks.symbol[: place + 1] == ticks.symbol[place]]
        if mine[0] > now - nanoseconds(over) - nanoseconds(baseline):
            return NAN, []
        inside = inside[ticks.time[inside] <= now - nanoseconds(over)]
    pairs = list(zip(ticks.price[inside].tolist(), ticks.size[inside].tolist(), strict=True))
    if len(pairs) < operator.least or (isinstance(bounds, int) and name != "volume_baseline" and len(pairs) < bounds):
        return NAN, pairs
    return operator.exact(pairs, bounds), pairs


def conditioned(name: str, pairs: Pairs, expected: float) -> float:
    """The number that 1e-9 is taken of: the value, or what it is a difference of, where that is larger.

    A sum that cancels, a score near 0, or a covariance of what hardly varies together carries the roundings of its parts;
    no arithmetic on float64 results gives it more digits than they have.
    """
    if not pairs or not OPERATORS[name].cancels:
        return abs(expected)
    largest = max(abs(price) for price, _ in pairs)
    if name == "sum":
        return max(abs(expected), rounded(total(abs(price) for price, _ in pairs)))
    if name in ("moving_average", "vwap", "bollinger", "median"):
        return max(abs(expected), largest)
    if name in ("zscore", "corr"):
        return max(abs(expected), 1.0)
    parts = rounded(root(variance(prices(pairs), 1))) * rounded(root(variance([size for _, size in pairs], 1)))
    if name == "beta":
        spread = rounded(variance([size for _, size in pairs], 1))
        return max(abs(expected), parts / spread if spread else 0.0)
    return max(abs(expected), parts)


def assert_exact(name: str, bounds: Bounds, ticks: Ticks, found: np.ndarray, places: Iterable[int]) -> None:
    """The values at these rows are the exact ones to 1e-9."""
    for place in places:
        expected, pairs = expected_at(name, bounds, ticks, place)
        value = float(found[place])
        if np.isnan(expected) or np.isnan(value):
            assert np.isnan(expected), (name, bounds, place, "found", value, "expected", expected)
            assert np.isnan(value), (name, bounds, place, "found", value, "expected", expected)
        elif value != expected:
            assert abs(value - expected) <= RELATIVE * conditioned(name, pairs, expected), (name, bounds, place, value, expected)
