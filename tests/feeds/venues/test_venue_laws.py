"""What holds for every venue's frames: the JSON alone decides, what is needed is refused by name, numbers and times are exact."""

import json
import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from venue_frames import NAMES, SENT

from feeds.venues.venue import BadFrame, Quote, Trade

VENUES = {sent.venue.name: sent.venue for sent in SENT}
OF_NAME = {sent.venue.name: sent for sent in SENT}
every_venue = pytest.mark.parametrize("name", NAMES)


def written(tree, **style):
    return json.dumps(tree, **style)


def turned(tree):
    """The same JSON with the keys of all objects the other way round."""
    if isinstance(tree, dict):
        return {key: turned(tree[key]) for key in reversed(tree)}
    return [turned(item) for item in tree] if isinstance(tree, list) else tree


def with_more_fields(tree):
    """The same JSON with a field in every object that nobody knows yet."""
    if isinstance(tree, dict):
        return {**{key: with_more_fields(value) for key, value in tree.items()}, "zz_new": {"deep": [1, None]}}
    return [with_more_fields(item) for item in tree] if isinstance(tree, list) else tree


def heard(name, frame):
    """What a new connection hears in a frame: comparable, since nan is equal to itself here."""
    return [repr(item) for item in VENUES[name].decoder().decode(frame)]


def test_every_installed_venue_stands_under_the_laws():
    installed = {point.name: point.load()() for point in entry_points(group="rxtape.venues")}
    assert {venue.name for venue in installed.values()} - {"json"} == set(NAMES) - {"mapped"}
    assert all(name == venue.name for name, venue in installed.items())


@every_venue
def test_what_a_frame_says_depends_on_its_json_only(name):
    for frame in OF_NAME[name].frames:
        tree = json.loads(frame)
        said = heard(name, frame)
        assert said == heard(name, frame) == heard(name, frame.encode())
        assert said == heard(name, written(tree)) == heard(name, written(tree, indent=2))
        assert said == heard(name, written(turned(tree)))
        if "Unknown" not in said[0]:
            assert said == heard(name, written(with_more_fields(tree)))


@every_venue
def test_frames_of_trades_and_quotes_say_trades_and_quotes(name):
    sent = OF_NAME[name]
    for trees, kind in ((sent.trades, Trade), (sent.quotes, Quote)):
        for tree in trees:
            assert {type(item) for item in VENUES[name].decoder().decode(written(tree))} == {kind}


def places(tree, path=()):
    """Every key of every object and every place of every array, as the path to it."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield (*path, key)
        yield from places(value, (*path, key))


def key_of(path):
    """The last key on the way: an array's items have none of their own."""
    return [step for step in path if isinstance(step, str)][-1]


def changed(tree, path, change):
    """A copy in which `change` has been made to the object that holds the last key of the path."""
    copy = json.loads(json.dumps(tree))
    holder = copy
    for step in path[:-1]:
        holder = holder[step]
    change(holder, path[-1])
    return copy


def outcome(name, frame):
    """What is heard, or why the frame is refused."""
    try:
        return heard(name, frame), ""
    except BadFrame as error:
        return None, error.reason


@every_venue
def test_a_frame_without_a_field_it_needs_is_refused_by_the_name_of_the_field(name):
    refused = set()
    for tree in OF_NAME[name].data:
        for path in places(tree):
            if isinstance(path[-1], int):
                continue
            said, reason = outcome(name, written(changed(tree, path, lambda holder, key: holder.pop(key))))
            if said is None:
                assert str(path[-1]) in reason
                refused.add(path[-1])
            else:
                assert all(item.startswith(("Trade(", "Quote(", "Unknown(")) for item in said)
    assert OF_NAME[name].required <= refused


# by key, and the second number of a level
SIZES = {
    "q", "B", "A", "size", "best_bid_size", "best_ask_size", "best_bid_quantity", "best_ask_quantity", "qty", "bid_qty", "ask_qty", "v",
    "sz", "bs", "as", 1,
}  # fmt: skip
IDS_AND_TIMES = {"trade_id", "tradeId", "i", "id", "ts", "T", "time"}


