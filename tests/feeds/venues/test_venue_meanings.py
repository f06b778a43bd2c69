"""What single messages of the venues mean, by name: fillers, snapshots, corrections, block trades, refusals, gaps."""

import json

import pytest
from venue_frames import BYBIT_BOOK, BYBIT_TRADE, FUTURES_TRADE, MARKET_TRADES, MATCH, requests_for

from feeds.venues.binance import binance, binance_usdm, binance_usdm_agg
from feeds.venues.bybit import bybit, bybit_linear
from feeds.venues.coinbase import coinbase
from feeds.venues.coinbase_advanced import coinbase_advanced
from feeds.venues.fields import moment
from feeds.venues.kraken import kraken
from feeds.venues.okx import okx
from feeds.venues.venue import BadFrame, Filler, Gap, Notice, Quote, Refusal, Reply, Stream, Unknown
from pipeline.errors import UsageError

SECOND = 10**9


def said(venue, *trees):
    decoder = venue.decoder()
    return [item for tree in trees for item in decoder.decode(tree if isinstance(tree, str) else json.dumps(tree))]


# --- times -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:01Z", SECOND),
        ("2024-02-29T23:59:59.999999999Z", 1709251199_999999999),
        ("2024-02-29T23:59:59.1Z", 1709251199_100000000),
        ("2024-03-01T01:29:59.000000001+01:30", 1709251199_000000001),
        ("2024-02-29t18:59:59z", 1709233199 * SECOND),
        ("0001-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00.000000Z", None),
        ("2262-04-11T23:47:16.854775807Z", (1 << 63) - 1),
    ],
)
def test_times_are_exact_to_the_nanosecond(text, expected):
    assert moment("time", text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "now", "2024-02-30T00:00:00Z", "2024-01-01T25:00:00Z", "2024-01-01T00:00:00", "2024-01-01T00:00:00.1234567890Z", "2024-01-01",
     "2262-04-11T23:47:16.854775808Z", "２024-01-01T00:00:00Z", "2024-01-01T00:00:00+99:00"],
)  # fmt: skip
def test_what_is_no_time_is_refused_by_the_name_of_its_field(text):
    with pytest.raises(BadFrame, match=r"field time: found .* expected a time such as"):
        moment("time", text)


# --- Binance -----------------------------------------------------------------------------------------------------------------


def futures_trade(**data):
    return {**FUTURES_TRADE, "data": {**FUTURES_TRADE["data"], **data}}


def test_a_filler_of_binance_is_no_trade_and_keeps_the_ids_whole():
    first, filler, last = said(binance_usdm(), futures_trade(t=1), futures_trade(t=2, p="0", q="0", X="NA"), futures_trade(t=3))
    assert filler == Filler("BTCUSDT", 2)
    assert [first.trade_id, last.trade_id] == [1, 3]


@pytest.mark.parametrize("what", ["INSURANCE_FUND", "ADL", "SOMETHING_NEW"])
def test_futures_trades_that_are_no_market_trades_are_odd(what):
    (trade,) = said(binance_usdm(), futures_trade(X=what))
    assert trade.odd


@pytest.mark.parametrize(("maker", "side"), [(True, -1), (False, 1)])
def test_a_buyer_who_was_the_maker_was_sold_to(maker, side):
    assert said(binance_usdm(), futures_trade(m=maker))[0].side == side


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"result": None, "id": 3}, Reply(3)),
        ({"id": 4, "error": {"code": 2, "msg": "Invalid request"}}, Refusal(4, (), "stream", "Invalid request (code 2)")),
        ({"code": -1003, "msg": "Too many requests", "id": 5}, Refusal(5, (), "rate", "Too many requests (code -1003)")),
        ({"stream": "", "data": {"e": "serverShutdown", "E": 1}}, Notice("leaving", "the server is about to shut down")),
        ({"e": "serverShutdown", "E": 1}, Notice("leaving", "the server is about to shut down")),
        ({"stream": "btcusdt@kline_1m", "data": {"e": "kline", "k": {}}}, Unknown("kline")),
        ({"stream": "!ticker@arr", "data": [{"e": "24hrTicker"}]}, Unknown("arr")),
    ],
)  # fmt: skip
def test_other_frames_of_binance(tree, expected):
    assert said(binance(), tree) == [expected]


