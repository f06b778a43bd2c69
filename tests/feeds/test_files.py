"""Any file as a feed: by name, glob, ending and preset; several in order of time; bad rows anywhere; the awkward files of others."""

import gzip
import os

import numpy as np
import pytest
from csv_files import HEADER, START_NS, START_S, all_rows_of, lines, rows_of, written
from recorded_tapes import RECORDED, recorded
from runs import Above

from feeds.files import file
from pipeline import run
from pipeline.errors import BadRow, InputError, LateRow, ParameterError, UnknownName, UsageError
from pipeline.inspection import inspect
from pipeline.plugins import load

SHARED = RECORDED.parent


def shared(path: str):
    if not SHARED.exists():
        pytest.skip(f"the recorded data {SHARED} is not here")
    return SHARED / path


def test_a_file_is_opened_by_its_entry_point(tmp_path):
    path = written(tmp_path, *lines(3))
    assert all_rows_of(load("feed", "file")((str(path),)))[0] == all_rows_of(file(path))[0]


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.tsv", "a", "a.log", "a.CSV", "a.2024.dat"])
def test_text_is_read_as_csv_whatever_its_name(tmp_path, name):
    path = written(tmp_path, *lines(3), name=name)
    assert len(all_rows_of(file(path))[0]) == 3
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert len(all_rows_of(file(packed))[0]) == 3


def test_globs_and_literal_names(tmp_path):
    for day in (2, 1, 3):
        written(tmp_path, f"{START_S + day},SPY,{day}", header="time,symbol,price", name=f"day{day}.csv")
    assert [row["price"] for row in all_rows_of(file(f"{tmp_path}/day*.csv"))[0]] == [1.0, 2.0, 3.0]
    assert [row["price"] for row in all_rows_of(file([f"{tmp_path}/day[12].csv", tmp_path / "day3.csv"]))[0]] == [1.0, 2.0, 3.0]
    literal = written(tmp_path, *lines(4), name="odd[1].csv")
    assert len(all_rows_of(file(str(literal)))[0]) == 4


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"paths": "{}/no*.csv"}, UsageError, "no file matches '.*no[*].csv'"),
        ({"paths": []}, UsageError, "no file named"),
        ({"paths": "{}/absent.csv"}, UsageError, "there is no file"),
        ({"paths": ["{}/ticks.csv", "{}/*.csv"]}, UsageError, "named twice"),
        ({"preset": "binnance"}, UnknownName, "did you mean 'binance'"),
        ({"start": "2013-10-08"}, UsageError, "start='2013-10-08' has no time zone"),
        ({"until": "noon"}, UsageError, "until='noon' is no time"),
        ({"start": 5, "until": 5}, UsageError, "no time from 5 until 5"),
        ({"speed": "fast"}, ParameterError, "speed 'fast'"),
        ({"price_scale": 0.0}, UsageError, "price_scale=0.0"),
    ],
)
def test_what_cannot_be_meant(tmp_path, options, kind, words):
    written(tmp_path, *lines(3))
    paths = options.pop("paths", "{}/ticks.csv") if "paths" in options else "{}/ticks.csv"
    named = [path.format(tmp_path) for path in paths] if isinstance(paths, list) else paths.format(tmp_path)
    with pytest.raises(kind, match=words):
        file(named, **{name: value for name, value in options.items() if name != "paths"})


def test_start_and_until_cut_a_span_out(tmp_path):
    path = written(tmp_path, *(f"{START_S + second},SPY,{second}" for second in range(10)), header="time,symbol,price")
    found = all_rows_of(file(path, start="2013-10-08T08:00:03Z", until=START_NS + 5 * 10**9))[0]
    assert [row["price"] for row in found] == [3.0, 4.0]


def test_a_file_out_of_order_is_refused_or_sorted(tmp_path):
    path = written(tmp_path, *reversed(lines(5)))
    assert isinstance(run(file(path), Above()).incomplete, LateRow)
    assert [row["size"] for row in all_rows_of(file(path, sort=True))[0]] == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_fault_32_equal_times_of_two_files_keep_the_order_of_files_and_lines(tmp_path):
    first = written(tmp_path, *(f"{START_S},SPY,{price}" for price in (1, 2, 3)), header="time,symbol,price", name="a.csv")
    second = written(tmp_path, *(f"{START_S},SPY,{price}" for price in (4, 5)), header="time,symbol,price", name="b.csv")
    assert [row["price"] for row in all_rows_of(file([first, second]))[0]] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert [row["price"] for row in all_rows_of(file([second, first]))[0]] == [4.0, 5.0, 1.0, 2.0, 3.0]
    alerts = [[alert.id for alert in run(file([first, second]), Above()).alerts] for _ in range(2)]
    assert alerts[0] == alerts[1] != []


