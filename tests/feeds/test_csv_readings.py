"""CSV files written in other ways: the quick reader is the slow one, whatever the reading; and what a user may say of a file."""

import os
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from csv_files import START_NS, START_S, all_rows_of, dicts_of, lines, written
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

import pipeline.operators as op
from feeds.csv_cells import Layout
from feeds.csv_fast import fast_columns
from feeds.csv_time_formats import TimeFormat
from feeds.csv_times import Times
from feeds.merging import merged
from feeds.recorded import RecordedCsv, csv, rows_of
from feeds.streams import between, in_order, paced
from pipeline import Strategy, alert_when, combine_latest, frame, run
from pipeline.errors import BuildError, InputError, UnknownName, UsageError

# The quick reader agrees with the definition wherever it accepts a block.

FORMATS = {
    "ns": Times("ns"),
    "ms since midnight": Times("ms", "America/New_York", day=datetime(2013, 11, 3).date()),
    "iso": Times("iso", with_zone=True),
    "iso in a zone": Times("iso", "Europe/Berlin"),
    "format": Times("format", "UTC", TimeFormat("%d.%m.%Y %H:%M:%S.%f")),
    "joined": Times("iso", "America/New_York"),
}
GOOD = {
    "ns": [str(START_NS + i) for i in range(4)],
    "ms since midnight": ["14400464", "0", "82800000"],
    "iso": ["2013-10-08T08:00:00Z", "2013-10-08 08:00:00.5+02:00"],
    "iso in a zone": ["2013-10-08 08:00:00", "2013-10-08T08:00:00.123"],
    "format": ["08.10.2013 08:00:00.25", "08.10.2013 08:00:01.50"],
    "joined": ["2013-10-08~09:30:00", "2013-10-08~16:00"],
}
BAD = {
    "ns": ["", " 1381219200000000000", "0x1", "-1", "1381219200"],
    "ms since midnight": ["3600000", "-1", "90000000", "1.5"],
    "iso": ["2013-10-08", "2013-02-30T00:00:00Z", "x", ""],
    "iso in a zone": ["2013-10-27 02:30:00", "2013-03-31 02:30", "2013-10-08T08:00Z"],
    "format": ["8.10.2013 08:00:00.25", "31.02.2013 08:00:00.25", ""],
    "joined": ["2013-10-08~", "~", "2013-11-03~01:30"],
}
CELLS = {
    "symbol": ["SPY", "NA", "A B", "1E5", '"Q,T"', '"Q;T"', "TRUE", "000001", "Ünï", ""],
    "price": ["1.5", "-2", "+1", " 2 ", "1.", ".5", "1e5", "1e400", "nan", "", "1_0", '"3"'],
    "size": ["0", "7", "2.5", "", "-1", "0x1"],
    "bid": ["9.5", "0", "", "inf"],
    "bid_size": ["1", "0", ""],
    "side": ["buy", "SELL", "", "any", "x"],
    "trade_id": ["1", "-5", "9223372036854775807", "9223372036854775808", "", "a"],
    "funding": ["0.25", "", "high"],
}


@st.composite
def blocks(draw):
    """A layout, and a block of it: mostly good rows, CRLF or LF, blank and broken lines anywhere."""
    style = draw(st.sampled_from(sorted(FORMATS)))
    times, good, bad = FORMATS[style], GOOD[style], BAD[style]
    columns = draw(
        st.sampled_from(
            [("price", "size"), ("bid", "bid_size"), ("price", "size", "bid", "bid_size"), ("price", "side", "trade_id", "funding")]
        )
    )
    named = draw(st.booleans())
    delimiter, decimal = draw(st.sampled_from([(",", "."), (";", "."), (";", ","), ("\t", "."), ("|", ",")]))
    sound = draw(st.integers(0, 2))

    def cell(name):
        text = draw(st.sampled_from(CELLS[name][: 3 if sound else None]))
        return text.replace(".", decimal) if decimal != "." and name not in ("symbol", "trade_id", "side") else text

    rows = []
    for _ in range(draw(st.integers(1, 5))):
        time = draw(st.sampled_from(good if sound else good + bad))
        cells = [
            *(time.split("~") if style == "joined" else [time]),
            *([cell("symbol")] if named else []),
            *map(cell, columns),
        ]
        rows.append(delimiter.join(cells))
    if not sound:
        rows.insert(draw(st.integers(0, len(rows))), draw(st.sampled_from([rows[0] + delimiter, '"', "", " ", "\0", rows[0][:5]])))
    block = "".join(row + draw(st.sampled_from(["\n", "\r\n"])) for row in rows).encode()
    wide = 1 + (style == "joined")
    places = {"time": tuple(range(wide))} | ({"symbol": (wide,)} if named else {})
    places |= {name: (wide + named + place,) for place, name in enumerate(columns)}
    names = tuple(f"c{place}" for place in range(wide + named + len(columns)))
    layout = Layout(
        "x.csv", names, places, times, None if named else "SPY", delimiter, decimal, draw(st.sampled_from([1.0, 10_000.0])),
        {"buy": 1, "sell": -1, "": 0, "any": 0}, draw(st.booleans()),
    )  # fmt: skip
    return layout, block


