"""Ticks: columns that nobody can write, from and to lists, pandas and Arrow."""

import copy
import pickle
from array import array

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hurtful import hurtful_tape, tapes
from hypothesis import given, settings
from hypothesis import strategies as st
from tries import tries

from pipeline.errors import InputError
from pipeline.symbols import SymbolTable
from pipeline.ticks import COLUMN_TYPES, Kind, Ticks

NOON = 1_704_196_800 * 10**9
TIMES = pd.DatetimeIndex(["2024-01-02T12:00:00.000001", "2024-01-02T12:00:01.5", "2024-01-02T12:00:02"])
TIMES_NS = [NOON + 1000, NOON + 1_500_000_000, NOON + 2_000_000_000]


def frame(**changed: object) -> pd.DataFrame:
    return pd.DataFrame({"time": TIMES, "symbol": ["SPY", "NA", "000001"], "price": [1.5, 2.5, 3.5], "size": [1, 2, 3], **changed})


def small() -> Ticks:
    return Ticks.of(TIMES_NS, ["SPY", "IBM", "SPY"], price=[1, 2, 3], size=[1.0, 2.0, 3.0], side=[1, -1, 0], trade_id=[7, 8, 9])


def same(one: Ticks, other: Ticks) -> bool:
    """Whether both have the same columns, to the bit, and the same symbols."""
    return (
        list(one.columns) == list(other.columns)
        and all(column.dtype == other.columns[name].dtype for name, column in one.columns.items())
        and all(column.tobytes() == other.columns[name].tobytes() for name, column in one.columns.items())
        and list(one.symbols) == list(other.symbols)
    )


def test_columns_have_the_types_of_the_tape_whatever_they_were_made_of():
    ticks = small()
    assert list(ticks.columns) == ["seq", "time", "symbol", "kind", "price", "size", "side", "trade_id"]
    assert all(column.dtype == COLUMN_TYPES[name] for name, column in ticks.columns.items() if name in COLUMN_TYPES)
    assert (ticks.seq.tolist(), ticks.symbol.tolist(), ticks.kind.tolist()) == ([0, 1, 2], [1, 2, 1], [Kind.TRADE] * 3)
    assert Ticks.of([1], ["A"], bid=[1.0], ask=[2.0]).kind.tolist() == [Kind.QUOTE]


def test_columns_are_read_only_and_no_view_of_what_they_were_made_of():
    mine = np.array([1.0, 2.0])
    ticks = Ticks.of([1, 2], ["A", "B"], price=mine)
    mine[0] = 99.0
    assert ticks.price.tolist() == [1.0, 2.0]
    assert mine.flags.writeable
    for name, column in ticks.columns.items():
        assert not column.flags.writeable, name
        assert column.flags.c_contiguous, name
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 0


@pytest.mark.parametrize(
    "mine", [array("q", [1, 2]), np.array([1, 2], np.longlong), np.array([1, 2], np.int64), np.array([1, 2, 3])[:2], [1, 2], "text"]
)
def test_no_column_shares_memory_with_what_it_was_made_of(mine):
    mine = np.array(["a", "b"], object) if isinstance(mine, str) else mine
    name = "time" if mine[0] == 1 else "note"
    ticks, before = Ticks.of(**{"time": [1, 2], "symbol": ["A", "B"], "price": [1.0, 2.0], name: mine}), list(mine)[:2]
    mine[0] = mine[1]
    assert ticks.columns[name].tolist() == before


def test_nobody_puts_another_column_into_a_batch():
    ticks = small()
    with pytest.raises(TypeError, match="does not support item assignment"):
        ticks.columns["price"] = np.zeros(len(ticks))
    again = pickle.loads(pickle.dumps(ticks))
    assert again.price.tolist() == ticks.price.tolist()
    assert copy.deepcopy(ticks).symbols.names([1]) == ticks.symbols.names([1])
    assert not any(column.flags.writeable for each in (again, copy.deepcopy(ticks)) for column in each.columns.values())


@pytest.mark.parametrize(
    "column", [np.arange(12.0)[::2], np.arange(6)[::-1], np.asfortranarray(np.ones((6, 2)))[:, 1], np.arange(6, dtype=">f8"), [1] * 6]
)
def test_columns_of_odd_layout_become_plain(column):
    ticks = Ticks.of(np.arange(12)[::2], ["A"] * 6, price=column, size=column)
    for name in ("time", "price"):
        assert ticks.columns[name].flags.c_contiguous
        assert ticks.columns[name].dtype == COLUMN_TYPES[name]
    assert ticks.price.tolist() == [float(x) for x in column]


