"""Symbols: names verbatim, codes dense and for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError, TooManySymbols
from pipeline.symbols import MAX_NAME, MAX_SYMBOLS, SymbolTable

NAMES = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=12)


@given(names=st.lists(NAMES))
def test_codes_are_dense_in_order_of_appearance_and_stay(names):
    table = SymbolTable()
    codes = table.codes(names)
    distinct = list(dict.fromkeys(names))
    assert list(table) == distinct
    assert codes.dtype == "i4"
    assert codes.tolist() == [distinct.index(name) + 1 for name in names]
    assert table.codes(names).tolist() == codes.tolist()
    assert table.names(codes.tolist()) == names
    assert (len(table), table.name(0)) == (len(distinct), "")


@pytest.mark.parametrize(
    "name", ["NA", "NAN", "NULL", "TRUE", "000001", "1E5", "INF", "=cmd()", "🙂", "BRK.B", "EUR/USD", "a b", "x" * MAX_NAME]
)
def test_fault_38_a_symbol_is_kept_verbatim(name):
    table = SymbolTable()
    assert table.name(table.code(name)) == name
    assert name in table


@pytest.mark.parametrize(
    "name", ["", " A", "A ", "A\nB", "A\tB", "\0", "\x1b[31m", "\u202eABC", "x" * (MAX_NAME + 1), "x" * 10_000, None, 7, 1.5]
)
def test_fault_38_what_is_no_symbol_is_refused_and_shown_in_short(name):
    table = SymbolTable()
    with pytest.raises(InputError, match="is no symbol; expected 1 to 256 printable characters") as raised:
        table.code(name)
    assert len(str(raised.value)) < 200
    assert "\x1b" not in str(raised.value)
    assert len(table) == 0


def test_fault_56_past_the_limit_a_new_symbol_is_refused_by_name_and_the_known_ones_stand():
    table = SymbolTable(limit=2)
    table.codes(["A", "B"])
    with pytest.raises(TooManySymbols, match=r"symbol 'C' is one more than the limit of 2; raise it with --max-symbols") as raised:
        table.codes(["A", "C", "B"])
    assert (raised.value.symbol, raised.value.limit) == ("C", 2)
    assert (list(table), table.code("A"), table.code("B"), "C" in table) == (["A", "B"], 1, 2, False)


def test_the_limit_is_a_million_by_default():
    assert SymbolTable().limit == MAX_SYMBOLS == 1_000_000


@given(first=st.lists(NAMES, unique=True), later=st.lists(NAMES, unique=True))
def test_a_snapshot_gives_the_same_codes_again(first, later):
    table = SymbolTable(first)
    kept = table.snapshot()
    table.codes(later)
    for start in ([], first[: len(first) // 2], first):
        again = SymbolTable(start)
        again.restore(kept)
        again.codes(later)
        assert list(again) == list(table)


def test_a_snapshot_of_other_codes_is_refused():
    for mine in (["B", "A"], ["A", "B", "C"]):
        table = SymbolTable(mine)
        with pytest.raises(InputError, match="codes cannot be shared"):
            table.restore(("A", "B"))
        assert list(table) == mine