@settings(max_examples=tries(400), deadline=None)
@given(blocks())
def test_the_fast_reader_agrees_with_the_slow_one(made):
    layout, block = made
    slow = rows_of(block, None, layout, 2, 0)
    lines, fast = fast_columns(block, layout)
    assert lines == block.count(b"\n")
    if fast is None:
        return
    columns, symbols = fast
    assert not slow.refused
    assert symbols == slow.names
    assert columns.keys() == slow.columns.keys()
    for name, column in columns.items():
        assert column.dtype == slow.columns[name].dtype
        np.testing.assert_array_equal(column, slow.columns[name])


@pytest.mark.parametrize("cell", ['"', '"1".', '1"', 'a"b"', '"a"b', '""x""', '"1"', '"a""b"', '""'])
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_quote_that_is_none_is_refused_wherever_it_stands(cell, end):
    """Arrow closes an open quote at the end of a block, and takes text behind a closed one."""
    layout = Layout("x.csv", ("time", "price", "note"), {"time": (0,), "price": (1,)}, Times("s"), symbol="SPY")
    block = f"{START_S},1,x\n{START_S},2,{cell}{end}".encode()
    slow = rows_of(block, None, layout, 1, 0)
    _, fast = fast_columns(block, layout)
    assert bool(slow.refused) == (cell in ('"', '"1".', '"a"b', '""x""'))
    assert (fast is None) or not slow.refused
    assert (fast is not None) or cell not in ('"1"', '"a""b"', '""')


BESIDE = {"alone": "", "a quoted cell": f'{START_S},1,2,"x"\n', "a refused row": f"{START_S},x,2,x\n"}
ODD = [
    *(f"{START_S},1,{digits},x" for digits in ("0" * 25 + "7", "-" + "0" * 19 + "7", "0" * 5_000 + "7", "1" * 20, "9" * 19)),
    *(f"{time},1,2,x" for time in ("0" * 15 + str(START_S), "0" * 5_000 + str(START_S))),
    *(f"{START_S},1,2,{note}" for note in ('"' + "x" * 131_073 + '"', '"' + "x" * 131_072 + '"', "x" * 131_073, '"a\rb"', "a\rb")),
    f'{START_S},1,2,"a\nb"\n{START_S},1,2,x\r{START_S},1,2,x',
    f'{START_S},1,2,x\r{START_S},1,2,"\n"',
    f"{START_S},inf,2,x\n{START_S},-inf,2,x",
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:40])
def test_a_row_is_judged_the_same_whatever_else_the_block_holds(odd):
    places = {"time": (0,), "price": (1,), "trade_id": (2,)}
    layout = Layout("x.csv", ("time", "price", "trade_id", "note"), places, Times("s"), symbol="SPY")
    found = set()
    for other in BESIDE.values():
        block = f"{odd}\n{other}".encode()
        raw = rows_of(block, fast_columns(block, layout)[1], layout, 1, 0)
        until = odd.count("\n") + 2
        rows = [row for row in range(len(raw)) if raw.place(row)[1] < until]
        values = [(name, *column[rows].tolist()) for name, column in sorted(raw.columns.items())]
        found.add((*values, *(bad.line for _, bad in raw.refused if bad.line < until)))
    assert len(found) == 1


@pytest.mark.parametrize("style", sorted(FORMATS))
def test_the_fast_reader_reads_what_is_plain(style):
    times, good = FORMATS[style], GOOD[style]
    wide = 1 + (style == "joined")
    places = {"time": tuple(range(wide)), "symbol": (wide,), "price": (wide + 1,)}
    layout = Layout("x.csv", tuple("abcd"[: wide + 2]), places, times, delimiter=";", decimal=",")
    block = "".join(f"{time.replace('~', ';')};SPY;1,5\n" for time in good[:1] * 3).encode()
    columns, names = fast_columns(block, layout)[1]
    assert names == ("SPY",)
    assert columns["price"].tolist() == [1.5] * 3


