"""What holds for every venue: how frames are read, what is asked for, how it is answered, how symbols are spelt."""

import json
import re
from importlib.metadata import entry_points

import pytest
from hypothesis import given
from hypothesis import strategies as st
from venue_frames import NAMES, SENT

from feeds.venues.asking import requests_for
from feeds.venues.venue import BadFrame, Quote, Reply, Stream, Trade
from pipeline.errors import UsageError

VENUES = {sent.venue.name: sent.venue for sent in SENT}
OF_NAME = {sent.venue.name: sent for sent in SENT}
CHANNELS = ["trades", "quotes"]
# a plain symbol of each venue, with a place for digits
SPELLINGS = {
    "binance": "BTC{}USDT", "binance-usdm": "BTC{}USDT", "coinbase": "BTC{}-USD", "coinbase-advanced": "BTC{}-USD", "kraken": "BTC{}/USD",
    "bybit": "BTC{}USDT", "bybit-linear": "BTC{}USDT", "okx": "BTC{}-USDT", "alpaca": "AA{}", "mapped": "BTC{}-USD",
}  # fmt: skip
every_venue = pytest.mark.parametrize("name", NAMES)


def symbols_of(name, count):
    return [SPELLINGS[name].format(number) for number in range(count)]


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


@every_venue
@given(data=st.data())
def test_every_stream_is_asked_for_once_and_within_the_limits(name, data):
    venue = VENUES[name]
    count = data.draw(st.integers(0, 230))
    channels = data.draw(st.permutations(CHANNELS).map(lambda all_: all_[: data.draw(st.integers(1, 2))]))
    streams = venue.streams(symbols_of(name, count), channels)
    requests = requests_for(venue, streams, first=5)
    assert sorted(stream for request in requests for stream in request.streams) == sorted(streams)
    assert [request.number for request in requests] == list(range(5, 5 + len(requests)))
    for request in requests:
        assert 0 < len(request.streams) <= venue.limits.streams_per_request
        assert len({stream.channel for stream in request.streams}) == 1 or not venue.limits.one_channel
        assert len(request.frame) < 16_000
        json.loads(request.frame)


def answers(name, frame):
    """What the venue answers to a request, as its documents show it; one frame or several."""
    asked = json.loads(frame)
    if name.startswith("binance"):
        return [{"result": None, "id": asked["id"]}]
    if name == "coinbase":
        return [{"type": "subscriptions", "channels": asked["channels"]}]
    if name == "coinbase-advanced":
        return [{"channel": "subscriptions", "events": [{"subscriptions": {asked["channel"]: asked["product_ids"]}}]}]
    if name == "kraken":
        return [
            {
                "method": "subscribe",
                "result": {"channel": asked["params"]["channel"], "symbol": symbol},
                "success": True,
                "req_id": asked["req_id"],
            }
            for symbol in asked["params"]["symbol"]
        ]
    if name.startswith("bybit"):
        return [{"success": True, "ret_msg": "", "conn_id": "x", "req_id": asked["req_id"], "op": "subscribe"}]
    if name == "okx":
        return [{"event": "subscribe", "id": asked["id"], "arg": arg, "connId": "x"} for arg in asked["args"]]
    if name == "alpaca":
        return [[{"T": "subscription", "trades": [], "quotes": [], "bars": [], **{key: asked[key] for key in CHANNELS if key in asked}}]]
    return [{"event": "subscribed", "id": asked["id"]}]


@every_venue
@pytest.mark.parametrize("channels", [["trades"], ["quotes"], CHANNELS], ids="+".join)
def test_the_answer_to_a_request_acknowledges_its_streams(name, channels):
    venue = VENUES[name]
    for request in requests_for(venue, venue.streams(symbols_of(name, 3), channels), first=7):
        acknowledged = set()
        for answer in answers(name, request.frame):
            for reply in venue.decoder().decode(written(answer)):
                assert isinstance(reply, Reply)
                assert reply.request in (request.number, None)
                assert reply.request is not None or reply.streams
                acknowledged |= set(reply.streams or request.streams)
        assert acknowledged == set(request.streams)


@every_venue
def test_a_symbol_is_spelt_alike_in_requests_and_in_trades(name):
    venue, sample = VENUES[name], OF_NAME[name]
    symbol = SPELLINGS[name].format("7")
    (stream,) = venue.streams([symbol], ["trades"])
    theirs = heard_symbols(venue, sample.trades[0])
    frame = written(sample.trades[0]).replace(theirs, symbol).replace(theirs.lower(), symbol.lower())
    assert {item.symbol for item in venue.decoder().decode(frame)} == {stream.symbol}


def heard_symbols(venue, tree):
    (symbol,) = {item.symbol for item in venue.decoder().decode(written(tree))}
    return symbol


@every_venue
def test_symbols_are_taken_in_small_letters_and_each_once(name):
    venue = VENUES[name]
    (symbol,) = symbols_of(name, 1)
    small = venue.streams([symbol.lower(), symbol, symbol.lower()], CHANNELS)
    if name != "mapped":
        assert small == venue.streams([symbol], CHANNELS) == [Stream("trades", symbol), Stream("quotes", symbol)]
    assert venue.streams([stream.symbol for stream in small], CHANNELS) == small


NO_SYMBOL = ["", " ", "BTC USD", 'A"B', "A\\B", "A\nB", "x" * 70, "\ud800"]


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name in NAMES for text in NO_SYMBOL] + [(name, text) for name in NAMES[:-1] for text in ("*", "BTC@trade")],
)
def test_what_cannot_be_a_symbol_is_refused_with_an_example(name, text):
    """A mapped venue, the last one, may have any symbol that JSON and a line of text can hold."""
    with pytest.raises(UsageError, match=re.escape(f"cannot be a symbol of {name}; expected one such as ")):
        VENUES[name].streams([text], CHANNELS)


@every_venue
def test_addresses_are_encrypted_and_hold_no_secret(name, monkeypatch):
    monkeypatch.setenv("APCA_API_KEY_ID", "the-key")
    monkeypatch.setenv("APCA_API_SECRET_KEY", "the-secret")
    venue = VENUES[name]
    address = venue.url(venue.streams(symbols_of(name, 2), CHANNELS))
    assert re.fullmatch(r"wss://[a-z0-9.-]+(:\d+)?(/[a-z0-9/]+)?", address)
    shown = [address, repr(venue), str(venue), *map(repr, venue.logins()), *map(str, venue.logins())]
    assert not any("the-secret" in text or "the-key" in text for text in shown)


@every_venue
def test_limits_are_such_that_something_can_be_asked(name):
    limits = VENUES[name].limits
    assert min(limits.streams, limits.streams_per_request, limits.burst, limits.connects) >= 1
    assert min(limits.requests, limits.connects_seconds, limits.ping_seconds) > 0
    assert VENUES[name].decoder() is not None
