"""Parquet and Arrow: the types that columns may have, and what is said of those that they may not (FAULTS 41)."""

import re
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from recorded_tapes import RECORDED
from table_files import START, tape_of

from feeds.arrow_files import arrow, parquet
from feeds.files import file
from feeds.reading import Reading
from feeds.table_cells import numbers
from pipeline.errors import BadRow, InputError, UsageError

SECOND = 10**9
PLAIN = {"time": pa.array([START, START + SECOND]), "symbol": pa.array(["SPY", "NA"]), "price": pa.array([1.5, 2.5])}


def written(folder, **columns):
    path = folder / "ticks.parquet"
    pq.write_table(pa.table({**PLAIN, **columns}), path)
    return path


def refusal(path, **reading) -> InputError:
    """The error of a file, at its opening or at a row."""
    try:
        _, refused, fault = tape_of(parquet(path, Reading(**reading)))
    except InputError as error:
        return error
    return refused[0][1] if refused else fault


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_timestamps_of_any_unit_and_zone(tmp_path, unit, zone):
    path = written(tmp_path, time=PLAIN["time"].cast(pa.timestamp("ns")).cast(pa.timestamp(unit, zone)))
    assert tape_of(parquet(path))[0]["time"] == [START, START + SECOND]


def test_times_without_a_zone_are_utc_unless_the_user_says_otherwise(tmp_path):
    path = written(tmp_path, time=pa.array([datetime(2024, 7, 1, 9, 30), datetime(2024, 12, 2, 9, 30)]))
    found = [tape_of(parquet(path, Reading(tz=zone)))[0]["time"] for zone in (None, "America/New_York")]
    assert [(later - sooner) // (3600 * SECOND) for sooner, later in zip(*found, strict=True)] == [4, 5]


def test_fault_33_a_time_that_the_clock_shows_twice_is_refused(tmp_path):
    path = written(tmp_path, time=pa.array([datetime(2024, 11, 3, 0, 30), datetime(2024, 11, 3, 1, 30)]))
    columns, refused, _ = tape_of(parquet(path, Reading(tz="America/New_York")))
    assert (len(columns["time"]), refused[0][1].line) == (1, 2)
    assert "is two moments in America/New_York" in refused[0][1].reason


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.string()])
def test_the_unit_of_whole_numbers_is_told_by_the_first(tmp_path, unit, kind):
    scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    feed = parquet(written(tmp_path, time=pa.array([None, START // SECOND * scale], pa.int64()).cast(kind)))
    assert feed.read_as["time_unit"] == unit
    columns, refused, _ = tape_of(feed)
    assert (columns["time"], [(bad.line, bad.value, "is missing" in bad.reason) for _, bad in refused]) == ([START], [(1, None, True)])


def test_times_of_text_of_a_date_and_of_two_columns(tmp_path):
    text = ["2013-10-08T08:00:00Z", "2013-10-08T08:00:01.000000000Z"]
    assert tape_of(parquet(written(tmp_path, time=pa.array(text))))[0]["time"] == [START, START + SECOND]
    days = pa.array([date(2013, 10, 8)] * 2)
    midnight = START - 8 * 3600 * SECOND
    assert tape_of(parquet(written(tmp_path, time=days)))[0]["time"] == [midnight] * 2
    clock = pa.array(["08:00:00", "08:00:01"])
    path = written(tmp_path, time=pa.array([7, 7]), day=days, clock=clock)
    assert tape_of(parquet(path, Reading(columns={"time": "day+clock"}, tz="UTC")))[0]["time"] == [START, START + SECOND]
    path = written(tmp_path, time=pa.array([8 * 3_600_000] * 2, pa.time32("ms")))
    assert tape_of(parquet(path, Reading(day="2013-10-08")))[0]["time"] == [START] * 2
    assert "name the day" in str(refusal(path))


def test_a_whole_number_without_a_sign_that_is_no_time_is_named_as_it_is(tmp_path):
    error = refusal(written(tmp_path, time=pa.array([START, 2**64 - 1], pa.uint64())))
    assert str(error).endswith(f"ticks.parquet:2 column time: '{2**64 - 1}' is no time in ns between 2000 and 2100")


@pytest.mark.parametrize("kind", [pa.int64(), pa.timestamp("ns", "UTC")])
def test_numbers_and_times_in_dictionaries_are_read_as_they_are(tmp_path, kind):
    """Parquet gives them without, Arrow with."""
    columns = PLAIN | {"trade_id": pa.array([7, 2**62 + 1]), "received": pa.array([START, START + 1]).cast(kind)}
    columns["time"] = columns["time"].cast(kind)
    table = pa.table(columns | {name: columns[name].dictionary_encode() for name in ("time", "trade_id", "received", "price", "symbol")})
    path = tmp_path / "ticks.arrow"
    with pa.ipc.new_file(path, table.schema) as file:
        file.write_table(table)
    assert tape_of(arrow(path)) == tape_of(parquet(written(tmp_path, **columns)))
    assert tape_of(arrow(path))[0]["trade_id"] == [7, 2**62 + 1]


@pytest.mark.parametrize("other", [pa.array([[1], [2]]), pa.array([b"a", b"b"]), pa.array([{"a": 1}, {"a": 2}]), pa.array([1.5, 2.5])])
@pytest.mark.parametrize(("column", "first"), [("time", pa.array(["2013-10-08", "2013-10-08"])), ("symbol", pa.array(["A", "B"]))])
@pytest.mark.parametrize("order", ["first+other", "other+first"])
def test_every_part_of_a_joined_column_is_text_or_a_part_of_a_time(tmp_path, column, first, other, order):
    path = written(tmp_path, first=first, other=other)
    with pytest.raises(InputError, match=r"column other is .*; expected text"):
        parquet(path, Reading(columns={column: order}, tz="UTC"))


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        (pa.array([START, 1_381_219_201]), "it would be one in s, but this file is in ns"),
        (pa.array([START, 2**63 - 1]), "between 2000 and 2100"),
        (pa.array([START // SECOND, 10**12], pa.timestamp("s")), "'33658-09-27T01:46:40.000' is no time between 2000 and 2100"),
        (pa.array([START // SECOND, 0], pa.timestamp("s")), "'1970-01-01T00:00:00.000' is no time between 2000 and 2100"),
        (pa.array([START, None], pa.timestamp("ns", "UTC")), "None is missing"),
        (pa.array([START, 2**64 - 1], pa.uint64()), "between 2000 and 2100"),
    ],
)
def test_fault_41_a_time_that_is_none(tmp_path, times, reason):
    bad = refusal(written(tmp_path, time=times))
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.column, reason in str(bad)) == (2, "time", True), str(bad)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"time": pa.array([1.5, 2.5])}, "column time: its times are double; expected timestamps, whole numbers or text"),
        ({"time": pa.array([1, 2])}, "ticks.parquet:1 column time: '1' is no time between 2000 and 2100 in s, ms, us or ns"),
        ({"symbol": pa.array([1, 2])}, "column symbol is int64; expected text"),
        ({"price": pa.array([[1.0], [2.0]])}, "column price is list<"),
        ({"price": pa.array(["1", "x"])}, "ticks.parquet:2 column price: 'x' is not a number"),
        ({"price": pa.array([None, 1.0])}, "ticks.parquet:1 column price: None is missing"),
        ({"symbol": pa.array([None, "SPY"])}, "ticks.parquet:1 column symbol: None is missing"),
        ({"symbol": pa.nulls(2)}, "ticks.parquet:1 column symbol: None is missing"),
        ({"time": pa.nulls(2)}, "ticks.parquet:1 column time: None is missing"),
        ({"price": pa.nulls(2)}, "ticks.parquet:1 column price: None is missing"),
        ({"side": pa.array(["buy", "up"])}, "ticks.parquet:2 column side: 'up' is no side; expected buy or sell"),
        ({"kind": pa.array([0, 7])}, "ticks.parquet:2 column kind: 7 is no kind of row"),
    ],
)
def test_fault_41_a_wrong_type_or_value_is_named(tmp_path, columns, words):
    assert words in str(refusal(written(tmp_path, **columns)))


def test_fault_41_columns_that_are_not_there(tmp_path):
    path = tmp_path / "ticks.parquet"
    pq.write_table(pa.table({"when": PLAIN["time"], "px": PLAIN["price"]}), path)
    assert "there is no column time; its columns are when, px. Say which it is, as in --columns time=T" in str(refusal(path))
    assert tape_of(parquet(path, Reading(columns={"time": "when"}, symbol="SPY")))[0]["symbol"] == ["SPY", "SPY"]
    with pytest.raises(UsageError, match="no column 'cost' for price"):
        parquet(path, Reading(columns={"price": "cost"}))


def test_fault_41_what_is_no_such_file_is_told_by_its_first_bytes(tmp_path):
    path = tmp_path / "x.parquet"
    for data, read, words in (
        (b"time,symbol\n", parquet, r"is no Parquet file: it begins with b'time'"),
        (b"PAR1" + bytes(50), parquet, "is truncated"),
        (b"PARE" + bytes(50) + b"PARE", parquet, "is encrypted"),
        (b"PAR1" + bytes(50) + b"PAR1", parquet, "is damaged"),
        (b"FEA1" + bytes(50) + b"FEA1", arrow, "Feather file of version 1"),
        (b"time,symbol\n", arrow, "is no Arrow file"),
        (b"ARROW1\0\0" + bytes(50), arrow, "is truncated"),
    ):
        path.write_bytes(data)
        with pytest.raises(InputError, match=words):
            read(path)


def test_a_side_may_be_yes_or_no_and_a_dictionary_may_hold_symbols_that_never_trade(tmp_path):
    symbols = pa.DictionaryArray.from_arrays(pa.array([2, 1], pa.int8()), pa.array(["never", "NA", "SPY"]))
    path = written(tmp_path, symbol=symbols, side=pa.array([True, False]))
    feed = parquet(path, Reading(sides={"true": -1, "false": 1}))
    assert next(feed.rows()).names == ("SPY", "NA")
    assert tape_of(feed)[0]["side"] == [-1, 1]


def test_prices_are_divided_by_their_scale_and_a_side_of_zero_may_be_absent(tmp_path):
    path = written(tmp_path, price=pa.array([1234567, None]), bid=pa.array([0, 15000]), ask=pa.array([20000, 0]))
    columns = tape_of(parquet(path, Reading(price_scale=10000, zero_is_absent=True)))[0]
    assert (columns["price"][0], columns["bid"][1], columns["ask"][0], columns["kind"]) == (123.4567, 1.5, 2.0, [0, 1])
    assert np.isnan([columns["bid"][0], columns["ask"][1], columns["price"][1]]).all()


def test_trade_ids_and_further_columns(tmp_path):
    path = written(tmp_path, trade_id=pa.array([2**62 + 1, 7]), flag=pa.array([True, False]), note=pa.array(["a", "b"]))
    feed = parquet(path)
    assert "note" not in feed.columns
    columns = tape_of(feed)[0]
    assert (columns["trade_id"], columns["flag"]) == ([2**62 + 1, 7], [1.0, 0.0])


@given(st.lists(st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**20), max_value=10**20)))
@example([Decimal("0.1"), Decimal("9007199.254740993"), Decimal("-123456789012345678.123456789"), None])
def test_a_decimal_is_the_nearest_float(prices):
    array = pa.array([None, *prices, Decimal("0.3")], pa.decimal128(38, 9))[1:]
    found = numbers(array).values
    assert [None if np.isnan(each) else each for each in found.tolist()] == [
        None if each is None else float(each) for each in [*prices, Decimal("0.3")]
    ]
    assert numbers(array.cast(pa.decimal256(50, 12))).values.tobytes() == found.tobytes()


def test_only_the_columns_that_are_needed_are_read_a_stretch_at_a_time(tmp_path):
    count = 200_000
    table = pa.table({"time": START + np.arange(count), "symbol": ["SPY"] * count, "price": np.ones(count), "note": ["x"] * count})
    pq.write_table(table, tmp_path / "long.parquet", row_group_size=count)
    feed = parquet(tmp_path / "long.parquet")
    assert feed.shape.wanted == ["time", "symbol", "price"]
    assert [len(raw) for raw in feed.rows()] == [65536, 65536, 65536, 3392]
    assert feed.done == 1.0
    pa.feather.write_feather(table, tmp_path / "long.feather", chunksize=count)
    assert [len(raw) for raw in arrow(tmp_path / "long.feather").rows()] == [65536, 65536, 65536, 3392]


def test_recorded_files_of_another_program():
    folder = RECORDED.parent / "ticks" / "nautilus" / "binance"
    if not folder.exists():
        pytest.skip(f"the recorded files {folder} are not here")
    trades, quotes = (tape_of(parquet(folder / f"btcusdt-{what}.parquet"))[0] for what in ("trades", "quotes"))
    assert (len(trades["time"]), set(trades["symbol"]), trades["price"][0], trades["trade_id"][0]) == (
        2001,
        {"btcusdt"},
        39432.48,
        553287559,
    )
    assert (len(quotes["time"]), set(quotes["symbol"]), quotes["bid"][0], set(quotes["kind"])) == (451, {"BTC/USDT"}, 39432.99, {1})
    sold = parquet(folder / "btcusdt-trades.parquet", Reading(columns={"side": "buyer_maker"}, sides={"true": -1, "false": 1}))
    assert tape_of(sold)[0]["side"][0] == -1


@pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.date32(), pa.timestamp("ns", "UTC")], ids=str)
def test_a_zone_that_is_assumed_is_said_to_be(tmp_path, kind):
    times = pa.array([date(2013, 10, 8)], pa.date32()).cast(kind)
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path in paths:
        pq.write_table(pa.table({"time": times, "symbol": ["SPY"], "price": [10.0]}), path)
    assumed = getattr(kind, "tz", None) is None
    for feed in (file(paths[0]), file(paths)):
        assert dict(feed.facts()) == ({"tz": "UTC, since its times name no zone; tz says otherwise"} if assumed else {})
        assert ("tz" in feed.read_as) == assumed
    assert file(paths, tz="America/New_York").facts() == []


