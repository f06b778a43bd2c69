"""The laws of every format: the same rows give the same tape, and damage gives an error, never another tape."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from table_files import FORMATS, as_arrow, as_feather, as_json, as_parquet, as_stream, expected, row, same, table_of, tape_of
from tries import tries

from feeds.arrow_files import arrow, parquet
from feeds.json_lines import json_lines
from feeds.recorded import csv
from pipeline.errors import InputError, RxtapeError
from pipeline.feed import further_of

SYMBOLS = st.sampled_from(["SPY", "NA", "TRUE", "000001", "1E5", "🚀", "nan", "null", "a b", 'say "hi"', "=cmd()", "p\\q", "Ünïcode"])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SIZES = st.floats(min_value=0.0, allow_nan=False, allow_infinity=False)


@st.composite
def rows(draw):
    """Trades and quotes in order of time, often at the same moment, some sides of quotes absent."""
    found, time = [], 0
    for _ in range(draw(st.integers(1, 12))):
        time += draw(st.sampled_from([0, 1, 1_000_003, 3_600_000_000_000]))
        funding = draw(st.none() | NUMBERS)
        if draw(st.booleans()):
            found.append(row(time, draw(SYMBOLS), draw(NUMBERS), draw(SIZES), side=draw(st.sampled_from([1, -1, 0])), funding=funding))
        else:
            sides = {name: draw(st.none() | NUMBERS) for name in ("bid", "ask")} | {
                f"{name}_size": draw(st.none() | SIZES) for name in ("bid", "ask")
            }
            found.append(row(time, draw(SYMBOLS), None, None, side=0, funding=funding, **sides))
    return found


@pytest.mark.parametrize("written", FORMATS.values(), ids=FORMATS)
@given(rows=rows())
@settings(max_examples=tries(25), deadline=None)
def test_the_same_rows_are_the_same_tape_in_every_format(written, rows):
    rows = [row(0, funding=0.1, bid=1.0, ask=2.0, bid_size=1.0, ask_size=1.0), *rows]
    with TemporaryDirectory() as folder:
        columns, refused, fault = tape_of(written(rows, Path(folder)))
    assert (refused, fault) == ([], None)
    assert columns.keys() >= {"time", "symbol", "kind", "price", "size", "bid", "ask", "bid_size", "ask_size", "side"}
    for name in columns.keys() - {"row"}:
        assert same(columns[name], expected(rows, name)), name


def test_further_columns_are_kept(tmp_path):
    for name, written in FORMATS.items():
        feed = written([row(funding=0.5)], tmp_path)
        assert "funding" in feed.columns | further_of(feed), name


@pytest.mark.parametrize("written", FORMATS.values(), ids=FORMATS)
def test_a_bad_row_is_named_in_every_format(written, tmp_path):
    rows = [row(place) for place in range(5)]
    rows[2] = row(2, price=None, symbol="SPY ")
    columns, refused, fault = tape_of(written([*rows, row(5, bid=1.0)], tmp_path))
    bad = refused[0][1] if refused else fault
    assert isinstance(bad, InputError)
    assert columns["time"][:2] == [row(0)["time"], row(1)["time"]]
    assert (bad.column, bad.value) in {("symbol", "SPY "), ("s", "SPY ")}
    assert bad.line - columns["row"][0] == 2
    assert not refused or (len(columns["time"]) == 5 and columns["row"][2] == bad.line + 1)


@pytest.mark.parametrize("written", FORMATS.values(), ids=FORMATS)
def test_fault_31_one_row_of_2099_does_not_make_the_rest_late(written, tmp_path):
    century = row(3_000_000_000_000_000_000 // 3 * 2)
    columns, refused, fault = tape_of(written([row(0), row(1), century, row(2)], tmp_path))
    bad = refused[0][1] if refused else fault
    assert "years after the row before it" in str(bad)
    assert columns["time"][:2] == [row(0)["time"], row(1)["time"]]


# Damage.

TRADES = [row(place, symbol=f"S{place % 3}", price=100 + place / 8, funding=place / 4) for place in range(40)]
CHECKED = {"parquet": (as_parquet, parquet, "ticks.parquet")}
UNCHECKED = {
    "arrow": (as_arrow, arrow, "ticks.arrow"), "stream": (as_stream, arrow, "ticks.arrows"),
    "feather": (as_feather, arrow, "ticks.feather"), "json": (as_json, json_lines, "ticks.jsonl"),
}  # fmt: skip


def read_damaged(read, path: Path, data: bytes) -> tuple[dict[str, list], RxtapeError | None]:
    """What is read of other bytes; whatever is raised must be ours."""
    path.write_bytes(data)
    try:
        columns, refused, fault = tape_of(read(path))
    except InputError as error:
        return {"time": []}, error
    return columns, fault or (refused[0][1] if refused else None)


@pytest.mark.parametrize(("written", "read", "name"), (CHECKED | UNCHECKED).values(), ids=[*CHECKED, *UNCHECKED])
def test_fault_41_a_file_truncated_anywhere_is_an_error_after_the_rows_before(written, read, name, tmp_path):
    whole = tape_of(written(TRADES, tmp_path))[0]
    data = (tmp_path / name).read_bytes()
    for end in sorted({*range(0, len(data), max(len(data) // 50, 1)), *range(len(data) - 12, len(data))}):
        columns, fault = read_damaged(read, tmp_path / name, data[:end])
        between_lines = name.endswith("jsonl") and data[max(end - 1, 0) : end] in (b"\n", b"}")
        assert isinstance(fault, InputError) or between_lines, end
        assert columns["time"] == whole["time"][: len(columns["time"])]


@pytest.mark.parametrize(("written", "read", "name"), (CHECKED | UNCHECKED).values(), ids=[*CHECKED, *UNCHECKED])
@given(place=st.integers(0, 1 << 20), bit=st.integers(0, 7))
@example(place=139, bit=3)  # of a stream: the side is a list
@settings(max_examples=tries(30), deadline=None)
def test_fault_41_flipped_bits_give_input_errors_only(written, read, name, place, bit):
    with TemporaryDirectory() as folder:
        written(TRADES, Path(folder))
        bytes_of = bytearray((Path(folder) / name).read_bytes())
        bytes_of[place % len(bytes_of)] ^= 1 << bit
        read_damaged(read, Path(folder) / name, bytes(bytes_of))


def test_fault_41_a_flipped_bit_in_a_page_of_parquet_is_found_by_its_checksum(tmp_path):
    feed = as_parquet(TRADES, tmp_path)
    whole, path = tape_of(feed)[0], tmp_path / "ticks.parquet"
    data = path.read_bytes()
    chunk = pq.ParquetFile(path).metadata.row_group(2).column(2)
    found = 0
    for place in range(chunk.data_page_offset, chunk.data_page_offset + chunk.total_compressed_size):
        damaged = bytearray(data)
        damaged[place] ^= 4
        columns, fault = read_damaged(parquet, path, bytes(damaged))
        found += "CRC" in str(fault)
        assert columns["time"] == whole["time"][: len(columns["time"])]
        assert fault is not None or repr(columns) == repr(whole), place
    assert found > 5


def test_fault_39_what_is_no_file_or_has_no_rows(tmp_path):
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    none = pa.table({"time": pa.array([], pa.timestamp("ns")), "symbol": pa.array([], pa.string()), "price": pa.array([], pa.float64())})
    pq.write_table(none, tmp_path / "none.parquet")
    with pa.ipc.new_file(tmp_path / "none.arrow", none.schema):
        pass
    for read in (parquet, arrow, json_lines, csv):
        for path, words in ((empty, "empty|no rows"), (tmp_path, "not a regular file"), (tmp_path / "gone", "there is no file")):
            with pytest.raises(RxtapeError, match=words):
                read(path)
    for feed in (parquet(tmp_path / "none.parquet"), arrow(tmp_path / "none.arrow")):
        assert "no rows" in str(tape_of(feed)[2])


def test_ticks_of_our_own_are_read_as_they_were(tmp_path):
    from runs import ticks_of

    ticks = ticks_of(50)
    pq.write_table(ticks.to_arrow(), tmp_path / "own.parquet")
    columns = tape_of(parquet(tmp_path / "own.parquet"))[0]
    for name in ("time", "kind", "price", "size"):
        assert columns[name] == ticks.columns[name].tolist()
    assert columns["symbol"] == ticks.symbols.names(ticks.symbol.tolist())
    assert table_of([row()]).num_rows == 1
