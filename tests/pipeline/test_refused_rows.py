"""Rows that cannot be judged: the run ends at the first, or sets them aside; a feed can be read once before anything is judged."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import START, Above, ticks_of
from tries import tries

from pipeline import Ticks, run
from pipeline.errors import BadRow, LateRow, UnknownName
from pipeline.feed import recorded
from pipeline.ingest import Ingest, RawRows
from pipeline.sinks.memory import MemorySink
from pipeline.symbols import SymbolTable

TICKS = ticks_of()
PARTS = st.lists(st.sampled_from(["good", "price", "size", "time", "symbol", "kind", "refused"]), min_size=1, max_size=30)


class Planted:
    """A feed of good rows, rows with one bad cell, and rows that the reader itself refused, in blocks."""

    name, columns = "planted.csv", frozenset({"seq", "kind", "time", "symbol", "price", "size"})

    def __init__(self, kinds: list[str], block: int = 7) -> None:
        self.kinds, self.block = kinds, block

    def rows(self):
        for first in range(0, len(self.kinds), self.block):
            kinds = self.kinds[first : first + self.block]
            kept = [(first + place, kind) for place, kind in enumerate(kinds) if kind != "refused"]
            refused = [
                (sum(kind != "refused" for kind in kinds[:place]), BadRow(self.name, first + place, "price", "abc", "is not a number"))
                for place, kind in enumerate(kinds)
                if kind == "refused"
            ]
            line = np.array([number for number, _ in kept], np.int64)
            what = np.array([kind for _, kind in kept], object)
            columns = {
                "time": np.where(what == "time", 5, START + line),
                "symbol": np.where(what == "symbol", 0, 1).astype(np.int32),
                "kind": np.where(what == "kind", 9, 0).astype(np.int8),
                "price": np.where(what == "price", np.nan, 10.0 + line),
                "size": np.where(what == "size", -1.0, 1.0),
            }
            yield RawRows(columns, ("A",), self.name, lambda row, line=line: (self.name, int(line[row])), refused)


@given(PARTS)
@settings(max_examples=tries(60), deadline=None)
def test_what_is_skipped_is_told_once_with_its_line_and_the_rest_is_the_tape(kinds):
    told: list[BadRow] = []
    ingest = Ingest(SymbolTable(), on_bad=told.append)
    batches = [batch for raw in Planted(kinds).rows() for batch in ingest.accept(raw)]
    good = [line for line, kind in enumerate(kinds) if kind == "good"]
    assert [time - START for batch in batches for time in batch.time.tolist()] == good
    assert [bad.line for bad in told] == [line for line in range(len(kinds)) if line not in good]
    columns = {bad.line: bad.column for bad in told}
    assert all(columns[line] == ("price" if kind == "refused" else kind) for line, kind in enumerate(kinds) if kind != "good")


@given(PARTS)
@settings(max_examples=tries(60), deadline=None)
def test_the_first_bad_row_ends_the_tape_whoever_refused_it(kinds):
    ingest, seen, fault = Ingest(SymbolTable()), [], None
    try:
        for raw in Planted(kinds).rows():
            for batch in ingest.accept(raw):
                seen += batch.time.tolist()
    except BadRow as error:
        fault = error
    first = next((line for line, kind in enumerate(kinds) if kind != "good"), None)
    assert (None if fault is None else fault.line) == first
    assert [time - START for time in seen] == list(range(len(kinds) if first is None else first))


@given(PARTS, st.integers(0, 29), st.integers(1, 40))
@settings(max_examples=tries(60), deadline=None)
def test_behind_a_late_row_that_ends_the_tape_nothing_is_told(kinds, place, block):
    place %= len(kinds)
    kinds[place] = "good"
    told: list[BadRow] = []
    ingest, seen, fault = Ingest(SymbolTable(), on_bad=told.append), [], None

    class WithLate(Planted):
        def rows(self):
            for raw in super().rows():
                time = np.where(raw.columns["time"] == START + place, START - 1, raw.columns["time"])
                yield replace(raw, columns=raw.columns | {"time": time})

    try:
        for raw in WithLate(kinds, block).rows():
            for batch in ingest.accept(raw):
                seen += batch.time.tolist()
    except LateRow as error:
        fault = error
    good = [line for line, kind in enumerate(kinds) if kind == "good"]
    end = place if good[0] < place else len(kinds)
    assert (None if fault is None else fault.line) == (place if end == place else None)
    assert [time - START for time in seen] == [line if line != place else -1 for line in good if line < end]
    assert [bad.line for bad in told] == [line for line in range(end) if line not in good]


@given(PARTS, st.sets(st.integers(1, 29), min_size=1), st.integers(1, 40))
@settings(max_examples=tries(60), deadline=None)
def test_rows_set_aside_and_rows_dropped_are_told_in_one_order(kinds, late, block):
    told: list[int] = []
    ingest = Ingest(SymbolTable(), "drop", on_bad=lambda bad: told.append(bad.line), on_drop=lambda row: told.append(row["line"]))

    class WithLate(Planted):
        def rows(self):
            for raw in super().rows():
                time = raw.columns["time"]
                yield replace(raw, columns=raw.columns | {"time": np.where(np.isin(time, START + np.array(sorted(late))), START - 1, time)})

    kinds[0] = "good"
    rows = sum(len(batch) for raw in WithLate(kinds, block).rows() for batch in ingest.accept(raw))
    assert told == [line for line, kind in enumerate(kinds) if kind != "good" or line in late]
    assert rows + len(told) == len(kinds)


def test_a_run_that_skips_gives_the_alerts_of_the_good_rows_and_a_quarantine_file(tmp_path):
    price = TICKS.price.copy()
    price[[3, 40]] = np.nan, np.inf
    bad = Ticks({**TICKS.columns, "price": price}, TICKS.symbols)
    report = run(bad, Above(), on_bad="skip", quarantine=tmp_path / "bad.jsonl")
    good = np.isfinite(price)
    expected = run(Ticks({name: column[good] for name, column in TICKS.columns.items()}, TICKS.symbols), Above())
    assert [(a.symbol, a.time, a.event) for a in report.alerts] == [(a.symbol, a.time, a.event) for a in expected.alerts]
    assert (report.bad_rows, report.exit_code, report.incomplete) == (2, 0, None)
    assert "bad rows" in report.summary()
    lines = list(map(json.loads, (tmp_path / "bad.jsonl").read_text().splitlines()))
    assert [(line["line"], line["column"], line["reason"]) for line in lines] == [
        (3, "price", "is not a number"),
        (40, "price", "is not finite"),
    ]


def test_rows_that_are_left_out_are_in_the_report_the_first_of_very_many():
    price = TICKS.price.copy()
    price[[3, 40]] = np.nan, np.inf
    report = run(Ticks({**TICKS.columns, "price": price}, TICKS.symbols), on_bad="skip")
    assert [(row["line"], row["column"], row["reason"]) for row in report.set_aside] == [
        (3, "price", "is not a number"),
        (40, "price", "is not finite"),
    ]
    many = run(Planted(["good"] + ["price"] * 1_500), on_bad="skip")
    assert (many.bad_rows, len(many.set_aside), many.set_aside[-1]["line"]) == (1_500, 1_000, 1_000)
    late = Ticks({**TICKS.columns, "time": np.roll(TICKS.time, 1)}, TICKS.symbols)
    dropped = run(late, late="drop")
    assert len(dropped.set_aside) == dropped.dropped_rows == len(TICKS) - 1


def test_a_policy_that_is_none_is_refused():
    with pytest.raises(UnknownName, match="policy for bad rows"):
        run(TICKS, Above(), on_bad="skipp")  # type: ignore[arg-type]


def test_a_checked_feed_says_nothing_where_a_row_is_bad():
    price = TICKS.price.copy()
    price[40] = np.nan
    bad = Ticks({**TICKS.columns, "price": price}, TICKS.symbols)
    sink = MemorySink()
    report = run(bad, Above(), sinks=[sink], check_first=True)
    assert isinstance(report.incomplete, BadRow)
    assert (report.ticks, report.exit_code, sink.alerts) == (0, 3, [])
    assert run(bad, Above()).alerts, "without the check there are alerts before that row"


def test_a_checked_feed_is_judged_as_any_other():
    assert run(TICKS, Above(), check_first=True).alerts == run(TICKS, Above()).alerts
    price = TICKS.price.copy()
    price[3] = np.nan
    bad = recorded(Ticks({**TICKS.columns, "price": price}, TICKS.symbols))
    checked = run(bad, Above(), check_first=True, on_bad="skip")
    assert (checked.bad_rows, checked.alerts) == (1, run(bad, Above(), on_bad="skip").alerts)