def test_a_stretch_shares_memory_and_stays_read_only():
    ticks = small()
    part = ticks[1:]
    assert (len(part), part.seq.tolist(), part.symbols is ticks.symbols) == (2, [1, 2], True)
    for name, column in part.columns.items():
        assert np.shares_memory(column, ticks.columns[name]), name
        assert not column.flags.writeable, name


@pytest.mark.parametrize("rows", [0, slice(None, None, 2), slice(None, None, -1), np.array([True, False, True])], ids=repr)
def test_only_stretches_can_be_cut(rows):
    with pytest.raises(InputError, match="stretches"):
        small()[rows]


@given(ticks=tapes(), cut=st.integers(0, 160))
@settings(max_examples=tries(30), deadline=None)
def test_concat_undoes_a_cut(ticks, cut):
    joined = Ticks.concat([ticks[:cut], ticks[cut:]])
    assert same(joined, ticks)
    assert not joined.price.flags.writeable


def test_only_parts_of_one_tape_can_be_joined():
    ticks = small()
    others = [Ticks.of([1], ["SPY"], price=[1.0]), Ticks({**ticks.columns, "extra": ticks.price}, ticks.symbols)]
    for other in others:
        with pytest.raises(InputError, match="same columns and the same symbol table"):
            Ticks.concat([ticks, other])


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda ticks: pickle.loads(pickle.dumps(ticks))], ids=["copy", "deep", "pickle"]
)
def test_ticks_can_be_copied(copied):
    assert same(copied(small()), small())


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"time": [1, 2, 3]}, "column time has the shape"),
        ({"price": [[1.0, 2.0]]}, "column price has the shape"),
        ({"price": ["1", "abc"]}, "column price: .*abc"),
        ({"price": [1.0, None]}, "column price"),
        ({"time": ["2024-01-02", "2024-01-03"]}, "column time: .*2024-01-02"),
        ({"time": [1.0, 1.5]}, "column time has values that are no whole numbers, such as 1.5"),
        ({"side": [1.0, np.nan]}, "column side has values that are no whole numbers, such as nan"),
        ({"symbol": np.array([1, 3])}, "codes from 0 to 2 .* found 1 to 3"),
        ({"symbol": np.array([-1, 1])}, "codes from 0 to 2 .* found -1 to 1"),
    ],
)
def test_what_is_no_tape_is_refused_and_never_changed(columns, reason):
    given_columns = {"time": [1, 2], "symbol": ["A", "B"], "price": [1.0, 2.0], **columns}
    if "price" in columns and columns["price"] == [1.0, None]:
        assert np.isnan(Ticks.of(**given_columns).price[1])  # numpy's reading of None: absent, and refused later on a trade
        return
    with pytest.raises(InputError, match=reason):
        Ticks.of(**given_columns, symbols=SymbolTable(["A", "B"]))


def test_an_unknown_column_is_named_with_those_that_are_there():
    with pytest.raises(AttributeError, match=r"no column 'prize'; they have seq, time, symbol, kind, price, size"):
        _ = small().prize


# pandas. Version 3 keeps microseconds: the tape carries nanoseconds.


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_timestamps_of_any_unit_become_nanoseconds(unit, zone):
    whole = TIMES.as_unit("ns").floor("s").as_unit(unit)
    given_times = whole if zone is None else whole.tz_localize(zone)
    expected = [stamp.value for stamp in given_times.as_unit("ns")]
    assert given_times.dtype.name.startswith(f"datetime64[{unit}")
    assert Ticks.from_pandas(frame(time=given_times)).time.tolist() == expected
    assert Ticks.from_pandas(frame().drop(columns="time").set_axis(given_times)).time.tolist() == expected
    if zone is None:
        assert Ticks.of(given_times.to_numpy(), ["A"] * 3, price=[1.0] * 3).time.tolist() == expected


def test_timestamps_that_pandas_read_by_itself_keep_their_microseconds():
    assert Ticks.from_pandas(frame()).time.tolist() == TIMES_NS
    assert Ticks.from_pandas(frame(time=TIMES_NS)).time.tolist() == TIMES_NS


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_frames_of_every_backend_are_read(backend):
    ticks = Ticks.from_pandas(frame().convert_dtypes(dtype_backend=backend))
    assert same(ticks, Ticks.from_pandas(frame()))


