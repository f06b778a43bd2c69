"""FAULTS 58: once absurd prints have left the window, nothing remembers them; over long tapes nothing drifts.

prints   60,000.01  60,000.02  1e17  60,000.03  60,000.02  60,000.05
window 3                             [------------------------------]     exact again, to 1e-9 and better
"""

import itertools
import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pytest
from exact_windows import ALL, OPERATORS, RELATIVE, Bounds, assert_exact, places_inside, price_walk
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import THOROUGH, tries

from pipeline.checks import observe
from pipeline.operators import bollinger, ema, moving_average, rolling_std, volume, vwap, zscore
from pipeline.ticks import Ticks

START = 1_700_000_000 * 10**9
SECOND = 10**9
ABSURD = {
    "1e17": [1e17],
    "minus 1e17": [-1e17],
    "1e34": [1e34],
    "three at once": [1e17, -1e17, 1e34],
    "three and back": [1e34, 1e17, -1e34],
    "a million fold": [6e10, 6e10],
    "negative": [-37.63],
    "zero": [0.0, 0.0],
    "tiny": [1e-300, 5e-324],
    "the largest float": [1.7e308, 1.7e308],
}
FADING = {name: prints for name, prints in ABSURD.items() if name != "the largest float"}
WINDOWS = [2, 7, "3s", "20s"]
SOME = WINDOWS if THOROUGH else [7, "3s"]
FEW = 10 if THOROUGH else 40


