"""The runner: from a feed to alerts in order, what cannot be built, and Ctrl-C."""

import gc
import signal
import threading

import numpy as np
import pytest
from reactivex import operators as ops
from runs import START, Above, Cut, Ups, every_cut, misbehaving, ticks_of

from pipeline import Alert, Strategy, alert_when, combine_latest, run
from pipeline.doors import each_tick
from pipeline.errors import BuildError, InputError, UnknownName, UsageError
from pipeline.operators import column, moving_average
from pipeline.running import Run
from pipeline.sinks.memory import MemorySink
from pipeline.ticks import Kind, Ticks
from strategies.moving_average_cross import MovingAverageCross
from strategies.textbook_rx import TextbookRx
from strategies.volume_breakout import VolumeBreakout
from strategies.volume_spike import VolumeSpike


def test_a_run_says_what_it_read_and_found():
    ticks, sink = ticks_of(), MemorySink()
    report = run(ticks, Above(), sinks=[sink])
    assert (report.ticks, report.symbols, report.late_rows, report.exit_code) == (60, 3, 0, 0)
    assert list(report.alerts) == sink.alerts
    assert report.alert_count == len(sink.alerts) == sum(report.alerts_by.values()) > 10
    assert report.ticks_per_second > 0
    assert report.latency.quantile(0.99) >= report.latency.quantile(0.5) > 0
    assert {strategy for strategy, _, _ in report.alerts_by} == {"above"}
    assert "60 of 3 symbols" in report.summary()
    assert "60 of 3 symbols" in report._repr_html_()


def test_alerts_need_not_be_kept():
    report = run(ticks_of(), Above(), keep_alerts=False)
    assert len(report.alerts) == 0
    assert report.alert_count > 10


@pytest.mark.parametrize("strategies", [(Above(),), (Ups(),), (Above(), Ups(), Above(name="wide", margin=1.0)), (Ups(), Above())], ids=repr)
def test_the_cut_of_a_feed_changes_neither_alerts_nor_their_order(strategies):
    ticks = ticks_of(200)
    whole = run(ticks, *strategies).alerts
    assert len(whole) > 20
    for cuts in (every_cut(200), (7, 50, 51, 180)):
        assert run(Cut(ticks, *cuts), *strategies).alerts == whole
    assert [alert.time for alert in whole] == sorted(alert.time for alert in whole)


def test_alerts_made_by_hand_get_their_strategy_and_an_id_that_no_other_symbol_changes():
    ticks = ticks_of(300)
    found = run(ticks, Ups(name="rises")).alerts
    assert {alert.strategy for alert in found} == {"rises"}
    assert len({alert.id for alert in found}) == len(found)

    class Own(Strategy):
        symbols: str = ""
        name: str = "own"

        def alerts(self, ticks):
            wanted = SHARD
            return ticks.pipe(each_tick(), ops.filter(lambda t: t.symbol in wanted), ops.map(lambda t: Alert(t.symbol, t.time)))

    SHARD = "ABC"
    both = {alert.id for alert in run(ticks, Own()).alerts if alert.symbol == "A"}
    SHARD = "A"
    assert {alert.id for alert in run(ticks, Own()).alerts} == both


def test_alerts_made_by_hand_are_degraded_where_their_maker_says_so():
    class Own(Strategy):
        def alerts(self, ticks):
            return ticks.pipe(each_tick(), ops.map(lambda t: Alert(t.symbol, t.time, degraded=t.seq == 1)))

    assert [alert.degraded for alert in run(ticks_of(3), Own()).alerts] == [False, True, False]


def test_a_gap_of_a_feed_degrades_what_spans_it():
    ticks = ticks_of(200)
    kind = np.zeros(200, np.int8)
    kind[np.flatnonzero(ticks.symbol == 2)[10:50:4]] = Kind.GAP

    price = np.where(kind == Kind.GAP, np.nan, ticks.price)
    lossy = Ticks.of(ticks.time, ticks.symbol, ticks.symbols, kind=kind, price=price, size=np.where(kind == Kind.GAP, np.nan, ticks.size))
    found = run(lossy, Above()).alerts
    assert {alert.symbol for alert in found if alert.degraded} == {ticks.symbols.name(2)}

    assert 0 < sum(alert.degraded for alert in found) < len(found) / 2


def test_a_strategy_may_return_several_streams_and_lists_of_alerts():
    class Several(Strategy):
        def alerts(self, ticks):
            combined = combine_latest(average=ticks.pipe(moving_average(3)))
            up = combined.pipe(alert_when(lambda s: s.price > s.average, every=True))
            down = combined.pipe(alert_when(lambda s: s.price < s.average, every=True))
            return [up, down.pipe(ops.map(lambda alerts: alerts[:1]))]

    found = run(Cut(ticks_of(), 20), Several()).alerts
    assert {alert.rule for alert in found} == {"rule", "rule2"}
    assert len({alert.id for alert in found}) == len(found)


