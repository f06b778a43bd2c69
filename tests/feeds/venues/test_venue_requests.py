"""What holds for every venue's requests: each stream is asked for once, its answer is understood, and its symbol spelt alike."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from venue_frames import NAMES, SENT, requests_for

from feeds.venues.venue import Reply, Stream
from pipeline.errors import UsageError

VENUES = {sent.venue.name: sent.venue for sent in SENT}
OF_NAME = {sent.venue.name: sent for sent in SENT}
every_venue = pytest.mark.parametrize("name", NAMES)
CHANNELS = ["trades", "quotes"]
# a plain symbol of each venue, with a place for digits
SPELLINGS = {
    "binance": "BTC{}USDT", "binance-usdm": "BTC{}USDT", "binance-agg": "BTC{}USDT", "binance-usdm-agg": "BTC{}USDT",
    "coinbase": "BTC{}-USD", "coinbase-advanced": "BTC{}-USD", "kraken": "BTC{}/USD",
    "bybit": "BTC{}USDT", "bybit-linear": "BTC{}USDT", "okx": "BTC{}-USDT", "alpaca": "AA{}", "alpaca-sip": "AA{}", "mapped": "BTC{}-USD",
}  # fmt: skip


def symbols_of(name, count):
    return [SPELLINGS[name].format(number) for number in range(count)]


def written(tree, **style):
    return json.dumps(tree, **style)


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
    if name.startswith("alpaca"):
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