# FAULTS 39.


def test_fault_39_what_is_no_file_of_ticks(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    binary = tmp_path / "ticks.bin"
    binary.write_bytes(b"\x00\x01\x02" * 100)
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "header.csv").write_text(f"{HEADER}\n")
    for name, kind, words in [
        ("pipe.csv", UsageError, "not a regular file"),
        ("ticks.bin", UsageError, "is no text"),
        ("empty.csv", InputError, "is empty"),
        ("header.csv", InputError, "a header and no rows"),
        ("", UsageError, "is a folder without a recorded tape"),
    ]:
        with pytest.raises(kind, match=words):
            file(tmp_path / name)
    with pytest.raises(UsageError, match="not a regular file"):
        file("/dev/zero")


# Presets.

TRADE, AGGREGATE = "5,61837.5,0.25,15459.375,{time},{maker}{more}", "5,61837.5,0.25,7,9,{time},{maker}{more}"
TRADE_HEADER = "id,price,qty,quote_qty,time,is_buyer_maker"
AGGREGATE_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"


@pytest.mark.parametrize("time", [1704067200123, 1735689600123456])
@pytest.mark.parametrize("more", ["", ",True"])
@pytest.mark.parametrize(("row", "header"), [(TRADE, TRADE_HEADER), (AGGREGATE, AGGREGATE_HEADER)])
@pytest.mark.parametrize("with_header", [True, False])
def test_preset_binance(tmp_path, row, header, more, with_header, time):
    rows = [row.format(time=time, maker=maker, more=more) for maker in ("True", "false")]
    header += ",is_best_match" if more else ""
    path = written(
        tmp_path, *rows[1:] if not with_header else rows, header=header if with_header else rows[0], name="BTCUSDT-trades-2024-01.csv"
    )
    found, refused = all_rows_of(file(path, preset="binance"))
    assert not refused
    assert [row["side"] for row in found] == [-1, 1]
    expected = {"symbol": "BTCUSDT", "price": 61837.5, "size": 0.25, "trade_id": 5, "time": time * 10 ** (19 - len(str(time)))}
    assert {name: found[0][name] for name in expected} == expected


def test_preset_tardis():
    found, refused = all_rows_of(file(shared("ticks/nautilus/tardis/bitmex_trades_XBTUSD.csv"), preset="tardis"))
    assert (len(found), refused) == (10, [])
    assert found[0] == {"time": 1583020803145000000, "symbol": "XBTUSD", "price": 8531.5, "size": 2152.0, "side": -1, "line": 2}
    with pytest.raises(BadRow, match="it would be one in ns"):
        file(shared("ticks/nautilus/tardis/trades_1.csv"), preset="tardis")
    with pytest.raises(InputError, match="changes of an order book"):
        file(shared("ticks/nautilus/tardis/deribit_incremental_book_L2_BTC-PERPETUAL.csv"), preset="tardis")


def test_preset_tardis_quotes(tmp_path):
    header = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount"
    path = written(tmp_path, "binance,BTCUSDT,1583020803145000,1583020803245000,2,8531.5,8531,3", header=header)
    row = all_rows_of(file(path, preset="tardis"))[0][0]
    assert (row["bid"], row["ask"], row["bid_size"], row["ask_size"], row["time"]) == (8531.0, 8531.5, 3.0, 2.0, 1583020803145000000)


def test_preset_lean_us_gives_the_recorded_tape():
    days = [shared(f"ticks/lean/equity/usa/tick/{symbol}/20131007_trade.zip") for symbol in ("spy", "ibm")]
    tape, rows = recorded("us_equities_20131007"), list(file(days, preset="lean-us").rows())
    for name in ("time", "price", "size"):
        np.testing.assert_array_equal(np.concatenate([raw.columns[name] for raw in rows]), tape.columns[name])
    assert set(rows[-1].names) == {"SPY", "IBM"}