def test_times_in_microseconds_are_refused_rather_than_read_as_milliseconds():
    with pytest.raises(BadFrame, match=r"field data\.T: found 1596240000519000, expected a whole number <"):
        said(binance(), futures_trade(T=1596240000519000))


def test_the_name_of_a_stream_does_not_make_an_event_what_it_is_not():
    ticker = {"e": "24hrTicker", "E": 1, "s": "BTCUSDT", "b": "1", "B": "2", "a": "3", "A": "4"}
    for frame in (json.dumps({"stream": "btcusdt@bookTicker", "data": ticker}, separators=(",", ":")), json.dumps(ticker)):
        assert not isinstance(said(binance(), frame)[0], Quote)


def test_futures_are_served_under_public():
    trades, quotes = (binance_usdm().streams(["BTCUSDT"], [channel]) for channel in ("trades", "quotes"))
    assert binance_usdm().url(trades) == binance_usdm().url(quotes) == "wss://fstream.binance.com/public/stream"
    assert binance_usdm_agg().url(trades) == "wss://fstream.binance.com/market/stream"
    assert binance_usdm_agg().url(quotes) == "wss://fstream.binance.com/public/stream"
    frame = binance().subscribe([Stream("trades", "BTCUSDT"), Stream("quotes", "BTCUSDT")], 1).frame
    assert json.loads(frame)["params"] == ["btcusdt@trade", "btcusdt@bookTicker"]


# --- Coinbase ----------------------------------------------------------------------------------------------------------------


def test_the_side_of_a_coinbase_match_is_the_makers_and_is_turned():
    assert [item.side for item in said(coinbase(), MATCH, {**MATCH, "side": "sell"})] == [-1, 1]


def test_the_last_match_of_coinbase_is_from_before_the_subscription():
    assert [item.old for item in said(coinbase(), {**MATCH, "type": "last_match"}, MATCH)] == [True, False]


@pytest.mark.parametrize(
    ("message", "reason", "kind", "streams"),
    [
        ("Failed to subscribe", "BTC-EURO is not a valid product", "stream", (Stream("trades", "BTC-EURO"), Stream("quotes", "BTC-EURO"))),
        ("Failed to subscribe", "AUTH-USD is not a valid product", "stream", (Stream("trades", "AUTH-USD"), Stream("quotes", "AUTH-USD"))),
        ("Authentication Failed", "", "access", ()),
        ("Rate limit exceeded", "", "rate", ()),
        ("ErrSlowConsume", "", "rate", ()),
    ],
)
def test_refusals_of_coinbase(message, reason, kind, streams):
    (refusal,) = said(coinbase(), {"type": "error", "message": message, "reason": reason})
    assert (refusal.kind, refusal.streams, refusal.request) == (kind, streams, None)
    assert message in refusal.reason


def test_advanced_trade_tells_no_side_and_puts_its_trades_in_order():
    trades = said(coinbase_advanced(), MARKET_TRADES)
    assert [(trade.trade_id, trade.side) for trade in trades] == [(22381690, 0), (22381691, 0)]


def test_a_snapshot_of_advanced_trade_is_old():
    event = {**MARKET_TRADES["events"][0], "type": "snapshot"}
    assert all(trade.old for trade in said(coinbase_advanced(), {**MARKET_TRADES, "events": [event]}))


def heartbeat(number):
    return {"channel": "heartbeats", "sequence_num": number, "events": []}


