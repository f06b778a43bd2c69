"""Rows, alerts and configurations come back as they went in: every bit of every column, symbols by name."""

import mmap

import numpy as np
import pytest
from hurtful import tapes
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.alerts import Alert, Order
from pipeline.errors import JournalError
from pipeline.journal.arrow import message_of, serialized
from pipeline.journal.configuration import Chosen, Configuration, config_of, config_record
from pipeline.journal.frames import VERSIONS, Content, Frame
from pipeline.journal.payloads import (
    CODECS,
    Codec,
    alerts_of,
    alerts_record,
    codes_in,
    lies_still,
    ticks_head,
    ticks_of,
    ticks_record,
    ticks_record_later,
)
from pipeline.symbols import SymbolTable
from pipeline.ticks import Kind, Ticks, sealed
from strategies.volume_breakout import VolumeBreakout

COMPRESSIONS = (None, "zstd", "lz4")


def framed(record, seq=1):
    """A frame as a reader gives it."""
    return Frame(seq, record.content, record.version, memoryview(record.payload), b"", 0, 0, 0)


def bits(ticks):
    """Everything of some rows, symbols by name."""
    memory = {name: column.tolist() if column.dtype == object else column.tobytes() for name, column in ticks.columns.items()}
    types = {f"type of {name}": column.dtype.str for name, column in ticks.columns.items()}
    return memory | types | {"symbol": ticks.symbols.names(ticks.symbol.tolist())}


@settings(deadline=None)
@given(ticks=tapes(), compression=st.sampled_from(COMPRESSIONS))
def test_rows_come_back_bit_for_bit(ticks, compression):
    again = ticks_of(framed(ticks_record(ticks, compression=compression)), SymbolTable())
    assert bits(again) == bits(ticks)
    assert list(again.columns) == list(ticks.columns)
    assert {Kind.GAP, Kind.HEARTBEAT} & set(again.kind.tolist()) == {Kind.GAP, Kind.HEARTBEAT} & set(ticks.kind.tolist())


@settings(deadline=None)
@given(patterns=arrays(np.uint64, 7), compression=st.sampled_from(COMPRESSIONS))
def test_every_pattern_of_bits_is_a_price_that_comes_back(patterns, compression):
    ticks = Ticks.of(time=np.arange(7), symbol=["A"] * 7, price=patterns.view(np.float64), event_time=patterns.view(np.int64))
    again = ticks_of(framed(ticks_record(ticks, compression=compression)), SymbolTable())
    assert again.price.tobytes() == patterns.tobytes()
    assert again.event_time.tobytes() == patterns.tobytes()


FURTHER = {
    "integers": np.array([1, -2, 2**62]),
    "bytes": np.array([1, 2, 255], np.uint8),
    "truth": np.array([True, False, True]),
    "text": np.array(["", "übung", "a\0b"]),
    "raw": np.array([b"", b"ab", b"\xff"]),
    "objects": np.array(["x", None, ""], object),
    "times": np.array([0, 1, -(2**63)], "M8[ns]"),
    "days": np.array([0, 1, 2], "M8[D]"),
    "spans": np.array([0, 1, 2], "m8[us]"),
    "halves": np.array([0.5, np.nan, -0.0], np.float16),
    "singles": np.array([0.1, np.inf, -0.0], np.float32),
    "turned": np.array([1.5, 2.5, 3.5], ">f8"),
    "complex": np.array([1 + 2j, np.nan, 0]),
}


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("name", FURTHER)
def test_a_column_of_any_type_comes_back(name, compression):
    plain = Ticks.of(time=[1, 2, 3], symbol=["A", "", "B"], price=[1.0, 2.0, 3.0])
    for rows in (slice(0, 3), slice(1, 2), slice(0, 0)):
        ticks = Ticks({**plain.columns, "trade_id": FURTHER[name]}, plain.symbols)[rows]
        again = ticks_of(framed(ticks_record(ticks, compression=compression)), SymbolTable())
        assert bits(again) == bits(ticks)