@settings(max_examples=tries(30), deadline=None)
@given(st.lists(st.sampled_from(["good", "bad", "blank", "short"]), min_size=1, max_size=40), st.sampled_from([1, 60, 10_000]))
def test_all_rows_that_can_be_read_are_there_and_all_others_are_refused(tmp_path_factory, kinds, block_bytes):
    texts = {"good": "{},SPY,10,5", "bad": "{},SPY,ten,5", "blank": "", "short": "{},SPY"}
    path = written(tmp_path_factory.mktemp("files"), lines(1)[0], *(texts[kind].format(START_NS + i) for i, kind in enumerate(kinds)))
    found, refused = all_rows_of(RecordedCsv(path, csv(path).layout, block_bytes))
    places = {kind: [line for line, each in enumerate(kinds, 3) if each == kind] for kind in texts}
    assert [row["line"] for row in found] == [2, *places["good"]]
    assert [bad.line for bad in refused] == sorted(places["bad"] + places["short"])
    assert all(len(each) or each.refused for each in csv(path).rows())


def test_refused_rows_know_the_rows_before_them(tmp_path):
    path = written(tmp_path, *lines(2), "x", *lines(2, 2), "y", "z")
    raw = next(csv(path).rows())
    assert [(before, bad.line) for before, bad in raw.refused] == [(2, 4), (4, 7), (4, 8)]
    assert [row["line"] for row in dicts_of(raw)] == [2, 3, 5, 6]


# What a user may say.


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_seen_from_the_header(tmp_path, delimiter):
    path = written(tmp_path, f"{START_S},SPY,10".replace(",", delimiter), header=f"time{delimiter}symbol{delimiter}price")
    feed = csv(path)
    assert all_rows_of(feed)[0][0]["price"] == 10.0
    assert feed.read_as["delimiter"] == ("tab" if delimiter == "\t" else delimiter)


def test_decimal_commas(tmp_path):
    path = written(tmp_path, f"{START_S};SPY;1234,5;1", f"{START_S};SPY;1.234,5;1", f"{START_S};SPY;1.5;1", header="time;symbol;price;size")
    found, refused = all_rows_of(csv(path, decimal=","))
    assert [row["price"] for row in found] == [1234.5]
    assert [bad.line for bad in refused] == [3, 4]
    assert "--decimal ," in str(all_rows_of(csv(path))[1][0])


def test_joined_columns_in_a_zone(tmp_path):
    path = written(tmp_path, "2013-10-08,09:30:00.25,ES,Z13,10", header="Date,Time,Root,Expiry,Px")
    feed = csv(path, columns={"time": "Date+Time", "symbol": "Root+Expiry", "price": "Px"}, tz="America/New_York")
    row = all_rows_of(feed)[0][0]
    assert row["symbol"] == "ES Z13"
    assert row["time"] == int(datetime(2013, 10, 8, 9, 30, tzinfo=ZoneInfo("America/New_York")).timestamp()) * 10**9 + 250_000_000
    assert feed.read_as["columns"]["time"] == "Date+Time"


def test_a_column_of_ones_own(tmp_path):
    path = written(tmp_path, f"{START_S},SPY,10,0.01,high", f"{START_S},SPY,10,,low", header="time,symbol,price,Funding,note")
    feed = csv(path, columns={"funding": "Funding"})
    assert "funding" in feed.columns
    assert [str(row["funding"]) for row in all_rows_of(feed)[0]] == ["0.01", "nan"]
    assert "note" not in feed.columns
    assert len(all_rows_of(csv(path, columns={"note": "note"}))[1]) == 2


class Expensive(Strategy):
    """A rule on a column that no tape knows."""

    def alerts(self, ticks):
        return combine_latest(rate=ticks.pipe(op.column("funding"))).pipe(alert_when(lambda s: s.rate > 0.01, message="{funding:g}"))


class InTheCondition(Strategy):
    """The same column, as the row's own."""

    def alerts(self, ticks):
        return combine_latest(last=ticks.pipe(op.last())).pipe(alert_when(lambda s: s.funding > 0.01))


class Quiet(Strategy):
    """A rule that asks for nothing of the kind."""

    def alerts(self, ticks):
        return combine_latest(last=ticks.pipe(op.last())).pipe(alert_when(lambda s: s.last > 0, every=True))