def test_a_number_left_out_on_an_advanced_trade_connection_is_a_gap_of_every_symbol():
    items = said(coinbase_advanced(), heartbeat(3), heartbeat(4), {**heartbeat(5), "channel": "new"}, heartbeat(9), heartbeat(10))
    alive = Notice("alive")
    assert items == [alive, alive, Unknown("new"), Gap("", "message 9 of the connection came after 5"), alive, alive]


def test_a_message_of_advanced_trade_that_cannot_be_read_is_one_that_is_lost():
    decoder = coinbase_advanced().decoder()
    decoder.decode(json.dumps(heartbeat(3)))
    with pytest.raises(BadFrame):
        decoder.decode(json.dumps({**MARKET_TRADES, "sequence_num": 4, "events": [{"type": "update", "trades": [{}]}]}))
    assert isinstance(decoder.decode(json.dumps(heartbeat(5)))[0], Gap)


def test_a_count_of_advanced_trade_that_begins_anew_is_no_gap():
    assert said(coinbase_advanced(), heartbeat(7), heartbeat(0), heartbeat(1)) == [Notice("alive")] * 3


def test_advanced_trade_is_ready_when_its_heartbeats_are():
    (login,) = coinbase_advanced().logins()
    assert login.login
    assert said(coinbase_advanced(), {"channel": "subscriptions", "events": [{"subscriptions": {"heartbeats": ["heartbeats"]}}]}) == [
        Notice("ready", "heartbeats")
    ]


# --- Kraken ------------------------------------------------------------------------------------------------------------------


def test_a_symbol_that_kraken_does_not_know_is_refused_on_both_channels_it_may_mean():
    (refusal,) = said(
        kraken(), {"method": "subscribe", "success": False, "error": "Currency pair not supported XX/YY", "symbol": "XX/YY", "req_id": 2}
    )
    assert refusal == Refusal(2, (Stream("trades", "XX/YY"), Stream("quotes", "XX/YY")), "stream", "Currency pair not supported XX/YY")


def test_a_snapshot_of_kraken_is_old_and_put_in_order():
    row = {"symbol": "BTC/USD", "side": "buy", "price": 1.5, "qty": 2, "timestamp": "2024-01-01T00:00:00Z"}
    snapshot = {"channel": "trade", "type": "snapshot", "data": [{**row, "trade_id": number} for number in (3, 1, 2)]}
    assert [(trade.trade_id, trade.old) for trade in said(kraken(), snapshot)] == [(1, True), (2, True), (3, True)]


def test_a_market_of_kraken_that_never_had_an_order_says_nothing():
    row = {"symbol": "ANETx/USD", "bid": 0, "bid_qty": 0, "ask": 0, "ask_qty": 0, "timestamp": "1970-01-01T00:00:00.000000Z"}
    assert said(kraken(), {"channel": "ticker", "type": "update", "data": [row]}) == []


def test_old_names_of_kraken_are_told_their_new_ones():
    with pytest.raises(UsageError, match="it writes BTC for XBT"):
        kraken().streams(["XBT/USD"], ["trades"])
    assert kraken().streams(["AAPLx/USD"], ["trades"]) == [Stream("trades", "AAPLx/USD")]


def test_requests_of_two_channels_are_cut_where_a_venue_wants_one():
    streams = kraken().streams(["BTC/USD"], ["trades", "quotes"])
    with pytest.raises(UsageError, match="one request cannot ask for trades and quotes here"):
        kraken().subscribe(streams, 1)
    assert [request.streams for request in requests_for(kraken(), streams)] == [(streams[0],), (streams[1],)]


# --- Bybit -------------------------------------------------------------------------------------------------------------------


def book(kind, bids, asks, u=2):
    return {**BYBIT_BOOK, "type": kind, "data": {"s": "BTCUSDT", "b": bids, "a": asks, "u": u, "seq": 1}}


def sides(quotes):
    return [(quote.bid, quote.bid_size, quote.ask, quote.ask_size) for quote in quotes]