def test_objects_that_are_no_text_are_refused_by_column():
    ticks = Ticks.of(time=[1], symbol=["A"], price=[1.0])
    with pytest.raises(JournalError, match="column trade_id holds objects that are no text"):
        ticks_record(Ticks({**ticks.columns, "trade_id": np.array([object()], object)}, ticks.symbols))


def test_rows_read_from_a_frame_are_what_kernels_take():
    again = ticks_of(framed(ticks_record(Ticks.of(time=[1, 2], symbol=["A", "B"], price=[1.0, 2.0]))), SymbolTable())
    for column in again.columns.values():
        assert (column.flags.c_contiguous, column.flags.aligned, column.flags.writeable) == (True, True, False)


@settings(deadline=None)
@given(st.data())
def test_codes_are_those_of_the_table_that_reads_whatever_it_knows_already(data):
    names = data.draw(st.lists(st.sampled_from("ABCDEFGH"), min_size=1, max_size=20))
    many = SymbolTable([f"X{i}" for i in range(data.draw(st.sampled_from((0, 3, 300))))])
    ticks = Ticks.of(time=range(len(names)), symbol=names, symbols=many, price=np.ones(len(names)))
    table = SymbolTable(data.draw(st.permutations("HGX")))
    again = ticks_of(framed(ticks_record(ticks)), table)
    assert table.names(again.symbol.tolist()) == names
    fresh = SymbolTable()
    ticks_of(framed(ticks_record(Ticks.of(time=range(len(names)), symbol=names, price=np.ones(len(names))))), fresh)
    assert list(fresh) == list(dict.fromkeys(names))


