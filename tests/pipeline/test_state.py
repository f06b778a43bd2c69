"""State: what grows keeps its values, what is kept comes back bit for bit, what is another's is refused."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hurtful import hurtful_tape
from hypothesis import given, settings
from hypothesis import strategies as st
from operators_under_test import CASES, COMPOSITIONS
from tries import tries

from pipeline.checks import observe, push
from pipeline.errors import ParameterError, SnapshotMismatch
from pipeline.flow import Tape
from pipeline.graph import Graph
from pipeline.operators import ema, moving_average, rolling_std, session_high, volume, vwap
from pipeline.stage import STATE_VERSION, Operator, Stage
from pipeline.state import State, full, zeros
from pipeline.symbols import SymbolTable
from pipeline.ticks import Ticks
from pipeline.windows import bars, clock, session
from pipeline.windows.bounds import Window
from pipeline.windows.slots import Slots


def blank(symbols: int) -> State:
    slots = Slots(Window(rows=2), symbols, value=("f8", 0))
    return State(symbols, {"marks": zeros(2, "i8")}, {"slots": slots}, total=zeros((symbols, 2)), last=full(symbols, np.nan))


def test_growth_keeps_what_is_there_and_fills_the_rest_as_a_new_stage_would():
    state = blank(2)
    state.total[1], state.last[1], state.marks[0], state.slots.value[:] = 7.0, 3.0, 5, [1.0, 2.0, 3.0, 4.0]
    state.grow(4, blank)
    assert state.symbols == 4
    assert state.total.tolist() == [[0, 0], [7, 7], [0, 0], [0, 0]]
    assert (state.last[1], np.isnan(state.last[[0, 2, 3]]).all(), state.marks[0]) == (3.0, True, 5)
    assert state.slots.value.tolist() == [1, 2, 3, 4, 0, 0, 0, 0]


def test_a_snapshot_is_a_copy_and_so_is_what_is_restored():
    state = blank(2)
    kept = state.snapshot()
    assert set(kept) == {"total", "last", "marks", "slots.ends", "slots.at", "slots.value"}
    again = blank(2)
    again.restore(kept)
    state.total[:] = state.marks[:] = state.slots.value[:] = 9
    kept["total"][:] = 8
    assert not again.total.any()
    assert not again.marks.any()
    assert not again.slots.value.any()
    assert not kept["slots.value"].any()


def test_an_unknown_name_is_told_with_those_that_are_there():
    with pytest.raises(AttributeError, match="no 'totl'; it has total, last, marks, slots"):
        _ = blank(1).totl
    with pytest.raises(AttributeError, match="no field 'valeu'; there are time, symbol, value"):
        _ = Slots(Window(rows=1), 1, value=("f8", 0)).valeu


# Slots against a list of rows: grown, kept and put back at random.


class Model:
    """A time window's rows as a list, and the slots that must hold the same."""

    def __init__(self) -> None:
        self.slots, self.rows, self.symbols = Slots(Window(width_ns=1), 1, value=("f8", 0), pair=("i8", 2)), [], 1

    def add(self, count: int) -> None:
        slots = self.slots
        slots.reserve(count)
        for _ in range(count):
            number = int(slots.ends[2])
            at = number & slots.mask
            slots.time[at], slots.symbol[at], slots.value[at], slots.pair[at] = number, number % self.symbols, number / 3, (number, -number)
            self.rows.append(number)
            slots.ends[2] += 1

    def shed(self, count: int) -> None:
        count = min(count, len(self.rows))
        del self.rows[:count]
        self.slots.ends[0] += count

    def grow(self, count: int) -> None:
        self.symbols += count
        self.slots.grow(self.symbols)

    def restart(self, count: int) -> None:
        kept = self.slots.snapshot()
        assert len(kept["time"]) == len(self.rows)
        self.slots = Slots(Window(width_ns=1), 1 + count, value=("f8", 0), pair=("i8", 2))
        self.slots.restore(kept)

    def check(self) -> None:
        at = np.array(self.rows, np.int64) & self.slots.mask
        assert self.slots.time[at].tolist() == self.rows
        assert self.slots.value[at].tolist() == [number / 3 for number in self.rows]
        assert self.slots.pair[at].tolist() == [[number, -number] for number in self.rows]
        assert self.slots.at.shape == (self.symbols, 4)
        assert len(self.rows) <= self.slots.mask + 1 == len(self.slots.value) == len(self.slots.pair)
        assert (self.slots.mask + 1) & self.slots.mask == 0


