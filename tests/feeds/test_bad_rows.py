"""FAULTS 35: bad rows at the beginning, in the middle and at the end of a CSV file, of every kind, across blocks."""

import json
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import pytest
from csv_files import START_NS
from runs import Above

from feeds.recorded import csv
from pipeline import run
from pipeline.errors import BadRow
from pipeline.feed import Feed

NUMBERS = ["", "abc", "NaN", "inf", "1e400", "1_000", "٣", "0x10", "1,5"]
BAD = [("price", cell) for cell in NUMBERS] + [("size", cell) for cell in (*NUMBERS, "-1")]
NAMES = ("time", "symbol", "price", "size")
SMALL, LARGE = 3_000, 1_000_000


def bad_row(column: str, cell: str) -> str:
    cells = {"price": "100", "size": "1"} | {column: f'"{cell}"'}
    return f"{START_NS},SPY,{cells['price']},{cells['size']}\n"


def good_rows(count: int) -> list[str]:
    """Trades, a few of them above the mean by more than 3."""
    return [f"{START_NS + i},SPY,{100 + i % 7 / 10 + 5 * (i % 997 == 5)},{i % 5 + 1}\n" for i in range(count)]


def feed_of(folder: Path, name: str, *rows: list[str], block_bytes: int) -> Feed:
    """A file without a header, so that its first line is a row."""
    path = folder / name
    with path.open("w") as file:
        for part in rows:
            file.writelines(part)
    return replace(csv(path, header=False, names=NAMES), block_bytes=block_bytes)


@pytest.fixture(scope="module", params=[SMALL, pytest.param(LARGE, marks=pytest.mark.slow)])
def tape(request, tmp_path_factory):
    """The good rows, the size of a block, and the ids of their alerts."""
    count = request.param
    good, folder = good_rows(count), tmp_path_factory.mktemp("good")
    block_bytes = 4096 if count == SMALL else 1 << 19
    report = run(feed_of(folder, "good.csv", good, block_bytes=block_bytes), Above(margin=3.0))
    found = [alert.id for alert in report.alerts]
    assert len(found) > count // 1_000
    return good, block_bytes, found


@pytest.fixture
def folder(tmp_path):
    """A folder that does not outlive its test: a million rows are 35 MB."""
    yield tmp_path
    rmtree(tmp_path)


@pytest.mark.parametrize(("column", "cell"), BAD)
def test_fault_35_bad_rows_end_the_run_or_are_set_aside(tape, folder, column, cell):
    good, block_bytes, alerts = tape
    half, bad = len(good) // 2, bad_row(column, cell)
    assert sum(map(len, good[: half - 2])) > 2 * block_bytes, "the places lie in blocks of their own"
    feed = feed_of(folder, "bad.csv", [bad, bad], good[: half - 2], [bad], good[half - 2 :], [bad], block_bytes=block_bytes)
    places = [1, 2, half + 1, len(good) + 4]

    stopped = run(feed, Above(margin=3.0))
    assert isinstance(stopped.incomplete, BadRow)
    assert (stopped.incomplete.line, stopped.incomplete.column, stopped.exit_code, stopped.ticks) == (1, column, 3, 0)

    skipped = run(feed, Above(margin=3.0), on_bad="skip", quarantine=folder / "bad.jsonl")
    assert [alert.id for alert in skipped.alerts] == alerts
    aside = [json.loads(line) for line in (folder / "bad.jsonl").read_text().splitlines()]
    assert [(row["line"], row["column"]) for row in aside] == [(place, column) for place in places]
    assert (skipped.bad_rows, skipped.ticks, skipped.incomplete) == (4, len(good), None)


@pytest.mark.parametrize(("column", "cell"), BAD)
def test_fault_35_what_was_judged_before_a_bad_row_stands(tape, folder, column, cell):
    good, block_bytes, alerts = tape
    feed = feed_of(folder, "late.csv", good, [bad_row(column, cell)], block_bytes=block_bytes)
    report = run(feed, Above(margin=3.0))
    assert [alert.id for alert in report.alerts] == alerts
    assert (report.incomplete.line, report.incomplete.column, report.ticks) == (len(good) + 1, column, len(good))
    assert "INCOMPLETE" in report.summary()
    checked = run(feed, Above(margin=3.0), check_first=True)
    assert (checked.ticks, checked.alert_count, checked.exit_code) == (0, 0, 3)
