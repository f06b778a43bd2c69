"""JSON lines: what a line may hold, and what is said of one that does not (FAULTS 42)."""

import gzip
import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_files import START, tape_of
from tries import tries

from feeds.json_lines import json_lines
from feeds.reading import Reading
from pipeline.errors import BadRow, InputError

GOOD = f'{{"time":{START},"symbol":"SPY","price":1.5,"size":"2.50"}}'


def written(folder, *lines: str, end: str = "\n") -> Path:
    path = Path(folder) / "ticks.jsonl"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass") + end.encode())
    return path


def with_price(price: str) -> str:
    return GOOD.replace("1.5", price)


@pytest.mark.parametrize(
    ("line", "column", "words"),
    [
        (with_price("NaN"), "object", "has NaN, which JSON does not know; write null"),
        (with_price("-Infinity"), "object", "has -Infinity, which JSON does not know"),
        (with_price('1.5,"price":1.6'), "object", "has the key 'price' twice"),
        (with_price('1.5,"\\u0070rice":1.6'), "object", "has the key 'price' twice"),
        *((with_price(f'1.5,"price"{blank}:1.6'), "object", "has the key 'price' twice") for blank in (" ", "\t", "\r", "  ")),
        (with_price("[" * 100_000 + "]" * 100_000), "object", "is nested too deeply"),
        *((with_price(sign + "2" * digits), "price", "is not finite") for digits in (309, 310, 4300, 5000) for sign in ("", "-")),
        (with_price("1e400"), "price", "is not finite"),
        (with_price('"1e400"'), "price", "is not finite"),
        (with_price('"nan"'), "price", "is not a number"),
        (with_price('"0x10"'), "price", "is not a number"),
        (with_price('"١"'), "price", "is not a number in plain digits"),
        (with_price("true"), "price", "is not a number"),
        (with_price("null"), "price", "is missing"),
        (with_price("[1.5]"), "price", "is an array; expected one value"),
        (with_price('{"value":1}'), "price", "is an object; expected one value"),
        ("[1, 2]", "object", "is an array; expected one object a line"),
        (f"[{GOOD}]", "object", "is an array; expected one object a line"),
        ("7", "object", "is a number; expected one object a line"),
        (GOOD[:30], "object", "no JSON"),
        (GOOD + GOOD, "object", "is no JSON from character"),
        (GOOD.replace('"SPY"', "7"), "symbol", "is a number; expected text in quotes"),
        (GOOD.replace('"SPY"', "null"), "symbol", "is missing"),
        (GOOD.replace('"SPY"', '"\\ud800"'), "symbol", "is not Unicode text"),
        (GOOD.replace(str(START), "-0"), "time", "between 2000 and 2100"),
        (GOOD.replace(str(START), "1" * 5000), "time", "is not finite"),
        (GOOD.replace(str(START), str(2**64)), "time", "is no time"),
        (GOOD.replace(str(START), "1.5e18"), "time", "is a float"),
        (GOOD.replace(str(START), "true"), "time", "is not a number"),
        (f'{{"time":{START},"symbol":"SPY","last":1}}', "price", "the object has no key price"),
    ],
    ids=lambda value: value[:40] if len(value) < 300 else f"{value[:40]}...",
)
@pytest.mark.parametrize("before", [1, 3])
def test_fault_42_a_line_that_is_none_is_named_and_the_others_stand(tmp_path, line, column, words, before):
    columns, refused, fault = tape_of(json_lines(written(tmp_path, *[GOOD] * before, line, GOOD)))
    assert (len(columns["time"]), fault, len(refused)) == (before + 1, None, 1)
    place, bad = refused[0]
    assert (place, bad.line, bad.column) == (before, before + 1, column)
    assert words in bad.reason
    assert len(str(bad)) < 400


def test_fault_42_half_a_last_line(tmp_path):
    columns, refused, fault = tape_of(json_lines(written(tmp_path, GOOD, GOOD, GOOD[:-5], end="")))
    assert (len(columns["time"]), fault) == (2, None)
    assert (refused[0][1].line, "no JSON" in refused[0][1].reason or "ends in the middle" in refused[0][1].reason) == (3, True)
    assert len(tape_of(json_lines(written(tmp_path, GOOD, GOOD, end="")))[0]["time"]) == 2


def test_fault_42_a_byte_that_is_no_text(tmp_path):
    path = written(tmp_path, GOOD)
    path.write_bytes(path.read_bytes() + GOOD.encode().replace(b"SPY", b"S\xff") + b"\n")
    assert "is not UTF-8 text, from byte" in tape_of(json_lines(path))[1][0][1].reason
    path.write_bytes(GOOD.encode("utf-16"))
    with pytest.raises(InputError, match="UTF-16"):
        json_lines(path)


