"""Bars and clock: tapes of their own, closed on time, whoever moves it."""

import numpy as np
import pytest
import reference as ref
from hurtful import cuts, hurtful_tape, reference_rows, tapes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tries import tries

from pipeline.checks import LAWS, Observed, observe, rows_of, tape_of
from pipeline.errors import ParameterError, UnknownName
from pipeline.flow import where
from pipeline.operators import age, ema, mid, moving_average, rolling_max, tick_count, volume
from pipeline.ticks import Kind, Ticks
from pipeline.windows import bars, clock, session

RELATIVE = 1e-12
DAY, HOUR, SECOND = 86_400 * 10**9, 3_600 * 10**9, 10**9
NS = 1e-9
NEW_YORK = session("09:30-16:00", tz="America/New_York", days="Mon-Sun")
quick = settings(max_examples=tries(8), deadline=None, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 10**6)
lengths = st.integers(1, 120)


def made_of(seen: Observed, ticks: Ticks) -> list[ref.Bar]:
    """The rows of a tape of bars as the twins write them."""
    names = ticks.symbols.names(seen.column("symbol").tolist())
    columns = [seen.column(name).tolist() for name in ("open", "high", "low", "price", "size", "vwap", "count")]
    return [ref.Bar(*row) for row in zip(seen.column("time").tolist(), names, *columns, strict=True)]


def assert_same_bars(found: list[ref.Bar], expected: list[ref.Bar]) -> None:
    """Rows, prices and counts exactly, sums to their last digits."""
    assert [bar._replace(volume=0.0, vwap=0.0) for bar in found] == [bar._replace(volume=0.0, vwap=0.0) for bar in expected]
    for name in ("volume", "vwap"):
        np.testing.assert_allclose([getattr(bar, name) for bar in found], [getattr(bar, name) for bar in expected], rtol=RELATIVE)


def stretched(ticks: Ticks, factor: int) -> Ticks:
    """The same rows, further apart."""
    time = ticks.time[0] + (ticks.time - ticks.time[0]) * factor
    time.flags.writeable = False
    return Ticks({**ticks.columns, "time": time}, ticks.symbols)


def session_bars(rows: list[ref.Row]) -> list[ref.Bar]:
    """Bars of New York in winter, 14:30 to 21:00 UTC: a day's bar of the trades of those hours, three hours early."""
    inside = [row for row in rows if 14.5 * HOUR <= row.time % DAY < 21 * HOUR]
    days = ref.bars([*inside, ref.Row(rows[-1].time + DAY, None, "HEARTBEAT")], "1d")
    return [bar._replace(time=bar.time - 3 * HOUR) for bar in days if bar.time - 3 * HOUR <= rows[-1].time]


def bars_of_mids(rows: list[ref.Row], width: str) -> list[ref.Bar]:
    """Every new middle of a quote, as a trade of nothing."""
    mids = ref.known(ref.as_inputs(ref.inputs_of(rows, "bid", "ask"), ref.mid(ref.inputs_of(rows, "bid", "ask"))))
    return ref.bars([ref.Row(row.time, row.symbol, "TRADE" if row.fresh else "HEARTBEAT", row.x, 0.0) for row in mids], width)


def large_only(rows: list[ref.Row]) -> list[ref.Row]:
    return [row if row.size >= 1.0 else row._replace(kind="GAP") for row in rows]


BARS = {
    "by time": (bars("2s"), lambda rows: ref.bars(rows, "2s")),
    "by long time": (bars("1m"), lambda rows: ref.bars(rows, "1m")),
    "by one trade": (bars(1), lambda rows: ref.count_bars(rows, 1)),
    "by three trades": (bars(3), lambda rows: ref.count_bars(rows, 3)),
    "of mids": (lambda ticks: ticks.pipe(mid(), bars("3s")), lambda rows: bars_of_mids(rows, "3s")),
    "of large trades": (
        lambda ticks: ticks.pipe(where(lambda s: s.size >= 1.0), bars("2s")),
        lambda rows: ref.bars(large_only(rows), "2s"),
    ),
}


