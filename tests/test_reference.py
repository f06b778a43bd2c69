"""The operator twins against pandas, numpy and examples worked by hand."""

import math
import random

import numpy as np
import pandas as pd
import pytest
import reference as ref
from reference import Input
from reference_examples import gap, heartbeat, quote, same, trade

S = 10**9
NAN = math.nan


def prices(*values: float, every: float = 1.0) -> list[Input[float]]:
    return [Input(round(i * every * S), "A", True, value) for i, value in enumerate(values)]


RANDOM = [round(60_000 + random.Random(7).gauss(0, 5) + i % 7, 2) for i in range(60)]
TIMES = np.cumsum([random.Random(i).choice([0.5, 1.0, 4.0]) for i in range(60)])
UNEVEN = [Input(round(t * S), "A", True, x) for t, x in zip(TIMES, RANDOM, strict=True)]
SERIES = pd.Series(RANDOM, index=pd.to_datetime([row.time for row in UNEVEN]))

PANDAS = {
    "rolling_sum": (ref.rolling_sum, (), lambda w: w.sum()),
    "moving_average": (ref.moving_average, (), lambda w: w.mean()),
    "rolling_std": (ref.rolling_std, (), lambda w: w.std()),
    "rolling_std, ddof 0": (ref.rolling_std, (0,), lambda w: w.std(ddof=0)),
    "rolling_min": (ref.rolling_min, (), lambda w: w.min()),
    "rolling_max": (ref.rolling_max, (), lambda w: w.max()),
    "rolling_median": (ref.rolling_median, (), lambda w: w.median()),
    "rolling_quantile": (ref.rolling_quantile, (0.1,), lambda w: w.quantile(0.1)),
    "zscore": (ref.zscore, (), lambda w: w.apply(lambda x: (x.iloc[-1] - x.mean()) / x.std() if len(x) > 1 else NAN)),
}


@pytest.mark.parametrize("window", [5, "5s"])
@pytest.mark.parametrize("name", PANDAS)
def test_a_window_is_that_of_pandas(name: str, window: int | str) -> None:
    twin, parameters, oracle = PANDAS[name]
    same(twin(UNEVEN, window, *parameters), oracle(SERIES.rolling(window)))


@pytest.mark.parametrize("window", [5, "5s"])
def test_co_movement_is_that_of_pandas(window: int | str) -> None:
    other = SERIES.shift(3).bfill() * 2 + np.sin(np.arange(60))
    pairs = [row._replace(x=(row.x, y)) for row, y in zip(UNEVEN, other.tolist(), strict=True)]
    cov = SERIES.rolling(window).cov(other)
    same(ref.rolling_cov(pairs, window), cov)
    same(ref.rolling_beta(pairs, window), cov / other.rolling(window).var())
    same(ref.rolling_corr(pairs, window), cov / other.rolling(window).std() / SERIES.rolling(window).std())


@pytest.mark.parametrize("q", [0.0, 0.1, 0.5, 0.73, 1.0])
def test_a_quantile_is_that_of_numpy(q: float) -> None:
    assert ref.rolling_quantile(prices(*RANDOM[:11]), 11, q)[-1] == pytest.approx(np.quantile(RANDOM[:11], q), rel=1e-15)


def test_an_absurd_neighbour_does_not_leak_into_a_quantile_that_falls_on_a_value() -> None:
    assert ref.rolling_quantile(prices(*[1.0] * 2, *[1e17] * 9), 11, 0.1)[-1] == 1.0


def test_ema_is_that_of_pandas() -> None:
    same(ref.ema(UNEVEN, 9, "first"), SERIES.ewm(span=9, adjust=False).mean())
    same(ref.ema(UNEVEN, "3s"), SERIES.ewm(halflife="3s", times=SERIES.index).mean())


def test_ema_starts_as_the_average_of_its_span() -> None:
    same(ref.ema(prices(1, 2, 6, 7), 3), [NAN, NAN, 3, 5])
    same(ref.ema(prices(1, 2, 6), 1), [1, 2, 6])


