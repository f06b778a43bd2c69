"""The kernel for plain CSV reads what the definition reads, to the last bit, or leaves the block alone."""

import numpy as np
import pytest
from csv_files import START_NS
from hypothesis import given
from hypothesis import strategies as st

from feeds.csv_cells import Layout
from feeds.csv_plain import MOST_NAMES, plain_cells, warm_up
from feeds.csv_times import Times

LAYOUT = Layout("x.csv", ("time", "note", "symbol", "price"), {"time": (0,), "symbol": (2,), "price": (3,)}, Times("ns"))

warm_up()  # a deadline is no place to compile in


def cells(*rows: str, end: str = "\n"):
    block = "".join(row + end for row in rows).encode()
    return plain_cells(block, len(rows), LAYOUT)


@given(st.lists(st.from_regex(r"-?[0-9]{1,12}(\.[0-9]{0,9})?", fullmatch=True), min_size=1, max_size=20), st.sampled_from(["\n", "\r\n"]))
def test_decimal_numbers_are_rounded_as_python_rounds_them(texts, end):
    found = cells(*(f"{START_NS},,A,{text}" for text in texts), end=end)
    if any(len(text.strip("-").replace(".", "")) > 15 for text in texts):
        assert found is None
    else:
        np.testing.assert_array_equal(found[0]["price"], np.array([float(text) for text in texts]))
        assert np.signbit(found[0]["price"]).tolist() == [text[0] == "-" for text in texts]


@given(st.lists(st.text("ABé€1 .", min_size=1, max_size=4), min_size=1, max_size=30))
def test_names_are_kept(names):
    found, texts = cells(*(f"{START_NS},x,{name},1" for name in names))
    assert [texts["symbol"][code - 1] for code in found["symbol"].tolist()] == names
    assert texts["symbol"] == list(dict.fromkeys(names))


@given(st.integers(-(10**19), 10**20))
def test_whole_numbers_are_exact_or_left_alone(value):
    found = cells(f"{value},,A,1")
    if found is None:
        assert abs(value) >= 2**63 or len(str(abs(value))) > 19
    else:
        assert found[0]["time"].tolist() == [value]


@given(st.binary(max_size=30))
def test_any_bytes_are_read_or_left_alone(line):
    block = b"%d,,A,1\n" % START_NS + line + b"\n"
    found = plain_cells(block, block.count(b"\n"), LAYOUT) if block.isascii() else None
    assert found is None or len(found[0]["time"]) == block.count(b"\n")


@pytest.mark.parametrize(
    "price", ["+1", "1e5", " 1", "1 ", "0x1", "nan", "inf", "1_0", ".", "-", "--1", '"1"', "1.5.5", "1234567890123456", "a"]
)
def test_other_numbers_are_left_alone(price):
    assert cells(f"{START_NS},,A,{price}") is None


@pytest.mark.parametrize(
    "line", ["", f"{START_NS},,A", f"{START_NS},,A,1,", f'{START_NS},"x",A,1', f"{START_NS},\rx,A,1", f"{START_NS},,A,1\r\r"]
)
def test_other_lines_are_left_alone(line):
    assert cells(f"{START_NS},,A,1", line) is None


def test_a_last_line_without_an_end_is_left_alone():
    assert plain_cells(f"{START_NS},,A,1".encode(), 1, LAYOUT) is None


def test_a_block_of_very_many_names_is_left_alone():
    rows = [f"{START_NS},,A{number},1" for number in range(MOST_NAMES + 1)]
    assert len(cells(*rows[:-1])[1]["symbol"]) == MOST_NAMES
    assert cells(*rows) is None


def test_an_absent_number_is_nan():
    assert np.isnan(cells(f"{START_NS},,A,")[0]["price"]).all()
