"""Every shipped strategy obeys the laws, and agrees with its slow twin, on hurtful tapes and on recorded ones."""

import pytest
import reference as ref
from hurtful import cuts, hurtful_tape, reference_rows, tapes
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from recorded_tapes import COINS, EQUITIES, recorded
from reference_alerts import Told as TwinTold
from reference_on_bars import moving_average_cross, opening_range_breakout, zscore_move
from reference_on_quotes import pairs_divergence, spread_widening, stale_quote
from reference_on_trades import new_high_low, trade_rate_burst, vwap_deviation
from tries import THOROUGH, tries

from pipeline.checks import LAWS, isolation_law, observe, symbol_law
from pipeline.plugins import plugins
from pipeline.strategy import Strategy
from pipeline.ticks import BATCH_ROWS, Kind, Ticks
from strategies.moving_average_cross import MovingAverageCross
from strategies.new_high_low import NewHighLow
from strategies.opening_range_breakout import OpeningRangeBreakout
from strategies.pairs_divergence import PairsDivergence
from strategies.spread_widening import SpreadWidening
from strategies.stale_quote import StaleQuote
from strategies.trade_rate_burst import TradeRateBurst
from strategies.volume_breakout import VolumeBreakout
from strategies.volume_spike import VolumeSpike
from strategies.vwap_deviation import VwapDeviation
from strategies.zscore_move import ZscoreMove

FIRST_ROWS = 60_000
FOR_A_TWIN = FIRST_ROWS if THOROUGH else FIRST_ROWS // 3
quick = settings(max_examples=tries(8), deadline=None, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 10**6)
lengths = st.integers(1, 160)

BREAKOUT = VolumeBreakout(move=1e-4, over="1s", average=3, multiple=0.5, baseline="4s")
SPIKE = VolumeSpike(move=5e-5, average=3, multiple=1.2, over="20s")
WHOLE_DAYS = {"hours": "00:00-24:00", "tz": "UTC", "days": "Mon-Sun"}
EVENING = {"hours": "22:05-22:30", "tz": "UTC", "days": "Mon-Sun", "holidays": ("2023-11-15",)}
TWINS = {
    MovingAverageCross(bar="1s", fast=2, slow=4, margin=1e-6): moving_average_cross,
    MovingAverageCross(bar="5s", fast=2, slow=3, margin=1e-5, kind="ema"): moving_average_cross,
    NewHighLow(**WHOLE_DAYS, warm_up="0s", retreat=1e-4, cooldown="2s"): new_high_low,
    OpeningRangeBreakout(**EVENING, opening="9m", bar="2s", window=3, multiple=0.8): opening_range_breakout,
    PairsDivergence(first="S1", second="S2", every="1s", max_age="20s", window=4, far=1.2, near=0.4, correlation=-1): pairs_divergence,
    PairsDivergence(first="S2", second="S1", every="2s", max_age="5s", window=4, far=1.1, hedge=0.5, correlation=-1): pairs_divergence,
    SpreadWidening(multiple=1.6, calm=1.1, over="1m", hold="1s", floor=0.001, least=2): spread_widening,
    StaleQuote(after="3s", alive="2s", multiple=0.3, over="2m", least=1, active="1m"): stale_quote,
    TradeRateBurst(over="2s", baseline="20s", multiple=1.7, calm=1.2, least=0.5): trade_rate_burst,
    VwapDeviation(**WHOLE_DAYS, far=1.35, near=0.65, warm_up="0s", hold="100ms"): vwap_deviation,
    VwapDeviation(**EVENING, far=1.35, near=0.65, warm_up="9m", hold="0s"): vwap_deviation,
    ZscoreMove(bar="1s", window=4, far=1.3, near=0.7, volume=0.5): zscore_move,
}
SHIPPED = [BREAKOUT, SPIKE, *TWINS]
RX_ONLY = {"textbook_rx"}
Told = list[tuple[int, str, str]]


def told(strategy, ticks: Ticks, at: list[int] | range = range(0)) -> Told:
    """Time, symbol and event of each alert."""
    return [(alert.time, alert.symbol, alert.event) for alert in observe(strategy.alerts, ticks, at).alerts]


def expected(strategy, ticks: Ticks) -> Told:
    """What the slow twin says."""
    rows = reference_rows(ticks)
    if strategy in TWINS:
        return events_of(by_a_twin(strategy, rows))
    if isinstance(strategy, VolumeBreakout):
        return ref.volume_breakout(rows, strategy.move, strategy.over, strategy.average, strategy.multiple, strategy.baseline)
    return ref.volume_spike(rows, strategy.move, strategy.average, strategy.multiple, strategy.over)


