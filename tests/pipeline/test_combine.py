"""combine_latest: signals side by side, of one tape and across tapes."""

import math

import numpy as np
import pytest
from hurtful import cuts, edges, hurtful_tape, tapes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tries import tries

from pipeline.checks import LAWS, Observed, observe, open_tape, tape_of, values_of
from pipeline.combine import combine_latest
from pipeline.errors import BuildError
from pipeline.flow import where
from pipeline.operators import age, column, ema, last, mid, moving_average, price_change, spread, tick_count, volume
from pipeline.ticks import Kind, Ticks
from pipeline.windows import bars, clock

quick = settings(max_examples=tries(8), deadline=None, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 10**6)
lengths = st.integers(1, 90)


def same_bits(found: np.ndarray, expected: np.ndarray) -> bool:
    return found.view(np.uint64).tolist() == expected.view(np.uint64).tolist()


# Signals of one tape: a zip.

SIGNALS = {
    "price": last(),
    "average": moving_average(3),
    "volume": volume("2s"),
    "mid": mid(),
    "mean of mids": lambda t: t.pipe(mid(), ema(2)),
    "large": lambda t: t.pipe(where(lambda s: s.size >= 1.0), tick_count("3s")),
}


@pytest.mark.parametrize("name", SIGNALS)
@given(seed=seeds, rows=lengths, at=cuts(90))
@quick
def test_signals_of_one_tape_are_zipped(name, seed, rows, at):
    ticks = hurtful_tape(seed, rows, 3)

    def one_of_all(tape):
        streams = {f"x{place}": tape.pipe(build) for place, build in enumerate(SIGNALS.values())}
        return combine_latest(**streams).apply(lambda s: getattr(s, f"x{list(SIGNALS).index(name)}"))

    assert same_bits(observe(one_of_all, ticks, at).column("value"), observe(SIGNALS[name], ticks).column("value"))


@given(seed=seeds, rows=lengths, at=cuts(90))
@quick
def test_a_zipped_row_is_fresh_where_any_of_its_signals_is(seed, rows, at):
    ticks = hurtful_tape(seed, rows, 3)
    both = observe(lambda t: combine_latest(trade=t.pipe(last()), quote=t.pipe(mid())).apply(lambda s: s.trade), ticks, at)
    assert both.column("fresh").tolist() == (ticks.kind <= Kind.QUOTE).tolist()


# Signals of several tapes: as of the row's time.


Rows = list[tuple[int, int]]


def as_of(mine: Rows, their_rows: Rows, theirs: Observed, strict: bool) -> tuple[list[float], list[bool]]:
    """What each row sees of a signal: its symbol's newest value that is not later (`strict`: earlier), and whether it is new."""
    known = list(zip(their_rows, theirs.column("value").tolist(), theirs.column("fresh").tolist(), strict=True))
    values, fresh, shown = [], [], dict.fromkeys((symbol for _, symbol in mine), 0)
    for time, symbol in mine:
        seen = [(value, new) for (at, of), value, new in known if of == symbol and (at < time or (at == time and not strict))]
        values.append(seen[-1][0] if seen else math.nan)
        fresh.append(any(new for _, new in seen[shown[symbol] :]))
        shown[symbol] = len(seen)
    return values, fresh


def rows_made(build, ticks: Ticks) -> Rows:
    """Time and symbol of each row of a tape."""
    seen = observe(build, ticks)
    return list(zip(seen.column("time").tolist(), seen.column("symbol").tolist(), strict=True))


def itself(tape):
    return tape


DERIVED = {"bars": bars("1s"), "count bars": bars(2), "clock": clock("1s", "20s"), "mids": lambda t: t.pipe(mid(), bars("2s"))}