def test_changes_against_a_number_of_rows_ago() -> None:
    same(ref.price_change(UNEVEN, 4), SERIES.pct_change(4))
    same(ref.log_return(UNEVEN, 4), np.log(SERIES / SERIES.shift(4)))


#   time           0    1    2    3    4
#   price        100  110            121
#   t - 2s at 3         1
def test_change_compares_with_the_last_price_at_or_before_the_window() -> None:
    rows = [trade(0, "A", 100), trade(1, "A", 110), gap(2, "A"), gap(3 - 1e-9, "A"), gap(3, "A"), trade(4, "A", 121)]
    same(ref.price_change(ref.inputs_of(rows, "price"), "2s"), [NAN, NAN, 0.1, 0.1, 0.0, 0.1])


def test_a_change_from_nothing_or_from_below_zero_is_undefined() -> None:
    same(ref.price_change(prices(-37.0, 10.0, 0.0, 5.0), 1), [NAN, NAN, -1.0, NAN])
    same(ref.log_return(prices(10.0, 0.0, 5.0), 1), [NAN, NAN, NAN])


def test_a_window_sheds_on_rows_that_are_not_fresh() -> None:
    rows = [trade(0, "A", 1, 5), trade(1, "B", 1, 7), gap(1.9, "A"), heartbeat(2), gap(2, "A"), gap(3, "B")]
    sizes = ref.inputs_of(rows, "size")
    same(ref.volume(sizes, "2s"), [5, 7, 5, NAN, 0, 0])
    same(ref.volume(sizes, 1), [5, 7, 5, NAN, 5, 7])
    same(ref.moving_average(sizes, "2s"), [5, 7, 5, NAN, NAN, NAN])
    same(ref.tick_count(sizes, "2s"), [1, 1, 1, NAN, 0, 0])
    same(ref.trade_rate(sizes, "2s"), [0.5, 0.5, 0.5, NAN, 0, 0])
    same(ref.age(sizes), [0, 0, 1.9, NAN, 2, 2])
    same(ref.column(sizes), [5, 7, 5, NAN, 5, 7])
    same(ref.of(sizes, "B"), [NAN, 7, 7, NAN, 7, 7])


#   time         0    1    2    3    4    5    6
#   size         4    8                        0
#   at 5         (---------baseline](--over-]          from 5 - 1 - 4 = 0: the trade at 0 is outside, that at 1 inside
def test_a_baseline_is_the_volume_per_window_before_the_window() -> None:
    rows = [trade(0, "A", 1, 4), trade(1, "A", 1, 8), gap(4.5, "A"), gap(5, "A"), trade(6, "A", 1, 0)]
    same(ref.volume_baseline(ref.inputs_of(rows, "size"), "1s", "4s"), [NAN, NAN, NAN, 2, 0])


def test_vwap_weighs_prices_by_size() -> None:
    rows = [trade(0, "A", 10, 0), trade(1, "A", 10, 1), trade(2, "A", 20, 3), gap(4, "A")]
    pairs = ref.inputs_of(rows, "price", "size")
    same(ref.vwap(pairs, 2), [NAN, 10, 17.5, 17.5])
    same(ref.vwap(pairs, "2s"), [NAN, 10, 17.5, NAN])


class Hours:
    """Opens at every multiple of 100 s, for 10 s."""

    def open_of(self, t: int) -> int | None:
        return t - t % (100 * S) if t % (100 * S) < 10 * S else None


def test_a_session_forgets_the_one_before_and_has_no_value_outside() -> None:
    rows = [trade(0, "A", 5), trade(1, "A", 3), gap(9, "A"), gap(10, "A"), trade(50, "A", 9), gap(100, "A"), trade(101, "A", 4)]
    price, pairs = ref.inputs_of(rows, "price"), ref.inputs_of(rows, "price", "size")
    same(ref.session_high(price, Hours()), [5, 5, 5, NAN, NAN, NAN, 4])
    same(ref.session_low(price, Hours()), [5, 3, 3, NAN, NAN, NAN, 4])
    same(ref.vwap(pairs, Hours()), [5, 4, 4, NAN, NAN, NAN, 4])