def numbers_read(name):
    """Every number of a venue's frames that has a part in what is said, as a function of another value in its place."""
    for tree in OF_NAME[name].data:
        for path in places(tree):
            now = tree
            for step in path:
                now = now[step]
            number = isinstance(now, float) or (isinstance(now, str) and re.fullmatch(r"\d+(\.\d+)?", now)) or path[-1] in SIZES
            said = [outcome(name, written(replaced(tree, path, text)))[0] for text in ("12.5", "13.5")]
            if path[-1] not in IDS_AND_TIMES and number and None not in said and said[0] != said[1]:
                yield path, lambda value, tree=tree, path=path: outcome(name, written(replaced(tree, path, value)))


def replaced(tree, path, value):
    return changed(tree, path, lambda holder, key: holder.__setitem__(key, value))


@every_venue
@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "1_000", " 1", "", "0x10", "abc", "1e400", [], {}, True])
def test_what_is_no_number_is_refused_with_what_was_found(name, value):
    for path, heard_with in numbers_read(name):
        said, reason = heard_with(value)
        assert said is None
        assert key_of(path) in reason
        assert "expected" in reason


@every_venue
def test_sizes_below_zero_are_refused_and_numbers_are_read_exactly(name):
    tried = set()
    for path, heard_with in numbers_read(name):
        tried.add(path[-1])
        for text in ("0.1000000000000000055511151231257827", "61837.630000000001", "123456789012345678.9", "1.7e+9"):
            said, _ = heard_with(text)
            assert repr(float(text)) in str(said)
        if path[-1] in SIZES:
            said, reason = heard_with("-0.5")
            assert said is None
            assert key_of(path) in reason
    assert len(tried & SIZES) >= 1
    assert len(tried) >= 4


# where the times stand that are read: in trades, and in quotes
TIMES = {
    "binance": [("data", "T"), None], "binance-usdm": [("data", "T"), ("data", "T")],
    "binance-agg": [("data", "T"), None], "binance-usdm-agg": [("data", "T"), ("data", "T")], "coinbase": [("time",), ("time",)],
    "coinbase-advanced": [("events", 0, "trades", 0, "time"), ("timestamp",)], "kraken": [("data", 0, "timestamp")] * 2,
    "bybit": [("data", 0, "T"), ("ts",)], "bybit-linear": [("data", 0, "T"), ("ts",)], "okx": [("data", 0, "ts")] * 2,
    "alpaca": [(0, "t")] * 2, "alpaca-sip": [(0, "t")] * 2, "mapped": [("data", 0, "T"), ("at",)],
}  # fmt: skip


@every_venue
@pytest.mark.parametrize("value", [-1, "-5", 10**19, str(10**25), "9223372036854775808", "x", "2024-13-01T00:00:00Z", [], 1.5e300])
def test_what_is_no_time_of_64_bits_is_refused(name, value):
    trade, quote = OF_NAME[name].trades[0], OF_NAME[name].quotes[0]
    for tree, path in zip((trade, quote), TIMES[name], strict=True):
        if path is not None:
            said, reason = outcome(name, written(replaced(tree, path, value)))
            assert said is None
            assert key_of(path) in reason


def test_every_installed_venue_stands_in_both_tables_of_the_documents():
    page = (Path(__file__).parents[3] / "docs" / "venues.md").read_text()
    for point in entry_points(group="rxtape.venues"):
        assert page.count(f"\n| `{point.name}`") == (1 if point.name == "json" else 2), point.name


def test_codecs_touch_no_network_no_file_and_no_clock():
    """What they may import: themselves, msgspec, the error tree, and of Python what computes; the environment for keys alone."""
    allowed = {
        "collections", "dataclasses", "datetime", "decimal", "functools", "itertools", "os", "re", "typing", "msgspec", "feeds", "pipeline",
    }  # fmt: skip
    for path in sorted((Path(__file__).parents[3] / "feeds" / "venues").glob("*.py")):
        source = path.read_text()
        imported = set(re.findall(r"^\s*(?:from|import) (\w+)", source, flags=re.MULTILINE))
        assert imported <= allowed, path.name
        assert not re.search(r"\bopen\(|\.now\(|\.today\(", source), path.name
        assert ("os" in imported) == (path.name == "alpaca.py")
