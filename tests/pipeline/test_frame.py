"""frame: a row a tick, a column a signal; the same numbers as anywhere else, and never half a tape."""

import numpy as np
import pandas as pd
import pytest
from csv_files import HEADER, START_NS, lines, written
from hurtful import tapes
from hypothesis import given, settings
from runs import START, Cut, ticks_of
from tries import tries

from feeds.recorded import csv, demo
from pipeline import Kind, Strategy, Ticks, alert_when, combine_latest, frame, run, where
from pipeline.checks import observe, rows_of, tape_of
from pipeline.errors import BadRow, BuildError, InputError, LateRow, UnknownName, UsageError
from pipeline.operators import bollinger, ema, last, log_return, mid, moving_average, price_change, volume, volume_baseline
from pipeline.windows import bars, clock

SIGNALS = {"fast": moving_average(10), "usual": volume_baseline("1m", "5m"), "smooth": lambda t: t.pipe(log_return(), ema(12))}


def same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    return one.reset_index(drop=True).equals(other.reset_index(drop=True)) and list(one.columns) == list(other.columns)


# The columns.


def test_the_call_of_the_documents_gives_a_row_a_tick_and_a_column_a_signal(tmp_path):
    path = written(tmp_path, *lines(30))
    found = frame(csv(path), fast=moving_average(10), usual=volume_baseline("1m", "5m"))
    assert list(found.columns) == ["time", "symbol", "price", "size", "fast", "usual"]
    assert (len(found), found.index.tolist()) == (30, list(range(30)))
    assert found.fast.isna().tolist() == [True] * 9 + [False] * 21


def test_time_is_utc_to_the_nanosecond_the_symbol_a_category_and_a_signal_a_float():
    found = frame(Ticks.of([START, START + 1], ["SPY", "IBM"], price=[10.0, 11.0], received=[START + 5, START + 6]), fast=last())
    assert found.dtypes.astype(str).to_dict() == {
        "time": "datetime64[ns, UTC]",
        "symbol": "category",
        "price": "float64",
        "received": "datetime64[ns, UTC]",
        "fast": "float64",
    }
    assert found.time.astype("int64").tolist() == [START, START + 1]
    assert found.received.astype("int64").tolist() == [START + 5, START + 6]
    assert (found.symbol.tolist(), found.symbol.cat.categories.tolist()) == (["SPY", "IBM"], ["IBM", "SPY"])


@given(ticks=tapes(absurd=0.0))
@settings(max_examples=tries(25), deadline=None)
def test_a_signal_has_the_values_it_has_anywhere_else(ticks):
    named = ticks.symbol > 0
    found = frame(ticks, move=price_change("1m"), middle=mid())
    for name, operator in (("move", price_change("1m")), ("middle", mid())):
        assert np.array_equal(found[name], observe(operator, ticks).column("value")[named], equal_nan=True)
    assert found.symbol.tolist() == ticks.symbols.names(ticks.symbol[named].tolist())


def test_how_the_feed_cuts_its_rows_changes_nothing():
    ticks = ticks_of(200)
    whole = frame(ticks, **SIGNALS)
    assert same(whole, frame(Cut(ticks, 1, 7, 60, 199), **SIGNALS))
    assert same(frame(ticks, bars("10s"), close=ema(3)), frame(Cut(ticks, 1, 7, 60, 199), bars("10s"), close=ema(3)))


def test_kind_is_there_only_where_there_is_more_than_one_and_a_heartbeat_is_no_row():
    kinds = [Kind.TRADE, Kind.QUOTE, Kind.HEARTBEAT, Kind.GAP]
    columns = {"price": [10.0, np.nan, np.nan, np.nan], "size": [1.0, np.nan, np.nan, np.nan], "bid": [np.nan, 9.0, np.nan, np.nan]}
    ticks = Ticks.of(START + np.arange(4), ["A", "A", "", "A"], kind=kinds, ask=[np.nan, 11.0, np.nan, np.nan], **columns)
    found = frame(ticks, mid=mid())
    assert list(found.columns) == ["time", "symbol", "kind", "price", "size", "bid", "ask", "mid"]
    assert found.kind.tolist() == ["trade", "quote", "gap"]
    assert found.mid.tolist()[1:] == [10.0, 10.0]
    assert "kind" not in frame(ticks[:1])


def test_bollinger_gives_a_column_a_band():
    found = frame(tape_of(price=[1.0, 3.0]), band=bollinger(2))
    assert found.iloc[-1][["band_lower", "band_middle", "band_upper"]].tolist() == [0.0, 2.0, 4.0]