def by_a_twin(strategy: Strategy, rows: list[ref.Row]) -> list[TwinTold]:
    quotes = {"quotes": True} if isinstance(strategy, StaleQuote) else {}
    return TWINS[strategy](rows, strategy, **quotes)


def events_of(alerts: list[TwinTold]) -> Told:
    return [(alert.time, alert.symbol, alert.event) for alert in alerts]


def by_symbol(alerts: Told) -> Told:
    """Each symbol by itself: how alerts of several symbols at one moment are interleaved is the runner's business."""
    return sorted(alerts, key=lambda alert: (alert[1], alert[0], alert[2]))


def test_every_shipped_strategy_is_put_to_the_laws():
    assert {plugin.name for plugin in plugins("strategy")} - RX_ONLY == {strategy.name for strategy in SHIPPED}


def test_only_a_market_strategy_is_excepted_from_the_symbol_law():
    assert {strategy.name for strategy in SHIPPED if strategy.scope == "market"} == {"pairs_divergence"}


@pytest.mark.parametrize("law", [*LAWS, isolation_law], ids=lambda law: law.__name__)
@pytest.mark.parametrize("strategy", SHIPPED, ids=repr)
@given(ticks=tapes(most_rows=120), at=cuts(120))
@quick
def test_strategy_obeys(strategy, law, ticks, at):
    if strategy.scope == "market" and law is symbol_law:
        return
    law(strategy.alerts, ticks, at[:15] if law.__name__ == "no_look_ahead_law" else at)


@pytest.mark.parametrize("strategy", SHIPPED, ids=repr)
@example(seed=1630, rows=89, symbols=3, at=[]).via("a trade after a stale quote's window has shed rows")
@given(seed=seeds, rows=lengths, symbols=st.integers(1, 3), at=cuts(160))
@settings(quick, max_examples=tries(30))
def test_strategy_agrees_with_its_definition(strategy, seed, rows, symbols, at):
    ticks = hurtful_tape(seed, rows, symbols)
    assert by_symbol(told(strategy, ticks, at)) == by_symbol(expected(strategy, ticks))


@pytest.mark.parametrize("strategy", SHIPPED, ids=repr)
def test_strategy_does_alert_on_hurtful_tapes(strategy):
    assert sum(len(expected(strategy, hurtful_tape(seed, 160, 2))) for seed in range(5)) > 5


# Recorded tapes.


def replayed(strategy, ticks: Ticks) -> Told:
    """What a strategy tells of batches as long as those of replay."""
    return told(strategy, ticks, range(0, len(ticks), BATCH_ROWS))


@pytest.mark.parametrize("move", [0.003, 0.001])
@pytest.mark.parametrize("name", EQUITIES)
def test_the_flagship_agrees_with_its_definition_on_the_first_rows_of_a_day_of_trades(name, move):
    strategy, ticks = VolumeBreakout(move=move), recorded(name, FOR_A_TWIN)
    assert replayed(strategy, ticks) == expected(strategy, ticks)


@pytest.mark.parametrize("name", EQUITIES)
def test_the_flagship_does_alert_on_the_first_rows_of_a_day_of_trades(name):
    assert len(replayed(VolumeBreakout(move=0.001), recorded(name, FIRST_ROWS))) >= 20


@pytest.mark.parametrize("strategy", [VolumeBreakout(move=1e-4, over="10s", baseline="1m"), VolumeSpike(move=3e-5, over="1m")], ids=repr)
@pytest.mark.parametrize("name", COINS)
def test_strategy_agrees_with_its_definition_on_minutes_of_coins(name, strategy):
    assert replayed(strategy, recorded(name)) == expected(strategy, recorded(name))


@pytest.mark.slow
@pytest.mark.parametrize(
    "strategy", [VolumeBreakout(), VolumeBreakout(move=0.003), VolumeBreakout(move=0.001), VolumeSpike(move=1e-4)], ids=repr
)
@pytest.mark.parametrize("name", EQUITIES)
def test_strategy_agrees_with_its_definition_on_a_whole_day_of_trades(name, strategy):
    ticks = recorded(name)
    assert replayed(strategy, ticks) == expected(strategy, ticks)


@pytest.mark.slow
@pytest.mark.parametrize("law", [*LAWS, isolation_law], ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", EQUITIES)
def test_the_flagship_obeys_on_a_day_of_trades(name, law):
    ticks = recorded(name)
    law(VolumeBreakout(move=0.001).alerts, ticks, [1, BATCH_ROWS, 50_000, 50_001, 150_000])


def test_recorded_trades_are_trades():
    assert (recorded(EQUITIES[0], 1000).kind == Kind.TRADE).all()