@pytest.mark.parametrize(("build", "twin"), BARS.values(), ids=BARS)
@given(seed=seeds, rows=lengths, symbols=st.integers(1, 5), at=cuts(120))
@quick
def test_bars_agree_with_their_definition(build, twin, seed, rows, symbols, at):
    ticks = hurtful_tape(seed, rows, symbols)
    assert_same_bars(made_of(observe(build, ticks, at), ticks), twin(reference_rows(ticks)))


@given(seed=seeds, rows=lengths, at=cuts(120))
@quick
def test_session_bars_agree_with_their_definition(seed, rows, at):
    ticks = stretched(hurtful_tape(seed, rows, 3), 1000)
    assert_same_bars(made_of(observe(bars(NEW_YORK), ticks, at), ticks), session_bars(reference_rows(ticks)))


def test_session_bars_are_made_at_all():
    ticks = stretched(hurtful_tape(6, 120, 3), 1000)
    assert len(session_bars(reference_rows(ticks))) > 3


@given(seed=seeds, rows=lengths, at=cuts(120))
@quick
def test_absurd_prints_spoil_no_open_high_low_close(seed, rows, at):
    ticks = hurtful_tape(seed, rows, 3, absurd=0.1)
    found, expected = made_of(observe(bars("2s"), ticks, at), ticks), ref.bars(reference_rows(ticks), "2s")
    assert [bar[:6] for bar in found] == [bar[:6] for bar in expected]


@pytest.mark.parametrize(("every", "active"), [("1s", "5m"), ("2s", "7s"), ("7s", "2s")])
@given(seed=seeds, rows=st.integers(1, 60), at=cuts(60))
@quick
def test_clock_agrees_with_its_definition(every, active, seed, rows, at):
    ticks = hurtful_tape(seed, rows, 3)
    seen = observe(clock(every, active), ticks, at)
    expected = ref.clock(reference_rows(ticks), every, active)
    names = ticks.symbols.names(seen.column("symbol").tolist())
    found = zip(seen.column("time").tolist(), names, seen.column("price").tolist(), seen.column("seen").tolist(), strict=True)
    assert list(found) == [(row.time, row.symbol, row.price, row.seen) for row in expected]
    np.testing.assert_allclose(seen.column("size"), [row.size for row in expected], rtol=RELATIVE)


WIDTHS = [("1s", "5s"), ("2s", "6s"), ("1s", "1m"), ("5s", "5s")]


@pytest.mark.parametrize(("narrow", "wide"), WIDTHS)
@given(seed=seeds, rows=lengths, at=cuts(120))
@quick
def test_bars_of_bars_are_the_bars(narrow, wide, seed, rows, at):
    ticks = hurtful_tape(seed, rows, 4)
    twice = observe(lambda tape: tape.pipe(bars(narrow), bars(wide)), ticks, at)
    assert_same_bars(made_of(twice, ticks), made_of(observe(bars(wide), ticks), ticks))


@given(seed=seeds, rows=lengths, at=cuts(120))
@quick
def test_count_bars_of_bars_agree_with_their_definition(seed, rows, at):
    ticks = hurtful_tape(seed, rows, 3)
    narrow, until = ref.bars(reference_rows(ticks), "1s"), int(ticks.time[-1])
    found = observe(lambda tape: tape.pipe(bars("1s"), bars(3)), ticks, at)
    assert_same_bars(made_of(found, ticks), ref.count_bars_of_bars(narrow, 3, until))


OPERATORS = {
    "average of closes": (moving_average(2), lambda rows: ref.moving_average(ref.derived_inputs(rows, "close"), 2)),
    "highest close": (rolling_max("4s"), lambda rows: ref.rolling_max(ref.derived_inputs(rows, "close"), "4s")),
    "volume": (volume("3s"), lambda rows: ref.volume(ref.derived_inputs(rows, "volume"), "3s")),
}


