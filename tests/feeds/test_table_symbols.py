"""Rows of tables: only one that is kept gives its symbol a number, as in a CSV file; no time of any column can overflow."""

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from csv_files import START_NS

from feeds.arrow_files import arrow, parquet
from pipeline.checks import tape_of
from pipeline.errors import InputError, RxtapeError
from pipeline.ingest import Ingest
from pipeline.symbols import SymbolTable


def symbols_of(feed) -> tuple[list[str], list[int], int]:
    """The symbols that a run gives codes to, the codes of its rows, and how many rows were refused."""
    table, bad = SymbolTable(), []
    gate = Ingest(table, on_bad=bad.append)
    codes = [code for raw in feed.rows() for batch in gate.accept(raw) for code in batch.symbol.tolist()]
    return list(table), codes, len(bad)


def written(folder, symbols, prices) -> pa.Table:
    path = folder / "ticks.parquet"
    times = [START_NS + row for row in range(len(symbols))]
    pq.write_table(pa.table({"time": times, "symbol": symbols, "price": prices}), path)
    return path


@pytest.mark.parametrize("nothing", [None, "", " A", "A\nB", "x" * 300])
def test_what_is_no_symbol_gets_no_code(tmp_path, nothing):
    path = written(tmp_path, [nothing, "B", nothing, "A"], [1.0, 2.0, 3.0, 4.0])
    assert symbols_of(parquet(path)) == (["B", "A"], [1, 2], 2)


def test_the_symbol_of_a_refused_row_gets_no_code(tmp_path):
    path = written(tmp_path, ["GONE", "B", "A", "B"], [None, 2.0, 3.0, 4.0])
    assert symbols_of(parquet(path)) == (["B", "A"], [1, 2, 1], 1)


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_heartbeat_without_a_symbol_gives_none_a_code(tmp_path, nothing):
    ticks = tape_of(price=[1.0, 2.0, 3.0])
    table = pa.table({"time": ticks.time, "symbol": ["A", nothing, "B"], "kind": [0, 3, 0], "price": [1.0, None, 3.0]})
    pq.write_table(table, tmp_path / "ticks.parquet")
    assert symbols_of(parquet(tmp_path / "ticks.parquet")) == (["A", "B"], [1, 0, 2], 0)


def test_fault_41_a_column_whose_name_is_no_text_is_bad_input(tmp_path):
    path = tmp_path / "ticks.feather"
    table = pa.table({"time": [START_NS], "symbol": ["A"], "price": [1.0], "funding": [0.5]})
    pyarrow.feather.write_feather(table, path, compression="uncompressed")
    whole = path.read_bytes()
    assert whole.count(b"funding") >= 1
    path.write_bytes(whole.replace(b"funding", b"fund\xe9ng"))
    with pytest.raises(RxtapeError) as caught:
        list(arrow(path).rows())
    assert isinstance(caught.value, InputError)
    assert str(caught.value).startswith(f"{path}: the file is damaged")


def test_fault_41_a_further_time_beyond_64_bits_of_ns_is_a_bad_row(tmp_path):
    path, seen = tmp_path / "ticks.parquet", pa.array([START_NS // 1000, 1 << 61, None], pa.timestamp("us"))
    columns = {"time": [START_NS] * 3, "symbol": ["A"] * 3, "price": [1.0, 2.0, None], "bid": [None, None, 1.0]}
    pq.write_table(pa.table({**columns, "event_time": seen}), path)
    raw = next(parquet(path).rows())
    assert raw.columns["event_time"].tolist() == [START_NS, 0]
    assert [(bad.line, bad.column, bad.reason) for _, bad in raw.refused] == [(2, "event_time", "is no time between 2000 and 2100")]
