"""Ingest: what a row must be, and the order in which rows reach the tape.

lateness = 2s     newest - 2s              newest
---------------------|------------------------|
"""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

from pipeline.errors import BadRow, InputError, LateRow, TooManySymbols
from pipeline.ingest import Ingest, RawRows
from pipeline.symbols import SymbolTable
from pipeline.ticks import BATCH_ROWS, COLUMN_TYPES, Kind, Ticks

SECOND = 10**9
START = 1_700_000_000 * SECOND
NAN, INF = np.nan, np.inf


def raw(rows: int = 4, names: tuple[str, ...] = ("A", "B"), **columns: object) -> RawRows:
    """Good trades, a second apart, the symbols in turn; and what is changed of them."""
    good = {
        "time": START + np.arange(rows) * SECOND,
        "symbol": (np.arange(rows) % len(names) + 1).astype(np.int32),
        "price": np.arange(rows) + 10.0,
        "size": np.arange(rows) + 1.0,
    }
    return RawRows(
        {name: np.asarray(column) for name, column in {**good, **columns}.items()}, names, "ticks.csv", lambda row: ("ticks.csv", row + 2)
    )


def taken(ingest: Ingest, *parts: RawRows) -> tuple[Ticks, Exception | None]:
    """The tape of some parts, and what ended it."""
    batches, fault = [], None
    try:
        for part in parts:
            batches += list(ingest.accept(part))
        batches += list(ingest.finish())
    except InputError as error:
        fault = error
    for batch in batches:
        assert {name: len(column) for name, column in batch.columns.items()} == dict.fromkeys(batch.columns, len(batch))
        assert len(batch) <= ingest.batch_rows
    return Ticks.concat(batches) if batches else Ticks.of([], [], ingest.symbols, price=[], size=[]), fault


def accepted(ingest: Ingest, part: RawRows) -> tuple[list[Ticks], Exception | None]:
    batches = []
    try:
        batches.extend(ingest.accept(part))
    except InputError as error:
        return batches, error
    return batches, None


def changed(column: str, row: int, value: object) -> dict[str, object]:
    values = raw().columns[column].astype(object)
    values[row] = value
    return {column: values.astype(COLUMN_TYPES[column])}


BAD = [
    ("price", NAN, "is not a number"),
    ("price", INF, "is not finite"),
    ("price", -INF, "is not finite"),
    ("size", NAN, "is not a number"),
    ("size", INF, "is not finite"),
    ("size", -1.0, "is below zero"),
    ("size", -5e-324, "is below zero"),
    ("symbol", 0, "is missing"),
    ("symbol", 3, "is no place among the 2 names"),
    ("symbol", -1, "is no place among the 2 names"),
    ("symbol", 2**31 - 1, "is no place among the 2 names"),
    ("time", 0, ""),
    ("time", 1_700_000_000, ""),
    ("time", 1_700_000_000_000, ""),
    ("time", 1_700_000_000_000_000, ""),
    ("time", -START, ""),
    ("time", 4_102_444_800 * SECOND, ""),
    ("time", 2**63 - 1, ""),
    ("time", -(2**63), ""),
]


@pytest.mark.parametrize("row", range(4))
@pytest.mark.parametrize(("column", "value", "reason"), BAD)
def test_fault_35_a_bad_row_is_told_with_its_place_and_the_rows_before_it_stand(column, value, reason, row):
    batches, fault = accepted(Ingest(SymbolTable()), raw(**changed(column, row, value)))
    assert isinstance(fault, BadRow), (batches, fault)
    assert (fault.source, fault.line, fault.column) == ("ticks.csv", row + 2, column)
    assert str(fault).startswith(f"ticks.csv:{row + 2} column {column}: ")
    assert reason in str(fault)
    assert sum(map(len, batches)) == row


@pytest.mark.parametrize(
    ("time", "unit"), [(1_700_000_000, "s"), (1_700_000_000_000, "ms"), (1_700_000_000_000_000, "us")], ids=["s", "ms", "us"]
)
def test_fault_31_a_time_in_another_unit_is_told_apart(time, unit):
    _, fault = accepted(Ingest(SymbolTable()), raw(**changed("time", 0, time)))
    assert f"it would be one in {unit}: give the unit with --time-unit {unit}" in str(fault)