def test_a_side_that_a_change_of_bybit_leaves_out_stands():
    quotes = said(
        bybit(),
        book("snapshot", [["10", "1"]], [["11", "2"]]),
        book("delta", [["10", "3"]], []),
        book("delta", [["10", "0"], ["9.5", "4"]], [["10.8", "5"], ["11", "0"]]),
        book("delta", [["8", "0"]], []),
    )
    assert sides(quotes) == [(10.0, 1.0, 11.0, 2.0), (10.0, 3.0, 11.0, 2.0), (9.5, 4.0, 10.8, 5.0), (9.5, 4.0, 10.8, 5.0)]
    assert [quote.old for quote in quotes] == [True, False, False, False]


def test_a_restart_of_bybit_overwrites_the_book():
    quotes = said(bybit(), book("snapshot", [["10", "1"]], [["11", "2"]]), book("delta", [["7", "1"]], [["8", "2"]], u=1))
    assert sides(quotes)[-1] == (7.0, 1.0, 8.0, 2.0)


def test_a_change_of_bybit_before_its_snapshot_is_a_gap_once():
    items = said(bybit(), book("delta", [["1", "1"]], []), book("delta", [["2", "1"]], []), book("snapshot", [["3", "1"]], [["4", "1"]]))
    assert [type(item).__name__ for item in items] == ["Gap", "Quote"]


def test_connections_of_bybit_keep_books_of_their_own():
    said(bybit(), book("snapshot", [["10", "1"]], [["11", "2"]]))
    assert isinstance(said(bybit(), book("delta", [["1", "1"]], []))[0], Gap)


def test_a_block_trade_of_bybit_is_odd():
    block = {**BYBIT_TRADE, "data": [{**BYBIT_TRADE["data"][0], "BT": True}]}
    assert [trade.odd for trade in said(bybit_linear(), block, BYBIT_TRADE)] == [True, False]


def test_a_book_of_another_depth_is_not_taken_for_the_best_prices():
    deeper = {**BYBIT_BOOK, "topic": "orderbook.50.BTCUSDT"}
    assert said(bybit(), deeper) == [Unknown("orderbook.50")]
    assert said(bybit(), json.dumps(deeper, separators=(",", ":"))) == [Unknown("orderbook.50")]


def test_replies_of_bybit():
    replies = said(
        bybit(),
        {"success": True, "ret_msg": "", "req_id": "7", "op": "subscribe"},
        {"success": True, "ret_msg": "pong", "conn_id": "x", "op": "ping"},
        {"success": False, "ret_msg": "error:handler not found,topic:publicTrade.XYZ", "req_id": "8", "op": "subscribe"},
        {"success": False, "ret_msg": "args size >10", "op": "subscribe"},
    )
    assert replies == [
        Reply(7),
        Notice("alive"),
        Refusal(8, (Stream("trades", "XYZ"),), "stream", "error:handler not found,topic:publicTrade.XYZ"),
        Refusal(None, (), "stream", "args size >10"),
    ]


# --- OKX ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "kind"), [("60018", "stream"), ("60012", "stream"), ("60014", "rate"), ("60011", "access")])
def test_refusals_of_okx(code, kind):
    message = "Wrong URL or channel:trades,instId:XYZ-USDT doesn't exist."
    (refusal,) = said(okx(), {"event": "error", "id": "4", "code": code, "msg": message, "connId": "x"})
    assert refusal == Refusal(4, (Stream("trades", "XYZ-USDT"),), kind, f"{message} (code {code})")


def test_okx_says_that_it_leaves_and_that_it_is_there():
    assert said(okx(), "pong", {"event": "notice", "code": "64008", "msg": "will be closed"}) == [
        Notice("alive"),
        Notice("leaving", "will be closed"),
    ]
    with pytest.raises(BadFrame, match="expected JSON"):
        okx().decoder().decode("ping")
