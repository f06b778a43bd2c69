"""pandas frames as feeds: names and times as people have them, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import Above, ticks_of
from table_files import START, tape_of
from tries import tries

from feeds.frames import from_frame
from pipeline import Ticks, frame, run
from pipeline.errors import BadRow, InputError, UsageError
from pipeline.operators import moving_average

TIMES = pd.to_datetime([START, START + 10**9, START + 2 * 10**9], unit="ns", utc=True)


def of(**columns) -> pd.DataFrame:
    return pd.DataFrame({"time": TIMES, "symbol": ["SPY", "NA", "SPY"], "price": [1.0, 2.0, 3.0], **columns})


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_times_of_any_resolution_in_a_column_or_the_index(unit, zone):
    times = TIMES.tz_convert(zone).as_unit(unit) if zone else TIMES.tz_localize(None).as_unit(unit)
    wanted = [START, START + 10**9, START + 2 * 10**9]
    for given_frame in (of(time=times), of().drop(columns="time").set_index(times), of(time=times).set_index("time")):
        assert tape_of(from_frame(given_frame))[0]["time"] == wanted
    text = of(time=[stamp.isoformat() for stamp in TIMES])
    assert tape_of(from_frame(text))[0]["time"] == wanted
    assert tape_of(from_frame(of(time=[START // 10**6, START // 10**6 + 1000, START // 10**6 + 2000])))[0]["time"] == wanted


def test_a_zone_is_given_for_times_without_one():
    naive = of(time=TIMES.tz_localize(None))
    assert tape_of(from_frame(naive, tz="Asia/Tokyo"))[0]["time"] == [
        time - 9 * 3600 * 10**9 for time in tape_of(from_frame(naive))[0]["time"]
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
def test_times_with_and_without_a_zone_in_one_column_are_refused(order):
    """Arrow takes the zone of the first for all, so that a row without one would be some hours off."""
    mixed = [TIMES[0].to_pydatetime(), TIMES[1].to_pydatetime().replace(tzinfo=None), pd.NaT]
    with pytest.raises(InputError, match=r"column time: row . is 2013.*, row . is 2013.*; a column of times has a zone or none; make them"):
        from_frame(of(time=pd.Series([mixed[place] for place in order], dtype=object)))
    zoned = [TIMES[0].to_pydatetime(), None, TIMES[2].tz_convert("Asia/Tokyo").to_pydatetime()]
    assert tape_of(from_frame(of(time=pd.Series(zoned, dtype=object))))[0]["time"] == [START, START + 2 * 10**9]


def test_names_as_in_files_an_index_of_symbol_and_time_and_a_mapping():
    plain = tape_of(from_frame(of(size=[1.0, 2.0, 3.0])))[0]
    renamed = of(Qty=[1, 2, 3]).rename(columns={"time": "Timestamp", "symbol": "Ticker", "price": "px"})
    assert tape_of(from_frame(renamed))[0] == plain
    assert tape_of(from_frame(renamed.set_index(["Ticker", "Timestamp"])))[0] == plain
    odd = renamed.rename(columns={"px": "Kurs"})
    assert tape_of(from_frame(odd, columns={"price": "Kurs"}))[0] == plain
    with pytest.raises(InputError, match=r"there is no column price \(or bid and ask\); its columns are Timestamp, Ticker, Kurs, Qty"):
        from_frame(odd)
    with pytest.raises(UsageError, match="frame: there is no column 'Kursus' for price"):
        from_frame(odd, columns={"price": "Kursus"})


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_frames_of_every_backend_are_the_same_tape(backend):
    given_frame = of(size=[1, 2, 3], side=["buy", None, "sell"], symbol=pd.Categorical(["NA", "TRUE", "000001"]), funding=[1.5, np.nan, 2])
    found = tape_of(from_frame(given_frame.convert_dtypes(dtype_backend=backend)))
    assert repr(found) == repr(tape_of(from_frame(given_frame)))
    assert (found[0]["symbol"], found[0]["side"], found[1]) == (["NA", "TRUE", "000001"], [1, 0, -1], [])


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_bad_rows_are_counted_as_iloc_counts(missing):
    columns, refused, _ = tape_of(from_frame(of(symbol=np.array(["SPY", missing, "nan"], dtype=object)), "mine"))
    assert (columns["row"], columns["symbol"], str(refused[0][1])) == ([0, 2], ["SPY", "nan"], "mine:1 column symbol: None is missing")
    assert [bad.line for _, bad in tape_of(from_frame(of(price=[1.0, np.nan, 3.0])))[1]] == [1]
    assert [bad.line for _, bad in tape_of(from_frame(of(time=TIMES.where([True, False, True]))))[1]] == [1]
    quotes = tape_of(from_frame(of(price=[1.0, np.nan, 3.0], bid=[np.nan, 2.0, np.nan])))
    assert (quotes[0]["kind"], quotes[1]) == ([0, 1, 0], [])


def test_what_holds_no_ticks_is_named():
    for columns, words in (
        ({"time": [1.5, 2.5, 3.5]}, "column time: its times are double"),
        ({"symbol": [1, 2, 3]}, "column symbol is int64; expected text"),
        ({"price": [object(), 1, 2]}, "column price is binary; expected numbers"),
        ({"price": ["1", "x", "2"]}, "frame:1 column price: 'x' is not a number"),
        ({"time": [1, 2, 3]}, "'1' is no time between 2000 and 2100"),
    ):
        with pytest.raises(InputError, match=words):
            raise tape_of(from_frame(of(**columns)))[1][0][1]


def test_numbers_are_not_copied_and_the_frame_is_left_as_it_is():
    given_frame = of()
    before = given_frame.copy()
    rows = next(from_frame(given_frame).rows())
    assert np.shares_memory(rows.columns["price"], given_frame["price"].to_numpy())
    run(given_frame, Above())
    given_frame.loc[0, "price"] = 7.0
    assert given_frame.iloc[1:].equals(before.iloc[1:])


@given(st.integers(1, 80), st.integers(1, 9))
@settings(max_examples=tries(20), deadline=None)
def test_a_frame_of_ticks_is_those_ticks_whichever_way_it_is_read(rows, seed):
    ticks = ticks_of(rows, seed)
    for made in (frame(ticks), ticks.to_pandas(), ticks.to_arrow().to_pandas()):
        again, columns = Ticks.from_pandas(made), tape_of(from_frame(made))[0]
        assert columns["symbol"] == again.symbols.names(again.symbol.tolist())
        for name in ("time", "price", "size", "kind"):
            assert columns[name] == again.columns[name].tolist() == ticks.columns[name].tolist()


def test_a_frame_may_be_run_and_looked_at_as_it_is():
    ticks = ticks_of(300)
    given_frame = frame(ticks)
    assert [alert.id for alert in run(given_frame, Above()).alerts] == [alert.id for alert in run(ticks, Above()).alerts] != []
    fast = moving_average(5)
    pd.testing.assert_frame_equal(frame(given_frame, fast=fast), frame(ticks, fast=fast))
    spoilt = given_frame.assign(price=given_frame["price"].where(given_frame.index != 200))
    report = run(spoilt, Above())
    assert (report.ticks, isinstance(report.incomplete, BadRow)) == (200, True)
    assert run(spoilt, Above(), on_bad="skip").ticks == 299
