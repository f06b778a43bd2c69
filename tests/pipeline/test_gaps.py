"""What a GAP leaves unmarked is what it would have been had nothing been lost; and every operator says how far it reaches."""

import numpy as np
import pytest
from hurtful import cuts, hurtful_tape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lossy import Lossy, losses
from operators_under_test import ALWAYS, CASES, COMPOSITIONS
from test_operators import RELATIVE, floor
from tries import tries

from pipeline import operators
from pipeline.checks import LAWS, observe, tape_of
from pipeline.combine import combine_latest
from pipeline.flow import where
from pipeline.gaps import FOREVER
from pipeline.operators import ema, last, live_clock, mid, moving_average, rolling_max, rolling_min, rsi, volume, vwap
from pipeline.stage import Operator
from pipeline.ticks import Kind
from pipeline.windows import bars, clock

quick = settings(max_examples=tries(10), deadline=None, suppress_health_check=list(HealthCheck))
thorough = settings(quick, max_examples=tries(40))
seeds = st.integers(0, 10**6)


# What a mark means: whatever is not marked is what it would have been had nothing been lost.

FADING = {"ema_4", "ema_4_first", "ema_2s", "rsi_3", "ema of log returns", "std of ema", "macd"}
"""What is older never leaves these, it fades: see below."""
EXACT = [case for case in [*CASES, *COMPOSITIONS] if case.name not in FADING]


@pytest.mark.parametrize("case", EXACT, ids=str)
@given(lost=losses())
@thorough
def test_a_value_without_a_mark_is_what_it_would_have_been(case, lost):
    assert_as_it_would_have_been(case.build, lost, floor(case))


def assert_as_it_would_have_been(build, lost: Lossy, absolute: float = 0.0) -> None:
    """From the GAP on: the rows that are known and not marked."""
    seen, whole = observe(build, lost.lossy), observe(build, lost.whole).column("value")[lost.kept]
    value, marks = seen.column("value"), seen.column("marks")
    sure = ~marks & ~np.isnan(value)
    sure[: lost.gap + 1] = False
    np.testing.assert_allclose(value[sure], whole[sure], rtol=RELATIVE, atol=absolute)


def beside_the_price(*made):
    """A signal of another tape, as the tape's rows see it."""
    return lambda t: combine_latest(a=t.pipe(*made), p=t.pipe(last())).apply(lambda s: s.a)


JOINS = {
    "bars": beside_the_price(bars("1s"), last()),
    "an average of bars": beside_the_price(bars("1s"), moving_average(2)),
    "bars of one trade": beside_the_price(bars(1), last()),
    "the clock": beside_the_price(clock("1s"), last()),
    "volume at the clock": beside_the_price(clock("1s"), volume("3s")),
    "quotes at the clock": beside_the_price(clock("1s"), mid()),
    "bars of bars": beside_the_price(bars("1s"), bars("5s"), last()),
    "bars of mids": beside_the_price(mid(), bars("1s"), rolling_max("3s")),
    "a window over a join": lambda t: beside_the_price(bars("1s"), last())(t).pipe(rolling_min(3)),
    "a difference": lambda t: t.pipe(last()) - t.pipe(mid(), rolling_max("2s")),
    "a filter of a signal": lambda t: t.pipe(last(), where(lambda s: s.value > 60_000), rolling_max(3)),
    "a filter of bars": lambda t: t.pipe(bars("1s"), where(lambda s: s.size > 1), last()) - t.pipe(last()),
}


@pytest.mark.parametrize("build", JOINS.values(), ids=JOINS)
@given(lost=losses())
@thorough
def test_a_joined_value_without_a_mark_is_what_it_would_have_been(build, lost):
    assert_as_it_would_have_been(build, lost, 1e-9)