@given(steps=st.lists(st.tuples(st.sampled_from(["add", "add", "shed", "grow", "restart"]), st.integers(0, 150)), max_size=25))
@settings(max_examples=tries(100), deadline=None)
def test_slots_of_a_time_window_hold_their_rows_through_growth_and_restarts(steps):
    model = Model()
    for step, count in steps:
        getattr(model, step)(count)
        model.check()


def test_slots_of_a_time_window_do_not_grow_with_what_has_left():
    model = Model()
    for _ in range(1000):
        model.add(60)
        model.shed(55 if len(model.rows) < 100 else 65)
    model.check()
    assert len(model.slots.value) <= 512


@given(rows=st.integers(1, 9), growth=st.lists(st.integers(1, 40), max_size=5))
@settings(max_examples=tries(50), deadline=None)
def test_slots_of_a_count_window_keep_each_symbols_rows(rows, growth):
    slots, symbols = Slots(Window(rows=rows), 1, value=("f8", 0), sums=("f8", 3)), 1
    for more in growth:
        slots.value[:] = np.arange(symbols * rows)
        slots.at[:] = symbols
        symbols += more
        slots.grow(symbols)
        known = (symbols - more) * rows
        assert slots.value.tolist() == [*range(known), *[0] * (more * rows)]
        assert slots.at[:, 0].tolist() == [symbols - more] * (symbols - more) + [0] * more
        again = Slots(Window(rows=rows), 1, value=("f8", 0), sums=("f8", 3))
        again.restore(slots.snapshot())
        assert (again.value.tolist(), again.sums.shape, again.at.tolist()) == (slots.value.tolist(), (symbols * rows, 3), slots.at.tolist())


# Stages: whose a snapshot is.

NEW_YEAR = session("09:30-16:00", holidays=["2024-01-01"])
DIFFERENT = [
    (moving_average(3), moving_average(4)),
    (moving_average(3), moving_average("3s")),
    (moving_average(3), volume(3)),
    (moving_average(3), ema(3)),
    (rolling_std(3), rolling_std(3, ddof=0)),
    (ema(3), ema(3, seed="first")),
    (vwap(NEW_YEAR), vwap(session("09:30-16:00", holidays=["2024-01-02"]))),
    (session_high(NEW_YEAR), session_high(session("09:30-16:00", holidays=["2024-01-01"], early_closes={"2024-01-03": "13:00"}))),
    (vwap(NEW_YEAR), vwap(session("09:30-16:00", tz="Europe/Berlin", holidays=["2024-01-01"]))),
]


@pytest.mark.parametrize(("mine", "other"), DIFFERENT, ids=repr)
def test_a_snapshot_of_another_operator_or_other_parameters_is_refused_by_name(mine, other):
    for one, two in ((mine, other), (other, mine)):
        stage = Stage(one, 4)
        with pytest.raises(SnapshotMismatch) as raised:
            stage.restore(Stage(two, 4).snapshot())
        assert repr(one) in str(raised.value)
        assert repr(two) in str(raised.value)
        assert "rebuild from the tape" in str(raised.value)


def test_a_snapshot_of_another_version_is_refused():
    stage = Stage(moving_average(3), 4)
    stage.restore(stage.snapshot())
    with pytest.raises(SnapshotMismatch, match=rf"state version {STATE_VERSION + 1}\), .* \(state version {STATE_VERSION}\)"):
        stage.restore(replace(stage.snapshot(), version=STATE_VERSION + 1))


