"""The CSV feed: what it reads, exactly, and the words for what it does not."""

import gzip
import threading
from zlib import crc32

import numpy as np
import pytest
from csv_files import HEADER, START_NS, START_S, lines, refusal, rows_of, written

from feeds.recorded import RecordedCsv, csv
from pipeline.errors import BadRow, InputError, UnknownName, UsageError
from pipeline.ticks import Kind


def test_trades_with_every_column(tmp_path):
    rows = (f"{START_NS},BTC,61837.63,0.02,sell,37", f"{START_NS + 5},BTC,61837.64,1,buy,38")
    feed = csv(written(tmp_path, *rows, header=f"{HEADER},side,trade_id"))
    assert feed.columns == {"seq", "time", "symbol", "kind", "price", "size", "side", "trade_id"}
    found, fault = rows_of(feed)
    assert fault is None
    assert found[0] == {"time": START_NS, "symbol": "BTC", "price": 61837.63, "size": 0.02, "side": -1, "trade_id": 37, "line": 2}
    assert [row["side"] for row in found] == [-1, 1]


def test_quotes_may_lack_a_side_and_mixed_files_tell_trades_by_their_price(tmp_path):
    quotes = rows_of(csv(written(tmp_path, f"{START_NS},EURUSD,1.38626,", header="ts,symbol,bid,ask")))[0]
    assert quotes[0]["bid"] == 1.38626
    assert np.isnan(quotes[0]["ask"])
    mixed = csv(written(tmp_path, f"{START_NS},A,10,5,,", f"{START_NS},A,,,9.9,10.1", header=f"{HEADER},bid,ask"))
    assert [row["kind"] for row in rows_of(mixed)[0]] == [Kind.TRADE, Kind.QUOTE]


def test_headers_by_their_usual_names(tmp_path):
    path = written(tmp_path, f"x,{START_S},NA,31.5,20", header="Note,Time,Ticker,Last,Qty")
    assert rows_of(csv(path))[0] == [{"time": START_NS, "symbol": "NA", "price": 31.5, "size": 20.0, "line": 2}]


def test_fault_38_symbols_are_never_retyped(tmp_path):
    symbols = ["NA", "NAN", "NULL", "TRUE", "000001", "1E5", "INF", "null", "0x10", "=cmd()", "Ünï", "1_000"]
    found, fault = rows_of(csv(written(tmp_path, *(f"{START_NS},{symbol},1,1" for symbol in symbols))))
    assert fault is None
    assert [row["symbol"] for row in found] == symbols


@pytest.mark.parametrize("text", ["", " A", "A ", "A\tB", "A\u202eB", "A" * 300])
def test_what_is_no_symbol_is_refused_with_its_line(tmp_path, text):
    error = refusal(written(tmp_path, *lines(3), f"{START_NS + 9},{text},1,1"))
    assert isinstance(error, BadRow)
    assert (error.line, error.column, error.value) == (5, "symbol", text[:80])
    assert error.reason.startswith("is no symbol" if text else "is missing")


NO_NUMBERS = ["", "abc", "NaN", "nan", "inf", "-inf", "1e400", "1_000", "٣", "１２", "0x10", "1d5", "null", "1 2", "--1", "1e", "."]


@pytest.mark.parametrize("text", NO_NUMBERS)
@pytest.mark.parametrize("column", ["price", "size"])
def test_fault_35_what_is_no_number_is_refused_with_its_text(tmp_path, text, column):
    cells = f"{text},1" if column == "price" else f"1,{text}"
    error = refusal(written(tmp_path, *lines(2), f"{START_NS + 9},SPY,{cells}", *lines(2, 10)))
    assert isinstance(error, BadRow)
    assert (error.line, error.column, error.value) == (4, column, text)
    assert str(error).startswith(f"{tmp_path / 'ticks.csv'}:4 column {column}: ")


@pytest.mark.parametrize("text", ["1.", ".5", "-.5", "1e5", "1E5", "+1.5", " 1.5 ", '"1.5"', "-37.63", "0"])
def test_plain_numbers_are_read_as_python_reads_them(tmp_path, text):
    assert rows_of(csv(written(tmp_path, f"{START_NS},SPY,{text},1")))[0][0]["price"] == float(text.strip('" '))