@pytest.mark.parametrize(("time", "good"), [(946_684_800 * SECOND, True), (946_684_800 * SECOND - 1, False)])
def test_fault_31_the_first_time_there_is(time, good):
    _, fault = accepted(Ingest(SymbolTable()), raw(**changed("time", 0, time)))
    assert (fault is None) == good


@pytest.mark.parametrize(("time", "good"), [(4_102_444_800 * SECOND - 1, True), (4_102_444_800 * SECOND, False)])
def test_fault_31_the_last_time_there_is(time, good):
    _, fault = accepted(Ingest(SymbolTable()), raw(**changed("time", 3, time)))
    assert (fault is None) == good


@pytest.mark.parametrize("price", [0.0, -37.63, 1e34, 5e-324])
def test_fault_58_a_price_may_be_any_finite_number(price):
    batches, fault = accepted(Ingest(SymbolTable()), raw(**changed("price", 1, price)))
    assert fault is None
    assert batches[0].price[1] == price


def test_the_first_of_several_bad_rows_is_told():
    prices, sizes = np.array([10.0, 10.0, 10.0, NAN]), np.array([1.0, 1.0, -1.0, 1.0])
    _, fault = accepted(Ingest(SymbolTable()), raw(price=prices, size=sizes))
    assert isinstance(fault, BadRow)
    assert (fault.line, fault.column) == (4, "size")


# Kinds: a trade has price and size, a quote may lack a side, a GAP has a symbol, a HEARTBEAT has none.

QUOTED = {"bid": [NAN, 1.0, NAN, NAN], "ask": [NAN, NAN, NAN, NAN]}
MIXED = {
    "kind": [0, 1, 2, 3],
    "symbol": np.array([1, 1, 1, 0], np.int32),
    "price": [10.0, NAN, NAN, NAN],
    "size": [1.0, NAN, NAN, NAN],
    **QUOTED,
}


def test_rows_of_every_kind_are_rows():
    batches, fault = accepted(Ingest(SymbolTable()), raw(**MIXED))
    assert fault is None
    assert batches[0].kind.tolist() == [Kind.TRADE, Kind.QUOTE, Kind.GAP, Kind.HEARTBEAT]
    assert batches[0].symbol.tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("change", "line", "column"),
    [
        ({"kind": [0, 1, 2, 4]}, 5, "kind"),
        ({"kind": [0, 1, -1, 3]}, 4, "kind"),
        ({"symbol": np.array([1, 1, 1, 1], np.int32)}, 5, "symbol"),
        ({"symbol": np.array([1, 0, 1, 0], np.int32)}, 3, "symbol"),
        ({"symbol": np.array([1, 1, 0, 0], np.int32)}, 4, "symbol"),
        ({"bid": [NAN, INF, NAN, NAN]}, 3, "bid"),
        ({"bid_size": [NAN, -1.0, NAN, NAN]}, 3, "bid_size"),
        ({"kind": [0, 0, 2, 3]}, 3, "price"),
    ],
)
def test_what_is_no_row_of_its_kind_is_refused(change, line, column):
    batches, fault = accepted(Ingest(SymbolTable()), raw(**{**MIXED, **change}))
    assert isinstance(fault, BadRow)
    assert (fault.line, fault.column) == (line, column)
    assert sum(map(len, batches)) == line - 2


def test_the_kind_that_a_feed_does_not_tell_is_that_of_its_columns():
    quotes = RawRows({"time": np.array([START]), "symbol": np.array([1], np.int32), "bid": np.array([1.0]), "ask": np.array([2.0])}, ("A",))
    assert taken(Ingest(SymbolTable()), quotes)[0].kind.tolist() == [Kind.QUOTE]
    assert taken(Ingest(SymbolTable()), raw())[0].kind.tolist() == [Kind.TRADE] * 4


# Symbols, numbers, types, batches.


def test_names_of_every_part_get_the_codes_of_the_table():
    table = SymbolTable(["Z", "B"])
    tape, fault = taken(Ingest(table), raw(names=("A", "B")), raw(names=("B", "C"), time=START + np.arange(4, 8) * SECOND))
    assert fault is None
    assert table.names(tape.symbol.tolist()) == ["A", "B", "A", "B", "B", "C", "B", "C"]
    assert tape.seq.tolist() == list(range(8))