def test_a_record_that_is_made_later_is_what_it_would_have_been():
    rows, locked = 48, np.ones(48)
    locked.setflags(write=False)
    for columns in ({}, {"bid": np.ones(rows)}, {"bid": locked}):  # all sealed, one that may be written to, one that may be made so
        ticks = Ticks.of(time=range(rows), symbol=["A", "B"] * (rows // 2), price=np.ones(rows))
        ticks = Ticks({**ticks.columns, **columns}, ticks.symbols)
        now, later = ticks_record(ticks), ticks_record_later(ticks)
        ticks.symbols.code("C")
        assert ticks_record(ticks) != now
        for column in columns.values():
            column.setflags(write=True)
            column[:] = 9.0
        assert later() == now
        assert (later() is later()) == bool(columns)  # made at once, or each time


def test_a_column_of_another_length_is_refused():
    ticks = Ticks.of(time=[1, 2, 3], symbol=["A"] * 3, price=np.ones(3))
    with pytest.raises(JournalError, match=r"column price has the shape \(2,\); expected one value for each of 3 rows"):
        ticks_record(Ticks({**ticks.columns, "price": np.ones(2)}, ticks.symbols))


def test_what_lies_still_is_what_cannot_be_made_writable():
    own, read, buffer = np.arange(4.0), np.arange(4.0), np.frombuffer(bytearray(8))
    seen = own[1:]
    for each in (read, seen, buffer):
        each.setflags(write=False)
    beneath = bytearray(8)
    view, mapped = np.frombuffer(memoryview(beneath).toreadonly()), np.frombuffer(mmap.mmap(-1, 8, access=mmap.ACCESS_READ))
    beneath[:] = b"changed!"
    assert view.tobytes() == b"changed!"
    assert [lies_still(each) for each in (own, seen, read, read[1:], buffer, view, mapped)] == [False] * 7
    given = sealed(np.arange(4.0))
    for each in (given, given[1:][1:], np.frombuffer(bytes(8)), Ticks.of(time=[1], symbol=["A"], price=[1.0]).price):
        assert lies_still(each)
        with pytest.raises(ValueError, match="WRITEABLE"):
            each.setflags(write=True)


@pytest.mark.parametrize("seq", [[5, 6, 7], [5, 5, 9], [7, 6, 5], [0, 2, 3]])
def test_numbers_of_rows_come_back_whether_or_not_they_count_up(seq):
    ticks = Ticks.of(time=[1, 2, 3], symbol=["A"] * 3, seq=seq, price=[1.0, 2.0, 3.0])
    assert ticks_of(framed(ticks_record(ticks)), SymbolTable()).seq.tolist() == seq


def test_the_head_of_rows_tells_what_there_is_without_reading_them():
    head = ticks_head(ticks_record(Ticks.of(time=[5, 9], symbol=["A", ""], seq=[100, 101], price=[1.0, 2.0])).payload)
    assert (head.rows, head.first, head.since, head.until, head.names) == (2, 100, 5, 9, ["", "A"])


def test_alerts_come_back_as_they_were():
    alerts = [
        Alert(
            symbol="SPY",
            time=1,
            message="<b>\n\x1b",
            values={"x": float("nan"), "y": -0.0, "z": float("inf")},
            order=Order(1, 0, 7),
            id="a" * 20,
        ),
        Alert(symbol="IBM", time=-(2**62), event="cleared", severity="info", strategy="s", rule="r"),
    ]
    again = alerts_of(framed(alerts_record(alerts)))
    assert repr(again) == repr(alerts)
    assert alerts_of(framed(alerts_record([]))) == []


def test_a_configuration_comes_back_as_it_was():
    config = Configuration("csv:ticks.csv", [Chosen.by(VolumeBreakout(move=0.02))], {"run.late": "clamp"}, {"rxtape": "0.1.0"})
    again = config_of(framed(config_record(config)))
    assert again == config
    (chosen,) = again.strategies
    assert (chosen.name, chosen.of, chosen.parameters["move"]) == ("volume_breakout", "strategies.volume_breakout:VolumeBreakout", "0.02")


def test_a_frame_of_another_kind_is_refused():
    with pytest.raises(JournalError, match="frame 7 holds alerts, not ticks"):
        ticks_of(framed(alerts_record([]), 7), SymbolTable())


def test_fault_16_what_an_older_release_wrote_is_brought_up_to_date_version_by_version(monkeypatch):
    renamed = Codec(3, {1: lambda old: bytes(old).replace(b"sym", b"symbol"), 2: lambda old: bytes(old) + b"!"})
    assert [renamed.current(b"sym", version) for version in (1, 2, 3)] == [b"symbol!", b"sym!", b"sym"]
    monkeypatch.setitem(CODECS, Content.ALERTS, Codec(2, {1: lambda old: alerts_record([Alert(symbol="up", time=1)]).payload}))
    assert alerts_of(framed(alerts_record([])))[0].symbol == "up"


def test_every_version_before_the_newest_has_an_upcaster():
    for content in Content:
        assert CODECS[content].version == VERSIONS[content]
        assert set(CODECS[content].upcasters) == set(range(1, VERSIONS[content]))


@settings(deadline=None)
@given(rows=st.integers(1, 70), names=st.lists(st.sampled_from(sorted(set(FURTHER) - {"objects"})), min_size=1, unique=True))
def test_columns_as_they_lie_are_the_message_that_arrow_writes(rows, names):
    columns = {name: np.resize(FURTHER[name], rows)[::-1] for name in names}
    assert b"".join(message_of(columns, rows)) == bytes(serialized(columns, None))


@settings(deadline=None)
@given(codes=arrays(np.int32, st.integers(0, 80), elements=st.integers(0, 4)), symbols=st.sampled_from((4, 5, 20, 300, 100_000)))
def test_codes_in_names_what_occurs_in_order_of_code_by_whatever_way(codes, symbols):
    found, local = codes_in(codes, symbols)
    expected = range(symbols + 1) if symbols * 16 <= len(codes) else sorted({0, *codes.tolist()})
    assert (found, local.dtype) == (list(expected), np.int32)
    assert [found[place] for place in local] == codes.tolist()