def test_the_end_of_a_tape_completes_rx_operators_and_bad_input_does_not():
    class Total(Strategy):
        def alerts(self, ticks):
            return ticks.pipe(each_tick(), ops.count(), ops.map(lambda count: Alert("A", START, f"{count}")))

    assert [alert.message for alert in run(ticks_of(), Total()).alerts] == ["60"]
    assert len(run(Cut(ticks_of(), error=InputError("cut off")), Total()).alerts) == 0


def test_strategies_of_rx_operators_get_few_rows_at_a_time_so_that_a_batch_is_no_hang():
    class Counts(Strategy):
        def alerts(self, ticks):
            return ticks.pipe(each_tick(), ops.filter(lambda tick: False))

    for strategies, most in (((Above(),), 5000), ((Above(), Counts()), 2048)):
        made, seen = Run(ticks_of(5000), *strategies), []
        made.on_batch = lambda batch, seen=seen: seen.append(len(batch))
        made.go()
        assert (max(seen), sum(seen)) == (most, 5000)


@pytest.mark.parametrize("kind", [VolumeBreakout, VolumeSpike, MovingAverageCross, TextbookRx])
def test_a_batch_that_was_judged_is_gone_without_a_search_for_garbage(kind):
    def left_by(rows):
        gc.collect()
        run(Cut(ticks_of(rows), *every_cut(rows)), kind())
        return sum(type(each) is Ticks for each in gc.get_objects())

    left_by(40)
    gc.disable()
    try:
        assert left_by(240) == left_by(40)
    finally:
        gc.enable()


# What cannot work fails when the run is built.


class Broken(Strategy):
    def alerts(self, ticks):
        return {}["no such key"]


class Nothing(Strategy):
    def alerts(self, ticks):
        return None


class Quits(Strategy):
    def alerts(self, ticks):
        raise SystemExit(3)


class Unknown(Strategy):
    def alerts(self, ticks):
        return combine_latest(x=ticks.pipe(column("colour"))).pipe(alert_when(lambda s: s.x > 1))


@pytest.mark.parametrize(
    ("strategies", "reason"),
    [
        ((Broken(),), "strategy broken: KeyError: 'no such key'"),
        ((Nothing(),), "strategy nothing: .* returned None"),
        ((Quits(),), "strategy quits: SystemExit: 3"),
        ((Unknown(),), "strategy unknown: no column of the tape .* named 'colour'"),
        ((Above(), Above(margin=2.0)), "two strategies are named 'above'; .*name="),
        ((Above,), r"is no strategy; make one: Above\(\)"),
    ],
)
def test_a_strategy_that_cannot_be_built_is_named(strategies, reason):
    with pytest.raises(BuildError, match=reason):
        run(ticks_of(), *strategies)


def test_what_is_no_feed_and_options_that_are_none():
    with pytest.raises(UsageError, match="str is no feed"):
        run("ticks.csv", Above())
    with pytest.raises(UnknownName, match="no policy for late rows named 'skip'"):
        run(ticks_of(), Above(), late="skip")
    with pytest.raises(UnknownName, match="no sink named 'jsnol'"):
        run(ticks_of(), Above(), sinks=["jsnol:a"])


def test_alerts_of_another_run_are_refused():
    kept = []

    class Keeps(Strategy):
        def alerts(self, ticks):
            kept.append(Above().alerts(ticks))
            return kept[0]

    run(ticks_of(), Keeps())
    with pytest.raises(BuildError, match="another run"):
        run(ticks_of(), Keeps())


# Ctrl-C.


def test_an_interrupted_feed_flushes_and_reports():
    sink = MemorySink()
    report = run(Cut(ticks_of(), 20, error=KeyboardInterrupt()), Above(), sinks=[sink])
    assert (report.interrupted, report.exit_code, report.ticks) == (True, 130, 60)
    assert sink.alerts == list(report.alerts)
    assert "INTERRUPTED" in report.summary()


def test_the_first_ctrl_c_lets_the_batch_finish_for_every_strategy():
    def interrupt(s, met):
        signal.raise_signal(signal.SIGINT)
        return met

    report = run(Cut(ticks_of(), *every_cut(60)), misbehaving(interrupt), Above())
    assert (report.interrupted, report.ticks) == (True, 31)
    assert [alert for alert in report.alerts if alert.strategy == "above"] == list(run(ticks_of()[:31], Above()).alerts)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_ctrl_c_does_not_wait_and_drops_the_unfinished_batch():
    def interrupt(s, met):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        return met

    report = run(Cut(ticks_of(), 20, 40), Above(), misbehaving(interrupt))
    assert (report.interrupted, report.ticks) == (True, 20)
    assert [alert for alert in report.alerts if alert.strategy == "above"] == list(run(ticks_of()[:20], Above()).alerts)


def test_a_run_leaves_no_thread_behind():
    before = threading.active_count()
    run(ticks_of(), Above(), sinks=[MemorySink(), MemorySink()])
    assert threading.active_count() == before