def test_preset_lean_us_quotes_leave_the_other_side_as_it_was():
    first = next(file(shared("ticks/lean/equity/usa/tick/bac/20131011_quote.zip"), preset="lean-us").rows())
    bid, ask = first.columns["bid"], first.columns["ask"]
    assert np.isnan(ask).tolist()[:2] == [True, False]
    assert bid.tolist()[:4] == [14.12, 14.12, 14.2, 14.2]
    assert not (np.isnan(bid[1:]) | np.isnan(ask[1:])).any()


def test_preset_lean_fxcm_gives_the_recorded_tape():
    tape = recorded("eurusd_quotes_20140502_payrolls")
    rows = list(file(shared("ticks/lean/forex/fxcm/tick/eurusd/20140502_quote.zip"), preset="lean-fxcm").rows())
    for name in ("time", "bid", "ask"):
        np.testing.assert_array_equal(np.concatenate([raw.columns[name] for raw in rows]), tape.columns[name])


def test_preset_lean_utc_and_what_it_refuses():
    found = inspect(file(shared("ticks/lean/forex/oanda/tick/eurusd/20140502_quote.zip"), preset="lean-utc"))
    assert (found.rows, dict(found.kinds), "crossed quotes" in found.oddities) == (49341, {"QUOTE": 49341}, False)
    with pytest.raises(InputError, match="holds 10"):
        file(shared("ticks/lean/future/comex/tick/gc/20131007_trade.zip"), preset="lean-utc")
    with pytest.raises(InputError, match="are bars"):
        file(shared("ticks/lean/crypto/coinbase/second/btcusd/20161007_trade.zip"), preset="lean-utc")


def test_preset_gocryptotrader():
    found, refused = all_rows_of(file(shared("ticks/gocryptotrader/*.csv"), preset="gocryptotrader"))
    assert (len(found), refused, found[0]["symbol"], found[0]["side"]) == (1000, [], "BTCUSDT", 0)


def test_an_option_comes_before_the_preset():
    path = shared("ticks/nautilus/tardis/trades_1.csv")
    assert len(all_rows_of(file(path, preset="tardis", time_unit="ns"))[0]) == 2


# The awkward files of others: what is said of them as they are, and what they give once that is done.

NEW_YORK = "America/New_York"
AWKWARD = {
    "marketstore/ticks-example-1.csv": ("--time-format", {"time_format": "%Y%m%d %H:%M:%S %f", "tz": "UTC"}, 1000, 3),
    "marketstore/ticks-example-1-output.csv": (
        "--no-header --names", {"names": ["time", "bid", "ask", "-"], "header": False, "time_format": "%Y-%m-%d %H:%M:%S %z UTC"}, 1000, 3,
    ),
    "mplfinance/Issue101_data.csv": ("--columns price=close", {"columns": {"price": "close"}, "tz": NEW_YORK, "sort": True}, 100, 0),
    "mplfinance/pr451data.csv": (
        "--names Date,Open,Close,High,Low,Date_2,Volume", {"names": ["Date", "-", "price", "-", "-", "-", "Volume"], "tz": "UTC"}, 123, 0,
    ),
    "oil/brent-daily.csv": ("--tz", {"tz": "UTC"}, 6758, 3200),
    "skender/_issue0859.adx.nan.csv": ("--columns price=Close", {"columns": {"price": "Close"}, "symbol": "A"}, 595, 0),
    "skender/bad.csv": ("--columns price=close", {"columns": {"price": "close"}, "time_format": "%m/%d/%Y", "tz": NEW_YORK}, 401, 101),
    "skender/zeros.csv": ("--columns price=close", {"columns": {"price": "close"}, "time_format": "%m/%d/%y", "tz": NEW_YORK}, 200, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_files_say_what_to_do_and_then_give_a_tape(name):
    words, options, rows, refused = AWKWARD[name]
    path = shared(f"nasty/{name}")
    with pytest.raises(InputError) as caught:
        file(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(path))
    feed = file(path, **options)
    found, bad = all_rows_of(feed)
    assert (len(found), len(bad)) == (rows, refused)
    report = run(feed, on_bad="skip")
    assert (report.ticks + report.bad_rows, report.incomplete) == (rows + refused, None)


def test_a_pipe_separated_file():
    found, _ = rows_of(file(shared("ticks/csp/csv_test_data.csv"), time_format="%Y%m%d %H:%M:%S", tz="UTC"))
    assert [row["symbol"] for row in found[:2]] == ["AAPL", "IBM"]