@pytest.mark.parametrize(("operator", "twin"), OPERATORS.values(), ids=OPERATORS)
@given(seed=seeds, rows=lengths, at=cuts(120))
@quick
def test_operators_on_bars_are_those_of_any_tape(operator, twin, seed, rows, at):
    ticks = hurtful_tape(seed, rows, 3)
    found = observe(lambda tape: tape.pipe(bars("1s"), operator), ticks, at).column("value")
    np.testing.assert_allclose(found, twin(ref.bars(reference_rows(ticks), "1s")), rtol=1e-9)


@given(seed=seeds, rows=st.integers(1, 60), at=cuts(60))
@quick
def test_age_on_the_clock_is_the_time_since_the_last_trade(seed, rows, at):
    ticks = hurtful_tape(seed, rows, 3)
    expected = [(row.time - row.seen) / SECOND for row in ref.clock(reference_rows(ticks), "1s", "20s")]
    assert observe(lambda tape: tape.pipe(clock("1s", "20s"), age()), ticks, at).column("value").tolist() == expected


@given(seed=seeds, rows=lengths, at=cuts(120))
@quick
def test_clock_on_bars_knows_the_bars_that_have_ended(seed, rows, at):
    ticks = hurtful_tape(seed, rows, 3)
    closes = [ref.Row(bar.time - 1, bar.symbol, "TRADE", bar.close, bar.volume) for bar in ref.bars(reference_rows(ticks), "1s")]
    expected = ref.clock([*closes, ref.Row(int(ticks.time[-1]), None, "HEARTBEAT")], "1s", "5s")
    seen = observe(lambda tape: tape.pipe(bars("1s"), clock("1s", "5s")), ticks, at)
    found = zip(
        seen.column("time").tolist(), ticks.symbols.names(seen.column("symbol").tolist()), seen.column("price").tolist(), strict=True
    )
    assert list(found) == [row[:3] for row in expected]


LAWFUL = {
    "bars by time": bars("2s"),
    "bars by count": bars(3),
    "bars by session": bars(session("22:14-22:20", days="Mon-Sun")),
    "bars on mids": lambda t: t.pipe(mid(), bars("3s")),
    "bars on a filter": lambda t: t.pipe(where(lambda s: s.size >= 1.0), bars("2s")),
    "average of bars": lambda t: t.pipe(bars("1s"), moving_average(2)),
    "ema of count bars": lambda t: t.pipe(bars(2), ema("5s")),
    "bars of bars": lambda t: t.pipe(bars("1s"), bars("5s")),
    "count bars of count bars": lambda t: t.pipe(bars(2), bars(3)),
    "bars on averages of bars": lambda t: t.pipe(bars("1s"), moving_average(2), bars("10s")),
    "filtered bars": lambda t: t.pipe(bars("1s"), where(lambda s: s.size >= 1.0), tick_count("10s")),
    "clock": clock("1s", "20s"),
    "clock of quotes": lambda t: t.pipe(mid(), clock("1s", "20s")),
    "volume by the clock": lambda t: t.pipe(clock("1s", "20s"), volume("3s")),
    "age by the clock": lambda t: t.pipe(clock("1s", "20s"), age()),
    "clock on bars": lambda t: t.pipe(bars("1s"), clock("3s", "20s")),
    "bars of the clock": lambda t: t.pipe(clock("1s", "20s"), bars("5s")),
}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("build", LAWFUL.values(), ids=LAWFUL)
@given(ticks=tapes(most_rows=70), at=cuts(70))
@quick
def test_derived_tape_obeys(build, law, ticks, at):
    law(build, ticks, at[:15] if law.__name__ == "no_look_ahead_law" else at)


MOVERS = {
    "another symbol": {"symbol": ["A", "B"], "kind": [Kind.TRADE, Kind.TRADE]},
    "a heartbeat": {"symbol": ["A", ""], "kind": [Kind.TRADE, Kind.HEARTBEAT]},
    "a gap": {"symbol": ["A", "B"], "kind": [Kind.TRADE, Kind.GAP]},
    "its own quote": {"symbol": ["A", "A"], "kind": [Kind.TRADE, Kind.QUOTE]},
}


