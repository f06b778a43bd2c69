"""A venue whose fields a mapping names: what its table may say, and what its messages mean by it."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from venue_frames import MAPPED_QUOTE, MAPPED_TRADE, MAPPING, requests_for

from feeds.venues.json_fields import json_venue
from feeds.venues.json_mapping import json_fields
from feeds.venues.venue import BadFrame, Notice, Quote, Refusal, Reply, Trade, Unknown
from pipeline.errors import UsageError

NAMED = {"trade": {"symbol": "s", "price": "p", "size": "q", "time": "T", "side": "m", "id": "i"}}
PLAIN = {"s": "BTC", "p": 1, "q": 2}


def said(venue, tree):
    return list(venue.decoder().decode(tree if isinstance(tree, str) else json.dumps(tree)))


def mine(**table):
    return json_fields("mine", {**NAMED, **table})


def test_fields_are_found_by_their_paths():
    venue = json_fields("mapped", MAPPING)
    assert said(venue, MAPPED_TRADE) == [Trade("BTC-USD", 1723161255_342000000, 61837.5, 2.0, -1, 12)]
    assert said(venue, MAPPED_QUOTE) == [Quote("BTC-USD", 1723161255_500000000, 9.5, 1.0, 9.6, 2.0)]


def test_a_path_of_the_message_reaches_over_its_rows():
    venue = mine(trade={**NAMED["trade"], "symbol": "$.arg.name", "items": "data"})
    rows = [{"p": 1, "q": 2}, {"p": 3, "q": 4}]
    assert [(trade.symbol, trade.price) for trade in said(venue, {"arg": {"name": "BTC"}, "data": rows})] == [("BTC", 1.0), ("BTC", 3.0)]


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("s", 1633998512, 1633998512_000000000),
        ("s", "1633998512.0633569", 1633998512_063356900),
        ("ms", 1633998512063, 1633998512_063000000),
        ("ms", "1633998512063.25", 1633998512_063250000),
        ("us", "1633998512063356", 1633998512_063356000),
        ("ns", 1633998512063356789, 1633998512_063356789),
        ("ns", "2021-10-12T00:28:32.063356789Z", 1633998512_063356789),
        ("ms", None, None),
    ],
)
def test_times_are_exact_in_every_unit(unit, value, expected):
    (trade,) = said(mine(time_unit=unit), {**PLAIN, "T": value})
    assert trade.time == expected


def test_a_time_with_a_point_loses_nothing_to_a_float():
    assert said(mine(time_unit="s"), '{"s":"BTC","p":1,"q":2,"T":1633998512.063356789}')[0].time == 1633998512_063356789


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("p", "nan", "field p: found 'nan', expected a finite number"),
        ("p", 10**400, "field p: found 1"),
        ("p", True, "field p: found True, expected a finite number"),
        ("q", -1, "field q: found -1, expected a finite number >= 0"),
        ("q", None, "field q: found None"),
        ("s", "", "field s: found '', expected text"),
        ("s", 5, "field s: found 5, expected text"),
        ("T", -5, "field T: found -5, expected a time in ms since 1970"),
        ("T", "1e400", "field T: found '1e400'"),
        ("T", "10-10", "field T: found '10-10', expected a time such as"),
        ("m", "up", "field m: found 'up', expected one of buy, sell"),
        ("i", [1], "field i: found an array, expected a whole number of 64 bits"),
        ("i", 1 << 63, "field i: found 9223372036854775808"),
    ],
)
def test_values_that_cannot_be_are_refused_by_their_path(field, value, why):
    with pytest.raises(BadFrame) as error:
        said(mine(), {**PLAIN, field: value})
    assert error.value.reason.startswith(why)


def test_a_trade_without_a_size_is_refused_by_its_path():
    with pytest.raises(BadFrame, match="field q is missing; expected a finite number"):
        said(mine(), {"s": "BTC", "p": 1})


def test_sides_are_told_by_the_words_of_the_table():
    venue = mine(trade={**NAMED["trade"], "buy": ["false", 2], "sell": ["true"]})
    assert [said(venue, {**PLAIN, "m": word})[0].side for word in (False, True, 2, None)] == [1, -1, 1, 0]
    with pytest.raises(BadFrame, match="expected one of false, 2, true"):
        said(venue, {**PLAIN, "m": "buy"})


def test_replies_and_errors_are_told_by_what_they_hold():
    venue = json_fields("mapped", MAPPING)
    assert said(venue, {"event": "subscribed", "id": 4}) == [Reply(4)]
    assert said(venue, {"event": "error", "id": "4", "text": "no such symbol"}) == [Refusal(4, (), "stream", "no such symbol")]
    assert said(venue, {"event": "hello"}) == [Unknown("event")]
    assert said(mine(pong="pong"), "pong") == [Notice("alive")]


def test_without_a_table_fields_have_their_plain_names():
    venue = json_venue().at("ws://127.0.0.1:9000/feed")
    assert venue.url([]) == "ws://127.0.0.1:9000/feed"
    trade = {"symbol": "BTC", "price": 1.5, "size": 2, "time": "2024-01-01T00:00:00Z", "side": "buy", "id": "a-1"}
    quote = {"symbol": "BTC", "bid": 1, "ask": 2}
    first, second = said(venue, [trade, quote])
    assert first == Trade("BTC", 1704067200 * 10**9, 1.5, 2.0, 1, "a-1")
    assert (second.symbol, second.time, second.bid, second.ask) == ("BTC", None, 1.0, 2.0)


def test_nothing_is_sent_to_a_venue_that_needs_no_request():
    venue = json_venue().at("wss://example.com")
    (request,) = requests_for(venue, venue.streams(["BTC"], ["trades", "quotes"]))
    assert request.frame == ""
    assert not venue.limits.acknowledges


def test_a_request_is_filled_in_and_never_twice():
    venue = json_fields("mine", {"subscribe": '{"sub":"{symbol}@{channel}","id":{number}}', "channels": {"trades": "t"}})
    frames = [request.frame for request in requests_for(venue, venue.streams(["{number}", "B"], ["trades"]))]
    assert frames == ['{"sub":"{number}@t","id":1}', '{"sub":"B@t","id":2}']


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"ulr": "wss://x"}, r"no key of \[venue.mine\] named 'ulr'; did you mean 'url'"),
        ({"url": "https://x"}, "mine: 'https://x' is no address of a websocket"),
        ({"url": "wss://user:secret@x"}, "mine: an address with a password is no address of a websocket"),
        ({"url": 5}, r"\[venue.mine\] url is 5; expected text"),
        ({"time_unit": "min"}, r"no time_unit of \[venue.mine\] named 'min'"),
        ({"trade": "t"}, r"\[venue.mine.trade\] is 't'; expected a table"),
        ({"trade": {"symbol": "s", "price": "p"}}, r"\[venue.mine.trade\] lacks size"),
        ({"trade": {"symbol": "s", "price": "p", "size": 5}}, r"\[venue.mine.trade\] size is 5; expected the path of a field, as text"),
        ({"trade": {**NAMED["trade"], "bid": "b"}}, r"no key of \[venue.mine.trade\] named 'bid'"),
        ({"trade": {**NAMED["trade"], "buy": "b"}}, r"\[venue.mine.trade\] buy is 'b'; expected a list of words"),
        ({"reply": {"number": "id"}}, r"\[venue.mine.reply\] lacks when"),
        ({"channels": {"books": "b"}}, r"no key of \[venue.mine.channels\] named 'books'"),
        ({"ping_seconds": True}, r"\[venue.mine\] ping_seconds is True; expected a number of seconds"),
        ({"consecutive": 1}, r"\[venue.mine\] consecutive is 1; expected true or false"),
    ],
)
def test_a_table_that_cannot_be_is_refused_by_its_key(table, why):
    with pytest.raises(UsageError, match=why):
        json_fields("mine", table)


def test_an_address_with_a_token_is_not_shown():
    assert "hush" not in repr(mine(url="wss://example.com/?token=hush"))


def test_an_address_is_needed():
    with pytest.raises(UsageError, match="json needs an address: json:wss://host/path"):
        json_venue().url([])


def test_a_table_of_toml_is_a_venue():
    text = 'url = "wss://example.com"\n[trade]\nsymbol = "s"\nprice = "p"\nsize = "q"\nwhen = { final = true }\n'
    venue = json_fields("mine", tomllib.loads(text))
    assert said(venue, {**PLAIN, "final": True})[0].price == 1.0
    assert isinstance(said(venue, {**PLAIN, "final": False})[0], Unknown)


def test_the_table_of_the_documents_is_a_venue():
    page = (Path(__file__).parents[3] / "docs" / "venues.md").read_text()
    table = tomllib.loads(re.search(r"^```toml\n(\[venue\.mine\].*?)^```", page, flags=re.MULTILINE | re.DOTALL)[1])["venue"]["mine"]
    venue = json_fields("mine", table)
    requests = requests_for(venue, venue.streams(["BTC", "ETH"], ["trades", "quotes"]))
    assert [json.loads(request.frame)["channel"] for request in requests] == ["trade", "book"]
    row = {"p": "61837.5", "q": "2", "T": 1723161255342, "maker": True, "i": 12}
    assert said(venue, {"channel": "trade", "symbol": "BTC", "data": [row]}) == [Trade("BTC", 1723161255_342000000, 61837.5, 2.0, -1, 12)]
    book = {"channel": "book", "symbol": "BTC", "ts": 1723161255342, "bids": [["9.5", "1"]], "asks": [["9.6", "2"]]}
    assert said(venue, book) == [Quote("BTC", 1723161255_342000000, 9.5, 1.0, 9.6, 2.0)]
    assert said(venue, {"event": "subscribed", "id": 1}) == [Reply(1)]
    assert said(venue, {"event": "error", "message": "no such symbol"}) == [Refusal(None, (), "stream", "no such symbol")]