def tape(price: np.ndarray, size: np.ndarray | None = None, symbols: int = 2, step_ns: int = SECOND // 2) -> Ticks:
    """A row each half second, the symbols in turn."""
    rows = len(price)
    code = [f"S{row % symbols}" for row in range(rows)]
    sizes = np.round(np.random.default_rng(rows).lognormal(0, 1, rows), 3) if size is None else size
    return Ticks.of(START + np.arange(rows) * step_ns, code, price=price, size=sizes)


def with_prints(prints: list[float], seed: int = 0, rows: int = 160) -> tuple[Ticks, np.ndarray]:
    """A walk at 60,000 into which the prints fall, for each of two symbols, twice; and which rows they are."""
    price = price_walk(seed, rows)
    absurd = np.zeros(rows, bool)
    both = np.repeat(prints, 2)
    for first in (11, 70):
        price[first : first + len(both)], absurd[first : first + len(both)] = both, True
    return tape(price), absurd


def assert_forgotten(name: str, bounds: Bounds, ticks: Ticks, absurd: np.ndarray, cuts: Iterable[int] = ()) -> None:
    """Exact at the rows whose window has no absurd one: the first dozen after each that has one, and some of the others."""
    found = observe(OPERATORS[name].build(bounds), ticks, cuts).column("value")
    since, judged = 0, []
    for place in range(len(ticks)):
        since = 0 if absurd[places_inside(ticks, place, OPERATORS[name].reach(bounds))].any() else since + 1
        if 0 < since <= 12 or (since and place % FEW == 0):
            judged.append(place)
    assert judged[-1] > np.flatnonzero(absurd)[-1] + 10, "the tape must go on long enough after the prints"
    assert_exact(name, bounds, ticks, found, judged)


@pytest.mark.parametrize("prints", ABSURD.values(), ids=ABSURD)
@pytest.mark.parametrize("name", OPERATORS)
def test_fault_58_an_absurd_price_is_forgotten_when_it_has_left(name, prints):
    ticks, absurd = with_prints(prints)
    for bounds in SOME:
        assert_forgotten(name, bounds, ticks, absurd, range(1, len(ticks), 17))


@pytest.mark.parametrize("sizes", [[1e15], [1e30, 1e17], [0.0, 0.0, 0.0], [1e308, 1.7e308]], ids=str)
@pytest.mark.parametrize("name", ["volume", "vwap", "volume_baseline", "cov", "beta", "corr"])
def test_fault_58_an_absurd_size_is_forgotten_when_it_has_left(name, sizes):
    rows, both = 160, np.repeat(sizes, 2)
    size, absurd = np.round(np.random.default_rng(3).lognormal(0, 1, rows), 3), np.zeros(rows, bool)
    size[20 : 20 + len(both)], absurd[20 : 20 + len(both)] = both, True
    for bounds in SOME:
        assert_forgotten(name, bounds, tape(price_walk(4, rows), size), absurd, range(1, rows, 17))


# Each print of a chain is the largest of those behind it: at every row the window is as ill as it can be.
CHAIN = [1e30, 1e25, 1e20, 1e15, 1e10, 1e5, 1.0]
SIGNED = [x * sign for x, sign in zip(CHAIN, itertools.cycle([1, -1]), strict=False)]


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("chain", [CHAIN, SIGNED, [1e34, *CHAIN, 1e-5]], ids=["falling", "signed", "longer"])
def test_fault_58_a_long_chain_leaves_one_after_the_other(name, chain):
    """Exact at every row, the chain's own among them."""
    ticks = tape(np.concatenate([price_walk(1, 30), np.repeat(chain, 2), price_walk(2, 40)]))
    for bounds in (4, 7, "3s", "10s") if THOROUGH else (7, "3s"):
        assert_exact(name, bounds, ticks, observe(OPERATORS[name].build(bounds), ticks).column("value"), range(len(ticks)))


@given(
    prints=st.lists(st.tuples(st.integers(0, 99), st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=12),
    bounds=st.sampled_from(WINDOWS),
    name=st.sampled_from(sorted(OPERATORS)),
)
@settings(max_examples=tries(60), deadline=None)
def test_fault_58_any_finite_prints_are_forgotten(prints, bounds, name):
    price, absurd = price_walk(5, 170), np.zeros(170, bool)
    for place, value in prints:
        price[place], absurd[place] = value, True
    assert_forgotten(name, bounds, tape(price), absurd)


@pytest.mark.parametrize("bounds", [2, 10, 333, "3s", "100s"], ids=str)
@pytest.mark.parametrize("price", [60_000.01, 0.1, 1e-7, 3.3e15, -37.63, 0.0])
def test_fault_58_a_constant_price_has_exactly_itself_as_mean_and_no_deviation(price, bounds):
    before = [1e17, 1e9, -5.0, 60_000.02]
    ticks = tape(np.array(before + [price] * 1200), symbols=1)
    settled = slice(len(before) + 333, None)
    for operator, expected in (
        (moving_average(bounds), price),
        (rolling_std(bounds), 0.0),
        (rolling_std(bounds, ddof=0), 0.0),
        (lambda t: t.pipe(bollinger(bounds)).upper, price),
        (lambda t: t.pipe(bollinger(bounds)).lower, price),
    ):
        found = observe(operator, ticks, range(1, 1200, 100)).column("value")[settled]
        assert found.tolist() == [expected] * len(found), operator
    assert np.isnan(observe(zscore(bounds), ticks).column("value")[settled]).all()


@pytest.mark.parametrize("rows", [3, 7, 10, 49, 100])
def test_fault_58_the_mean_of_equal_prices_is_that_price_whichever_it_is(rows):
    """A quotient alone would be off by its last digit for some of them: 49 times x, divided by 49."""
    prices = np.round(np.random.default_rng(rows).uniform(0.01, 60_000, 300), 2)
    ticks = tape(np.repeat(prices, 2 * rows), symbols=1, step_ns=SECOND)
    for bounds in (rows, f"{rows}s"):
        found = observe(moving_average(bounds), ticks).column("value").reshape(-1, 2 * rows)[:, rows:]
        assert (found == prices[:, None]).all()


@given(prices=st.lists(st.sampled_from([1.0, 2.0, 3.0, -0.0, 0.0]), min_size=1, max_size=80), bounds=st.sampled_from([2, 9, "4s", "11s"]))
@settings(max_examples=tries(40), deadline=None)
def test_the_order_of_prices_that_tie_does_not_matter(prices, bounds):
    ticks = tape(np.array(prices))
    for name in ("median", "min", "max"):
        assert_exact(name, bounds, ticks, observe(OPERATORS[name].build(bounds), ticks, (7, 40)).column("value"), range(len(ticks)))


@pytest.mark.parametrize("bounds", WINDOWS, ids=str)
def test_fault_58_a_variance_is_never_negative_even_while_the_print_is_inside(bounds):
    prints = [1e17, -1e17, 1e34, 1e150, -1e150, 5e-324, 0.0, 60_000.01]
    price = np.random.default_rng(8).choice(prints, 4000, p=[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3])
    ticks = tape(price)
    full = 2 * bounds if isinstance(bounds, int) else 4
    for ddof in (0, 1):
        found = observe(rolling_std(bounds, ddof), ticks).column("value")[full:]
        assert (found >= 0.0).all(), "nan or negative"
        assert (found == 0.0).any() or bounds != 2


@pytest.mark.parametrize("bounds", [400, "200s"], ids=str)
@pytest.mark.parametrize("name", ["std", "std of the population", "zscore", "cov", "corr", "beta", "bollinger", "moving_average"])
def test_fault_58_rare_ticks_in_a_quiet_market_at_60_million(name, bounds):
    """What varies is 1e-10 of the price: were means not kept relative to a price of their own, rounding would eat it."""
    rows = 2000
    price = 60_000_000.0 + np.where(np.random.default_rng(6).random(rows) < 0.01, 0.25, 0.0)
    ticks = tape(price, symbols=1)
    assert_exact(name, bounds, ticks, observe(OPERATORS[name].build(bounds), ticks).column("value"), range(390, rows, 160))


def test_fault_58_a_window_without_volume_has_no_average_price():
    size = np.array([0.1, 0.2, 0.7, 0.0, 0.0, 0.0, 1e15, 0.0, 0.0, 0.0, 0.3])
    ticks = tape(np.full(len(size), 60_000.01), size, symbols=1, step_ns=SECOND)
    for bounds in (2, "2s"):
        traded = observe(volume(bounds), ticks).column("value")
        average = observe(vwap(bounds), ticks).column("value")
        assert traded[[4, 5, 8, 9]].tolist() == [0.0] * 4
        assert np.isnan(average[[4, 5, 8, 9]]).all()
        assert average[10] == pytest.approx(60_000.01, rel=RELATIVE)


@pytest.mark.parametrize("prints", FADING.values(), ids=FADING)
@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize("operator", [ema("1s"), ema(3), ema(3, seed="first")], ids=repr)
def test_fault_58_an_absurd_price_fades_from_an_exponential_average(operator, first, prints):
    """It has no window, but after 1,200 half-lives nothing is left; only the sum of two largest floats, an infinity, would stay."""
    price = np.concatenate([np.full(first, 60_000.01), prints, np.full(1200, 60_000.01), [60_000.03]])
    ticks = tape(price, symbols=1, step_ns=SECOND)
    found = observe(operator, ticks, range(1, 1200, 7)).column("value")
    assert found[-2] == pytest.approx(60_000.01, rel=1e-15)
    assert found[-1] == pytest.approx(60_000.02, rel=1e-15)


def test_the_table_of_operators_is_complete():
    """Every windowed operator that computes, rather than picks or counts, is in the table."""
    picks = {"price_change", "log_return", "rolling_quantile", "buffer", "tick_count", "trade_rate", "order_flow_imbalance"}
    recursive = {"ema", "rsi", "session_high", "session_low", "last", "column", "mid", "spread", "spread_bps", "of", "vwap_std"}
    times = {"age", "age_of", "inter_arrival", "live_clock"}
    import pipeline.operators as operators

    factories = {name for name in operators.__all__ if name.islower()}
    assert factories - picks - recursive - times == set(ALL)


def definition_law(rows: int, samples: int, bounds: list[int | str], names: list[str]) -> None:
    rng = np.random.default_rng(rows)
    time = START + np.cumsum(rng.integers(0, 40, rows)) * 10**6
    ticks = Ticks.of(time, ["S1", "S2"] * (rows // 2), price=price_walk(9, rows), size=np.round(rng.lognormal(0, 1, rows), 3))
    places = [*np.linspace(rows // 2, rows - 1, samples).astype(int).tolist(), rows - 1]
    for name, window in itertools.product(names, bounds):
        found = observe(OPERATORS[name].build(window), ticks, range(8192, rows, 8192)).column("value")
        assert_exact(name, window, ticks, found, places)


@pytest.mark.slow
def test_the_definition_law_at_60_000_over_300_thousand_rows():
    definition_law(300_000, 8, [100, "9s"], list(OPERATORS))


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATORS)
def test_the_definition_law_at_60_000_over_10_million_rows(name):
    definition_law(10_000_000, 10, [1000, "50s"], [name])


def test_the_oracle_itself_is_fsum():
    """The table's sums are exact: fsum agrees to the last bit."""
    pairs = [(x, 1.0) for x in (1e17, 60_000.01, -1e17, 0.1)]
    assert OPERATORS["sum"].exact(pairs, 4) == math.fsum(x for x, _ in pairs)


# Sums beyond the largest float.


@pytest.mark.parametrize("bounds", [3, "3s"])
@given(places=st.lists(st.sampled_from([1.0, 1.7e308, -1.7e308, 60_000.01]), min_size=12, max_size=40))
@settings(max_examples=tries(60), deadline=None)
def test_a_sum_that_was_beyond_the_largest_float_is_exact_once_its_window_is_below_it(bounds, places):
    price = np.array(places)
    ticks = tape(price, size=np.abs(price), symbols=1, step_ns=SECOND)
    for operator, column in ((moving_average(bounds), price), (volume(bounds), np.abs(price))):
        found = observe(operator, ticks).column("value")
        for row in range(2, len(price)):
            window = [Fraction(value) for value in column[row - 2 : row + 1].tolist()]
            if sum(map(abs, window)) < Fraction(np.finfo(np.float64).max):
                exact = sum(window) / (3 if operator == moving_average(bounds) else 1)
                assert found[row] == pytest.approx(float(exact), rel=1e-12, abs=0.0)


@pytest.mark.parametrize("operator", [moving_average("1h"), volume("1h"), vwap("1h")], ids=repr)
def test_a_window_beyond_the_largest_float_costs_no_more_than_another(operator):
    """It was summed anew at every row: a minute for these."""
    rows = 200_000
    price = np.r_[1.7e308, 1.7e308, 1e300, np.full(rows - 3, 100.0)]
    size = np.r_[1.7e308, 1.7e308, 1e10, np.ones(rows - 3)]
    with np.errstate(over="ignore", invalid="ignore"):
        found = observe(operator, tape(price, size, symbols=1, step_ns=1000)).column("value")
    assert not np.isfinite(found[2:]).any()