def test_a_comparison_is_1_0_or_nan_and_arithmetic_is_a_signal():
    found = frame(tape_of(price=[1.0, 3.0, 2.0]), up=lambda t: t.pipe(last()) > t.pipe(moving_average(2)))
    assert found.up.fillna(-1).tolist() == [-1, 1, 0]


def test_no_signals_give_the_tape_and_no_rows_the_columns():
    ticks = tape_of(price=[1.0, 3.0])
    assert list(frame(ticks).columns) == ["time", "symbol", "price", "size"]
    none = frame(ticks[:0], fast=moving_average(2))
    assert (len(none), list(none.columns)) == (0, ["time", "symbol", "price", "size", "fast"])
    assert none.dtypes.astype(str).tolist() == ["datetime64[ns, UTC]", "category", "float64", "float64", "float64"]


def test_a_frame_becomes_ticks_again():
    ticks = ticks_of(50)
    again = Ticks.from_pandas(frame(ticks), ticks.symbols)
    assert all(np.array_equal(again.columns[name], ticks.columns[name]) for name in ticks.columns)


def test_the_name_is_a_function_whoever_imports_first():
    import pipeline.frames  # noqa: F401
    from pipeline import frame as again

    assert again is frame
    assert callable(again)


# The rows.


def test_after_bars_the_rows_are_the_bars_and_operators_work_on_them():
    prices = {"price": [10.0, 12.0, 11.0, 15.0, 9.0], "seconds": [0, 59, 60, 120, 180]}
    found = frame(tape_of(**prices), bars("1m"), average=moving_average(2))
    assert found.price.tolist() == rows_of(bars("1m"), **prices)["price"].tolist() == [12.0, 11.0, 15.0]
    assert found.average.fillna(0).tolist() == [0.0, 11.5, 13.0]
    assert list(found.columns) == ["time", "symbol", "price", "size", "open", "high", "low", "vwap", "count", "average"]


def test_a_signal_of_bars_alone_has_the_rows_of_the_bars_and_beside_one_of_ticks_those_of_the_ticks():
    ticks = tape_of(price=[10.0, 12.0, 11.0, 15.0], seconds=[0, 59, 60, 120])

    def closes(tape):
        return tape.pipe(bars("1m"), last())

    assert frame(ticks, close=closes).close.tolist() == [12.0, 11.0]
    assert frame(ticks, close=closes, price_now=last()).close.fillna(0).tolist() == [0.0, 0.0, 12.0, 11.0]


def test_on_says_only_at_which_rows_signals_of_ticks_are_read():
    ticks = ticks_of(300)
    found = frame(ticks, on=clock("10s", active="1h"), average=moving_average(3))
    every = frame(ticks, average=moving_average(3))
    before = pd.merge_asof(
        found[["time", "symbol"]].astype({"symbol": str}), every.astype({"symbol": str}), on="time", by="symbol", allow_exact_matches=False
    )
    assert len(found) > 20
    assert np.array_equal(found.average, before.average, equal_nan=True)


def test_where_leaves_rows_in_place_and_takes_them_out_of_the_count():
    found = frame(tape_of(price=[1.0, 100.0, 3.0], size=[5, 1, 5]), where(lambda s: s.size > 1), average=moving_average(2))
    assert found.average.fillna(0).tolist() == [0.0, 0.0, 2.0]


@given(ticks=tapes(absurd=0.0))
@settings(max_examples=tries(25), deadline=None)
def test_chosen_rows_are_rows_of_the_whole_frame_so_that_windows_are_full(ticks):
    whole = frame(ticks, move=price_change("1m"))
    first, last_one = np.quantile(ticks.time, [0.25, 0.75]).astype(np.int64).tolist()
    if not len(whole):
        return
    name = whole.symbol.iloc[0]
    some = frame(ticks, symbols=name, start=first, until=pd.Timestamp(last_one, tz="UTC"), move=price_change("1m"))
    stamps = whole.time.astype("int64")
    expected = whole[(whole.symbol == name) & (stamps >= first) & (stamps < last_one)]
    assert (
        some.astype({"symbol": str})
        .drop(columns="kind", errors="ignore")
        .equals(expected.astype({"symbol": str}).drop(columns="kind", errors="ignore").reset_index(drop=True))
    )