def test_symbols_of_a_frame_are_kept_verbatim_and_a_missing_one_is_none():
    ticks = Ticks.from_pandas(frame(symbol=pd.Categorical(["NA", "TRUE", "1E5"])))
    assert list(ticks.symbols) == ["NA", "TRUE", "1E5"]
    for missing in (None, np.nan, pd.NA):
        ticks = Ticks.from_pandas(frame(symbol=np.array(["A", missing, "nan"], dtype=object)))
        assert (ticks.symbol.tolist(), list(ticks.symbols)) == ([1, 0, 2], ["A", "nan"])


@pytest.mark.parametrize("absent", ["time", "symbol"])
def test_a_frame_without_time_or_symbol_is_refused(absent):
    with pytest.raises(InputError, match=f"no column '{absent}'"):
        Ticks.from_pandas(frame().drop(columns=absent))


@given(ticks=tapes())
@settings(max_examples=tries(25), deadline=None)
def test_pandas_gives_back_what_it_got(ticks):
    again = Ticks.from_pandas(ticks.to_pandas(), SymbolTable(ticks.symbols))
    assert same(again, ticks)


def test_a_frame_has_text_and_utc_timestamps():
    shown = small().to_pandas()
    assert shown["symbol"].tolist() == ["SPY", "IBM", "SPY"]
    assert str(shown["time"].dtype) == "datetime64[ns, UTC]"
    assert shown["time"][0] == pd.Timestamp(TIMES_NS[0], tz="UTC")


# Arrow.


@given(ticks=tapes())
@settings(max_examples=tries(25), deadline=None)
def test_arrow_reads_ticks_as_they_are(ticks):
    table = pa.table(ticks)
    assert table.column_names == list(ticks.columns)
    assert table.schema.field("time").type == pa.timestamp("ns", "UTC")
    assert table["time"].cast(pa.int64()).to_numpy().tolist() == ticks.time.tolist()
    assert table["symbol"].to_pylist() == [ticks.symbols.name(code) for code in ticks.symbol.tolist()]
    for name in set(ticks.columns) - {"time", "symbol"}:
        assert table[name].to_numpy().tobytes() == ticks.columns[name].tobytes(), name
    again = Ticks.from_pandas(table.to_pandas(), SymbolTable(ticks.symbols))
    assert same(again, ticks)


def test_no_ticks_at_all_are_ticks():
    none = small()[:0]
    assert (len(none), pa.table(none).num_rows, len(none.to_pandas()), list(none)) == (0, 0, 0, [])
    assert "0 ticks of 2 symbols" in none._repr_html_()


# Shown and read one by one.


def test_a_notebook_shows_ten_rows_and_neutralises_markup():
    ticks = Ticks.of(np.arange(12) + NOON, ["<b>&amp;</b>"] * 12, price=np.arange(12.0))
    shown = ticks._repr_html_()
    assert "12 ticks of 1 symbols" in shown
    assert shown.count("<tr>") == 10
    assert "<b>" not in shown
    assert "2024-01-02" in shown


def test_rows_one_by_one_have_names_and_nan_for_what_is_absent():
    (tick, *_) = list(small())
    assert (tick.seq, tick.time, tick.symbol, tick.kind, tick.price, tick.size) == (0, TIMES_NS[0], "SPY", Kind.TRADE, 1.0, 1.0)
    assert np.isnan([tick.bid, tick.ask]).all()


def test_trades_and_quotes_are_told_apart_and_only_counted_rows_count():
    ticks = hurtful_tape(3, rows=300)
    assert ticks.trades.tolist() == (ticks.kind == Kind.TRADE).tolist()
    assert ticks.quotes.tolist() == (ticks.kind == Kind.QUOTE).tolist()
    counted = np.arange(300) % 2 == 0
    filtered = Ticks(ticks.columns, ticks.symbols, None, counted)
    assert filtered.trades.tolist() == ((ticks.kind == Kind.TRADE) & counted).tolist()
    assert filtered[10:20].quotes.tolist() == ((ticks.kind == Kind.QUOTE) & counted)[10:20].tolist()
    assert not filtered.trades.flags.writeable
