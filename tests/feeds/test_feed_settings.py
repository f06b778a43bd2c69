"""Settings of the reading, the same for every format: heard where they mean something, refused by name where they do not."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from csv_files import START_S, all_rows_of
from table_files import tape_of

from feeds.files import file
from feeds.frames import from_frame
from pipeline.errors import InputError, UsageError

SECOND = 10**9
ROWS = {
    "time": [START_S, START_S + 1], "bid": [0.0, 10.5], "bid_size": [7.0, 3.0], "ask": [11.0, 0.0], "ask_size": [2.0, 9.0],
    "side": ["true", "any"],
}  # fmt: skip
ENDINGS = ["csv", "parquet", "arrow", "jsonl"]


def written(folder: Path, ending: str, rows: dict[str, list] = ROWS, name: str = "ticks") -> Path:
    """The same rows as a file of that kind."""
    path, frame = folder / f"{name}.{ending}", pd.DataFrame(rows)
    if ending == "csv":
        frame.to_csv(path, index=False)
    elif ending == "parquet":
        frame.to_parquet(path)
    elif ending == "arrow":
        frame.to_feather(path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")))
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_settings_of_cells_mean_the_same_in_every_format(tmp_path, ending):
    feed = file(written(tmp_path, ending), symbol="SPY", sides={"TRUE": -1, "any": 0}, zero_is_absent=True)
    columns, refused, fault = tape_of(feed)
    assert (refused, fault) == ([], None)
    assert (columns["symbol"], columns["side"]) == (["SPY"] * 2, [-1, 0])
    for name, place in (("bid", 0), ("bid_size", 0), ("ask", 1), ("ask_size", 1)):
        assert np.isnan(columns[name]).tolist() == [place == 0, place == 1], name


@pytest.mark.parametrize("ending", ENDINGS)
def test_times_count_from_the_midnight_of_a_day(tmp_path, ending):
    rows = {"time": [34_200_000, 34_200_250], "price": [10.0, 11.0]}
    found = all_rows_of(file(written(tmp_path, ending, rows), day="2013-10-07", tz="America/New_York"))[0]
    assert [row["time"] for row in found] == [1_381_152_600 * SECOND, 1_381_152_600 * SECOND + SECOND // 4]
    named = file(written(tmp_path, ending, rows, name="20131007"), symbol="SPY", day="{name}", tz="America/New_York")
    assert [row["time"] for row in all_rows_of(named)[0]] == [row["time"] for row in found]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_symbol_is_for_files_without_such_a_column(tmp_path, ending):
    path = written(tmp_path, ending, {"time": [START_S], "symbol": ["IBM"], "price": [10.0]})
    with pytest.raises(UsageError, match=r"the file has a column of symbols; symbol='SPY' is for one without"):
        file(path, symbol="SPY")


OF_TEXT = {
    "--delimiter": {"delimiter": ";"}, "--decimal": {"decimal": ","}, "--no-header": {"header": False}, "--names": {"names": ["time"]},
}  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS[1:])
@pytest.mark.parametrize("option", OF_TEXT)
def test_settings_of_text_are_refused_where_there_is_none(tmp_path, ending, option):
    path = written(tmp_path, ending)
    with pytest.raises(UsageError, match=f"{path} is no CSV, and {option} says how that is read; leave it out"):
        file(path, **OF_TEXT[option])
    with pytest.raises(UsageError, match=f"frame is no CSV, and {option} says"):
        from_frame(pd.DataFrame(ROWS), **OF_TEXT[option])
    with pytest.raises(UsageError, match=f"{path} is no CSV, whose columns the preset binance names"):
        file(path, preset="binance")


def test_settings_of_text_are_for_the_text_among_several_files(tmp_path):
    (tmp_path / "later.csv").write_text(f"time;price\n{START_S + 9};1,5\n")
    paths = [written(tmp_path, "parquet"), tmp_path / "later.csv"]
    found = all_rows_of(file(paths, delimiter=";", decimal=",", sides={"true": 1, "any": 0}))[0]
    assert found[-1]["price"] == 1.5
    with pytest.raises(UsageError, match="--delimiter and --names say how that is read; leave them out; which column is which"):
        file(paths[0], delimiter=";", names=["time"])


@pytest.mark.parametrize("told", [{"time_unit": "s"}, {"time_format": "%Y"}, {"day": "2013-10-07"}])
def test_what_numbers_or_text_are_told_is_refused_where_times_are_times(tmp_path, told):
    path = written(tmp_path, "parquet", {"time": pd.to_datetime([START_S], unit="s"), "price": [10.0]})
    with pytest.raises(UsageError, match=f"column time is timestamp.*{next(iter(told))}=.* is for numbers or text; leave it out"):
        file(path, **told)


def test_a_column_that_is_not_there_is_named_as_it_is_where_the_user_is(tmp_path):
    rows = {"T": [START_S], "cost": [10.0]}
    for ending in ENDINGS:
        with pytest.raises(InputError, match=r"[.] Say which it is, as in --columns time=\w+"):
            file(written(tmp_path, ending, rows))
        with pytest.raises(InputError, match=r"[.] Say which it is, as in --columns price=px"):
            file(written(tmp_path, ending, rows), columns={"time": "T"})
    with pytest.raises(InputError, match=r"name it: columns={'time': [.]{3}}"):
        from_frame(pd.DataFrame(rows))
