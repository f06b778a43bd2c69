"""Strategies of quotes, silence and pairs at their edges: at a threshold, at an age, while everything is dead."""

import numpy as np
from hurtful import reference_rows
from reference_on_quotes import spread_widening
from shipped import heard, said

from pipeline.checks import MIDNIGHT, observe, tape_of
from pipeline.ticks import Kind, Ticks
from strategies.pairs_divergence import PairsDivergence
from strategies.spread_widening import SpreadWidening
from strategies.stale_quote import StaleQuote

# Spread: quotes of 1 in 100 are 100 bp.


def quotes(*spreads: float, seconds: list[float] | None = None) -> dict:
    middle = np.full(len(spreads), 100.0)
    return {"bid": middle - np.array(spreads) / 2, "ask": middle + np.array(spreads) / 2, "seconds": seconds}


def test_a_spread_of_exactly_the_multiple_is_not_wide_and_of_exactly_calm_not_calm():
    strategy = SpreadWidening(multiple=4.0, calm=2.0, hold="0s", least=1, floor=1.0)
    assert said(strategy, **quotes(1, 1, 1, 1, 4)) == []
    assert said(strategy, **quotes(1, 1, 1, 1, 5, 2, 1)) == [(4, "A", "raised"), (6, "A", "cleared")]


def test_a_wide_spread_is_raised_when_it_has_lasted_though_nobody_quotes():
    strategy = SpreadWidening(hold="5s", least=1)
    assert said(strategy, **quotes(1, 1, 1, 9, 1, seconds=[0, 1, 2, 3, 7.9])) == []
    assert said(strategy, **quotes(1, 1, 1, 9, 1, seconds=[0, 1, 2, 3, 8])) == [(8, "A", "raised"), (8, "A", "cleared")]


def test_a_spread_around_a_price_below_zero_is_not_known():
    below_zero = {"bid": [-37.0] * 3 + [-90.0], "ask": [-36.0] * 3 + [-1.0]}
    strategy = SpreadWidening(hold="0s", least=1)
    assert said(strategy, **below_zero) == spread_widening(reference_rows(tape_of(**below_zero)), strategy) == []


def test_few_quotes_say_nothing_of_what_is_normal():
    assert said(SpreadWidening(hold="0s", least=5), **quotes(1, 1, 1, 9)) == []
    assert said(SpreadWidening(hold="0s", least=4), **quotes(1, 1, 1, 9)) == [(3, "A", "raised")]


def test_a_tick_more_than_nothing_is_below_the_floor():
    assert said(SpreadWidening(hold="0s", least=1, floor=30.0), **quotes(0, 0, 0, 0.8)) == []
    assert said(SpreadWidening(hold="0s", least=1, floor=20.0), **quotes(0, 0, 0, 0.8)) == [(3, "A", "raised")]


def test_a_quote_with_a_side_missing_changes_nothing():
    rows = quotes(1, 1, 1, 9, 9)
    rows["ask"][4] = np.nan
    assert said(SpreadWidening(hold="0s", least=1), **rows) == [(3, "A", "raised")]


# Stale quote: A and B trade each second; then A is silent.

STALE = StaleQuote(after="10s", alive="2s", multiple=2.0, least=3)


def both_until(last: int, *more: tuple[float, str]) -> dict:
    rows = sorted([*[(t + 0.5, name) for t in range(last) for name in "AB"], *more])
    return {"price": [10.0] * len(rows), "seconds": [t for t, _ in rows], "symbol": [name for _, name in rows]}


def test_a_symbol_is_stale_while_it_is_silent_and_another_is_not():
    others = [(float(t), "B") for t in range(6, 40)]
    assert said(STALE, **both_until(5, *others)) == [(15, "A", "raised")]
    short = StaleQuote(after="10s", alive="2s", multiple=0.1, least=3)
    assert said(short, **both_until(5, *others, (20.2, "A"))) == [(15, "A", "raised"), (21, "A", "cleared"), (31, "A", "raised")]


def test_an_age_of_exactly_the_limit_is_not_stale():
    others = [(t + 0.1, "B") for t in range(6, 15)]
    whole = {"price": [10.0] * 17, "symbol": ["A"] * 6 + ["B"] * 11, "seconds": [0, 1, 2, 3, 4, 5, *[t for t, _ in others], 15.0, 15.9]}
    assert said(STALE, **whole) == []
    whole["seconds"][-1] = 16.0
    assert said(STALE, **whole) == [(16, "A", "raised")]


def test_nobody_is_stale_while_everything_is_silent():
    """A dead feed tells of no symbol, also once it is back."""
    assert said(STALE, **both_until(5, (300.2, "A"), (300.3, "B"), (301.5, "A"))) == []


def test_a_heartbeat_is_alive():
    time = MIDNIGHT + np.array([0, 1, 2, 3, 4, *range(5, 30)]) * 10**9
    kind = [Kind.QUOTE] * 5 + [Kind.HEARTBEAT] * 25
    prices = [10.0] * 5 + [np.nan] * 25
    ticks = Ticks.of(time, ["A"] * 5 + [""] * 25, kind=kind, bid=prices, ask=prices)
    assert heard(observe(STALE.alerts, ticks).alerts) == [(15, "A", "raised")]