def test_the_times_may_be_text_with_a_zone():
    whole = frame(demo())
    found = frame(demo(), symbols=["ALFA", "INDQ"], start="2024-03-04T09:45-05:00", until="2024-03-04T14:46Z")
    assert set(found.symbol) == {"ALFA", "INDQ"}
    assert found.time.min() >= pd.Timestamp("2024-03-04T14:45Z")
    assert 0 < len(found) < len(whole)
    assert found.time.max() < pd.Timestamp("2024-03-04T14:46Z")


def test_the_values_of_an_alert_stand_in_the_frame():
    class Jump(Strategy):
        def alerts(self, ticks):
            return combine_latest(volume=ticks.pipe(volume("1m")), change=ticks.pipe(price_change("1m"))).pipe(
                alert_when(lambda s: abs(s.change) > 0.01)
            )

    alerts = run(demo(), Jump()).alerts.to_pandas()
    found = frame(demo(), change=price_change("1m"), volume=volume("1m")).astype({"symbol": str})
    joined = alerts.merge(found, on=["time", "symbol"], suffixes=("", "_there"))
    assert len(joined) >= len(alerts) > 0
    assert (joined.groupby("id")[["change", "change_there"]].last().diff(axis=1)["change_there"] == 0).all()


# What goes wrong.


def test_bad_input_raises_and_gives_no_half_frame(tmp_path):
    bad = written(tmp_path, *lines(5), f"{START_NS + 9},SPY,abc,1")
    with pytest.raises(BadRow, match=r"ticks.csv:7 column price: 'abc'"):
        frame(csv(bad), fast=last())
    with pytest.raises(InputError, match="failed: RuntimeError"):
        frame(Cut(ticks_of(20), 10, error=RuntimeError("the line is cut")))


def test_late_rows_raise_or_are_put_in_order(tmp_path):
    late = written(tmp_path, f"{START_NS + 10},SPY,10,1", f"{START_NS + 5},SPY,9,1", header=HEADER)
    with pytest.raises(LateRow):
        frame(csv(late))
    assert frame(csv(late), lateness="1s").price.tolist() == [9.0, 10.0]
    assert list(frame(csv(late), late="clamp").columns) == ["time", "symbol", "price", "size", "event_time"]


def test_what_is_left_out_is_told(caplog):
    raw = ticks_of(5)
    prices = raw.price.copy()
    prices[2] = np.inf
    found = frame(Ticks.of(raw.time, raw.symbol, raw.symbols, price=prices, size=raw.size), on_bad="skip")
    assert (len(found), caplog.messages) == (4, ["the frame is without 1 bad rows and 0 late rows"])


WRONG = {
    "a number for a signal": (lambda t: frame(t, fast=10), BuildError, "fast is 10; expected a signal"),
    "a tape for a signal": (lambda t: frame(t, fast=bars("1m")), BuildError, r'fast gives a Tape.*frame\(feed, bars\("1m"\)'),
    "a signal without a name": (lambda t: frame(t, moving_average(3)), BuildError, "gives a Signal.*name the signals"),
    "a name of a column": (lambda t: frame(t, size=volume("1m")), UsageError, "'size' of their own; give the signal another name"),
    "a reserved name": (lambda t: frame(t, symbol=last()), BuildError, "'symbol'"),
    "the name of an option": (lambda t: frame(t, late=last()), UsageError, "'late' is an option of frame"),
    "an unknown symbol": (lambda t: frame(t, symbols="AB"), UnknownName, "no symbol of the tape named 'AB'.*A, B, C"),
    "no zone": (lambda t: frame(t, start="2024-03-04T14:30"), UsageError, "names no time zone"),
    "no time": (lambda t: frame(t, until="soon"), UsageError, "until='soon' is no time"),
    "no feed": (lambda t: frame("ticks.csv"), UsageError, "str is no feed"),
    "no such column": (lambda t: frame(t, middle=mid()), UnknownName, "'bid'"),
    "a clock among signals": (lambda t: frame(t, on=last()), BuildError, "on gives a Signal"),
    "no such policy": (lambda t: frame(t, on_bad="drop"), UnknownName, "'drop'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_says_what_to_write_instead(case):
    call, error, words = WRONG[case]
    with pytest.raises(error, match=words):
        call(ticks_of(10))


def test_what_a_function_raises_comes_out_as_it_is():
    with pytest.raises(ZeroDivisionError):
        frame(ticks_of(10), bad=lambda t: t.pipe(last()).apply(lambda x: x + 1 // 0))


def test_ctrl_c_is_no_half_frame():
    with pytest.raises(KeyboardInterrupt):
        frame(Cut(ticks_of(20), 10, error=KeyboardInterrupt()))
