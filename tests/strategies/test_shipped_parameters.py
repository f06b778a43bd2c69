"""Parameters of the shipped strategies: what cannot work is refused by name, and all of them can be given as text."""

import pytest

from pipeline.checks import observe, tape_of
from pipeline.errors import BuildError, ParameterError, UnknownName
from pipeline.plugins import load
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

REFUSED = [
    (VolumeBreakout, {"move": "-0.01"}, r"VolumeBreakout.move = -0.01: expected a fraction from 0"),
    (VolumeBreakout, {"over": "60"}, r'VolumeBreakout.over: .*, with its unit: "60s" is 60 seconds'),
    (VolumeBreakout, {"baseline": "59s"}, r"VolumeBreakout.baseline = '59s': expected a length of time of at least over = 1m"),
    (VolumeBreakout, {"average": "0"}, r"VolumeBreakout.average = 0: expected a whole number from 1"),
    (VolumeBreakout, {"multiple": "-2"}, r"VolumeBreakout.multiple = -2.0: expected a number from 0"),
    (VolumeSpike, {"move": "-0.01"}, r"VolumeSpike.move = -0.01: expected a fraction from 0"),
    (VolumeSpike, {"over": "0s"}, r"VolumeSpike.over = '0s': expected a length of time above 0"),
    (VolumeSpike, {"average": "0"}, r"VolumeSpike.average = 0"),
    (VolumeSpike, {"multiple": "-2"}, r"VolumeSpike.multiple = -2.0"),
    (MovingAverageCross, {"fast": "0"}, r"MovingAverageCross.fast = 0: expected a whole number from 1"),
    (MovingAverageCross, {"slow": "50"}, r"MovingAverageCross.slow = 50: expected a whole number from 51"),
    (MovingAverageCross, {"margin": "-0.1"}, r"MovingAverageCross.margin = -0.1"),
    (MovingAverageCross, {"bar": "soon"}, r"MovingAverageCross.bar: 'soon' is no length of time"),
    (MovingAverageCross, {"kind": "hull"}, r"kind = 'hull'"),
    (VwapDeviation, {"near": "3"}, r"VwapDeviation.near = 3.0: expected a number of deviations from 0 to far = 2"),
    (VwapDeviation, {"far": "0"}, r"VwapDeviation.far = 0.0: expected a number above 0"),
    (VwapDeviation, {"hours": "9-25"}, r"VwapDeviation.hours = '9-25': expected hours such as"),
    (VwapDeviation, {"tz": "Mars/Olympus"}, r"VwapDeviation.tz = 'Mars/Olympus': expected a time zone"),
    (VwapDeviation, {"days": "Mo-Fr"}, r"VwapDeviation.days = 'Mo-Fr': expected days such as"),
    (VwapDeviation, {"holidays": "Christmas"}, r"VwapDeviation.holidays = .*'Christmas'.*: expected dates such as"),
    (VwapDeviation, {"warm_up": "x"}, r"VwapDeviation.warm_up"),
    (VwapDeviation, {"hold": "-1s"}, r"VwapDeviation.hold"),
    (ZscoreMove, {"window": "1"}, r"ZscoreMove.window = 1: expected a whole number from 2"),
    (ZscoreMove, {"far": "4.4"}, r"ZscoreMove.far = 4.4: expected at most sqrt\(window - 1\) = 4.359"),
    (ZscoreMove, {"near": "3.5"}, r"ZscoreMove.near = 3.5"),
    (ZscoreMove, {"volume": "-1"}, r"ZscoreMove.volume = -1.0"),
    (TradeRateBurst, {"multiple": "1"}, r"TradeRateBurst.multiple = 1.0: expected a number above 1"),
    (TradeRateBurst, {"calm": "6"}, r"TradeRateBurst.calm = 6.0: expected a number above 0, at most multiple = 5"),
    (TradeRateBurst, {"over": "0s"}, r"TradeRateBurst.over = '0s': expected a length of time above 0"),
    (TradeRateBurst, {"least": "0"}, r"TradeRateBurst.least = 0.0"),
    (SpreadWidening, {"multiple": "0.5"}, r"SpreadWidening.multiple = 0.5"),
    (SpreadWidening, {"calm": "4"}, r"SpreadWidening.calm = 4.0"),
    (SpreadWidening, {"floor": "0"}, r"SpreadWidening.floor = 0.0"),
    (SpreadWidening, {"least": "0"}, r"SpreadWidening.least = 0"),
    (StaleQuote, {"after": "5s"}, r"StaleQuote.after = '5s': expected a length of time above alive = 5s"),
    (StaleQuote, {"active": "30s"}, r"StaleQuote.active = '30s': expected a length of time above after = 30s"),
    (StaleQuote, {"alive": "500ms"}, r"StaleQuote.alive = '500ms': expected 1s or more"),
    (StaleQuote, {"multiple": "0"}, r"StaleQuote.multiple = 0.0"),
    (OpeningRangeBreakout, {"opening": "90s"}, r"OpeningRangeBreakout.opening = '90s': expected whole minutes"),
    (OpeningRangeBreakout, {"opening": "390m"}, r"OpeningRangeBreakout.opening = '390m': expected whole minutes, fewer than the session"),
    (OpeningRangeBreakout, {"window": "0"}, r"OpeningRangeBreakout.window = 0"),
    (OpeningRangeBreakout, {"multiple": "0"}, r"OpeningRangeBreakout.multiple = 0.0"),
    (NewHighLow, {"retreat": "1"}, r"NewHighLow.retreat = 1.0: expected a fraction"),
    (NewHighLow, {"cooldown": "later"}, r"NewHighLow.cooldown"),
    (PairsDivergence, {"first": "A", "second": "A"}, r"PairsDivergence.second = 'A': expected a symbol other than first = 'A'"),
    (PairsDivergence, {"first": " ", "second": "A"}, r"PairsDivergence.first = ' ': expected a symbol"),
    (PairsDivergence, {"first": "A", "second": "B", "hedge": "loose"}, r"hedge = 'loose'"),
    (PairsDivergence, {"first": "A", "second": "B", "window": "2"}, r"PairsDivergence.window = 2: expected a whole number from 3"),
    (PairsDivergence, {"first": "A", "second": "B", "correlation": "1.5"}, r"PairsDivergence.correlation = 1.5"),
    (PairsDivergence, {"first": "A"}, r"second"),
]


@pytest.mark.parametrize(("kind", "settings", "message"), REFUSED, ids=lambda value: getattr(value, "__name__", str(value)))
def test_a_value_that_cannot_work_is_refused_by_name(kind, settings, message):
    with pytest.raises((ParameterError, UnknownName), match=message):
        kind.from_text(settings)


def test_settings_are_read_from_text():
    strategy = load("strategy", "opening_range_breakout").from_text(
        {"holidays": "2026-07-03, 2026-12-25", "opening": "30m", "multiple": "2"}
    )
    assert strategy == OpeningRangeBreakout(holidays=("2026-07-03", "2026-12-25"), opening="30m", multiple=2.0)
    assert PairsDivergence.from_text({"first": "IBM", "second": "SPY", "hedge": "0.8"}).hedge == 0.8


@pytest.mark.parametrize("name", ["vwap_deviation", "moving_average_cross", "new_high_low", "trade_rate_burst"])
def test_a_strategy_of_trades_refuses_a_tape_of_quotes(name):
    ticks = tape_of(bid=[1.0], ask=[2.0])
    with pytest.raises(BuildError, match="quotes only"):
        observe(load("strategy", name)().alerts, ticks)