def test_bollinger_bands_lie_around_the_mean() -> None:
    lower, middle, upper = ref.bollinger(prices(1, 3, 3), 2, width=2.0)
    same(lower, [NAN, 0, 3])
    same(middle, [NAN, 2, 3])
    same(upper, [NAN, 4, 3])


def test_constant_prices_have_no_score_and_no_correlation() -> None:
    pairs = [Input(i, "A", True, (0.1, float(i))) for i in range(4)]
    same(ref.zscore(prices(0.1, 0.1, 0.1), 3), [NAN] * 3)
    same(ref.rolling_std(prices(0.1, 0.1, 0.1), 3), [NAN, NAN, 0])
    same(ref.rolling_corr(pairs, "1s"), [NAN] * 4)
    same(ref.rolling_beta([pair._replace(x=pair.x[::-1]) for pair in pairs], "1s"), [NAN] * 4)
    same(ref.rolling_beta(pairs, "1s"), [NAN, 0, 0, 0])


def test_an_absurd_print_leaves_no_trace() -> None:
    assert ref.moving_average(prices(0.1, 1e34, 0.1, 0.2, 0.3), 3)[-1] == 0.2
    assert ref.rolling_std(prices(1e17, 60_000.01, 60_000.02), 2)[-1] == pytest.approx(0.01 / math.sqrt(2), rel=1e-9)


def test_rsi_is_wilders() -> None:
    # changes +1 +1 -1 | +2: gains 2/3 then (2/3 x 2 + 2)/3, losses 1/3 then 2/9
    same(ref.rsi(prices(10, 11, 12, 11, 13), 3), [NAN, NAN, NAN, 100 * 2 / 3, 100 * 10 / 12])
    same(ref.rsi(prices(1, 2, 2, 3), 2), [NAN, NAN, 100, 100])


def test_quotes_stand_until_the_next() -> None:
    rows = [trade(0, "A", 1), quote(1, "A", 99, 101), trade(2, "A", 1), quote(3, "A", NAN, 101), quote(3, "B", -1, 1)]
    quotes = ref.inputs_of(rows, "bid", "ask")
    same(ref.mid(quotes), [NAN, 100, 100, NAN, 0])
    same(ref.spread(quotes), [NAN, 2, 2, NAN, 2])
    same(ref.spread_bps(quotes), [NAN, 200, 200, NAN, NAN])
    below_zero = ref.inputs_of([quote(0, "A", -37.7, -37.5), quote(1, "A", -0.1, 0.3)], "bid", "ask")
    same(ref.spread_bps(below_zero), [NAN, 40_000])


def test_order_flow_follows_cont_kukanov_and_stoikov() -> None:
    rows = [quote(0, "A", 10, 11, 5, 5), quote(1, "A", 10, 11, 8, 4), quote(2, "A", 10.5, 11, 2, 4), quote(3, "A", 10, 12, 1, 9)]
    flows = [0, (8 - 5) - (4 - 5), 2 - 0, -2 + 4]
    quotes = ref.inputs_of([*rows, gap(4, "A"), gap(5, "A")], "bid", "bid_size", "ask", "ask_size")
    same(ref.order_flow_imbalance(quotes, "2s"), [0, flows[1], flows[1] + flows[2], flows[2] + flows[3], flows[3], 0])
    half_known = ref.inputs_of([rows[0], quote(0, "A", 10, 11, NAN, 5), rows[1]], "bid", "bid_size", "ask", "ask_size")
    same(ref.order_flow_imbalance(half_known, "2s"), [0, 0, flows[1]])


def test_an_operator_on_a_signal_skips_what_is_not_known() -> None:
    inputs = prices(1, 2, 4, 8)
    smooth = ref.as_inputs(inputs, ref.moving_average(inputs, 2))
    same(ref.moving_average(smooth, 2), [NAN, NAN, 2.25, 4.5])


def test_durations_are_whole_nanoseconds() -> None:
    assert ref.nanoseconds("60s") == ref.nanoseconds("1m") == 60 * S
    assert ref.nanoseconds("1.5us") == 1500
    for wrong in ("1.5ns", "5", "s", "-1s", "1 s"):
        with pytest.raises(ValueError, match="duration"):
            ref.nanoseconds(wrong)
