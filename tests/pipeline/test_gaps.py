"""A GAP puts in doubt what spans it, no less and no more."""

import dataclasses

import numpy as np
import pytest
import reference as ref
import reference_gaps as doubt
from hurtful import cuts, hurtful_tape, reference_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lossy import Lossy, losses
from operators_under_test import ALWAYS, CASES, COMPOSITIONS, price_with_size
from test_operators import RELATIVE, floor
from tries import tries

from pipeline import operators
from pipeline.checks import LAWS, observe, tape_of
from pipeline.combine import combine_latest
from pipeline.errors import BadRow
from pipeline.flow import where
from pipeline.gaps import FOREVER, Reach
from pipeline.graph import Graph
from pipeline.ingest import Ingest, RawRows
from pipeline.operators import (
    PerTick,
    age,
    age_of,
    column,
    ema,
    inter_arrival,
    last,
    live_clock,
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
    rsi,
    session_high,
    spread,
    volume,
    volume_baseline,
    vwap,
)  # fmt: skip
from pipeline.stage import Operator
from pipeline.symbols import SymbolTable
from pipeline.ticks import Kind
from pipeline.windows import bars, clock

quick = settings(max_examples=tries(10), deadline=None, suppress_health_check=list(HealthCheck))
thorough = settings(quick, max_examples=tries(40))
seeds = st.integers(0, 10**6)
lengths = st.integers(1, 120)


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


# No more is marked than must be: twins.


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


def test_an_operator_that_does_not_say_is_marked_for_ever():
    assert Total().reach == Reach(rows=FOREVER)


# The edges.

NS = 1e-9


def marks_at(build, seconds, kinds):
    """The marks of one symbol's rows: T a trade, G a gap."""
    kind = [{"T": Kind.TRADE, "G": Kind.GAP}[each] for each in kinds]
    return "".join(
        "x" if mark else "."
        for mark in observe(build, tape_of(seconds, price=[1.0 if k == "T" else np.nan for k in kinds], kind=kind)).column("marks")
    )


#   time     0    1    2    3    4    5
#   gap           G
#   "3s"          (--------------]            the row at 4 is the first whose window does not span it

EDGES = {
    "a gap at the window's edge has left": (moving_average("3s"), [0, 1, 4 - NS, 4], "TGTT", ".xx."),
    "a gap and a trade of one time": (moving_average("3s"), [0, 1, 1, 4], "TGTT", ".xx."),
    "two rows after a gap": (moving_average(2), [0, 1, 2, 3, 4], "TTGTT", "..xx."),
    "a gap begins anew": (moving_average(2), [0, 1, 2, 3, 4, 5, 6], "TGTGTTT", ".xxxx.."),
    "the earlier price must be from after the gap": (price_change("2s"), [0, 1, 5, 7 - NS, 7], "TGTTT", ".xxx."),
    "a gap before the first row": (last(), [0, 1, 2], "GTT", "x.."),
    "a gap at the end": (last(), [0, 1], "TG", ".x"),
}  # fmt: skip


@pytest.mark.parametrize(("build", "seconds", "kinds", "expected"), EDGES.values(), ids=EDGES)
def test_at_the_edge_of_a_window(build, seconds, kinds, expected):
    assert marks_at(build, seconds, kinds) == expected


def seen_by_the_tape(seconds, kinds):
    """The marks of the last bar of a second, at each row of a symbol: T a trade, G a gap, Q a quote."""
    kind = [{"T": Kind.TRADE, "G": Kind.GAP, "Q": Kind.QUOTE}[each] for each in kinds]
    ticks = tape_of(seconds, price=[1.0 if k == "T" else np.nan for k in kinds], kind=kind)
    joined = observe(lambda t: combine_latest(b=t.pipe(bars("1s"), last()), v=t.pipe(volume("1ns"))).apply(lambda s: s.b), ticks)
    return "".join("x" if mark else "." for mark in joined.column("marks"))


#   bars     0    1    2    3
#            [----)[---)[---)

BARS_SEEN = {
    "a gap in a bar marks the row that it stands at, and the bar": ([0.1, 0.5, 0.9, 1.0, 1.5, 2.0], "TGQQTQ", ".x.xx."),
    "a gap before the first trade of a bar reaches back into the last": ([0.1, 1.0, 1.2, 1.3, 1.5, 2.0, 2.5, 3.0], "TQGQTQTQ", "..xxxxx."),
}


@pytest.mark.parametrize(("seconds", "kinds", "expected"), BARS_SEEN.values(), ids=BARS_SEEN)
def test_what_the_tape_sees_of_a_bar(seconds, kinds, expected):
    assert seen_by_the_tape(seconds, kinds) == expected


def test_a_window_over_what_the_tape_sees_of_bars_is_whole_again_once_the_bar_has_left_it():
    kinds = "TGTTTTT"
    ticks = tape_of(
        [0.1, 0.5, 0.9, 1.5, 2.5, 3.5, 4.5],
        price=[1.0 if k == "T" else np.nan for k in kinds],
        kind=[Kind.TRADE if k == "T" else Kind.GAP for k in kinds],
    )

    def lowest(t):
        return combine_latest(b=t.pipe(bars("1s"), last()), v=t.pipe(volume("1ns"))).apply(lambda s: s.b).pipe(rolling_min(2))

    assert "".join("x" if mark else "." for mark in observe(lowest, ticks).column("marks")) == ".xxxx.."


def test_a_gap_of_no_symbol_is_refused_at_the_gate():
    rows = RawRows({"time": tape_of(price=[1.0]).time, "symbol": np.zeros(1, "i4"), "kind": np.array([Kind.GAP], "i1")}, ())
    with pytest.raises(BadRow, match="symbol"):
        list(Ingest(SymbolTable()).accept(rows))


def test_a_gap_of_no_symbol_marks_nothing():
    ticks = tape_of([0, 1, 2], ["A", "", "A"], price=[1.0, np.nan, 2.0], kind=[Kind.TRADE, Kind.GAP, Kind.TRADE])
    assert not observe(moving_average(2), ticks).column("marks").any()


# What it costs: nothing on a tape without gaps.


def test_a_tape_without_gaps_makes_no_marks(monkeypatch):
    def refuse(*_):
        raise AssertionError("looked for marks")

    monkeypatch.setattr("pipeline.stage.Stage.marks", refuse)
    observe(lambda t: t.pipe(last()) - t.pipe(moving_average(3)), hurtful_tape(1, 50, trades_only=True), [10, 20])


def test_marks_stop_costing_once_the_gap_has_gone_by(monkeypatch):
    calls = []
    kernel = __import__("pipeline.gaps", fromlist=["marked"]).marked
    monkeypatch.setattr("pipeline.gaps.marked", lambda *arguments: (calls.append(1), kernel(*arguments)))
    ticks = tape_of(price=[1.0, np.nan, *[1.0] * 8], kind=[Kind.TRADE, Kind.GAP, *[Kind.TRADE] * 8])
    observe(moving_average(3), ticks, range(1, 10))
    assert len(calls) == 4


def test_a_graph_without_gaps_says_so():
    assert Graph(SymbolTable()).gaps is False