def graph_of(build) -> Graph:
    graph = Graph(SymbolTable())
    build(Tape(graph, "tape", frozenset({"seq", "time", "symbol", "kind", "price", "size"})))
    return graph


@pytest.mark.parametrize(
    ("mine", "other", "named"),
    [
        (lambda t: t.pipe(moving_average(3)), lambda t: t.pipe(moving_average(4)), "MovingAverage(window="),
        (lambda t: t.pipe(bars("1s")), lambda t: t.pipe(bars("2s")), "bars('"),
        (lambda t: t.pipe(clock("1s")), lambda t: t.pipe(clock("1s", "9m")), "clock('1s', active='"),
        (lambda t: t.pipe(moving_average(3)), lambda t: (t.pipe(moving_average(3)), t.pipe(volume("1s"))), "RollingSum("),
        (lambda t: t.pipe(moving_average(3)), lambda t: None, "MovingAverage("),
    ],
    ids=["parameters", "bars", "clock", "one more", "one less"],
)
def test_a_snapshot_of_another_graph_names_a_stage_that_does_not_fit(mine, other, named):
    with pytest.raises(SnapshotMismatch) as raised:
        graph_of(mine).restore(graph_of(other).snapshot())
    assert named in str(raised.value)


@pytest.mark.parametrize("case", [*CASES, *COMPOSITIONS], ids=str)
def test_a_snapshot_is_not_touched_by_what_goes_on(case):
    """Neither the graph it was taken from nor one that was restored from it may share memory with it."""
    ticks = hurtful_tape(5, rows=120, symbols=80)
    snapshot = observe(case.build, ticks[:60]).snapshot
    before = {(name, key): array.tobytes() for name, stage in snapshot.stages.items() for key, array in stage.arrays.items()}
    first = observe(case.build, ticks[60:], (7, 30), snapshot).bits()
    assert {(name, key): array.tobytes() for name, stage in snapshot.stages.items() for key, array in stage.arrays.items()} == before
    assert observe(case.build, ticks[60:], (11,), snapshot).bits() == first


@pytest.mark.parametrize("case", [*CASES, *COMPOSITIONS], ids=str)
def test_state_does_not_depend_on_how_it_grew(case):
    """64 symbols at first, and as many more as come; against room for all of them from the start."""
    ticks = hurtful_tape(6, rows=400, symbols=150)
    known = Graph(SymbolTable(ticks.symbols)).symbols
    grown = observe_growing(case, ticks, known)
    assert grown == observe(case.build, ticks).column("value").tobytes()


def observe_growing(case, ticks, known) -> bytes:
    """The values of a run that learns its symbols as they come."""
    graph = Graph(SymbolTable())
    tape, parts = Tape(graph, "tape", frozenset(ticks.columns)), []
    case.build(tape).subscribe(lambda values: parts.append(values.value))
    for first in range(0, len(ticks), 10):
        part = ticks[first : first + 10]
        highest = int(ticks.symbol[: first + 10].max())
        graph.symbols.codes(list(known)[len(graph.symbols) : highest])
        push(graph, tape, Ticks(part.columns, graph.symbols))
    assert graph.capacity == 256
    return np.concatenate(parts).tobytes()


@dataclass(frozen=True, slots=True)
class Large(Operator):
    """Its state for more than 64 symbols does not fit."""

    most: int = 64

    def state(self, symbols: int) -> State:
        """Nothing, or too much."""
        if symbols > self.most:
            raise MemoryError("Unable to allocate 9.0 GiB")
        return State(symbols)


def test_state_that_does_not_fit_into_memory_is_refused_by_name():
    with pytest.raises(
        ParameterError, match=r"Large\(most=1\) does not fit into memory for 2 symbols: Unable to allocate 9.0 GiB; take fewer"
    ):
        Stage(Large(1), 2)
    stage = Stage(Large(), 64)
    with pytest.raises(ParameterError, match="for 65 symbols"):
        stage.grow(65)