@pytest.mark.parametrize("derive", DERIVED.values(), ids=DERIVED)
@given(seed=seeds, rows=lengths, at=cuts(90))
@quick
def test_rows_of_the_tape_see_derived_rows_up_to_their_time(derive, seed, rows, at):
    ticks = hurtful_tape(seed, rows, 3)
    joined = observe(lambda t: combine_latest(theirs=t.pipe(derive, last()), own=t.pipe(mid())).apply(lambda s: s.theirs), ticks, at)
    theirs = observe(lambda t: t.pipe(derive, last()), ticks)
    values, _ = as_of(rows_made(itself, ticks), rows_made(derive, ticks), theirs, strict=False)
    np.testing.assert_array_equal(joined.column("value"), values)


@pytest.mark.parametrize("derive", DERIVED.values(), ids=DERIVED)
@given(seed=seeds, rows=lengths, at=cuts(90))
@quick
def test_a_derived_row_is_new_to_the_first_row_of_its_symbol_that_sees_it(derive, seed, rows, at):
    ticks = hurtful_tape(seed, rows, 3)
    joined = observe(lambda t: combine_latest(theirs=t.pipe(derive, last()), on=t).apply(lambda s: s.theirs), ticks, at)
    theirs = observe(lambda t: t.pipe(derive, last()), ticks)
    _, fresh = as_of(rows_made(itself, ticks), rows_made(derive, ticks), theirs, strict=False)
    assert joined.column("fresh").tolist() == fresh


@pytest.mark.parametrize("signal", [last(), mid(), moving_average(2)], ids=repr)
@pytest.mark.parametrize("derive", DERIVED.values(), ids=DERIVED)
@given(seed=seeds, rows=lengths, at=cuts(90))
@quick
def test_derived_rows_see_rows_of_the_tape_before_their_time(derive, signal, seed, rows, at):
    ticks = hurtful_tape(seed, rows, 3)
    joined = observe(lambda t: combine_latest(theirs=t.pipe(signal), on=t.pipe(derive)).apply(lambda s: s.theirs), ticks, at)
    values, fresh = as_of(rows_made(derive, ticks), rows_made(itself, ticks), observe(signal, ticks), strict=True)
    np.testing.assert_array_equal(joined.column("value"), values)
    assert joined.column("fresh").tolist() == fresh


@given(seed=seeds, rows=lengths, at=cuts(90))
@quick
def test_derived_rows_see_rows_of_other_derived_tapes_up_to_their_time(seed, rows, at):
    ticks = hurtful_tape(seed, rows, 3)
    slow, beat = bars("3s"), clock("1s", "20s")
    joined = observe(lambda t: combine_latest(own=t.pipe(beat, last()), theirs=t.pipe(slow, last())).apply(lambda s: s.theirs), ticks, at)
    values, _ = as_of(rows_made(beat, ticks), rows_made(slow, ticks), observe(lambda t: t.pipe(slow, last()), ticks), strict=False)
    np.testing.assert_array_equal(joined.column("value"), values)


#   time     0    5    10
#   bar      [---------)       the trade at 10 knows the bar, the bar does not know the trade
def test_a_trade_at_the_end_of_a_bar_knows_the_bar():
    both = lambda t: combine_latest(price=t.pipe(last()), close=t.pipe(bars("10s"), last())).apply(lambda s: s.close)  # noqa: E731
    np.testing.assert_equal(values_of(both, price=[1.0, 2.0, 3.0], seconds=[5, 10, 11]), [math.nan, 1.0, 1.0])


def test_a_bar_does_not_know_the_trade_at_its_end():
    both = lambda t: combine_latest(trade=t.pipe(last()), on=t.pipe(bars("10s"))).apply(lambda s: s.trade)  # noqa: E731
    assert values_of(both, price=[1.0, 2.0], seconds=[5, 10]) == [1.0]


BASES = {
    "the tape, if any signal is of it": (lambda t, b: combine_latest(b=b.pipe(last()), a=t.pipe(last())), 3),
    "the first signal's tape otherwise": (lambda t, b: combine_latest(b=b.pipe(last()), c=t.pipe(clock("500ms"), last())), 2),
    "the tape that is named": (lambda t, b: combine_latest(a=t.pipe(last()), on=b), 2),
    "the tape behind a named filter": (lambda t, b: combine_latest(a=t.pipe(last()), on=b.pipe(where(lambda s: s.price > 1.5))), 2),
}


