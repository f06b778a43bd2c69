"""Each shipped strategy tells what its plain twin tells, tick by tick, on recorded tapes: events, times and values."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hurtful import reference_rows
from recorded_tapes import COINS, EQUITIES, QUOTES, days, recorded, with_heartbeats
from reference_alerts import Told
from reference_on_bars import moving_average_cross, opening_range_breakout, zscore_move
from reference_on_quotes import pairs_divergence, spread_widening, stale_quote
from reference_on_trades import new_high_low, trade_rate_burst, vwap_deviation

from pipeline.checks import observe
from pipeline.strategy import Strategy
from pipeline.ticks import BATCH_ROWS, Kind, Ticks
from strategies.moving_average_cross import MovingAverageCross
from strategies.new_high_low import NewHighLow
from strategies.opening_range_breakout import OpeningRangeBreakout
from strategies.pairs_divergence import PairsDivergence
from strategies.spread_widening import SpreadWidening
from strategies.stale_quote import StaleQuote
from strategies.trade_rate_burst import TradeRateBurst
from strategies.vwap_deviation import VwapDeviation
from strategies.zscore_move import ZscoreMove

ALWAYS = {"hours": "00:00-24:00", "tz": "UTC", "days": "Mon-Sun"}
FIRST_ROWS = 60_000
RELATIVE = 1e-9
NOTHING = 1e-12


@dataclass(frozen=True)
class Case:
    """A strategy on a tape: its twin, and how many alerts there are at least."""

    strategy: Strategy
    twin: Callable[..., list[Told]]
    tape: Callable[[], Ticks]
    least: int

    def __str__(self) -> str:
        return f"{self.strategy!r:.70}"


def equities(day: int = 1, rows: float = FIRST_ROWS) -> Callable[[], Ticks]:
    return lambda: recorded(EQUITIES[day], rows)


def coins(day: int = 0) -> Callable[[], Ticks]:
    return lambda: recorded(COINS[day])


def quotes(rows: float) -> Callable[[], Ticks]:
    return lambda: recorded(QUOTES, rows)


def stale_euros(rows: float) -> Callable[[], Ticks]:
    """Quotes with a heartbeat a second, so that a quiet market is not a dead feed."""
    return lambda: with_heartbeats(recorded(QUOTES, rows))


def two_mornings() -> Ticks:
    """The sessions' first minutes of two days."""
    return days(*EQUITIES[:2], rows=FIRST_ROWS)


def stale_by_quotes(rows, p):
    return stale_quote(rows, p, quotes=True)


def cross(**parameters) -> MovingAverageCross:
    return MovingAverageCross(**{"fast": 5, "slow": 20, "margin": 1e-4} | parameters)


SLICES = [
    Case(cross(bar="10s"), moving_average_cross, equities(), 10),
    Case(cross(kind="ema", margin=0.0, bar="20s"), moving_average_cross, equities(), 10),
    Case(cross(bar="2s", fast=3, slow=8, margin=1e-5), moving_average_cross, coins(), 5),
    Case(VwapDeviation(warm_up="1m", hold="0s"), vwap_deviation, equities(), 10),
    Case(VwapDeviation(warm_up="1m", hold="2s", far=1.5), vwap_deviation, equities(2), 4),
    Case(VwapDeviation(warm_up="1m", hold="0s", near=0.3), vwap_deviation, two_mornings, 6),
    Case(VwapDeviation(**ALWAYS, warm_up="30s", hold="1s"), vwap_deviation, coins(), 1),
    Case(ZscoreMove(bar="10s"), zscore_move, equities(), 10),
    Case(ZscoreMove(bar="20s", far=2, near=0.5, volume=1000), zscore_move, equities(0), 10),
    Case(ZscoreMove(bar="2s", window=10, far=2), zscore_move, coins(1), 5),
    Case(TradeRateBurst(over="10s", baseline="2m", least=5, multiple=3), trade_rate_burst, equities(), 20),
    Case(TradeRateBurst(over="5s", baseline="30s", least=2, multiple=2), trade_rate_burst, coins(), 5),
    Case(OpeningRangeBreakout(opening="1m", bar="10s", window=5), opening_range_breakout, equities(), 6),
    Case(OpeningRangeBreakout(opening="2m", bar="7s", multiple=0.8), opening_range_breakout, two_mornings, 6),
    Case(NewHighLow(warm_up="1m", retreat=0.0005), new_high_low, equities(), 6),
    Case(NewHighLow(warm_up="10s", retreat=0.001, cooldown="0s"), new_high_low, two_mornings, 10),
    Case(NewHighLow(**ALWAYS, warm_up="1s", retreat=0.0001, cooldown="2s"), new_high_low, coins(), 10),
    Case(SpreadWidening(hold="0s", multiple=2, least=20, floor=0.05, over="5m"), spread_widening, quotes(20_000), 10),
    Case(SpreadWidening(hold="1s", multiple=1.5, calm=1.2, floor=0.05), spread_widening, quotes(20_000), 4),
    Case(StaleQuote(after="3s", multiple=1, alive="2s", over="5m", least=5), stale_quote, equities(), 10),
    Case(
        StaleQuote(hours="09:30-16:00", tz="America/New_York", days="Mon-Fri", after="2s", multiple=1, alive="1s"),
        stale_quote,
        equities(2),
        4,
    ),
    Case(StaleQuote(after="5s", multiple=1, alive="2s", over="10m"), stale_by_quotes, stale_euros(10_000), 10),
    Case(PairsDivergence(first="IBM", second="SPY", every="5s", correlation=0.2), pairs_divergence, equities(), 6),
    Case(PairsDivergence(first="IBM", second="SPY", every="5s", hedge=0.8, max_age="2s", correlation=0), pairs_divergence, equities(2), 2),
    Case(PairsDivergence(first="SPY", second="IBM", every="1s", max_age="3s", window=30, correlation=-1), pairs_divergence, equities(), 10),
]
"""Small parameters on the first rows of a day."""