BAD_LINES = {
    "short": (f"{START_NS + 9},SPY,1", "size", "has 3 cells, the header 4"),
    "long": (f"{START_NS + 9},SPY,1,2,3", "size", "has 5 cells, the header only 4"),
    "open quote": (f'{START_NS + 9},"SPY,1,2', "symbol", "has an open quote"),
    "quote over two lines": (f'{START_NS + 9},"S\nPY",1,2', "symbol", "has an open quote"),
    "lone CR": (f"{START_NS + 9},SPY,1,2\r{START_NS + 9},SPY,1,2", "size", "has a CR"),
    "latin-1": (f"{START_NS + 9},S\udce9PY,1,2", "symbol", "is not UTF-8"),
    "NUL": (f"{START_NS + 9},S\0Y,1,2", "symbol", "is no symbol"),
    "huge cell": (f"{START_NS + 9},{'A' * 200_000},1,2", "symbol", "is no symbol"),
    "huge cell in quotes": (f'{START_NS + 9},"{"A" * 200_000}",1,2', "timestamp", "has a cell in quotes of more"),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_fault_37_a_line_that_is_no_row(tmp_path, case):
    text, column, reason = BAD_LINES[case]
    path = tmp_path / "ticks.csv"
    path.write_bytes("\n".join([HEADER, *lines(3), text, *lines(3, 20), ""]).encode(errors="surrogateescape"))
    found, error = rows_of(csv(path))
    assert [row["line"] for row in found] == [2, 3, 4]
    assert isinstance(error, BadRow)
    assert (error.line, error.column) == (5, column)
    assert error.reason.startswith(reason)
    assert len(str(error)) < 300


def test_fault_36_blank_lines_bom_and_crlf_do_not_shift_the_lines(tmp_path):
    path = tmp_path / "ticks.csv"
    path.write_bytes("\r\n".join(["\ufeff" + HEADER, "", lines(1)[0], " ", lines(2)[1], f"{START_NS},SPY,x,1"]).encode())
    found, error = rows_of(csv(path))
    assert [row["line"] for row in found] == [3, 5]
    assert isinstance(error, BadRow)
    assert error.line == 6


@pytest.mark.parametrize("block_bytes", [1, 40, 100, 10_000])
@pytest.mark.parametrize("packed", [False, True])
def test_the_size_of_blocks_changes_nothing(tmp_path, block_bytes, packed):
    path = written(tmp_path, "", *lines(40), "", *lines(40, 40), f"{START_NS + 99},SPY,1,-")
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    whole, fault = rows_of(csv(path))
    cut, cut_fault = rows_of(RecordedCsv(path, csv(path).layout, block_bytes))
    assert cut == whole
    assert len(whole) == 80
    assert str(cut_fault) == str(fault)


# Files that are none.


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (HEADER.encode() + b"\n", "a header and no rows"),
        (b"time,ticker\n1,A\n", "no column price"),
        (b"a;b;c\n1;2;3\n", "no column time, price"),
        (b"1381219200,SPY,1,1\n1381219200,SPY,1,1\n", "no column time"),
        (b"time,symbol,price,price\n1,A,1,1\n", "names 'price' twice"),
        ("time,symbol,price\n1,A,1\n".encode("utf-16"), "UTF-16"),
        (b"time,symbol,price\r1,A,1\r", "CR alone"),
        (b'time,"symbol,price\n1,A,1\n', "header cannot be read"),
        (b"a" * (2 << 20), "longer than"),
    ],
)
def test_fault_36_a_file_without_ticks(tmp_path, content, reason):
    path = tmp_path / "ticks.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as caught:
        csv(path)
    assert str(path) in str(caught.value)


def test_a_path_that_is_no_file(tmp_path):
    with pytest.raises(UsageError, match="there is no file"):
        csv(tmp_path / "absent.csv")
    with pytest.raises(UsageError, match="not a regular file"):
        csv(tmp_path)
    with pytest.raises(UnknownName, match="no unit of time named 'sec'"):
        csv(tmp_path, time_unit="sec")


def test_fault_40_a_truncated_gzip_file_gives_its_rows_and_then_says_so(tmp_path):
    path = tmp_path / "ticks.csv.gz"
    whole = gzip.compress("\n".join([HEADER, *lines(5000), ""]).encode(), mtime=0)
    for cut in (len(whole) // 2, len(whole) - 9, len(whole) - 1):
        path.write_bytes(whole[:cut])
        found, error = rows_of(csv(path))
        assert "truncated" in str(error)
        assert path.name in str(error)
        assert [row["line"] for row in found] == list(range(2, len(found) + 2))
        assert len(found) == 5000 if cut > len(whole) // 2 else 1000 < len(found) < 4000


def test_fault_40_damaged_gzip_gives_every_row_before_the_damage(tmp_path):
    path = tmp_path / "ticks.csv.gz"
    text = "\n".join([HEADER, *lines(5000), ""]).encode()
    whole = bytearray(gzip.compress(text, mtime=0))
    whole[-8:-4] = (crc32(text) ^ 1).to_bytes(4, "little")
    for content in (bytes(whole), gzip.compress(text) + b"garbage"):
        path.write_bytes(content)
        found, error = rows_of(csv(path))
        assert len(found) == 5000
        assert isinstance(error, InputError)
        assert "damaged" in str(error)


def test_gzip_members_one_after_another_are_one_file(tmp_path):
    path = tmp_path / "ticks.csv.gz"
    path.write_bytes(gzip.compress(f"{HEADER}\n{lines(1)[0]}\n".encode()) + gzip.compress(f"{lines(2)[1]}\n".encode()))
    assert [row["line"] for row in rows_of(csv(path))[0]] == [2, 3]


def test_reading_can_stop_early_and_leaves_no_thread(tmp_path):
    before = set(threading.enumerate())
    feed = RecordedCsv(*(lambda made: (made.path, made.layout))(csv(written(tmp_path, *lines(500)))), block_bytes=100)
    reader = feed.rows()
    next(reader)
    reader.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("rxtape-csv") and thread not in before]