def test_a_symbol_that_always_waits_so_long_is_not_stale():
    slow = [(t * 8.0, "A") for t in range(10)]
    others = [(t * 1.0 + 0.3, "B") for t in range(95)]
    rows = sorted([*slow, *others])
    found = {"price": [10.0] * len(rows), "seconds": [t for t, _ in rows], "symbol": [name for _, name in rows]}
    assert said(STALE, **found) == [(89, "A", "raised")]  # limit 2 * 8 s, last trade at 72


def test_nobody_is_stale_outside_of_the_session_nor_for_the_night_at_its_open():
    others = [(float(t), "B") for t in range(6, 120)]
    closed = StaleQuote(hours="00:00-00:01", tz="UTC", days="Wed", after="10s", alive="2s", least=3)
    late = StaleQuote(hours="00:01-01:00", tz="UTC", days="Tue", after="10s", alive="2s", least=3)
    assert said(closed, **both_until(5, *others)) == []
    assert said(late, **both_until(5, *others)) == [(71, "A", "raised")]


# Pairs: A is B and a little noise; then A leaves.


def pair(last_b: float = 11.4, prices: tuple[float, ...] = (10.0, 10.1, 10.0, 10.1, 10.0, 10.1, 10.0, 10.1, 10.0, 10.6)) -> dict:
    """A trades at second 0.5, 1.5, ... and B 0.1 s before; B's last trade is set apart."""
    rows = []
    for t, price in enumerate(prices):
        rows += [(t + 0.4, "B", 10.05 + (price - 10.05) * 0.9 * (t < 9)), (t + 0.5, "A", price)]
    rows[-2] = (last_b - 2.0, *rows[-2][1:])
    rows.append((len(prices) + 0.0, "C", 1.0))
    rows.sort()
    seconds, symbol, price = (list(column) for column in zip(*rows, strict=True))
    return {"seconds": seconds, "symbol": symbol, "price": price}


PAIR = {"first": "A", "second": "B", "every": "1s", "max_age": "1s", "window": 10, "hedge": 1.0, "correlation": -1.0}


def test_a_pair_that_comes_apart_is_told_once_of_the_first():
    assert said(PairsDivergence(**PAIR), **pair()) == [(10, "A", "raised")]


def test_a_pair_that_does_not_correlate_says_nothing():
    assert said(PairsDivergence(**PAIR | {"correlation": 0.9}), **pair()) == []


def test_a_window_that_is_not_full_says_nothing():
    assert said(PairsDivergence(**PAIR | {"window": 11}), **pair()) == []


def test_legs_that_are_exactly_max_age_apart_still_make_a_sample():
    """B's last price is 1.1 s old at A's last trade when it did not trade at 9.4."""
    silent = pair()
    at = silent["seconds"].index(9.4)
    for column in silent.values():
        del column[at]
    assert said(PairsDivergence(**PAIR | {"max_age": "1.1s"}), **silent) == [(10, "A", "raised")]
    assert said(PairsDivergence(**PAIR | {"max_age": "1.099s"}), **silent) == []


def test_a_first_leg_that_is_too_old_makes_no_sample():
    assert said(PairsDivergence(**PAIR | {"max_age": "500ms"}), **pair()) == [(10, "A", "raised")]
    assert said(PairsDivergence(**PAIR | {"max_age": "499ms"}), **pair()) == []


def test_the_second_leg_is_looked_up_at_the_firsts_trades_not_at_its_quotes():
    """A quote of A, after B has jumped, moves nothing until A trades."""
    kinds = [Kind.TRADE] * 12 + [Kind.QUOTE, Kind.TRADE]
    price = [*[10.0, 20.0, 10.1, 20.1] * 3, np.nan, 1.0]
    price.insert(12, 90.0)
    kinds.insert(12, Kind.TRADE)
    seconds = [*[t + x for t in range(6) for x in (0.3, 0.4)], 6.3, 6.4, 8.0]
    symbol = [*"BABABABABABA", "B", "A", "C"]
    ticks = tape_of(seconds=seconds, symbol=symbol, price=price, size=[1.0] * 15, kind=kinds)
    strategy = PairsDivergence(first="A", second="B", every="1s", max_age="5s", window=4, hedge=1.0, far=1.0, near=0.1, correlation=-1)
    moved = [alert for alert in observe(strategy.alerts, ticks).alerts if alert.time > MIDNIGHT + 6 * 10**9]
    assert moved == []


def test_of_quotes_the_mids_are_compared():
    trades = pair()
    mids = {"seconds": trades["seconds"], "symbol": trades["symbol"], "bid": np.array(trades["price"]) - 0.5}
    assert said(PairsDivergence(**PAIR), **mids, ask=mids["bid"] + 1.0) == [(10, "A", "raised")]
