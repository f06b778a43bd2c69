"""A GAP puts in doubt what spans it, and no more: marks agree with their slow, obvious definition."""

import dataclasses

import numpy as np
import pytest
import reference as ref
import reference_gaps as doubt
from hurtful import cuts, hurtful_tape, reference_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from operators_under_test import ALWAYS, price_with_size
from tries import tries

from pipeline.checks import observe
from pipeline.flow import where
from pipeline.gaps import FOREVER, Reach
from pipeline.operators import (
    PerTick,
    age,
    age_of,
    column,
    inter_arrival,
    last,
    log_return,
    mid,
    moving_average,
    of,
    order_flow_imbalance,
    price_change,
    rolling_corr,
    rolling_max,
    rolling_min,
    rolling_std,
    session_high,
    spread,
    volume,
    volume_baseline,
    vwap,
)  # fmt: skip
from pipeline.windows import bars, clock

thorough = settings(max_examples=tries(40), deadline=None, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 10**6)
lengths = st.integers(1, 120)


def prices(rows):
    return doubt.seen(rows, ref.inputs_of(rows, "price"))


def mids(rows):
    inputs = ref.inputs_of(rows, "bid", "ask")
    return doubt.then(doubt.seen(rows, inputs), doubt.marks(doubt.seen(rows, inputs), 1), [each.fresh for each in ref.known(inputs)])