@pytest.mark.parametrize(("build", "rows"), BASES.values(), ids=BASES)
def test_a_combination_has_the_rows_of(build, rows):
    assert len(values_of(lambda t: build(t, t.pipe(bars("1s"))).apply(lambda s: s.time * 1.0), price=[1.0, 2.0, 3.0])) == rows


# Diamonds: however the graph branches and meets again, an evaluation sees one row of the tape.

UNARY = [
    last(),
    moving_average(1),
    lambda t: t.apply(np.copy),
    lambda t: t * 1.0,
    lambda t: -(0.0 - t),
    ema(1),
    lambda t: t.where(lambda s: s.value > -1),
]
BINARY = [
    lambda a, b: (a + b) / 2.0,
    lambda a, b: a * 1.0 + (b - a),
    lambda a, b: combine_latest(a=a, b=b).apply(lambda s: np.where(s.seq % 2 == 0, s.a, s.b)),
    lambda a, b: combine_latest(a=a, b=b, c=a).apply(lambda s: np.maximum(s.a, s.b)),
]
steps = st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12)


def diamond(tape, plan, evaluations):
    """A random graph of the row numbers of a tape, all of whose signals meet in one function."""
    made = [tape.pipe(last())]
    for joins, which, left, right in plan:
        a, b = made[left % len(made)], made[right % len(made)]
        made.append(BINARY[which % len(BINARY)](a, b) if joins else a.pipe(UNARY[which % len(UNARY)]))
    names = [f"x{place}" for place in range(len(made))]

    def note(s):
        evaluations.append([s.seq, *(getattr(s, name) for name in names)])
        return s.x0

    return combine_latest(**dict(zip(names, made, strict=True))).apply(note)


def numbered(rows: int) -> Ticks:
    """Trades whose price is their row number."""
    return tape_of(
        seconds=np.arange(rows) // 3, symbol=["A", "B", "C"] * (rows // 3) + ["A"] * (rows % 3), price=np.arange(rows, dtype=float)
    )


@given(plan=steps, rows=st.integers(1, 40), at=cuts(40))
@settings(quick, max_examples=tries(40))
def test_fault_55_in_a_random_diamond_every_evaluation_sees_one_row(plan, rows, at):
    evaluations = []
    observe(lambda tape: diamond(tape, plan, evaluations), numbered(rows), at)
    for seq, *values in evaluations:
        assert all(value.tolist() == seq.tolist() for value in values)


@given(plan=steps, rows=st.integers(1, 40), at=cuts(40))
@settings(quick, max_examples=tries(40))
def test_fault_55_in_a_random_diamond_every_row_is_evaluated_once(plan, rows, at):
    evaluations = []
    observe(lambda tape: diamond(tape, plan, evaluations), numbered(rows), at)
    assert [seq.tolist() for seq, *_ in evaluations] == [list(range(*edge)) for edge in edges(numbered(rows), at)]


# The laws.

