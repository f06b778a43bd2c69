"""Every shipped strategy obeys the laws, and agrees with its slow twin, on hurtful tapes and on recorded ones."""

import math
from functools import cache
from pathlib import Path

import pytest
import reference as ref
from hurtful import cuts, hurtful_tape, reference_rows, tapes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds.recorded import csv
from pipeline.checks import LAWS, isolation_law, observe
from pipeline.ingest import BATCH_ROWS, Ingest
from pipeline.symbols import SymbolTable
from pipeline.ticks import Kind, Ticks
from strategies.volume_breakout import VolumeBreakout
from strategies.volume_spike import VolumeSpike

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "tapes"
EQUITIES = ["us_equities_20131007", "us_equities_20131008", "us_equities_20131009"]
COINS = ["btcusdt_20240808", "btcusdt_20240809"]
FIRST_ROWS = 60_000
quick = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 10**6)
lengths = st.integers(1, 160)

BREAKOUT = VolumeBreakout(move=1e-4, over="1s", average=3, multiple=0.5, baseline="4s")
SPIKE = VolumeSpike(move=5e-5, average=3, multiple=1.2, over="20s")
SHIPPED = [BREAKOUT, SPIKE]
Told = list[tuple[int, str, str]]


def told(strategy, ticks: Ticks, at: list[int] | range = range(0)) -> Told:
    """Time, symbol and event of each alert."""
    return [(alert.time, alert.symbol, alert.event) for alert in observe(strategy.alerts, ticks, at).alerts]


def expected(strategy, ticks: Ticks) -> Told:
    """What the slow twin says."""
    rows = reference_rows(ticks)
    if isinstance(strategy, VolumeBreakout):
        return ref.volume_breakout(rows, strategy.move, strategy.over, strategy.average, strategy.multiple, strategy.baseline)
    return ref.volume_spike(rows, strategy.move, strategy.average, strategy.multiple, strategy.over)


@pytest.mark.parametrize("law", [*LAWS, isolation_law], ids=lambda law: law.__name__)
@pytest.mark.parametrize("strategy", SHIPPED, ids=repr)
@given(ticks=tapes(most_rows=120), at=cuts(120))
@quick
def test_strategy_obeys(strategy, law, ticks, at):
    law(strategy.alerts, ticks, at[:15] if law.__name__ == "no_look_ahead_law" else at)


@pytest.mark.parametrize("strategy", SHIPPED, ids=repr)
@given(seed=seeds, rows=lengths, symbols=st.integers(1, 3), at=cuts(160))
@settings(quick, max_examples=30)
def test_strategy_agrees_with_its_definition(strategy, seed, rows, symbols, at):
    ticks = hurtful_tape(seed, rows, symbols)
    assert told(strategy, ticks, at) == expected(strategy, ticks)


@pytest.mark.parametrize("strategy", SHIPPED, ids=repr)
def test_strategy_does_alert_on_hurtful_tapes(strategy):
    assert sum(len(expected(strategy, hurtful_tape(seed, 160, 2))) for seed in range(5)) > 5


# Recorded tapes.


@cache
def recorded(name: str, rows: float = math.inf) -> Ticks:
    """The first rows of a recorded tape."""
    path = RECORDED / f"{name}.csv.gz"
    if not path.exists():
        pytest.skip(f"the recorded tape {path} is not here")
    ingest, batches, count = Ingest(SymbolTable()), [], 0
    for raw in csv(path).rows():
        for batch in ingest.accept(raw):
            batches.append(batch)
            count += len(batch)
        if count >= rows:
            break
    ticks = Ticks.concat([*batches, *ingest.finish()])
    return ticks if math.isinf(rows) else ticks[: int(rows)]


def replayed(strategy, ticks: Ticks) -> Told:
    """What a strategy tells of batches as long as those of replay."""
    return told(strategy, ticks, range(0, len(ticks), BATCH_ROWS))


@pytest.mark.parametrize("move", [0.003, 0.001])
@pytest.mark.parametrize("name", EQUITIES)
def test_the_flagship_agrees_with_its_definition_on_the_first_rows_of_a_day_of_trades(name, move):
    strategy, ticks = VolumeBreakout(move=move), recorded(name, FIRST_ROWS)
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