MARKS = {
    "moving average of trades": (moving_average(4), lambda r: doubt.marks(prices(r), 4)),
    "moving average of time": (moving_average("3s"), lambda r: doubt.marks(prices(r), "3s")),
    "volume": (volume("2s"), lambda r: doubt.marks(prices(r), "2s")),
    "volume of trades": (volume(2), lambda r: doubt.marks(prices(r), 2)),
    "usual volume": (volume_baseline("1s", "4s"), lambda r: doubt.marks(prices(r), "5s")),
    "price change": (price_change("2s"), lambda r: doubt.marks(prices(r), "2s", before=1)),
    "price change of trades": (price_change(3), lambda r: doubt.marks(prices(r), 4)),
    "log return": (log_return(), lambda r: doubt.marks(prices(r), 2)),
    "deviation": (rolling_std(4), lambda r: doubt.marks(prices(r), 4)),
    "deviation of time": (rolling_std("3s"), lambda r: doubt.marks(prices(r), "3s")),
    "lowest": (rolling_min(3), lambda r: doubt.marks(prices(r), 3)),
    "highest": (rolling_max("3s"), lambda r: doubt.marks(prices(r), "3s")),
    "vwap": (vwap("3s"), lambda r: doubt.marks(prices(r), "3s")),
    "vwap of trades": (vwap(3), lambda r: doubt.marks(prices(r), 3)),
    "vwap of a session": (vwap(ALWAYS), lambda r: doubt.marks(prices(r), session=ALWAYS)),
    "high of a session": (session_high(ALWAYS), lambda r: doubt.marks(prices(r), session=ALWAYS)),
    "correlation": (price_with_size(lambda y: rolling_corr(y, 4)), lambda r: doubt.marks(prices(r), 4)),
    "last": (last(), lambda r: doubt.marks(prices(r), 1)),
    "age": (age(), lambda r: doubt.marks(prices(r), 1)),
    "interval": (inter_arrival(), lambda r: doubt.marks(prices(r), 2)),
    "spread": (spread(), lambda r: doubt.marks(doubt.seen(r, ref.inputs_of(r, "bid", "ask")), 1)),
    "flow of quotes": (
        order_flow_imbalance("2s"),
        lambda r: doubt.marks(doubt.seen(r, ref.inputs_of(r, "bid", "ask")), "2s", before=1),
    ),
    "average of mids": (lambda t: t.pipe(mid(), moving_average(3)), lambda r: doubt.marks(mids(r), 3)),
    "average of averages": (
        lambda t: t.pipe(moving_average("2s"), moving_average(3)),
        lambda r: doubt.marks(doubt.then(prices(r), doubt.marks(prices(r), "2s"), [each.fresh for each in prices(r)]), 3),
    ),
    "large trades": (
        lambda t: t.pipe(where(lambda s: s.size >= 1.0), moving_average(2)),
        lambda r: doubt.marks([s._replace(fresh=s.fresh and row.size >= 1.0) for s, row in zip(prices(r), r, strict=True)], 2),
    ),
    "difference": (
        lambda t: t.pipe(moving_average(2)) - t.pipe(moving_average("2s")),
        lambda r: both(doubt.marks(prices(r), 2), doubt.marks(prices(r), "2s")),

    ),
    "negated": (lambda t: (-t.pipe(last())).apply(np.abs), lambda r: doubt.marks(prices(r), 1)),
    "of one's own": (lambda t: t.pipe(Total()), lambda r: [bool(before) for before in gap_before(r)]),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Total(PerTick):
    """An operator that does not say how far back it looks."""

    start = {"total": 0.0}  # noqa: RUF012

    def update(self, memory, value, time):
        memory.total += value
        return memory.total


def gap_before(rows):
    """How many gaps each row's symbol has had by then."""
    return [sum(other.kind == "GAP" and other.symbol == row.symbol is not None for other in rows[: i + 1]) for i, row in enumerate(rows)]


@pytest.mark.parametrize(("build", "twin"), MARKS.values(), ids=MARKS)
@given(seed=seeds, rows=lengths, symbols=st.integers(1, 4), at=cuts(120))
@thorough
def test_marks_agree_with_their_definition(build, twin, seed, rows, symbols, at):
    ticks = hurtful_tape(seed, rows, symbols)
    assert observe(build, ticks, at).column("marks").tolist() == twin(reference_rows(ticks))


@pytest.mark.parametrize("build", [of("S1"), age_of("S1")], ids=repr)
@given(seed=seeds, rows=lengths, at=cuts(120))
@thorough
def test_what_looks_at_one_symbol_is_marked_at_the_rows_of_all(build, seed, rows, at):
    ticks = hurtful_tape(seed, rows, 3)
    shown = reference_rows(ticks)
    own = doubt.marks(
        [row if row.symbol == "S1" else row._replace(fresh=False, dirty=False, symbol=row.symbol and "S1") for row in prices(shown)], 1
    )
    assert observe(build, ticks, at).column("marks").tolist() == own


SECOND = 10**9


def rows_made(build, ticks):
    seen = observe(build, ticks)
    return list(zip(seen.column("time").tolist(), ticks.symbols.names(seen.column("symbol").tolist()), strict=True))


def next_of(width):
    """When the bar of a time ends."""
    return lambda time: time // width * width + width


def both(one, other):
    """Marked by either."""
    return [a or b for a, b in zip(one, other, strict=True)]


LOST = {
    "bars": (bars("2s"), lambda r, made: doubt.lost_in(doubt.gaps_of(r), made), None, next_of(2 * SECOND)),
    "bars of trades": (bars(3), lambda r, made: doubt.lost_in(doubt.gaps_of(r), made, overlap=1), None, lambda time: 0),
    "bars of bars": (lambda t: t.pipe(bars("1s"), bars("5s")), None, bars("1s"), next_of(5 * SECOND)),
    "clock": (
        clock("1s", "1m"),
        lambda r, made: both(doubt.lost_in(doubt.gaps_of(r), made), doubt.stale_in(r, made, ("TRADE", "QUOTE"))),

        None,
        next_of(SECOND),
    ),
}  # fmt: skip
"""How to make them, what they lost, what counts in them (None: trades), when the row that holds a time is due."""


def lost_rows(name, ticks):
    """What each derived row lost, by its twin, and when the rows counted in it came."""
    build, twin, parent, _ = LOST[name]
    shown, made = reference_rows(ticks), rows_made(build, ticks)
    if parent is None:
        return twin(shown, made), None
    parts = rows_made(parent, ticks)
    in_doubt = [part for part, lost in zip(parts, doubt.lost_in(doubt.gaps_of(shown), parts), strict=True) if lost]
    losses = [*doubt.gaps_of(shown), *((time - 1, symbol) for time, symbol in in_doubt)]
    return doubt.lost_in(losses, made), [(time - 1, symbol) for time, symbol in parts]


@pytest.mark.parametrize("name", LOST)
@given(seed=seeds, rows=lengths, at=cuts(120))
@thorough
def test_what_derived_rows_lost_agrees_with_its_definition(name, seed, rows, at):
    ticks = hurtful_tape(seed, rows, 3)
    assert observe(LOST[name][0], ticks, at).column("lost").tolist() == lost_rows(name, ticks)[0]


@pytest.mark.parametrize("name", LOST)
@given(seed=seeds, rows=lengths, at=cuts(120))
@thorough
def test_marks_of_a_join_agree_with_their_definition(name, seed, rows, at):
    ticks, (build, _, _, due) = hurtful_tape(seed, rows, 3), LOST[name]
    shown, (lost, counted) = reference_rows(ticks), lost_rows(name, ticks)
    derived = doubt.as_of(shown, rows_made(build, ticks), lost, counted, due)
    joined = observe(lambda t: t.pipe(last()) + t.pipe(build, column("price")), ticks, at)
    assert joined.column("marks").tolist() == both(doubt.marks(prices(shown), 1), derived)


def test_an_operator_that_does_not_say_is_marked_for_ever():
    assert Total().reach == Reach(rows=FOREVER)
