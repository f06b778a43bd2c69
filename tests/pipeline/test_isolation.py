"""The isolation law at work: what a fault of one strategy or sink costs the others (nothing)."""

import itertools
import threading

import numpy as np
import pytest
import reactivex
from reactivex import operators as ops
from runs import START, Above, Cut, Ups, every_cut, misbehaving, ticks_of, without_sleep

from pipeline import Alert, Strategy, run
from pipeline.doors import each_tick
from pipeline.errors import BuildError, EngineFault
from pipeline.runner import Run
from pipeline.sinks.memory import MemorySink
from pipeline.watchdog import Watchdog

# FAULTS 53: a strategy that misbehaves is cut off, and nobody else notices.


def raising(error):
    def act(s, met):
        raise error

    return act


def recursing(s, met):
    return recursing(s, met)


def writing(s, met):
    s.price[0] = 1.0
    return met


def writing_signal(s, met):
    s.average[:] = 0.0
    return met


def shifting(s, met):
    return np.roll(met, 1)[:-1]


MISDEEDS = {
    "raises": (raising(ValueError("bad luck")), ValueError),
    "StopIteration": (raising(StopIteration()), StopIteration),
    "RecursionError": (recursing, RecursionError),
    "sys.exit": (raising(SystemExit(1)), SystemExit),
    "returns NaN": (lambda s, met: np.full(len(met), np.nan), BuildError),
    "returns a number": (lambda s, met: float("nan"), BuildError),
    "returns too little": (shifting, BuildError),
    "writes into a column": (writing, ValueError),
    "writes into a signal": (writing_signal, ValueError),
}


