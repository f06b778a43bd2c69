"""Strategies of trades and bars at their edges: at a threshold, while warming up, at equal times, outside of sessions."""

import numpy as np
from shipped import ALWAYS, DAY, said

from strategies.moving_average_cross import MovingAverageCross
from strategies.new_high_low import NewHighLow
from strategies.opening_range_breakout import OpeningRangeBreakout
from strategies.trade_rate_burst import TradeRateBurst
from strategies.vwap_deviation import VwapDeviation
from strategies.zscore_move import ZscoreMove


def closes(*prices: float) -> dict[str, list[float]]:
    """A trade at the beginning of each second, and one more that ends the last bar of 1s."""
    return {"price": [*prices, prices[-1]]}


# Moving-average cross: bars of 1s, last 1 close over last 2; the gap after 100, 102 is 102 / 101 - 1.

CROSS = {"bar": "1s", "fast": 1, "slow": 2}


def test_a_cross_needs_a_side_before_it():
    assert said(MovingAverageCross(**CROSS, margin=0.0), **closes(100, 102, 103)) == []
    assert said(MovingAverageCross(**CROSS, margin=0.0), **closes(102, 100, 102)) == [(3, "A", "golden raised")]


def test_a_gap_equal_to_the_margin_takes_no_side():
    at_the_margin = 102 / 101 - 1
    assert said(MovingAverageCross(**CROSS, margin=at_the_margin), **closes(110, 100, 102)) == []
    assert said(MovingAverageCross(**CROSS, margin=np.nextafter(at_the_margin, 0)), **closes(110, 100, 102)) == [(3, "A", "golden raised")]


def test_between_the_margins_the_last_side_stands():
    waiting = closes(110, 100, 100, 100.01, 99.99, 110, 90)
    assert said(MovingAverageCross(**CROSS, margin=0.01), **waiting) == [(6, "A", "golden raised"), (7, "A", "death raised")]


# VWAP deviation: trades of 9 and 1, so that the last is 3 deviations away: mean 10.1, deviation 0.3, price 11.


def vwap_of_ten(**parameters):
    return said(VwapDeviation(**ALWAYS, warm_up="0s", hold="0s", **parameters), price=[10.0, 11.0], size=[9.0, 1.0])


def test_a_price_exactly_so_many_deviations_away_is_far():
    assert vwap_of_ten(far=2.9999) == [(1, "A", "raised")]
    assert vwap_of_ten(far=3.0001) == []
    two = {"price": [10.0, 12.0], "size": [1.0, 1.0]}  # VWAP 11, deviation 1: exact in binary
    assert said(VwapDeviation(**ALWAYS, warm_up="0s", hold="0s", far=1.0), **two) == [(1, "A", "raised")]


def test_one_price_alone_is_not_far_from_itself():
    assert said(VwapDeviation(**ALWAYS, warm_up="0s", hold="0s"), price=[10.0] * 5) == []


def test_nothing_is_far_before_the_session_has_warmed_up():
    rows = {"price": [10.0] * 9 + [11.0, 11.0], "seconds": [*range(9), 59.999, 60]}
    strategy = VwapDeviation(**ALWAYS, far=1.5, warm_up="1m", hold="0s")
    assert said(strategy, **rows) == [(60, "A", "raised")]


def test_an_odd_print_is_not_held():
    strategy = VwapDeviation(**ALWAYS, warm_up="0s", hold="5s")
    rows = {"price": [10.0, 10.1] * 20 + [12.0, 10.0, 12.0, 12.0], "seconds": [*range(40), 40, 41, 42, 50]}
    assert said(strategy, **rows) == [(47, "A", "raised")]


def test_a_new_session_clears_what_the_old_one_raised():
    strategy = VwapDeviation(**ALWAYS, warm_up="0s", hold="0s")
    rows = {"price": [10.0] * 9 + [12.0, 12.0], "seconds": [*range(10), DAY]}
    assert said(strategy, **rows) == [(9, "A", "raised"), (DAY, "A", "cleared")]