WHOLE = [
    *[
        Case(strategy, twin, equities(day, math.inf), least)
        for day in range(3)
        for strategy, twin, least in [
            (MovingAverageCross(), moving_average_cross, 1),
            (VwapDeviation(), vwap_deviation, 2),
            (ZscoreMove(), zscore_move, 2),
            (TradeRateBurst(), trade_rate_burst, 2),
            (OpeningRangeBreakout(), opening_range_breakout, 2),
            (NewHighLow(), new_high_low, 2),
            (StaleQuote(after="10s"), stale_quote, 1),
            (PairsDivergence(first="IBM", second="SPY"), pairs_divergence, 1),
        ]
    ],
    Case(SpreadWidening(), spread_widening, quotes(math.inf), 2),
    Case(StaleQuote(), stale_by_quotes, stale_euros(math.inf), 1),
]
"""Defaults on whole days."""


def told(strategy: Strategy, ticks: Ticks) -> list[Told]:
    """What a strategy tells of batches as long as those of replay, each symbol and rule by itself."""
    alerts = observe(strategy.alerts, ticks, range(0, len(ticks), BATCH_ROWS)).alerts
    return ordered([Told(a.time, a.symbol, a.rule, a.event, a.values) for a in alerts])


def ordered(alerts: list[Told]) -> list[Told]:
    return sorted(alerts, key=lambda alert: (alert.symbol, alert.rule))


def assert_same(found: list[Told], expected: list[Told]) -> None:
    assert [alert[:4] for alert in found] == [alert[:4] for alert in expected]
    for ours, theirs in zip(found, expected, strict=True):
        values = {name: ours.values[name] for name in theirs.values}
        assert values == pytest.approx(theirs.values, rel=RELATIVE, abs=NOTHING, nan_ok=True), ours[:4]


def check(case: Case) -> None:
    ticks = case.tape()
    expected = ordered(case.twin(reference_rows(ticks), case.strategy))
    assert len(expected) >= case.least
    assert_same(told(case.strategy, ticks), expected)


@pytest.mark.slow
@pytest.mark.parametrize("case", SLICES, ids=str)
def test_a_strategy_tells_what_its_twin_tells_on_the_first_rows_of_a_day(case):
    check(case)


@pytest.mark.slow
@pytest.mark.parametrize("case", WHOLE, ids=str)
def test_a_strategy_tells_what_its_twin_tells_on_a_whole_day(case):
    check(case)


def test_heartbeats_stand_at_every_second():
    ticks = with_heartbeats(recorded(QUOTES, 1000))
    beats = ticks.time[ticks.kind == Kind.HEARTBEAT]
    assert set((beats[1:] - beats[:-1]).tolist()) == {10**9}
    assert (ticks.kind == Kind.QUOTE).sum() == 1000