DERIVED = {
    "bars": bars("2s"), "bars of one trade": bars(1), "clock": clock("1s", "1m"), "live clock": live_clock("1s", "1m"),
    "bars of bars": lambda t: t.pipe(bars("1s"), bars("5s")), "clock of bars": lambda t: t.pipe(bars("1s"), clock("2s")),
    "bars of mids": lambda t: t.pipe(mid(), bars("2s")), "bars of an average": lambda t: t.pipe(vwap("3s"), bars("2s")),
    "bars of large trades": lambda t: t.pipe(where(lambda s: s.size > 1.0), bars("2s")), "sessions": bars(ALWAYS),
    "bars of an average of bars": lambda t: t.pipe(bars("1s"), rolling_max(2), bars("3s")),
}  # fmt: skip


def rows_by_place(build, ticks):
    """The rows of a derived tape by time and symbol, and whether each lost something."""
    seen = observe(build, ticks)
    names = [name for name in seen.columns if name not in ("seq", "lost")]
    keys = zip(seen.column("time").tolist(), seen.column("symbol").tolist(), strict=True)
    return {key: ({name: seen.column(name)[m] for name in names}, bool(seen.column("lost")[m])) for m, key in enumerate(keys)}


@pytest.mark.parametrize("build", DERIVED.values(), ids=DERIVED)
@given(lost=losses())
@thorough
def test_a_derived_row_that_lost_nothing_is_what_it_would_have_been(build, lost):
    whole, since = rows_by_place(build, lost.whole), lost.lossy.time[lost.gap]
    for key, (row, is_lost) in rows_by_place(build, lost.lossy).items():
        if key[0] > since and not is_lost:
            known = {name: value for name, value in row.items() if not np.isnan(value)}
            np.testing.assert_allclose(list(known.values()), [whole[key][0][name] for name in known], rtol=RELATIVE)


@pytest.mark.parametrize("operator", [ema(3), ema(20), ema(3, seed="first"), ema("2s"), ema("20s")], ids=repr)
def test_an_average_that_fades_is_within_a_hundredth_of_what_was_lost_when_its_mark_goes(operator):
    rows, gap = 600, 300
    lossy = tape_of(price=[*[0.0] * gap, np.nan, *[1.0] * rows], kind=[*[Kind.TRADE] * gap, Kind.GAP, *[Kind.TRADE] * rows])
    seen = observe(operator, lossy)
    clean = ~seen.column("marks")[gap:]
    assert clean.any()
    assert (1.0 - seen.column("value")[gap:][clean] < 0.0101).all()
    assert 1.0 - seen.column("value")[gap:][~clean][-1] >= 0.005


@pytest.mark.parametrize("n", [1, 2, 14])
def test_both_averages_of_the_index_have_faded_when_its_mark_goes(n):
    price = np.concatenate([np.arange(300.0), [np.nan], 300.0 - np.arange(300.0)])
    seen = observe(rsi(n), tape_of(price=price, kind=np.where(np.isnan(price), Kind.GAP, Kind.TRADE)))
    clean = ~seen.column("marks")[300:]
    assert clean.any()
    assert (seen.column("value")[300:][clean] < 1.01).all()


# The laws (of all operators: see test_operators, whose observations hold the marks).


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("build", [*JOINS.values(), *DERIVED.values()], ids=[*JOINS, *DERIVED])
@given(seed=seeds, rows=st.integers(1, 90), at=cuts(90))
@quick
def test_marks_obey(build, law, seed, rows, at):
    law(build, hurtful_tape(seed, rows, 3), at[:20] if law.__name__ == "no_look_ahead_law" else at)


# What is declared.


def shipped() -> list[Operator]:
    return [case.build for case in CASES if isinstance(case.build, Operator)]


@pytest.mark.parametrize("operator", shipped(), ids=repr)
def test_every_shipped_operator_says_how_far_it_reaches(operator):
    assert type(operator).reach is not Operator.reach
    assert operator.reach.rows < FOREVER


def test_the_table_of_operators_has_them_all():
    named = {name for name in operators.__all__ if name[0].islower()} - {"live_clock"}
    assert {name for name in named if not any(case.name.startswith(name) for case in [*CASES, *COMPOSITIONS])} == set()