def test_a_column_is_read_where_a_strategy_asks_for_it(tmp_path):
    path = written(tmp_path, f"{START_S},SPY,10,0.02,note", f"{START_S + 1},SPY,10,high,x", header="time,symbol,price,funding,text")
    assert len(run(csv(path), Quiet()).alerts) == 2
    report = run(csv(path), Expensive())
    assert [alert.message for alert in report.alerts] == ["0.02"]
    assert "column funding: 'high' is not a number" in str(report.incomplete)
    shown = frame(csv(path), on_bad="skip", rate=op.column("funding"))
    assert (shown["funding"].tolist(), shown["rate"].tolist()) == ([0.02], [0.02])
    for strategy in (Expensive(), InTheCondition()):
        feed = paced(between(in_order(merged([csv(path), csv(path)]))), float("inf"))
        assert len(run(feed, strategy, on_bad="skip").alerts) == 1
    with pytest.raises(BuildError, match="funding"):
        run(csv(written(tmp_path, f"{START_S},SPY,10", header="time,symbol,price")), Expensive())


@pytest.mark.parametrize("header", [True, False])
def test_names_in_place_of_a_header(tmp_path, header):
    path = written(tmp_path, f"{START_S + 1},10,5,x", header=f"{START_S},11,6,x")
    found, refused = all_rows_of(csv(path, names=("time", "price", "size", "-"), header=header, symbol="SPY"))
    assert [(row["line"], row["price"], row["symbol"]) for row in found] == [(1, 11.0, "SPY"), (2, 10.0, "SPY")]
    assert not refused


def test_names_for_a_header_that_will_not_do(tmp_path):
    path = written(tmp_path, f"{START_S},10,5", header="t,t,t")
    found, _ = all_rows_of(csv(path, names=("time", "price", "size", "id?")))
    assert [(row["line"], row["price"], row["symbol"]) for row in found] == [(2, 10.0, "ticks")]


def test_prices_are_divided_by_their_scale_and_sizes_are_not(tmp_path):
    row = all_rows_of(csv(written(tmp_path, *lines(1)), price_scale=100.0))[0][0]
    assert (row["price"], row["size"]) == (1.0, 1.0)


def test_the_symbol_of_a_file_without_one(tmp_path):
    path = written(tmp_path, f"{START_S},10", header="time,price", name="BTCUSDT-trades-2024.csv")
    assert all_rows_of(csv(path))[0][0]["symbol"] == "BTCUSDT"
    assert all_rows_of(csv(path, symbol="NA"))[0][0]["symbol"] == "NA"
    assert all_rows_of(csv(path, symbol="{FOLDER}"))[0][0]["symbol"] == tmp_path.name.upper()


@pytest.mark.parametrize(
    ("reading", "kind", "words"),
    [
        ({"header": False}, UsageError, "--names"),
        ({"names": ("time", "price")}, UsageError, "4 cells, and there are 2 names"),
        ({"columns": {"price": "px"}}, UsageError, "there is no column 'px' for price"),
        ({"symbol": "SPY"}, UsageError, "has a column of symbols"),
        ({"tz": "America/New_Yrok"}, UsageError, "did you mean America/New_York"),
        ({"time_unit": "ps"}, UnknownName, "no unit of time"),
        ({"time_format": "%H:%M"}, UsageError, "needs its year"),
        ({"delimiter": "x"}, UsageError, "expected one character"),
        ({"decimal": ",", "delimiter": ","}, UsageError, "give the delimiter"),
        ({"day": "{name}"}, UsageError, "names no day"),
        ({"columns": {"price": "size+price"}}, UsageError, "only a time or a symbol is joined"),
    ],
)
def test_what_cannot_be_meant(tmp_path, reading, kind, words):
    with pytest.raises(kind, match=words):
        csv(written(tmp_path, *lines(1)), **reading)


# FAULTS 33: what a clock shows on the days of its changes, and midnight.

