"""Wherever the blocks of a feed are cut, what is made of it is the same: the rows, the refused rows, their order, and the end.

A refused row belongs after the row before it; those before the first row belong to that.
"""

import gzip
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import SECOND, START

import feeds.streams
from feeds.files import file
from feeds.merging import merged
from feeds.streams import between, in_order
from pipeline import run
from pipeline.errors import BadRow, InputError
from pipeline.ingest import RawRows

BAD = None
LINES = st.lists(st.one_of(st.integers(0, 9), st.just(BAD)), max_size=12)
CUTS = st.lists(st.integers(0, 12), max_size=4)
COLUMNS = frozenset({"seq", "time", "symbol", "kind", "price"})


class Lines:
    """A feed of seconds and refused rows, cut anywhere, that may end in damage."""

    columns = COLUMNS

    def __init__(self, name: str, lines: list[int | None], cuts: list[int] = (), damaged: bool = False) -> None:
        self.name, self.lines, self.damaged = name, lines, damaged
        self.edges = sorted({0, len(lines), *(cut for cut in cuts if cut < len(lines))})

    def rows(self):
        for first, last in pairwise(self.edges):
            numbers = [number for number in range(first, last) if self.lines[number] is not BAD]
            time = START + np.array([self.lines[number] for number in numbers], np.int64) * SECOND
            refused = [
                (sum(other < number for other in numbers), BadRow(self.name, number, "price", "x", "is not a number"))
                for number in range(first, last)
                if self.lines[number] is BAD
            ]
            columns = {"time": time, "symbol": np.ones(len(time), np.int32), "price": np.ones(len(time))}
            yield RawRows(columns, ("A",), self.name, lambda row, numbers=numbers: (self.name, numbers[row]), refused)
        if self.damaged:
            raise InputError(f"{self.name}: damaged")


def told(feed) -> list[tuple[str, int] | str]:
    """The place of every row and refused row, in order, and the fault that ends the feed."""
    found: list[tuple[str, int] | str] = []
    try:
        for raw in feed.rows():
            refused = list(raw.refused)
            assert [before for before, _ in refused] == sorted(before for before, _ in refused)
            for row in range(len(raw) + 1):
                found += [(bad.source, bad.line) for before, bad in refused if before == row]
                found += [raw.place(row)] if row < len(raw) else []
    except InputError as error:
        found.append(str(error))
    return found


def lines_of(feed: Lines) -> list[tuple[int, int, tuple[str, int]]]:
    """The newest time up to each line of a feed, the time of its row (a refused one has that of the row before it), and its place."""
    times = [line for line in feed.lines if line is not BAD]
    time = newest = times[0] if times else -1
    found = []
    for number, line in enumerate(feed.lines):
        time = time if line is BAD else line
        newest = max(newest, time)
        found.append((newest, time, (feed.name, number)))
    return found


@given(LINES, CUTS)
def test_in_order_is_a_stable_sort_of_rows_and_refused_rows(lines, cuts):
    feed = Lines("a", lines, cuts)
    assert told(in_order(feed)) == [place for _, _, place in sorted(lines_of(feed), key=lambda line: line[1])]


@given(LINES, CUTS, st.integers(0, 9), st.integers(0, 9), st.booleans(), st.integers(1, 4))
def test_a_span_is_a_filter_of_rows_refused_rows_and_damage(lines, cuts, start, until, damaged, enough):
    feed = Lines("a", lines, cuts, damaged)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feeds.streams, "ENOUGH", enough)
        found = told(between(feed, START + start * SECOND, START + until * SECOND))
    expected, in_turn = [], 0
    for (_, time, place), line in zip(lines_of(feed), lines, strict=True):
        if in_turn == enough:
            break
        in_turn = 0 if time < until else in_turn + (line is not BAD)
        expected += [place] if start <= time < until or not any(line is not BAD for line in lines) else []
    assert found == expected + (["a: damaged"] if damaged and not in_turn else [])


@given(st.lists(st.tuples(LINES, CUTS), min_size=1, max_size=4))
def test_a_merge_is_a_stable_sort_of_rows_and_refused_rows(tables):
    parts = [Lines(f"{turn}", lines, cuts) for turn, (lines, cuts) in enumerate(tables)]
    everything = [line for part in parts for line in lines_of(part)]
    expected = sorted(everything, key=lambda line: line[0]) if len(parts) > 1 else everything
    assert told(merged(parts)) == [place for _, _, place in expected]


@given(st.lists(st.tuples(LINES, CUTS), min_size=1, max_size=3), st.integers(0, 3), CUTS)
def test_a_feed_that_fails_before_its_first_row_takes_no_other_row_with_it(tables, turn, cuts):
    parts = [Lines(f"{turn}", lines, cuts) for turn, (lines, cuts) in enumerate(tables)]
    damaged = Lines("bad", [], cuts, damaged=True)
    others = [place for _, _, place in sorted((line for part in parts for line in lines_of(part)), key=lambda line: line[0])]
    found = told(merged([*parts[:turn], damaged, *parts[turn:]]))
    assert (found[:-1], found[-1]) == (others if len(parts) > 1 else told(merged(parts)), "bad: damaged")


def test_a_last_piece_of_refused_rows_alone_does_not_come_first(tmp_path):
    path = tmp_path / "ticks.csv"
    path.write_text("time,symbol,price\n" + "1381132800,A,100.25\n" * 3 + "1381132801,A,x\n")
    sorted_feed = file(path, sort=True)
    (raw,) = replace(sorted_feed, feed=replace(sorted_feed.feed, block_bytes=1)).rows()
    assert [(before, bad.line) for before, bad in raw.refused] == [(3, 5)]
    assert [bad.line for bad in raw.unplaced] == [5]


def test_of_files_one_of_which_is_damaged_at_its_beginning_the_others_are_read(tmp_path):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv.gz"
    good.write_text("time,symbol,price\n1381132801,A,1\n1381132802,A,1\n")
    bad.write_bytes(gzip.compress(b"time,symbol,price\n1381132800,A,1\n" * 2))
    feed = file([good, bad])
    bad.write_bytes(b"\x1f\x8b" + bytes(30))
    report = run(feed)
    assert report.ticks == 2
    assert "bad.csv.gz" in str(report.incomplete)