@pytest.mark.parametrize("cuts", [(), (30,), every_cut(60)], ids=["one batch", "two batches", "single rows"])
@pytest.mark.parametrize("case", MISDEEDS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_fault_53_a_strategy_that_misbehaves_is_cut_off_and_the_others_are_byte_equal(case, cuts, place):
    act, error = MISDEEDS[case]
    others, told = [Above(), Ups()], []
    expected = Run(Cut(ticks_of(), *cuts), *others).go()
    strategies = [*others[:place], misbehaving(act), *others[place:]]
    report = Run(Cut(ticks_of(), *cuts), *strategies, on_fault=told.append).go()
    assert [fault.owner for fault in report.quarantined] == ["misbehaves"]
    assert isinstance(report.quarantined[0].error, error)
    assert told == report.quarantined
    assert report.exit_code == 1
    assert report.incomplete is None
    mine = [alert for alert in report.alerts if alert.strategy != "misbehaves"]
    assert [alert.as_dict() for alert in mine] == [alert.as_dict() for alert in expected.alerts]


@pytest.mark.parametrize("error", [ValueError("bad luck"), StopIteration(), SystemExit(1), RecursionError("too deep")], ids=repr)
@pytest.mark.parametrize("where", ["map", "subscriber", "on_error"])
def test_fault_53_a_strategy_of_plain_rx_that_raises_at_its_nth_tick(error, where):
    def fail(tick):
        if tick.seq == 30:
            raise error
        return Alert(tick.symbol, tick.time)

    def one_of(tick):
        return reactivex.throw(error) if tick.seq == 30 else reactivex.just(Alert(tick.symbol, tick.time))

    class Textbook(Strategy):
        def alerts(self, ticks):
            source = ticks.pipe(each_tick())
            if where == "map":
                return source.pipe(ops.map(fail))
            if where == "subscriber":
                source.subscribe(fail)
                return source.pipe(ops.map(lambda tick: Alert(tick.symbol, tick.time)))
            return source.pipe(ops.flat_map(one_of))

    expected = run(ticks_of(), Above()).alerts
    report = Run(ticks_of(), Textbook(), Above(), on_fault=lambda fault: None).go()
    assert [fault.owner for fault in report.quarantined] == ["textbook"]
    assert [alert for alert in report.alerts if alert.strategy == "above"] == list(expected)
    before = [alert for alert in report.alerts if alert.strategy == "textbook"]
    assert len(before) in (30, 31)


def test_fault_53_a_strategy_that_raises_for_one_symbol_keeps_what_it_said_before():
    class PickyError(Exception):
        pass

    def picky(tick):
        if tick.symbol == "C":
            raise PickyError
        return Alert(tick.symbol, tick.time)

    class Picky(Strategy):
        def alerts(self, ticks):
            return ticks.pipe(each_tick(), ops.map(picky))

    ticks = ticks_of()
    first = [tick.symbol for tick in ticks].index("C")
    report = Run(ticks, Picky(), on_fault=lambda fault: None).go()
    assert len(report.alerts) == first
    with pytest.raises(PickyError):
        run(ticks, Picky(), raise_faults=True)


@pytest.mark.parametrize("junk", [float("nan"), None, "alert", Alert("A", "noon"), Alert("A", START, values={"x": "y"}), [1]], ids=repr)
def test_fault_53_junk_instead_of_alerts_never_reaches_a_sink(junk):
    class Junk(Strategy):
        def alerts(self, ticks):
            return ticks.pipe(each_tick(), ops.map(lambda tick: junk))

    sink = MemorySink()
    report = Run(ticks_of(), Junk(), Above(), on_fault=lambda fault: None).go([sink])
    assert [fault.owner for fault in report.quarantined] == ["junk"]
    assert sink.alerts == list(run(ticks_of(), Above()).alerts)


def test_fault_53_a_strategy_that_hangs_is_named_by_the_watchdog_and_the_others_are_byte_equal():
    looks, told, entered = threading.Semaphore(0), threading.Event(), threading.Event()
    seconds = itertools.count(0, 10)

    def hang(s, met):
        if not told.is_set():
            entered.set()
            looks.release(2)
            told.wait()
        return met

    def pause(length: float) -> bool:
        looks.acquire()
        return told.is_set()

    def watch(graph, busy, on_hang):
        return Watchdog(graph, busy, on_hang, limit=5.0, clock=lambda: next(seconds), pause=pause)

    hangs = []

    def on_hang(hang):
        hangs.append(hang)
        told.set()
        looks.release()

    report = Run(ticks_of(), misbehaving(hang), Above(), on_hang=on_hang, watchdog=watch).go()
    assert entered.is_set()
    assert [(hang.owner, hang.seconds) for hang in report.hangs] == [("misbehaves", 10)]
    assert hangs == report.hangs
    assert "misbehaves has been busy" in report.summary()
    assert [alert for alert in report.alerts if alert.strategy == "above"] == list(run(ticks_of(), Above()).alerts)


def test_a_broken_engine_is_never_hidden():
    class Engine(Strategy):
        def alerts(self, ticks):
            with ticks.graph.owned_by(None):
                ticks.subscribe(lambda batch: ticks.graph.enter(1))
            return Above().alerts(ticks)

    sink = MemorySink()
    with pytest.raises(EngineFault, match="while another is under way"):
        run(ticks_of(), Engine(), sinks=[sink])


# FAULTS 60: a sink that misbehaves costs the others nothing.


class BadSink(MemorySink):
    def __init__(self, fails, after: bool = False) -> None:
        super().__init__()
        self.fails, self.after, self.calls = fails, after, 0

    def write(self, alerts) -> None:
        self.calls += 1
        failing = self.fails(self.calls)
        if self.after or not failing:
            super().write(alerts)
        if failing:
            raise TimeoutError("no answer")


@pytest.mark.parametrize(
    ("sink", "cut_off"),
    [
        (BadSink(lambda call: True), True),
        (BadSink(lambda call: call > 3), True),
        (BadSink(lambda call: call % 3 == 0), False),
        (BadSink(lambda call: call % 3 == 0, after=True), False),
    ],
    ids=["always", "after some", "1 in 3", "1 in 3 after ack"],
)
def test_fault_60_a_sink_that_raises_is_tried_again_then_cut_off_and_the_others_get_everything(sink, cut_off):
    good, told = MemorySink(), []
    expected = run(ticks_of(), Above(), Ups()).alerts
    report = Run(Cut(ticks_of(), *every_cut(60)), Above(), Ups(), on_fault=told.append).go([sink, good], worker=without_sleep)
    assert good.alerts == list(expected) == list(report.alerts)
    assert len({alert.id for alert in expected}) == len(expected)
    assert [fault.owner for fault in told] == (["sink BadSink"] if cut_off else [])
    assert report.exit_code == int(cut_off)
    kept = list({alert.id: alert for alert in sink.alerts}.values())
    assert kept == list(expected)[: len(kept)]
    assert report.undelivered == ({"BadSink": len(expected) - len(kept)} if cut_off else {})