NESTED = [pa.list_(pa.int8()), pa.struct([("a", pa.int8())]), pa.map_(pa.string(), pa.int8()), pa.binary(), pa.duration("s")]


@pytest.mark.parametrize("column", ["side", "kind"])
@pytest.mark.parametrize("kind", NESTED, ids=str)
def test_a_side_or_kind_of_nothing_that_can_be_one_is_named(tmp_path, column, kind):
    table = pa.table({"time": [START], "symbol": ["SPY"], "price": [10.0], "its": pa.nulls(1, kind)})
    pa.feather.write_feather(table, path := str(tmp_path / "ticks.feather"))
    with pytest.raises(InputError, match=re.escape(f"{path}: column its is {kind}; expected text or numbers for {column}")):
        arrow(path, Reading(columns={column: "its"}))


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.int8(), pa.uint64(), pa.string()], ids=str)
@pytest.mark.parametrize("column", ["side", "kind"])
def test_a_side_or_kind_may_be_any_number_or_text(tmp_path, column, kind):
    ones = pa.array([1, 1]).cast(kind) if kind != pa.float16() else pa.array(np.ones(2, np.float16))
    table = pa.table({"time": [START, START], "symbol": ["SPY"] * 2, "bid": [10.0, 10.0], "ask": [11.0, 11.0], "its": ones})
    with pa.ipc.new_file(tmp_path / "ticks.arrow", table.schema) as out:
        out.write_table(table)
    columns, refused, fault = tape_of(arrow(tmp_path / "ticks.arrow", Reading(columns={column: "its"})))
    assert (columns[column], refused, fault) == ([1, 1], [], None)
