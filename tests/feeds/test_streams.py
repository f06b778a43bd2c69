"""Streams around feeds: a merge is a stable sort, a span is a filter, and pacing changes nothing but the clock's time."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import SECOND, START, Above, Cut, ticks_of

from feeds.merging import merged
from feeds.streams import between, in_order, paced, speed_of
from pipeline import run
from pipeline.errors import BadRow, InputError, LateRow, ParameterError
from pipeline.ingest import RawRows

NAMES = ("A", "B", "C")
ROW = st.tuples(st.integers(0, 6), st.sampled_from(NAMES))
FILE = st.tuples(st.lists(ROW, max_size=8), st.lists(st.integers(0, 8), max_size=3), st.lists(st.integers(0, 8), max_size=2))


class File:
    """A feed of (second, symbol) rows, cut into blocks; `line` counts rows and refused rows alike."""

    def __init__(self, name: str, rows: list[tuple[int, str]], cuts: list[int] = (), refused: list[int] = (), quotes: bool = False) -> None:
        self.name, self.table, self.quotes = name, rows, quotes
        self.edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(rows)}), len(rows)]
        self.refused = sorted({place for place in refused if place <= len(rows)})
        self.columns = frozenset({"seq", "kind", "time", "symbol", *(("bid", "ask") if quotes else ("price", "size"))})
        self.opened = 0

    def rows(self):
        self.opened += 1
        for first, last in pairwise(self.edges):
            part = self.table[first:last]
            names = tuple(dict.fromkeys(symbol for _, symbol in part))
            columns = {
                "time": START + np.array([second for second, _ in part], np.int64) * SECOND,
                "symbol": np.array([names.index(symbol) + 1 for _, symbol in part], np.int32),
            }
            values = np.arange(first, last) + 1.0
            columns |= {"bid": values, "ask": values} if self.quotes else {"price": values, "size": values}
            inside = [place for place in self.refused if first <= place < last or (place == last == len(self.table))]
            bad = [(place - first, BadRow(self.name, 100 + place, "price", "x", "is not a number")) for place in inside]
            yield RawRows(columns, names, self.name, lambda row, first=first: (self.name, first + row), bad)


def rows_of(feed) -> list[tuple[int, str, str, int]]:
    """(second, symbol, source, line) of every row, in the order of the feed."""
    found = []
    for raw in feed.rows():
        for row, time in enumerate(raw.columns["time"].tolist()):
            found.append(((time - START) // SECOND, raw.names[raw.columns["symbol"][row] - 1], *raw.place(row)))
    return found


def refused_in(feed) -> list[str]:
    """Rows as source:line, refused ones with a mark, in order."""
    found = []
    for raw in feed.rows():
        marks = list(raw.refused)
        for row in range(len(raw) + 1):
            found += [f"!{bad.source}:{bad.line - 100}" for before, bad in marks if before == row]
            found += ["{}:{}".format(*raw.place(row))] if row < len(raw) else []
    return found


def files(tables, ordered=True) -> list[File]:
    return [
        File(f"{turn}.csv", sorted(rows, key=lambda row: row[0]) if ordered else rows, cuts, refused)
        for turn, (rows, cuts, refused) in enumerate(tables)
    ]


@given(st.lists(FILE, min_size=1, max_size=4))
def test_fault_32_a_merge_is_a_stable_sort_of_all_rows_by_time_file_and_line(tables):
    parts = files(tables)
    everything = [row for part in parts for row in rows_of(part)]
    found = rows_of(merged(parts))
    assert found == sorted(everything, key=lambda row: row[0])
    assert found == rows_of(merged(parts)), "again"


@given(st.lists(FILE, min_size=1, max_size=4))
def test_refused_rows_keep_their_place_behind_the_row_before_them(tables):
    parts = files(tables)
    found = refused_in(merged(parts))
    for part in parts:
        assert [mark for mark in found if mark.lstrip("!").startswith(part.name)] == refused_in(part)


@given(st.lists(FILE, min_size=1, max_size=3))
def test_rows_out_of_order_stay_behind_the_newer_row_before_them(tables):
    parts = files(tables, ordered=False)
    found = rows_of(merged(parts))
    for part in parts:
        assert [row for row in found if row[2] == part.name] == rows_of(part)
    assert sorted(found) == sorted(row for part in parts for row in rows_of(part))


@given(FILE)
def test_put_in_order_is_a_stable_sort(table):
    (part,) = files([table], ordered=False)
    assert rows_of(in_order(part)) == sorted(rows_of(part), key=lambda row: row[0])
    assert sorted(refused_in(in_order(part))) == sorted(refused_in(part))


@given(FILE, st.integers(-1, 7), st.integers(-1, 7))
def test_rows_of_no_place_reach_the_run_before_any_row(table, start, until):
    (part,) = files([table], ordered=False)
    narrowed = between(in_order(part), START + start * SECOND, START + until * SECOND)
    told = [f"!{bad.source}:{bad.line - 100}" for raw in list(narrowed.rows())[:1] for bad in raw.unplaced]
    assert told == [each for each in refused_in(part) if each.startswith("!")]
    assert run(narrowed, on_bad="skip").incomplete is None
    if told:
        report = run(narrowed)
        assert (report.ticks, type(report.incomplete)) == (0, BadRow)


@given(FILE, st.integers(-1, 7), st.integers(-1, 7))
def test_a_span_is_a_filter(table, start, until):
    (part,) = files([table])
    found = rows_of(between(part, START + start * SECOND, START + until * SECOND))
    assert found == [row for row in rows_of(part) if start <= row[0] < until]


def test_files_of_other_times_are_not_open_at_once():
    parts = [File(f"{day}.csv", [(10 * day + second, "A") for second in range(5)]) for day in range(50)]
    blocks = merged(parts).rows()
    next(blocks)
    next(blocks)
    assert sum(part.opened > 1 for part in parts) <= 3
    assert sum(len(raw) for raw in blocks) == 240


def test_trades_and_quotes_of_two_files_make_one_tape():
    both = merged([File("t.csv", [(0, "A"), (2, "A")]), File("q.csv", [(1, "A"), (3, "B")], quotes=True)])
    (_, *_) = blocks = list(both.rows())
    assert np.concatenate([raw.columns["kind"] for raw in blocks]).tolist() == [0, 1, 0, 1]
    assert np.isnan(np.concatenate([raw.columns["price"] for raw in blocks])).tolist() == [False, True, False, True]
    assert run(both).incomplete is None


def test_a_late_row_names_its_own_file_and_line():
    report = run(merged([File("a.csv", [(0, "A"), (5, "A"), (3, "A")]), File("b.csv", [(1, "B"), (4, "B")])]))
    assert isinstance(report.incomplete, LateRow)
    assert (report.incomplete.source, report.incomplete.line) == ("a.csv", 2)


def test_a_feed_that_fails_ends_the_merge_after_the_rows_up_to_it():
    tape = ticks_of()
    whole = merged([Cut(tape, 10, error=InputError("cut off")), File("b.csv", [(0, "B")])])
    report = run(whole, Above())
    assert str(report.incomplete) == "cut off"
    assert report.ticks > 0


class Clock:
    def __init__(self) -> None:
        self.now, self.slept = 100.0, 0.0

    def sleep(self, seconds: float) -> None:
        assert 0 <= seconds <= 0.5
        self.now += seconds + 1e-9
        self.slept += seconds


@pytest.mark.parametrize("speed", ["1x", "60x", "0.5x", "1e308x"])
def test_pacing_gives_each_row_when_it_is_due_and_changes_nothing_else(speed):
    part, clock = File("a.csv", [(0, "A"), (0, "B"), (1, "A"), (30, "A"), (31, "C")], cuts=[2], refused=[1, 4, 5]), Clock()
    factor = speed_of(speed)
    feed = paced(part, factor, lambda: clock.now, clock.sleep)
    for raw in feed.rows():
        last = (raw.columns["time"][-1] - START) / SECOND
        assert last / factor <= clock.now - 100.0 < last / factor + 0.01
    assert clock.slept == pytest.approx(31 / factor, rel=1e-6)
    again = paced(part, factor, lambda: clock.now, clock.sleep)
    assert rows_of(again) == rows_of(part)
    assert refused_in(again) == refused_in(part)


def test_as_fast_as_possible_is_no_pacing():
    part = File("a.csv", [(0, "A")])
    assert paced(part, speed_of("max")) is part


@pytest.mark.parametrize("text", ["", "x", "0x", "-1x", "fast", "60", "infx", "nanx", "1e999x"])
def test_what_is_no_speed(text):
    with pytest.raises(ParameterError, match='such as "1x"'):
        speed_of(text)


@given(st.integers(1, 50))
def test_alerts_of_two_halves_are_those_of_the_tape(place):
    tape = ticks_of()
    assert run(merged([Cut(tape[:place], 7), Cut(tape[place:], 3)]), Above()).alerts == run(tape, Above()).alerts


@given(FILE)
def test_of_a_feed_that_ends_in_damage_nothing_is_put_in_order(table):
    (part,) = files([table], ordered=False)

    class Damaged(File):
        def rows(self):
            yield from super().rows()
            raise InputError("the file is truncated; the rows before that place stand")

    damaged = Damaged(part.name, part.table)
    report = run(in_order(damaged), Above())
    assert (report.ticks, report.alerts_by) == (0, {})
    assert str(report.incomplete).startswith("the file is truncated; nothing is judged, ")