def test_fault_56_the_row_of_a_refused_symbol_ends_the_tape_and_the_rows_before_it_stand():
    part = raw(5, names=("A", "B", "C"), symbol=np.array([1, 2, 1, 3, 1], np.int32))
    batches, fault = accepted(Ingest(SymbolTable(limit=2)), part)
    assert isinstance(fault, TooManySymbols)
    assert "'C'" in str(fault)
    assert [len(batch) for batch in batches] == [3]


def test_columns_of_odd_types_and_layouts_become_those_of_the_tape():
    codes, sides = np.array([1, 2, 1, 2], np.int64), np.array([1, -1, 0, 1])
    part = raw(price=np.array([10, 11, 12, 13]), symbol=codes, size=np.arange(8.0)[::2], side=sides, trade_id=np.arange(4))
    tape, fault = taken(Ingest(SymbolTable()), part)
    assert fault is None
    for name, column in tape.columns.items():
        assert column.dtype == COLUMN_TYPES.get(name, column.dtype), name
        assert column.flags.c_contiguous, name
        assert not column.flags.writeable, name


def test_batches_stay_in_the_cache_and_are_numbered_through():
    rows = 2 * BATCH_ROWS + 1
    batches, fault = accepted(Ingest(SymbolTable()), raw(rows))
    assert fault is None
    assert [len(batch) for batch in batches] == [BATCH_ROWS, BATCH_ROWS, 1]
    assert np.concatenate([batch.seq for batch in batches]).tolist() == list(range(rows))


# Order.


@given(
    order=st.permutations(range(12)),
    seconds=st.lists(st.integers(0, 5), min_size=12, max_size=12),
    cuts=st.sets(st.integers(1, 11)),
    late=st.sampled_from(["fail", "clamp", "drop"]),
    most=st.sampled_from([1, 2, 5, BATCH_ROWS]),
)
@settings(max_examples=tries(300), deadline=None)
def test_fault_29_any_order_within_the_lateness_gives_the_sorted_tape(order, seconds, cuts, late, most):
    times = np.array(sorted(seconds))[list(order)]
    lateness = int(max(np.maximum.accumulate(times) - times))
    ingest = Ingest(SymbolTable(), late=late, lateness_ns=lateness * SECOND, batch_rows=most)
    edges = [0, *sorted(cuts), 12]
    whole = raw(12, time=START + times * SECOND)
    parts = [RawRows({n: c[a:b] for n, c in whole.columns.items()}, whole.names) for a, b in pairwise(edges)]
    tape, fault = taken(ingest, *parts)
    by_time = np.argsort(times, kind="stable")
    assert fault is None
    assert tape.time.tolist() == whole.columns["time"][by_time].tolist()
    assert tape.price.tolist() == whole.columns["price"][by_time].tolist()
    assert tape.seq.tolist() == list(range(12))
    assert (ingest.late_rows, ingest.rows) == (0, 12)
    assert late != "clamp" or tape.event_time.tolist() == tape.time.tolist()


@given(
    rows=st.lists(st.tuples(st.integers(0, 9), st.sampled_from([1.0, 1.0, 1.0, np.nan])), min_size=1, max_size=12),
    refused=st.lists(st.integers(0, 12), max_size=3), most=st.integers(1, 5), lateness=st.integers(0, 4),
)  # fmt: skip
@settings(max_examples=tries(300), deadline=None)
def test_fault_29_what_is_left_out_is_told_in_the_order_of_the_rows_however_they_are_cut(rows, refused, most, lateness):
    def told(batch_rows):
        said = []
        ingest = Ingest(SymbolTable(), "drop", lateness * SECOND, lambda row: said.append(row["line"]), batch_rows=batch_rows)
        ingest.on_bad = lambda bad: said.append(bad.line)
        columns = raw(len(rows), time=START + np.array([time for time, _ in rows]) * SECOND, price=np.array([price for _, price in rows]))
        places = [(at, BadRow("f", at - 0.5, "price", "x", "no")) for at in sorted(refused) if at <= len(rows)]
        block = RawRows(columns.columns, columns.names, "f", lambda row: ("f", row), places)
        return said, [tick.seq for batch in (*ingest.accept(block), *ingest.finish()) for tick in batch]

    said, seqs = told(most)
    assert said == sorted(said) == told(BATCH_ROWS)[0]
    assert seqs == list(range(len(seqs)))