NEW_YORK, BERLIN = "America/New_York", "Europe/Berlin"


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2013-03-10 01:59:59", NEW_YORK, "2013-03-10T06:59:59"),
        ("2013-03-10 03:00:00", NEW_YORK, "2013-03-10T07:00:00"),
        ("2013-03-10 02:30:00", NEW_YORK, "the clocks were set forward"),
        ("2013-11-03 00:59:59", NEW_YORK, "2013-11-03T04:59:59"),
        ("2013-11-03 01:30:00", NEW_YORK, "two moments"),
        ("2013-11-03 02:00:00", NEW_YORK, "2013-11-03T07:00:00"),
        ("2013-10-27 02:00:00", BERLIN, "two moments"),
        ("2013-10-27 03:00:00", BERLIN, "2013-10-27T02:00:00"),
        ("2016-12-31 23:59:59", "UTC", "2016-12-31T23:59:59"),
        ("2016-12-31 23:59:60", "UTC", "is no time"),
        ("2013-10-08 00:00:00", "Asia/Kolkata", "2013-10-07T18:30:00"),
    ],
)
def test_fault_33_clocks_that_change(tmp_path, text, zone, utc, fast):
    path = written(tmp_path, "2013-01-01 00:00:00,SPY,1,1", *([] if fast else [""]), f"{text},SPY,1,1")
    found, refused = all_rows_of(csv(path, tz=zone))
    if utc[0].isdigit():
        assert found[-1]["time"] == int(datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()) * 10**9
    else:
        assert [(bad.value, utc in bad.reason) for bad in refused] == [(text, True)]


@pytest.mark.parametrize("day", ["2013-03-10", "2013-11-03", "2013-07-03"])
def test_fault_33_time_since_midnight_is_what_the_clock_shows(tmp_path, day):
    path = written(tmp_path, "34200000,10", "0,11", header="time,price", name=f"SPY_{day}.csv")
    found, _ = all_rows_of(csv(path, day="{name}", tz=NEW_YORK))
    opens = datetime.fromisoformat(f"{day}T09:30").replace(tzinfo=ZoneInfo(NEW_YORK))
    assert found[0]["time"] == int(opens.timestamp()) * 10**9
    assert found[1]["time"] == int(opens.replace(hour=0, minute=0).timestamp()) * 10**9


# FAULTS 36 to 39: files and rows that are odd.


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_fault_36_a_reordered_header_with_a_bom(tmp_path, end):
    path = tmp_path / "ticks.csv"
    path.write_bytes(end.join(["\ufeffSize,Extra,Price,Symbol,Time", f"5,x,10,SPY,{START_S}", ""]).encode())
    row = all_rows_of(csv(path))[0][0]
    assert (row["price"], row["size"], row["symbol"], row["line"]) == (10.0, 5.0, "SPY", 2)
    bare = tmp_path / "SPY.csv"
    bare.write_bytes(f"\ufeff{START_S},10{end}".encode())
    assert all_rows_of(csv(bare, header=False, names=("time", "price")))[0][0]["line"] == 1


def test_fault_37_all_rows_longer_than_the_header(tmp_path):
    path = written(tmp_path, *(f"{line},x" for line in lines(3)))
    with pytest.raises(InputError, match="has 5 cells, the header only 4"):
        csv(path)


def test_fault_38_symbols_are_kept_by_either_reader(tmp_path):
    symbols = ["NA", "NAN", "NULL", "TRUE", "000001", "1E5", "INF", "🚀", "=cmd()"]
    good = [f"{START_NS},{symbol},1,1" for symbol in symbols]
    found, refused = all_rows_of(csv(written(tmp_path, *good, "", f"{START_NS},{'A' * 10_000},1,1", f'{START_NS},"A\nB",1,1')))
    assert [row["symbol"] for row in found] == symbols
    assert [bad.line for bad in refused] == [12, 13, 14]
    assert [row["symbol"] for row in all_rows_of(csv(written(tmp_path, *good)))[0]] == symbols


def test_fault_39_a_file_that_shrinks_or_grows_while_it_is_read(tmp_path):
    rows = 200_000
    path = written(tmp_path, *(f"{START_S + i},SPY,10,{100 + i}" for i in range(rows)), header="time,symbol,price,size")
    reader = csv(path).rows()
    sizes = next(reader).columns["size"].tolist()
    os.truncate(path, path.stat().st_size * 9 // 10)
    with pytest.raises(InputError, match="became shorter while it was read"):
        sizes.extend(size for raw in reader for size in raw.columns["size"].tolist())
    assert sizes == [100.0 + i for i in range(len(sizes))]
    assert len(sizes) < rows
    path = written(tmp_path, *lines(10))
    feed = csv(path)
    with path.open("a") as file:
        file.write(f"{lines(11)[10]}\n")
    assert len(all_rows_of(feed)[0]) == 11


def test_a_hostile_file_takes_time_by_its_length(tmp_path):
    path = written(tmp_path, *lines(1), *['"' * 50] * 2000, *["," * 5000] * 50)
    found, refused = all_rows_of(csv(path))
    assert (len(found), len(refused)) == (1, 2050)