# Z-score: closes 1, 1, 1, 1, 2 have mean 1.2, deviation 0.4, and so z = 2 = sqrt(5 - 1), the most there can be.


def test_a_score_equal_to_far_is_far_and_one_equal_to_near_is_near():
    ends = said(ZscoreMove(bar="1s", window=5, far=2.0 - 1e-12, near=0.5), **closes(0, 0, 0, 0, 4))
    assert ends == [(5, "A", "raised")]
    two = ZscoreMove(bar="1s", window=2, far=1.0, near=1.0)  # of two closes every score is 1
    assert said(two, **closes(4, 8)) == [(2, "A", "raised")]
    assert said(two, **closes(4, 8, 12)) == [(2, "A", "raised"), (3, "A", "cleared")]


def test_bars_before_the_window_is_full_and_equal_closes_say_nothing():
    strategy = ZscoreMove(bar="1s", window=4, far=1.0, near=0.1)
    assert said(strategy, **closes(1, 9, 1)) == []
    assert said(strategy, **closes(5, 5, 5, 5, 5)) == []


def test_a_close_on_exactly_the_volume_counts():
    rows = {"price": [4.0, 8.0, 8.0], "size": [1.0, 7.0, 1.0]}
    assert len(said(ZscoreMove(bar="1s", window=2, far=1.0, volume=7.0), **rows)) == 1
    assert said(ZscoreMove(bar="1s", window=2, far=1.0, volume=7.5), **rows) == []


# Trade rate: one trade a second is 10 in 10 s; 20 at once are twice as many.


def bursts(multiple: float, trades: int) -> list[tuple[float, str, str]]:
    strategy = TradeRateBurst(over="10s", baseline="20s", multiple=multiple, calm=1.1, least=1.0)
    return said(strategy, price=[1.0] * (40 + trades), seconds=[*range(40), *[39.5] * trades])


def test_exactly_so_many_times_the_normal_rate_is_a_burst_also_at_one_time():
    assert bursts(2.0, 10) == [(39.5, "A", "raised")]
    assert bursts(2.0, 9) == []


def test_nothing_is_a_burst_before_the_baseline_is_covered():
    strategy = TradeRateBurst(over="10s", baseline="20s", multiple=2.0, calm=1.0, least=1.0)
    assert said(strategy, price=[1.0] * 50, seconds=[0, *[29.999] * 49]) == []
    assert said(strategy, price=[1.0] * 50, seconds=[0, *[30.0] * 49]) == [(30, "A", "raised")]


def test_three_trades_after_a_silence_are_no_burst():
    strategy = TradeRateBurst(over="10s", baseline="20s", least=2.0, multiple=5.0)
    assert said(strategy, price=[1.0] * 4, seconds=[0, 100, 100, 101]) == []
    assert said(strategy, price=[1.0] * 11, seconds=[0, *[100] * 10]) == [(100, "A", "raised")]


# Opening range: the first minute trades at 10 and 11; bars of 10s.

RANGE = OpeningRangeBreakout(**ALWAYS, opening="1m", bar="10s", window=2, multiple=1.0)


def ranged(*after: tuple[float, float, float]) -> list[tuple[float, str, str]]:
    rows = [(5, 10.0, 1.0), (55, 11.0, 1.0), *after]
    seconds, price, size = zip(*rows, strict=True)
    return said(RANGE, price=list(price), size=list(size), seconds=list(seconds))


def test_a_close_at_the_edge_is_inside():
    assert ranged((65, 11.0, 9.0), (80, 11.0, 1.0)) == []
    assert ranged((65, 11.01, 9.0), (80, 11.0, 1.0)) == [(70, "A", "above raised")]
    assert ranged((65, 9.99, 9.0), (80, 9.99, 1.0)) == [(70, "A", "below raised")]


def test_a_break_needs_more_than_the_mean_volume():
    assert ranged((65, 11.5, 1.0), (80, 11.0, 1.0)) == []


def test_a_failed_breakout_is_cleared_by_the_close_that_is_back():
    assert ranged((65, 11.5, 9.0), (72, 10.5, 1.0), (85, 10.0, 1.0)) == [(70, "A", "above raised"), (80, "A", "above cleared")]