@given(times=st.lists(st.integers(0, 20), min_size=1, max_size=15), lateness=st.integers(0, 6), cut=st.integers(0, 15))
@settings(max_examples=tries(300), deadline=None)
def test_fault_30_rows_later_than_that_are_clamped_dropped_or_refused(times, lateness, cut):
    time, rows = np.array(times), len(times)
    newest = np.maximum.accumulate(np.concatenate([[time[0]], time[:-1]]))
    late = time < newest - lateness
    whole = raw(rows, time=START + time * SECOND)
    parts = [RawRows({n: c[a:b] for n, c in whole.columns.items()}, whole.names) for a, b in ((0, cut), (cut, rows)) if a < min(b, rows)]

    clamped, fault = taken(ingest := Ingest(SymbolTable(), late="clamp", lateness_ns=lateness * SECOND), *parts)
    kept_time = np.where(late, newest - lateness, time)
    order = np.argsort(kept_time, kind="stable")
    assert (fault, ingest.late_rows) == (None, late.sum())
    assert (clamped.time - START).tolist() == (kept_time[order] * SECOND).tolist()
    assert (clamped.event_time - START).tolist() == (time[order] * SECOND).tolist()
    assert clamped.price.tolist() == whole.columns["price"][order].tolist()

    told: list[dict[str, object]] = []
    dropped, fault = taken(Ingest(SymbolTable(), late="drop", lateness_ns=lateness * SECOND, on_drop=told.append), *parts)
    kept = np.flatnonzero(~late)
    assert fault is None
    assert dropped.price.tolist() == whole.columns["price"][kept[np.argsort(time[kept], kind="stable")]].tolist()
    assert [row["price"] for row in told] == whole.columns["price"][late].tolist()

    batches, fault = accepted(Ingest(SymbolTable(), lateness_ns=lateness * SECOND), whole)
    first = int(np.argmax(late)) if late.any() else rows
    assert isinstance(fault, LateRow) == late.any()
    if isinstance(fault, LateRow):
        assert (fault.line, fault.late_ns) == (first + 2, (newest[first] - time[first]) * SECOND)
        assert sum(map(len, batches)) == first


def test_rows_that_waited_and_come_all_at_once_come_in_batches_of_equal_columns():
    rows = 3 * BATCH_ROWS
    waiting = raw(rows, time=START + np.arange(rows))
    tape, fault = taken(Ingest(SymbolTable(), lateness_ns=3600 * SECOND), waiting, raw(1, time=[START + 7200 * SECOND]))
    assert (fault, len(tape), tape.seq.tolist()) == (None, rows + 1, list(range(rows + 1)))


def test_rows_wait_for_their_turn_and_no_longer():
    ingest = Ingest(SymbolTable(), lateness_ns=2 * SECOND)
    parts = [raw(1, time=[START + second * SECOND]) for second in (0, 3, 1, 5, 4, 9)]
    out = [[(t - START) // SECOND for batch in ingest.accept(part) for t in batch.time.tolist()] for part in parts]
    assert out == [[], [0], [1], [3], [], [4, 5]]
    assert [(t - START) // SECOND for b in ingest.finish() for t in b.time.tolist()] == [9]
    assert list(ingest.finish()) == []


@pytest.mark.parametrize("bad", [{"symbol": np.array([9], np.int32)}, {"price": [NAN]}, {"time": [0]}], ids=str)
@pytest.mark.parametrize("late", ["fail", "clamp"])
def test_rows_that_wait_stand_when_a_later_row_is_bad(bad, late):
    ingest = Ingest(SymbolTable(), late=late, lateness_ns=9 * SECOND)
    assert list(ingest.accept(raw(3))) == []
    batches, fault = accepted(ingest, raw(1, **{"time": [START + 3 * SECOND], **bad}))
    assert isinstance(fault, BadRow)
    (tape,) = batches
    assert (tape.price.tolist(), tape.kind.tolist()) == ([10.0, 11.0, 12.0], [Kind.TRADE] * 3)
    assert ("event_time" in tape.columns) == (late == "clamp")


def test_no_rows_are_no_batch():
    ingest = Ingest(SymbolTable(), lateness_ns=SECOND)
    assert list(ingest.accept(raw(0))) == []
    assert list(ingest.finish()) == []
