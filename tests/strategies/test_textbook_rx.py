"""The flagship in RxPY's own operators: the same alerts without its glitches, and the glitch that the engine does not have."""

import pytest
import reactivex
from hurtful import hurtful_tape
from reactivex import operators as ops
from tries import THOROUGH

from feeds.synthetic import market
from pipeline import combine_latest
from pipeline.checks import open_tape, tape_of
from pipeline.doors import each_tick
from pipeline.operators import column, moving_average
from pipeline.runner import run
from pipeline.symbols import SymbolTable
from pipeline.ticks import Ticks
from strategies.textbook_rx import TextbookRx
from strategies.volume_breakout import VolumeBreakout


def said(report):
    return [(alert.time, alert.symbol, alert.event, round(alert.values["change"], 12)) for alert in report.alerts]


def synthetic_day(ticks=13_000 if THOROUGH else 6_500):
    made = market(ticks=ticks, span=2_400_000_000_000)
    columns = made.columns
    return Ticks.of(columns["time"], columns["symbol"] + 1, SymbolTable(made.symbols), price=columns["price"], size=columns["size"])


def test_textbook_form_gives_the_flagships_alerts_on_a_market():
    ticks = synthetic_day()
    fast = run(ticks, VolumeBreakout())
    assert said(run(ticks, TextbookRx())) == said(fast)
    assert fast.alerts


@pytest.mark.slow
def test_textbook_form_gives_the_flagships_alerts_on_tapes_that_hurt():
    parameters = {"move": 1e-4, "over": "1s", "average": 3, "multiple": 0.5, "baseline": "4s"}
    found = 0
    for seed in range(20):
        ticks = hurtful_tape(seed, rows=300, trades_only=True)
        fast = run(ticks, VolumeBreakout(**parameters))
        assert said(run(ticks, TextbookRx(**parameters))) == said(fast)
        found += len(fast.alerts)
    assert found > 50


def test_combine_latest_of_rx_mixes_ticks_and_ours_does_not():
    prices = [10.0, 20.0, 30.0]
    tape, push = open_tape(price=prices)
    mixed, ours = [], []
    ticks = tape.pipe(each_tick())
    doubled = ticks.pipe(ops.map(lambda tick: 2 * tick.price))
    reactivex.combine_latest(ticks.pipe(ops.map(lambda tick: tick.price)), doubled).subscribe(mixed.append)
    pair = combine_latest(price=tape.pipe(column("price")), double=tape.pipe(column("price")) * 2)
    pair.subscribe(lambda rows: ours.extend(zip(rows.values["price"].tolist(), rows.values["double"].tolist(), strict=True)))
    push()
    assert mixed == [(10.0, 20.0), (20.0, 20.0), (20.0, 40.0), (30.0, 40.0), (30.0, 60.0)]
    assert ours == [(10.0, 20.0), (20.0, 40.0), (30.0, 60.0)]


def test_glitches_of_the_textbook_form_make_alerts_that_never_were():
    """Volume comes without a move, a minute later a move without volume: the new price stands beside the old volume for a moment."""
    ticks = tape_of(price=[100.0] * 13 + [103.0], size=[1.0] * 12 + [50.0, 1.0], seconds=[*range(0, 520, 40), 541])
    assert said(run(ticks, TextbookRx())) == said(run(ticks, VolumeBreakout())) == []
    assert [alert.event for alert in run(ticks, TextbookRx(glitches=True)).alerts] == ["raised"]


def test_equal_operators_are_one_stage_for_both_names_of_a_window():
    tape, _ = open_tape(price=[1.0])
    assert tape.pipe(moving_average("60s")) is tape.pipe(moving_average("1m"))
