"""Coinbase's format: what the frames say equals the rows, and requests are answered as the exchange does."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from served_tapes import nanoseconds, quotes, rows_of, tapes, trades

from feeds.serving.coinbase import Coinbase
from feeds.serving.market import Market
from pipeline.ticks import Kind

PRODUCTS = ["SPY-USD", "IBM-USD", "BTC-USD"]
SIDES = {"buy": 1, "sell": -1}


def opened(market=None):
    return Coinbase().session("/", Market(Coinbase().spelt) if market is None else market)


def asked(session, kind="subscribe", **request):
    return [json.loads(frame) for frame in session.heard(json.dumps({"type": kind, **request})).frames]


def told(ticks, *channels):
    market = Market(Coinbase().spelt)
    session = opened(market)
    asked(session, product_ids=PRODUCTS, channels=list(channels))
    return [json.loads(frame.text) for event in market.shown(ticks) for frame in session.told(event)]


def spelt(rows):
    return [(name if "-" in name else f"{name}-USD", *rest) for name, *rest in rows]


@given(tapes())
def test_a_match_says_what_the_row_says_and_names_the_side_of_the_maker(ticks):
    found = told(ticks, "matches")
    assert {frame["type"] for frame in found} <= {"match"}
    rows = [
        (
            frame["product_id"], nanoseconds(frame["time"]), float(frame["price"]), float(frame["size"]), -SIDES[frame["side"]],
            frame["trade_id"],
        )
        for frame in found
    ]  # fmt: skip
    assert rows == spelt(rows_of(ticks, Kind.TRADE, "price", "size", "side", "trade_id"))


@given(tapes())
def test_a_ticker_of_a_trade_names_the_side_of_the_taker_and_that_of_a_quote_the_best_bid_and_ask(ticks):
    found = told(ticks, "ticker")
    assert len(found) == sum(kind in (Kind.TRADE, Kind.QUOTE) for kind in ticks.kind.tolist())
    kinds = [kind for kind in ticks.kind.tolist() if kind in (Kind.TRADE, Kind.QUOTE)]
    of_trades = [frame for frame, kind in zip(found, kinds, strict=True) if kind == Kind.TRADE]
    of_quotes = [frame for frame, kind in zip(found, kinds, strict=True) if kind == Kind.QUOTE]
    rows = [
        (
            each["product_id"],
            nanoseconds(each["time"]),
            float(each["price"]),
            float(each["last_size"]),
            SIDES[each["side"]],
            each["trade_id"],
        )
        for each in of_trades
    ]
    assert rows == spelt(rows_of(ticks, Kind.TRADE, "price", "size", "side", "trade_id"))
    names = ("best_bid", "best_bid_size", "best_ask", "best_ask_size")
    books = [(each["product_id"], nanoseconds(each["time"]), *(float(each[name]) for name in names)) for each in of_quotes]
    assert books == spelt(rows_of(ticks, Kind.QUOTE, "bid", "bid_size", "ask", "ask_size"))


def test_a_match_and_its_ticker_have_one_sequence_and_opposite_sides():
    frames = told(trades(4), "matches", "ticker")
    for one, other in zip(frames[::2], frames[1::2], strict=True):
        assert (one["type"], other["type"]) == ("match", "ticker")
        assert one["sequence"] == other["sequence"]
        assert one["side"] != other["side"]


def test_a_subscription_is_answered_with_all_there_are_then_the_last_trade_of_the_new_ones():
    market = Market(Coinbase().spelt)
    session = opened(market)
    assert not session.listens
    list(market.shown(trades(4)))
    first = asked(session, product_ids=["SPY-USD"], channels=["matches"])
    assert first[0] == {"type": "subscriptions", "channels": [{"name": "matches", "product_ids": ["SPY-USD"]}]}
    assert [(frame["type"], frame["trade_id"], frame["product_id"]) for frame in first[1:]] == [("last_match", 2, "SPY-USD")]
    assert session.listens
    second = asked(session, product_ids=["SPY-USD"], channels=[{"name": "matches", "product_ids": ["IBM-USD"]}, "heartbeat"])
    channels = [{"name": "matches", "product_ids": ["SPY-USD", "IBM-USD"]}, {"name": "heartbeat", "product_ids": ["SPY-USD"]}]
    assert second[0] == {"type": "subscriptions", "channels": channels}
    assert [frame["product_id"] for frame in second[1:]] == ["IBM-USD"]
    assert asked(session, "unsubscribe", channels=["matches"]) == [{"type": "subscriptions", "channels": channels[1:]}]
    assert asked(session, "unsubscribe", product_ids=["SPY-USD"], channels=["heartbeat"]) == [{"type": "subscriptions", "channels": []}]


def test_a_heartbeat_has_the_last_trade_and_the_time_of_the_tape():
    market, ticks = Market(Coinbase().spelt), trades(4)
    session = opened(market)
    asked(session, product_ids=["SPY-USD", "IBM-USD"], channels=["heartbeat"])
    assert list(session.alive()) == []
    list(market.shown(ticks))
    beats = [json.loads(frame.text) for frame in session.alive()]
    assert [(beat["type"], beat["last_trade_id"], nanoseconds(beat["time"])) for beat in beats] == [
        ("heartbeat", 2, ticks.time[2]), ("heartbeat", 2, ticks.time[3]),
    ]  # fmt: skip


def test_a_quote_before_any_trade_has_no_last_trade():
    (first, *_) = told(quotes(2), "ticker")
    assert (first["price"], first["trade_id"], first["best_bid"], first["best_ask"]) == ("0", 0, "1.0", "2.0")


REFUSED = {
    "{": ("Malformed JSON", ""),
    "{}": ("Type has to be either subscribe or unsubscribe", ""),
    '{"type":"subscribe"}': ("Failed to subscribe", "No channels provided"),
    '{"type":"subscribe","channels":["matches"]}': (
        "Failed to subscribe",
        "You need to specify at least one product ID for channel matches",
    ),
    '{"type":"subscribe","channels":["machtes"],"product_ids":["A-B"]}': ("Failed to subscribe", "machtes is not a valid channel"),
    '{"type":"subscribe","channels":["matches"],"product_ids":["SPY"]}': ("Failed to subscribe", "SPY is not a valid product"),
    '{"type":"subscribe","channels":["level2"],"product_ids":["A-B"]}': ("Failed to subscribe", "level2 is not served by rxtape"),
    '{"type":"unsubscribe","channels":[]}': ("Failed to unsubscribe", "No channels provided"),
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_wrong_request_is_an_error_with_a_reason(text):
    message, reason = REFUSED[text]
    session = opened()
    answer = session.heard(text)
    (error,) = [json.loads(frame) for frame in answer.frames]
    assert (error["type"], error["message"]) == ("error", message)
    assert error["reason"].startswith(reason)
    assert len(answer.notes) == 1
    assert not session.listens


def test_a_product_that_the_tape_has_not_shown_is_told_to_the_one_who_serves():
    market = Market(Coinbase().spelt)
    list(market.shown(trades(2)))
    answer = opened(market).heard('{"type":"subscribe","channels":["matches"],"product_ids":["X-USD"]}')
    assert answer.notes == ("X-USD: the tape has shown no such product so far; it has SPY-USD, IBM-USD",)


def test_there_is_one_path():
    assert Coinbase().session("/?x=1", Market(str)) is not None
    assert Coinbase().session("/ws", Market(str)) is None


WORDS = st.sampled_from(["type", "subscribe", "unsubscribe", "channels", "product_ids", "name", "matches", "ticker", "A-B", "level2"])
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS, st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=8,
)
ASKED = st.fixed_dictionaries({"type": st.sampled_from(["subscribe", "unsubscribe"])}, optional={"channels": JSON, "product_ids": JSON})


@given(st.one_of(st.text(), st.binary(), JSON.map(json.dumps), ASKED.map(json.dumps), st.just("[" * 100_000), st.just("9" * 6000)))
def test_every_text_gets_an_answer_that_is_json(text):
    frames = opened().heard(text).frames
    assert {json.loads(frame)["type"] for frame in frames} <= {"subscriptions", "error"}
    assert frames