@pytest.mark.parametrize("mover", MOVERS.values(), ids=MOVERS)
@pytest.mark.parametrize("build", [bars("5s"), bars(1), clock("5s")], ids=repr)
def test_fault_34_the_row_of_an_idle_symbol_is_made_when_the_tape_reaches_its_time(build, mover):
    end = 3 + 1e-9 if build == bars(1) else 5
    made = observe(build, tape_of(seconds=[3, end], price=[10.0, 11.0], **mover))
    assert made.column("price").tolist()[:1] == [10.0]


@pytest.mark.parametrize("build", [bars("5s"), bars(1), clock("5s")], ids=repr)
def test_fault_34_the_row_of_an_idle_symbol_is_not_made_a_nanosecond_early(build):
    end = 3 if build == bars(1) else 5 - 1e-9
    made = observe(build, tape_of(seconds=[3, end], symbol=["A", ""], kind=[Kind.TRADE, Kind.HEARTBEAT], price=[10.0, np.nan]))
    assert len(made.column("time")) == 0


def test_a_bar_unfinished_at_the_end_of_the_tape_is_not_made():
    assert rows_of(bars("5s"), price=[1.0, 2.0], seconds=[0, 6])["price"].tolist() == [1.0]


def test_a_count_bar_unfinished_at_the_end_of_the_tape_is_not_made():
    assert rows_of(bars(2), price=[1.0, 2.0, 3.0])["price"].tolist() == [2.0]


#   time     0    5    10
#   bar 0    [---------)
#   bar 1              [---------)
def test_a_trade_at_the_end_of_a_bar_belongs_to_the_next():
    frame = rows_of(bars("10s"), price=[1.0, 2.0, 3.0], seconds=[10 - 1e-9, 10, 20])
    assert frame[["open", "count"]].values.tolist() == [[1.0, 1.0], [2.0, 1.0]]


#   UTC      14:30                21:00
#   session    [--------------------)
def test_a_trade_at_the_open_is_in_the_session_and_one_at_the_close_is_not():
    frame = rows_of(bars(NEW_YORK), price=[1.0, 2.0, 3.0, 4.0], seconds=[14.5 * 3600 - NS, 14.5 * 3600, 21 * 3600 - NS, 21 * 3600])
    assert frame[["open", "price", "count"]].values.tolist() == [[2.0, 3.0, 2.0]]


def test_a_symbol_is_active_on_the_clock_to_the_nanosecond():
    frame = rows_of(clock("1s", active="2s"), symbol=["A", "B", ""], kind=[0, 0, 3], price=[1.0, 2.0, np.nan], seconds=[1 - NS, 1, 5])
    assert [(time.second, symbol) for time, symbol in zip(frame["time"], frame["symbol"], strict=True)] == [
        (1, "A"),
        (2, "A"),
        (2, "B"),
        (3, "B"),
    ]


def test_the_volume_of_a_bar_loses_no_small_trade_beside_a_huge_one():
    frame = rows_of(bars("1d"), price=[1.0] * 1001 + [2.0], size=[1e16] + [1.0] * 1001, seconds=[0] * 1001 + [86_400])
    assert frame["size"].tolist() == [1e16 + 1000]


def test_a_bar_of_nothing_but_empty_trades_has_no_average_price():
    assert rows_of(bars("1s"), price=[1.0, 2.0], size=[0.0, 0.0])["vwap"].isna().tolist() == [True]


def test_the_rows_of_a_derived_tape_are_numbered_through():
    ticks = hurtful_tape(3, 100, 4)
    seq = observe(bars("1s"), ticks, range(1, 100)).column("seq")
    assert seq.tolist() == list(range(len(seq)))


@pytest.mark.parametrize("of", [0, -1, True, "0s", "soon"])
def test_bars_of_nothing_are_refused(of):
    with pytest.raises(ParameterError, match=r"expected|must be|write it like"):
        bars(of)


def test_an_operator_that_needs_what_bars_lack_is_refused():
    with pytest.raises(UnknownName, match="bid"):
        observe(lambda tape: tape.pipe(bars("1s"), mid()), tape_of(price=[1.0], bid=[1.0], ask=[1.0]))