def test_a_trade_at_the_end_of_the_opening_is_not_in_it():
    assert ranged((60, 12.0, 9.0), (80, 11.0, 1.0)) == [(70, "A", "above raised")]
    assert ranged((59.999, 12.0, 9.0), (65, 12.0, 30.0), (80, 11.0, 1.0)) == []


def test_the_first_bar_after_the_session_ends_a_breakout():
    short = OpeningRangeBreakout(hours="00:00-00:02", tz="UTC", days="Mon-Sun", opening="1m", bar="10s", window=2)
    rows = {"price": [10.0, 11.0, 11.5, 12.0, 12.0], "size": [1.0, 1.0, 9.0, 9.0, 1.0], "seconds": [5, 55, 65, 125, 140]}
    assert said(short, **rows) == [(70, "A", "above raised"), (130, "A", "above cleared")]


def test_the_next_session_has_a_range_of_its_own():
    tomorrow = [(DAY + 5, 20.0, 1.0), (DAY + 65, 20.5, 50.0), (DAY + 80, 20.5, 1.0)]
    assert ranged((65, 11.5, 9.0), *tomorrow) == [
        (70, "A", "above raised"),
        (DAY + 10, "A", "above cleared"),
        (DAY + 70, "A", "above raised"),
    ]


# New high, new low.

HIGHS = NewHighLow(**ALWAYS, warm_up="10s", retreat=0.01, cooldown="0s")


def test_an_equal_high_is_no_new_one():
    assert said(HIGHS, price=[10.0, 11.0, 11.0], seconds=[0, 1, 20]) == []
    assert said(HIGHS, price=[10.0, 11.0, 11.01], seconds=[0, 1, 20]) == [(20, "A", "high raised")]
    assert said(HIGHS, price=[10.0, 11.0, 11.01], seconds=[0, 1, 9.999]) == []


def test_a_trend_is_one_alert_until_it_has_retreated():
    rows = {"price": [100.0, 101.0, 102.0, 103.0, 101.98, 101.96, 104.0], "seconds": [0, *range(20, 26)]}
    assert said(HIGHS, **rows) == [(20, "A", "high raised"), (24, "A", "high cleared"), (25, "A", "high raised")]


def test_the_first_trade_of_a_session_is_no_new_high_and_ends_the_old_one():
    rows = {"price": [10.0, 11.0, 12.0, 12.5], "seconds": [0, 20, DAY + 20, DAY + 21]}
    assert said(HIGHS, **rows) == [(20, "A", "high raised"), (DAY + 20, "A", "high cleared"), (DAY + 21, "A", "high raised")]


def test_a_session_that_opens_above_yesterdays_high_has_not_made_one_yet():
    assert said(HIGHS, price=[10.0, 11.0, 12.0], seconds=[0, 1, DAY + 20]) == []
    assert said(HIGHS, price=[10.0, 9.0, 8.0], seconds=[0, 1, DAY + 20]) == []


def test_two_highs_within_the_cooldown_are_one_alert():
    strategy = NewHighLow(**ALWAYS, warm_up="0s", retreat=0.01, cooldown="1m")
    rows = {"price": [100.0, 101.0, 90.0, 102.0, 91.0, 91.0], "seconds": [0, 1, 2, 3, 4, 90]}
    assert [event for event in said(strategy, **rows) if "high" in event[2]] == [(1, "A", "high raised"), (2, "A", "high cleared")]


def test_outside_of_the_session_there_are_no_highs():
    assert said(NewHighLow(warm_up="0s"), price=[1.0, 2.0, 3.0]) == []  # midnight UTC is evening in New York


def test_there_are_no_highs_on_a_holiday():
    prices = {"price": [1.0, 2.0, 3.0]}
    assert said(NewHighLow(**ALWAYS, warm_up="0s"), **prices) != []
    assert said(NewHighLow(**ALWAYS, warm_up="0s", holidays=("2024-01-02",)), **prices) == []