def test_lines_are_counted_blank_ones_too_and_ends_may_be_of_windows(tmp_path):
    path = written(tmp_path, "\ufeff" + GOOD, "", "  ", GOOD + "\r", with_price("NaN") + "\r", GOOD)
    columns, refused, _ = tape_of(json_lines(path))
    assert (columns["row"], refused[0][1].line) == ([1, 4, 6], 5)


def test_objects_of_a_venue(tmp_path):
    trade = '{"e":"trade","E":1,"s":"BNBBTC","t":12345,"p":"0.00100000","q":"100","T":1672515782136,"m":true,"M":true}'
    reading = Reading(
        columns={"time": "T", "symbol": "s", "price": "p", "size": "q", "side": "m", "trade_id": "t"}, sides={"true": -1, "false": 1}
    )
    feed = json_lines(written(tmp_path, trade, trade.replace("true,", "false,", 1).replace('"0.00100000"', "0.002")), reading)
    columns = tape_of(feed)[0]
    assert columns["time"] == [1_672_515_782_136_000_000] * 2
    assert (columns["price"], columns["side"], columns["trade_id"]) == ([0.001, 0.002], [-1, 1], [12345] * 2)
    assert feed.read_as["time_unit"] == "ms"
    assert reading.columns.items() <= feed.read_as["columns"].items()


def test_a_key_that_nobody_reads_may_stand_twice(tmp_path):
    doubled = with_price('1.5,"note":[],"note":{}')
    assert tape_of(json_lines(written(tmp_path, GOOD, doubled, with_price("NaN"))))[0]["row"] == [1, 2]


VALUES = st.sampled_from(["1", "-0", "1.5", '"2"', '" 3 "', "null", "true", '"x"', "1e5", "9007199254740993", "[]", "NaN", '""', "1e400"])
KEYS = st.sampled_from(["price", "bid", "size", "side", "note", "funding", "trade_id"])


@given(st.lists(st.lists(st.tuples(KEYS, VALUES), max_size=5), max_size=6), st.integers(60, 400))
@settings(max_examples=tries(150), deadline=None)
def test_the_quick_reader_and_the_one_of_single_lines_agree(objects, block):
    first = GOOD[:-1] + ',"bid":1.0,"side":"buy","funding":1,"trade_id":7}'
    lines = [f'{{"time":{START},"symbol":"A"{"".join(f",{json.dumps(key)}:{value}" for key, value in each)}}}' for each in objects]
    with TemporaryDirectory() as folder:
        quick = json_lines(written(folder, first, *lines))
        slow = replace(quick)
        slow._quick = lambda block, lines: None
        found = [repr(tape_of(feed)) for feed in (quick, slow, replace(quick, block_bytes=block))]
    assert found[0] == found[1] == found[2]


def test_a_first_time_that_is_none_is_named(tmp_path):
    with pytest.raises(BadRow, match=r"ticks.jsonl:2 column time: 'noon' is no time"):
        json_lines(written(tmp_path, "[]", GOOD.replace(str(START), '"noon"')))


def test_a_key_may_hold_any_sign(tmp_path):
    keys = ['a"b', "a\\b", "a\nb", "ü"]
    lines = [GOOD[:-1] + "".join(f",{json.dumps(key)}:{place}" for place, key in enumerate(keys)) + "}"] * 2
    feed = json_lines(written(tmp_path, *lines))
    assert [tape_of(feed)[0][key] for key in keys] == [[float(place)] * 2 for place in range(4)]


def test_plain_lines_are_read_by_the_quick_reader(tmp_path):
    lines = [GOOD, with_price('null,"bid":1'), GOOD.replace('"2.50"', "7")]
    feed = json_lines(written(tmp_path, *lines, end=""))
    assert feed._quick("\n".join(lines).encode(), 3) is not None
    assert feed._quick("\r\n".join(lines).encode(), 3) is not None
    assert feed._quick("\n".join([*lines, ""]).encode(), 3) is not None


def test_fault_40_packed_lines_and_the_rows_before_the_end_of_half_a_file(tmp_path):
    path = tmp_path / "ticks.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(GOOD.replace("1.5", f"{place}.5").encode() + b"\n" for place in range(3000))))
    whole = tape_of(json_lines(path))
    assert (len(whole[0]["time"]), whole[1], whole[2]) == (3000, [], None)
    path.write_bytes(path.read_bytes()[:-4000])
    columns, refused, fault = tape_of(json_lines(path))
    assert 0 < len(columns["price"]) < 3000
    assert columns["price"] == whole[0]["price"][: len(columns["price"])]
    assert (refused, "truncated" in str(fault)) == ([], True)
