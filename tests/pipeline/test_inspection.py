"""A look at a feed: what is odd is found at its place, whatever the blocks, and nothing is odd about a plain tape."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import SECOND, START, Cut, ticks_of

from pipeline import Ticks, run
from pipeline.errors import BadRow, InputError
from pipeline.feed import recorded
from pipeline.ingest import RawRows
from pipeline.inspection import Inspection, inspect

TICKS = Ticks.of(
    time=START + np.array([0, 1, 2, 4, 3, 5, 4000 + 3600, 4001 + 3600]) * SECOND,
    symbol=["A", "B", "A", "A", "B", "B", "A", "B"],
    price=[10.0, 50.0, 10.0, 100.0, 50.0, -1.0, 100.0, 51.0],
    size=[1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    bid=[9.0, 51.0, np.nan, 9.0, 9.0, 9.0, 9.0, 9.0],
    ask=[11.0, 50.0, 11.0, np.nan, 11.0, 11.0, 11.0, 11.0],
)


class InBlocks:
    """The rows of a tape cut into blocks, with lines counted from 2 as in a file with a header."""

    name = "ticks.csv"

    def __init__(self, ticks: Ticks, cuts: list[int]) -> None:
        self.ticks, self.edges = ticks, [0, *sorted(set(cuts)), len(ticks)]
        self.columns = frozenset(ticks.columns)

    def rows(self):
        whole = next(iter(recorded(self.ticks).rows()))
        for first, last in pairwise(self.edges):
            columns = {name: column[first:last] for name, column in whole.columns.items()}
            yield RawRows(columns, whole.names, self.name, lambda row, first=first: (self.name, first + row + 2))


def told(found: Inspection) -> dict[str, tuple[int, list[tuple[int, str]]]]:
    return {odd.what: (odd.count, [(line, what) for _, line, what in odd.examples]) for odd in found.oddities.values()}


@settings(deadline=None)
@given(st.lists(st.integers(1, len(TICKS) - 1)))
def test_what_is_odd_is_found_at_its_line_in_whatever_blocks_the_rows_come(cuts):
    found = inspect(InBlocks(TICKS, cuts))
    assert told(found) == {
        "out of order": (1, [(6, "1 s older than a row before it")]),
        "quiet for more than an hour": (1, [(8, "2.1 h without a tick before this row")]),
        "trades of size 0": (1, [(4, "A size 0")]),
        "prices of 0 or below": (1, [(7, "B at -1")]),
        "crossed quotes": (1, [(3, "B bid 51, ask 50")]),
        "price jumps": (1, [(5, "A 100 after 10")]),
    }
    assert (found.rows, found.late_rows, found.latest_ns) == (8, 1, SECOND)
    assert (found.first, found.last) == (START, int(TICKS.time[-1]))
    assert dict(found.symbols) == {"A": 4, "B": 4}
    assert [row["line"] for row in found.head] == [2, 3, 4, 5, 6]


def test_nothing_is_odd_about_a_plain_tape():
    found = inspect(recorded(ticks_of()))
    assert (found.oddities, found.refused, found.damage) == ({}, 0, None)


def test_rows_that_are_no_ticks_are_counted_whoever_refused_them():
    class Refusing(InBlocks):
        def rows(self):
            for raw in super().rows():
                columns = {**raw.columns, "price": np.where(np.arange(len(raw)) == 1, np.nan, raw.columns["price"])}
                yield RawRows(columns, raw.names, raw.source, raw.place_of, [(3, BadRow(self.name, 99, "size", "x", "is not a number"))])

    found = inspect(Refusing(ticks_of(), []))
    assert found.refused == 2
    count, examples = told(found)["refused"]
    assert count == 2
    assert examples == [(99, "column size: 'x' is not a number"), (3, "column price: nan is not a number")]


def test_damage_ends_the_look_and_what_was_seen_stands():
    found = inspect(Cut(ticks_of(), 10, error=InputError("the file is cut")))
    assert str(found.damage) == "the file is cut"
    assert found.rows > 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1.0, np.inf, np.nan]), st.sampled_from([1.0, -1.0, np.nan, -np.inf])), min_size=1, max_size=9))
def test_each_row_is_taken_or_refused_once_as_in_a_replay(cells):
    ticks = ticks_of(len(cells), symbols="A")
    columns = {"price": [price for price, _ in cells], "size": [size for _, size in cells]}

    class Bad(InBlocks):
        def rows(self):
            for raw in recorded(ticks).rows():
                yield replace(raw, columns=raw.columns | {name: np.array(column) for name, column in columns.items()})

    found, report = inspect(Bad(ticks, [])), run(Bad(ticks, []), on_bad="skip")
    assert (found.rows, found.refused) == (report.ticks, report.bad_rows)
    assert found.rows + found.refused == len(cells)
    assert sum(found.kinds.values()) == sum(found.symbols.values()) == found.rows
    assert sum(odd.count for odd in found.oddities.values() if odd.what == "refused") == found.refused
