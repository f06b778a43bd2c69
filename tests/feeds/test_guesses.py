"""Symbols from names of files: told, refused where a name tells none, and never one for several."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from csv_files import START_S, all_rows_of, written
from runs import Above

from feeds.files import file
from pipeline import run
from pipeline.errors import InputError, UsageError


def named(folder: Path, *names: str) -> list[Path]:
    """Files of one trade each, without a column of symbols, a second after one another."""
    return [written(folder, f"{START_S + turn},10,1", header="time,price,size", name=name) for turn, name in enumerate(names)]


@pytest.mark.parametrize(
    "names",
    [
        ("SPY_7.csv", "SPY_8.csv"),
        ("SPY-2013-10-07.csv", "SPY-2013-10-08.csv"),
        ("SPY_trades.csv", "SPY_quotes.csv"),
        ("SPY_part1.csv", "SPY_part2.csv", "SPY.csv"),
        ("BTCUSDT-aggTrades-2024-01.csv", "BTCUSDT-trades-2024-02.csv"),
    ],
)
def test_files_of_one_symbol_are_read_as_one_and_the_report_says_so(tmp_path, names):
    report = run(file(named(tmp_path, *names)), Above())
    symbol = names[0].replace("-", "_").partition("_")[0]
    assert (report.ticks, report.symbols) == (len(names), 1)
    assert ("symbol", f"{symbol}, from the files' names; --symbol says otherwise") in report.facts()


@pytest.mark.parametrize("names", [("trades_AAPL.csv", "trades_MSFT.csv"), ("us_AAPL_7.csv", "us_AAPL_8.csv", "us_MSFT_8.csv")])
def test_files_that_would_become_one_symbol_by_mistake_are_refused_by_name(tmp_path, names):
    paths = named(tmp_path, *names)
    with pytest.raises(UsageError, match=f"{names[0]} and .*{names[-1]} would both be of the symbol '{names[0].partition('_')[0]}'"):
        file(paths)
    assert {row["symbol"] for row in all_rows_of(file(paths, symbol="SPY"))[0]} == {"SPY"}


def test_files_of_several_symbols_keep_them(tmp_path):
    report = run(file(named(tmp_path, "AAPL.csv", "MSFT.csv")), Above())
    assert report.symbols == 2
    assert ("symbol", "AAPL, MSFT, from the files' names; --symbol says otherwise") in report.facts()


@pytest.mark.parametrize("name", ["20240304.csv", "2024-03-04.csv", "7.csv", "_.csv"])
def test_a_number_or_a_date_is_no_symbol(tmp_path, name):
    (path,) = named(tmp_path, name)
    with pytest.raises(InputError, match=r"there is no column symbol.* --symbol SPY"):
        file(path)
    pq.write_table(pa.table({"time": [START_S], "price": [10.0]}), path := tmp_path / f"{name}.parquet")
    with pytest.raises(InputError, match=r"there is no column symbol.* --symbol SPY"):
        file(path)


def test_a_symbol_that_is_told_is_no_guess(tmp_path):
    paths = named(tmp_path, "SPY.csv")
    assert "symbol" not in dict(run(file(paths, symbol="SPY"), Above()).facts())
    pq.write_table(pa.table({"time": [START_S], "price": [10.0]}), path := tmp_path / "IBM.parquet")
    assert dict(run(file(path), Above()).facts())["symbol"] == "IBM, from the file's name; --symbol says otherwise"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_of_two_columns_of_times_the_one_that_is_taken_is_told(tmp_path, ending):
    table = {"time": [START_S], "timestamp": [START_S + 1], "symbol": ["SPY"], "price": [10.0]}
    path = tmp_path / f"ticks.{ending}"
    if ending == "csv":
        path.write_text("\n".join([",".join(table), ",".join(str(column[0]) for column in table.values()), ""]))
    else:
        pq.write_table(pa.table(table), path)
    feed = file(path)
    assert dict(feed.facts()) == {"time": "is that of the column timestamp; --columns time=time takes the other one"}
    assert all_rows_of(feed)[0][0]["time"] == (START_S + 1) * 10**9
    other = file(path, columns={"time": "time"})
    assert (other.facts(), all_rows_of(other)[0][0]["time"]) == ([], START_S * 10**9)
