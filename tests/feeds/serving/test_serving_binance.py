"""Binance's format: what the frames say equals the rows, and requests are answered as its documents word it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from served_tapes import rows_of, tapes, trades

from feeds.serving.binance import Binance
from feeds.serving.market import Market
from pipeline.ticks import Kind

STREAMS = "/".join(f"{symbol}@{channel}" for symbol in ("spy", "ibm", "btcusd") for channel in ("trade", "aggTrade", "bookTicker"))


def session_of(path, market=None):
    return Binance().session(path, Market(Binance().spelt) if market is None else market)


def told(ticks, path):
    market = Market(Binance().spelt)
    session = session_of(path, market)
    return [json.loads(frame.text) for event in market.shown(ticks) for frame in session.told(event)]


def spelt(rows):
    return [(name.replace("-", ""), *rest) for name, *rest in rows]


@pytest.mark.parametrize(("query", "unit"), [("", 1_000_000), ("&timeUnit=MICROSECOND", 1_000), ("&timeUnit=microsecond", 1_000)])
@given(ticks=tapes())
def test_the_frames_say_what_the_rows_say(ticks, query, unit):
    frames = told(ticks, f"/stream?streams={STREAMS}{query}")
    assert all(frame["stream"].partition("@")[0] == frame["data"]["s"].lower() for frame in frames)
    by_channel = {
        channel: [frame["data"] for frame in frames if frame["stream"].endswith(f"@{channel}")]
        for channel in ("trade", "aggTrade", "bookTicker")
    }
    wanted = [
        (name, time // unit, price, size, side < 0, trade_id)
        for name, time, price, size, side, trade_id in spelt(rows_of(ticks, Kind.TRADE, "price", "size", "side", "trade_id"))
    ]
    for channel, number in (("trade", "t"), ("aggTrade", "a")):
        found = by_channel[channel]
        assert [(each["s"], each["T"], float(each["p"]), float(each["q"]), each["m"], each[number]) for each in found] == wanted
        assert {each["e"] for each in found} <= {channel}
        assert all(each["E"] == each["T"] for each in found)
    assert all(each["a"] == each["f"] == each["l"] for each in by_channel["aggTrade"])
    books = [(each["s"], *(float(each[key]) for key in "bBaA")) for each in by_channel["bookTicker"]]
    assert books == [(name, *rest) for name, _, *rest in spelt(rows_of(ticks, Kind.QUOTE, "bid", "bid_size", "ask", "ask_size"))]


@given(tapes())
def test_a_raw_stream_is_the_combined_one_unwrapped(ticks):
    assert told(ticks, f"/ws/{STREAMS}") == [frame["data"] for frame in told(ticks, f"/stream?streams={STREAMS}")]


def test_only_what_was_subscribed_comes():
    assert {frame["s"] for frame in told(trades(6), "/ws/spy@trade")} == {"SPY"}
    assert told(trades(6), "/ws") == []


@pytest.mark.parametrize("path", ["/", "/ws", "/ws/", "/stream", "/stream?streams=spy@trade", "/ws/spy@trade?timeUnit=MICROSECOND"])
def test_the_paths_that_there_are(path):
    assert session_of(path) is not None


@pytest.mark.parametrize("path", ["/wss", "/api/v3/ping", "/stream/spy@trade", "/ws3/x"])
def test_the_paths_that_there_are_not(path):
    assert session_of(path) is None


def asked(session, **request):
    (answer,) = session.heard(json.dumps(request)).frames
    return json.loads(answer)


def test_subscriptions_are_acknowledged_by_their_ids_and_listed():
    session = session_of("/ws")
    assert not session.listens
    assert asked(session, method="SUBSCRIBE", params=["spy@trade", "ibm@bookTicker"], id=1) == {"result": None, "id": 1}
    assert session.listens
    assert asked(session, method="LIST_SUBSCRIPTIONS", id="abc9") == {"result": ["spy@trade", "ibm@bookTicker"], "id": "abc9"}
    assert asked(session, method="UNSUBSCRIBE", params=["spy@trade", "never@trade"], id=2) == {"result": None, "id": 2}
    assert asked(session, method="LIST_SUBSCRIPTIONS", id=None) == {"result": ["ibm@bookTicker"], "id": None}
    assert asked(session, method="UNSUBSCRIBE", params=["ibm@bookTicker"], id=3) == {"result": None, "id": 3}
    assert not session.listens


def test_the_property_combined_is_told_and_set():
    session = session_of("/ws/spy@trade")
    assert asked(session, method="GET_PROPERTY", params=["combined"], id=1) == {"result": False, "id": 1}
    assert asked(session, method="SET_PROPERTY", params=["combined", True], id=2) == {"result": None, "id": 2}
    assert session_of("/stream").combined
    assert session.combined


EXPECTED = "expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY` at line 1 column"
REFUSED = {
    "{": (3, "Invalid JSON: expected value at line 1 column"),
    "[1]": (2, "Invalid request: missing field `method` at line 1 column 3"),
    '{"id":1}': (2, "Invalid request: missing field `method` at line 1 column 8"),
    '{"method":"SUBSCRIB","id":1}': (2, f"Invalid request: unknown variant `SUBSCRIB`, {EXPECTED}"),
    '{"method":"SUBSCRIBE","params":["a@trade"]}': (2, "Invalid request: request ID must be an unsigned integer"),
    '{"method":"SUBSCRIBE","params":["a@trade"],"id":1.5}': (2, "Invalid request: request ID must be an unsigned integer"),
    '{"method":"SUBSCRIBE","params":["a@trade"],"id":true}': (2, "Invalid request: request ID must be an unsigned integer"),
    '{"method":"SET_PROPERTY","params":["combined",1],"id":1}': (1, "Invalid value type: expected Boolean"),
    '{"method":"SET_PROPERTY","params":["speed",true],"id":1}': (0, "Unknown property"),
    '{"method":"SET_PROPERTY","params":[true],"id":1}': (2, "Invalid request: property name must be a string"),
    '{"method":"GET_PROPERTY","params":["combined",true],"id":1}': (2, "Invalid request: too many parameters"),
}


@pytest.mark.parametrize("request_text", REFUSED)
def test_a_wrong_request_is_answered_as_the_documents_word_it(request_text):
    code, message = REFUSED[request_text]
    answer = session_of("/ws").heard(request_text)
    told_back = json.loads(answer.frames[0])
    assert told_back["code"] == code
    assert told_back["msg"].startswith(message)
    assert len(answer.notes) == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [("spy@depth", "there are trade, aggTrade, bookTicker"), ("SPY@trade", "lower case, spy@trade"), ("x@trade", "it has SPY, IBM")],
)
def test_what_is_acknowledged_and_never_comes_is_told_to_the_one_who_serves(name, reason):
    market = Market(Binance().spelt)
    list(market.shown(trades(2)))
    answer = session_of("/ws", market).heard(json.dumps({"method": "SUBSCRIBE", "params": [name], "id": 1}))
    assert json.loads(answer.frames[0]) == {"result": None, "id": 1}
    assert [reason in note for note in answer.notes] == [True]
    assert [reason in note for note in session_of(f"/ws/{name}", market).opened().notes] == [True]


WORDS = st.sampled_from(["method", "params", "id", "SUBSCRIBE", "SET_PROPERTY", "GET_PROPERTY", "combined", "spy@trade", ""])
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS, st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=8,
)


@given(st.one_of(st.text(), st.binary(), JSON.map(json.dumps), st.just("[" * 100_000), st.just('{"method":' + "9" * 6000 + "}")))
def test_every_text_gets_one_answer_that_is_json(text):
    (answer,) = session_of("/ws").heard(text).frames
    assert "result" in json.loads(answer) or json.loads(answer)["msg"]