LAWFUL = {
    "function of two": lambda t: combine_latest(p=t.pipe(last()), m=t.pipe(moving_average(3))).apply(lambda s: s.p / s.m - 1),
    "arithmetic": lambda t: abs(2.0 - t.pipe(last()) / t.pipe(moving_average("3s"))) ** 2,
    "comparison": lambda t: (t.pipe(last()) > t.pipe(moving_average(2))) & ~(t.pipe(volume("2s")) <= 1.0) | (t.pipe(mid()) >= 60_000),
    "trades and quotes": lambda t: combine_latest(p=t.pipe(last()), q=t.pipe(mid()), s=t.pipe(spread())).apply(lambda s: (s.p - s.q) / s.s),
    "filtered tapes": lambda t: combine_latest(
        large=t.pipe(where(lambda s: s.size >= 1.0), moving_average(2)),
        small=t.pipe(where(lambda s: s.size < 1.0), moving_average(2)),
    ).apply(lambda s: s.large - s.small),
    "filtered signal": lambda t: t.pipe(price_change("1s"), where(lambda s: s.value > 0), ema(2)) - t.pipe(price_change("1s"), ema(2)),
    "bars on the tape": lambda t: combine_latest(p=t.pipe(last()), b=t.pipe(bars("2s"), moving_average(2))).apply(lambda s: s.p - s.b),
    "the tape on bars": lambda t: combine_latest(p=t.pipe(last()), b=t.pipe(bars("2s"), last()), on=t.pipe(bars("2s"))).apply(
        lambda s: s.p - s.b
    ),
    "bars on the clock": lambda t: combine_latest(a=t.pipe(clock("1s", "9s"), age()), b=t.pipe(bars("3s"), last())).apply(
        lambda s: s.a + s.b
    ),
    "arithmetic across tapes": lambda t: t.pipe(last()) - t.pipe(bars("2s"), last()),
    "an operator on a join": lambda t: (t.pipe(bars("2s"), last()) - t.pipe(last())).pipe(moving_average(2)),
}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("build", LAWFUL.values(), ids=LAWFUL)
@given(ticks=tapes(most_rows=70), at=cuts(70))
@quick
def test_combination_obeys(build, law, ticks, at):
    law(build, ticks, at[:15] if law.__name__ == "no_look_ahead_law" else at)


# What cannot be combined is refused.

ACROSS_RUNS = {
    "combined": lambda one, other: combine_latest(a=one.pipe(last()), b=other.pipe(last())),
    "subtracted": lambda one, other: one.pipe(last()) - other.pipe(last()),
    "on a foreign tape": lambda one, other: combine_latest(a=one.pipe(last()), on=other),
}


@pytest.mark.parametrize("build", ACROSS_RUNS.values(), ids=ACROSS_RUNS)
def test_signals_of_different_runs_are_refused(build):
    one, other = open_tape(price=[1.0])[0], open_tape(price=[1.0])[0]
    with pytest.raises(BuildError, match="different runs"):
        build(one, other)


def test_nothing_to_combine_is_refused():
    with pytest.raises(BuildError, match="nothing to combine"):
        combine_latest()


def test_a_tape_in_place_of_a_signal_is_refused():
    with pytest.raises(BuildError, match="expected a Signal; for a column of the tape write"):
        combine_latest(price=open_tape(price=[1.0])[0])


@pytest.mark.parametrize("function", [lambda s: 1.0, lambda s: s.p[:1]], ids=["a number", "too few rows"])
def test_a_function_that_gives_no_value_a_row_is_refused(function):
    with pytest.raises(BuildError, match="must give one value a row"):
        values_of(lambda t: combine_latest(p=t.pipe(last())).apply(function), price=[1.0, 2.0])


# A signal never hides a column of the rows under its name.


def named(tape, name, signal):
    return combine_latest(**{name: signal(tape)})


@pytest.mark.parametrize("name", ["price", "size"])
def test_the_name_of_a_column_is_for_that_column_alone(name):
    tape = open_tape(price=[1.0], size=[1.0])[0]
    assert named(tape, name, lambda t: t.pipe(column(name))).signals.keys() == {name}
    others = [lambda t: t.pipe(ema(2)), lambda t: t.pipe(where(lambda s: s.size > 1), column(name)), lambda t: t.pipe(column(name)) * 2]
    for other in others:
        with pytest.raises(BuildError, match=f"the rows have a column '{name}' of their own; give the signal another name"):
            named(tape, name, other)
    with pytest.raises(BuildError, match="of their own"):
        combine_latest(**{name: tape.pipe(bars("1s"), column(name)), "on": tape})
    with pytest.raises(BuildError, match="of their own"):
        named(tape.pipe(bars("1s")), "high", lambda t: t.pipe(column("low")))


def test_the_name_of_a_column_that_is_not_there_is_free():
    quotes = open_tape(bid=[1.0], ask=[2.0])[0]
    assert named(quotes, "price", lambda t: t.pipe(mid())).signals.keys() == {"price"}
    own = open_tape(price=[1.0], average=[5.0])[0]
    assert named(own, "average", lambda t: t.pipe(moving_average(2))).signals.keys() == {"average"}
