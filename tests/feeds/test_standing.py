"""Quotes of one side: the other stands as it was, symbol by symbol, however the rows are cut into blocks."""

import math
from itertools import pairwise

import numpy as np
import pytest
from csv_files import START_S, rows_of, written
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.reading import Reading
from feeds.recorded import csv
from feeds.standing import with_standing_sides
from pipeline.ingest import RawRows
from pipeline.ticks import Kind

NAN = float("nan")
SIDE = st.one_of(st.just(NAN), st.integers(1, 9).map(float))
ROW = st.tuples(st.sampled_from("AB"), st.sampled_from([Kind.QUOTE, Kind.QUOTE, Kind.QUOTE, Kind.TRADE, Kind.GAP]), SIDE, SIDE)
NAMES = ("bid", "bid_size", "ask", "ask_size")


class Quotes:
    """A feed of rows in blocks, each with a numbering of symbols of its own; the size of a side is ten times its price."""

    name, columns = "quotes", frozenset({"seq", "time", "symbol", "kind", *NAMES})

    def __init__(self, rows, cuts) -> None:
        self.table, self.edges = rows, sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})

    def rows(self):
        for first, last in pairwise(self.edges):
            part = self.table[first:last]
            names = tuple(dict.fromkeys(row[0] for row in part))
            columns = {
                "time": np.arange(first, last),
                "symbol": np.array([names.index(row[0]) + 1 for row in part], np.int32),
                "kind": np.array([row[1] for row in part], np.int8),
            }
            for place, side in enumerate(("bid", "ask"), 2):
                price = np.array([row[place] for row in part])
                columns |= {side: price, f"{side}_size": price * 10}
            yield RawRows(columns, names, self.name)


def by_definition(rows) -> list[list[float]]:
    """What each row of the filled tape has, row by row."""
    stands, found = {}, []
    for symbol, kind, *sides in rows:
        if kind == Kind.GAP:
            stands.pop(symbol, None)
        if kind == Kind.QUOTE:
            sides = [old if math.isnan(new) else new for new, old in zip(sides, stands.get(symbol, (NAN, NAN)), strict=True)]
            stands[symbol] = sides
        found.append([each for side in sides for each in (side, side * 10)])
    return found


@settings(deadline=None)
@given(st.lists(ROW, min_size=1, max_size=20), st.sets(st.integers(1, 20)))
def test_a_side_that_is_not_told_stands_however_the_rows_are_cut(rows, cuts):
    blocks = list(with_standing_sides(Quotes(rows, cuts), Reading(sides_stand=True)).rows())
    found = [np.concatenate([raw.columns[name] for raw in blocks]) for name in NAMES]
    np.testing.assert_array_equal(np.array(found).T, by_definition(rows))


@pytest.mark.parametrize("told", [{}, {"zero_is_absent": True}])
def test_without_it_a_side_that_is_not_there_is_not_there(tmp_path, told):
    path = written(tmp_path, f"{START_S},A,10,", f"{START_S},A,,11", header="time,symbol,bid,ask")
    found, _ = rows_of(csv(path, **told))
    assert [math.isnan(row["bid"]) for row in found] == [False, True]
    both, _ = rows_of(csv(path, **told, sides_stand=True))
    assert (both[1]["bid"], both[1]["ask"], both[1]["line"]) == (10.0, 11.0, 3)
