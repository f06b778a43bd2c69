"""What every venue sends, as its documents show it or as it was recorded: a frame of each kind that its codec reads."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from feeds.live.patience import Patience
from feeds.live.subscriptions import Subscriptions
from feeds.venues.alpaca import alpaca, alpaca_sip
from feeds.venues.binance import binance, binance_agg, binance_usdm, binance_usdm_agg
from feeds.venues.bybit import bybit, bybit_linear
from feeds.venues.coinbase import coinbase
from feeds.venues.coinbase_advanced import coinbase_advanced
from feeds.venues.json_mapping import json_fields
from feeds.venues.kraken import kraken
from feeds.venues.okx import okx
from feeds.venues.venue import Request, Stream, Venue

BINANCE_TRADE = {
    "stream": "btcusdt@trade",
    "data": {
        "e": "trade", "E": 1723161255343, "s": "BTCUSDT", "t": 3735683259, "p": "61837.63000000", "q": "0.02000000",
        "T": 1723161255342, "m": True, "M": True,
    },
}  # fmt: skip
BINANCE_AGGREGATE = {
    "stream": "btcusdt@aggTrade",
    "data": {
        "e": "aggTrade", "E": 1616176861895, "s": "BTCUSDT", "a": 640283266, "p": "58942.01000000", "q": "0.00035600",
        "f": 716849523, "l": 716849523, "T": 1616176861893, "m": False, "M": True,
    },
}  # fmt: skip
BINANCE_BEST = {
    "stream": "btcusdt@bookTicker",
    "data": {"u": 50093239212, "s": "BTCUSDT", "b": "61837.63000000", "B": "3.78826000", "a": "61837.64000000", "A": "1.54698000"},
}
FUTURES_TRADE = {
    "stream": "btcusdt@trade",
    "data": {
        "e": "trade", "E": 1596240000596, "T": 1596240000519, "s": "BTCUSDT", "t": 173525189, "p": "11343.67", "q": "0.467",
        "X": "MARKET", "m": True,
    },
}  # fmt: skip
FUTURES_BEST = {
    "stream": "btcusdt@bookTicker",
    "data": {
        "e": "bookTicker", "u": 185130926750, "s": "BTCUSDT", "b": "33134.42", "B": "0.170", "a": "33139.39", "A": "0.380",
        "T": 1612137603568, "E": 1612137603571,
    },
}  # fmt: skip
MATCH = {
    "type": "match", "trade_id": 216544, "maker_order_id": "4c2aa376", "taker_order_id": "247a6eb2", "side": "buy", "size": "0.97133855",
    "price": "4.97800000", "product_id": "ETC-GBP", "sequence": 253395153, "time": "2019-08-01T00:00:03.816000Z",
}  # fmt: skip
COINBASE_TICKER = {
    "type": "ticker", "sequence": 50978628538, "product_id": "BTC-USD", "price": "17165.16", "open_24h": "16437.94",
    "best_bid": "17165.15", "best_bid_size": "0.61540890", "best_ask": "17167.76", "best_ask_size": "0.18528568", "side": "sell",
    "time": "2022-12-01T00:00:00.122581Z", "trade_id": 463751434, "last_size": "0.05",
}  # fmt: skip
MARKET_TRADES = {
    "channel": "market_trades", "client_id": "", "timestamp": "2024-10-04T07:13:31.158696693Z", "sequence_num": 2,
    "events": [{"type": "update", "trades": [
        {"product_id": "ETH-USDT", "trade_id": "22381691", "price": "2375.56", "size": "0.5", "time": "2024-10-04T07:13:31.088388Z",
         "side": "BUY"},
        {"product_id": "ETH-USDT", "trade_id": "22381690", "price": "2375.55", "size": "0.25", "time": "2024-10-04T07:13:31.084859Z",
         "side": "BUY"},
    ]}],
}  # fmt: skip
ADVANCED_TICKER = {
    "channel": "ticker", "client_id": "", "timestamp": "2023-02-09T20:30:37.167359596Z", "sequence_num": 3,
    "events": [{"type": "snapshot", "tickers": [
        {"type": "ticker", "product_id": "ETH-USDT", "price": "21932.98", "best_bid": "21931.98", "best_bid_quantity": "8000.21",
         "best_ask": "21933.98", "best_ask_quantity": "8038.07770938"},
    ]}],
}  # fmt: skip
KRAKEN_TRADE = {
    "channel": "trade", "type": "update", "data": [
        {"symbol": "BTC/USD", "side": "buy", "price": 105944.2, "qty": 0.00027625, "ord_type": "limit", "trade_id": 10218208,
         "timestamp": "2023-10-06T17:35:55.440295Z"},
        {"symbol": "BTC/USD", "side": "sell", "price": 105910.5, "qty": 0.0001246, "ord_type": "market", "trade_id": 10218209,
         "timestamp": "2023-10-06T17:35:56.123456Z"},
    ],
}  # fmt: skip
KRAKEN_TICKER = {
    "channel": "ticker", "type": "snapshot", "data": [
        {"symbol": "BTC/USD", "bid": 105944.2, "bid_qty": 2.5, "ask": 105944.3, "ask_qty": 3.2, "last": 105899.4, "volume": 163.28908096,
         "timestamp": "2022-12-25T09:30:59.123456Z"},
    ],
}  # fmt: skip
BYBIT_TRADE = {
    "topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1672304486868, "data": [
        {"T": 1672304486865, "s": "BTCUSDT", "S": "Buy", "v": "0.001", "p": "16578.50", "L": "PlusTick",
         "i": "20f43950-d8dd-5b31-9112-a178eb6023af", "BT": False, "seq": 1783284617},
    ],
}  # fmt: skip
BYBIT_BOOK = {
    "topic": "orderbook.1.BTCUSDT", "ts": 1680652806504, "type": "snapshot",
    "data": {"s": "BTCUSDT", "b": [["28165.07", "0.175231"]], "a": [["28165.08", "0.996816"]], "u": 20404754, "seq": 4281281856},
}  # fmt: skip
OKX_TRADE = {
    "arg": {"channel": "trades", "instId": "BTC-USDT"},
    "data": [{"instId": "BTC-USDT", "tradeId": "130639474", "px": "42219.9", "sz": "0.12060306", "side": "buy", "ts": "1630048897897",
              "count": "3"}],
}  # fmt: skip
OKX_BEST = {
    "arg": {"channel": "bbo-tbt", "instId": "BTC-USDT"},
    "data": [{"asks": [["8476.98", "415", "0", "13"]], "bids": [["8476.97", "256", "0", "12"]], "ts": "1597026383085", "seqId": 123456}],
}  # fmt: skip
ALPACA_TRADE = [
    {"T": "t", "i": 96921, "S": "AAPL", "x": "D", "p": 126.55, "s": 1, "t": "2021-02-22T15:51:44.208Z", "c": ["@", "F"], "z": "C"}
]
ALPACA_QUOTE = [
    {
        "T": "q", "S": "AMD", "bx": "U", "bp": 87.66, "bs": 1, "ax": "Q", "ap": 87.68, "as": 4, "t": "2021-02-22T15:51:45.335689322Z",
        "c": ["R"], "z": "C",
    }
]  # fmt: skip
ALPACA_CORRECTION = [
    {
        "T": "c", "S": "EEM", "x": "M", "oi": 52983525033527, "op": 39.1582, "os": 440000, "oc": [" ", "7"], "ci": 52983525034326,
        "cp": 39.1809, "cs": 440000, "cc": [" ", "7"], "z": "B", "t": "2023-04-06T14:25:06.542305024Z",
    }
]  # fmt: skip
ALPACA_CANCEL = [
    {"T": "x", "S": "GOOGL", "i": 465, "x": "D", "p": 105.31, "s": 300, "a": "C", "z": "C", "t": "2023-04-06T13:15:42.83540958Z"}
]
MAPPED_TRADE = {"type": "trade", "id": "7", "data": [{"s": "BTC-USD", "p": "61837.5", "q": 2, "T": 1723161255.342, "m": True, "i": 12}]}
MAPPED_QUOTE = {"type": "book", "s": "BTC-USD", "at": "2024-08-08T23:54:15.5Z", "bids": [["9.5", "1"]], "asks": [["9.6", "2"]]}
MAPPING = {
    "url": "wss://example.com/ws",
    "subscribe": '{"op":"subscribe","channel":"{channel}","symbols":{symbols},"id":{number}}',
    "time_unit": "s",
    "channels": {"quotes": "book"},
    "trade": {
        "when": {"type": "trade"}, "items": "data", "symbol": "s", "price": "p", "size": "q", "time": "T", "side": "m", "id": "i",
        "buy": ["false"], "sell": ["true"],
    },
    "quote": {
        "when": {"type": "book"}, "symbol": "s", "time": "at", "bid": "bids.0.0", "bid_size": "bids.0.1", "ask": "asks.0.0",
        "ask_size": "asks.0.1",
    },
    "reply": {"when": {"event": "subscribed"}, "number": "id"},
    "error": {"when": {"event": "error"}, "number": "id", "reason": "text"},
}  # fmt: skip


def mapped() -> Venue:
    return json_fields("mapped", MAPPING)


@dataclass(frozen=True)
class Sent:
    """A venue, its frames of trades and quotes, the fields that each must have, and frames of other kinds."""

    venue: Venue
    trades: list[Any]
    quotes: list[Any]
    required: set[str]
    others: list[Any] = field(default_factory=list)

    @property
    def data(self) -> list[Any]:
        return [*self.trades, *self.quotes]

    @property
    def frames(self) -> list[str]:
        return [json.dumps(tree, separators=(",", ":")) for tree in (*self.data, *self.others)]


SENT = [
    Sent(
        binance(), [BINANCE_TRADE, BINANCE_TRADE["data"], BINANCE_AGGREGATE, BINANCE_AGGREGATE["data"]],
        [BINANCE_BEST, BINANCE_BEST["data"]], set("stTpqm") | set("bBA"),
        [{"result": None, "id": 1}, {"error": {"code": 2, "msg": "Invalid request"}, "id": 1}, {"e": "serverShutdown", "E": 1}],
    ),
    Sent(binance_usdm(), [FUTURES_TRADE], [FUTURES_BEST], set("stpqm") | set("bBaA"), [{"code": 2, "msg": "Invalid JSON", "id": 3}]),
    Sent(
        binance_agg(), [BINANCE_AGGREGATE, BINANCE_AGGREGATE["data"]], [BINANCE_BEST], set("saTpqm") | set("bBA"),
        [{"result": None, "id": 1}],
    ),
    Sent(binance_usdm_agg(), [BINANCE_AGGREGATE], [FUTURES_BEST], set("saTpqm") | set("bBA"), [{"result": None, "id": 3}]),
    Sent(
        coinbase(), [MATCH, {**MATCH, "type": "last_match"}], [COINBASE_TICKER],
        {"product_id", "price", "size", "side", "time", "best_bid", "best_ask"},
        [
            {"type": "subscriptions", "channels": [{"name": "matches", "product_ids": ["BTC-USD"]}]},
            {"type": "error", "message": "Failed to subscribe", "reason": "BTC-EURO is not a valid product"},
            {"type": "heartbeat", "sequence": 90, "last_trade_id": 20, "product_id": "BTC-USD", "time": "2014-11-07T08:19:28.464459Z"},
        ],
    ),
    Sent(
        coinbase_advanced(), [MARKET_TRADES], [ADVANCED_TICKER], {"trades", "trade_id", "size", "time", "best_bid", "best_ask"},
        [
            {"channel": "subscriptions", "sequence_num": 4, "events": [{"subscriptions": {"market_trades": ["BTC-USD"]}}]},
            {"channel": "heartbeats", "sequence_num": 5, "events": [{"heartbeat_counter": 42}]},
            {"type": "error", "message": "authentication failure"},
        ],
    ),
    Sent(
        kraken(), [KRAKEN_TRADE], [KRAKEN_TICKER], {"symbol", "side", "price", "qty", "trade_id", "bid", "bid_qty", "ask", "ask_qty"},
        [
            {"method": "subscribe", "result": {"channel": "trade", "symbol": "BTC/USD"}, "success": True, "req_id": 1},
            {"method": "subscribe", "error": "Currency pair not supported XBT/USD", "success": False, "symbol": "XBT/USD", "req_id": 1},
            {"channel": "heartbeat"}, {"channel": "status", "type": "update", "data": [{"system": "online"}]}, {"method": "pong"},
        ],
    ),
    Sent(
        bybit(), [BYBIT_TRADE], [BYBIT_BOOK], {"T", "s", "S", "v", "p", "i", "b", "a", "u"},
        [
            {"success": True, "ret_msg": "", "conn_id": "c", "req_id": "1", "op": "subscribe"},
            {"success": False, "ret_msg": "error:handler not found,topic:publicTrade.XYZ", "conn_id": "c", "req_id": "1"},
            {"success": True, "ret_msg": "pong", "conn_id": "c", "op": "ping"},
        ],
    ),
    Sent(bybit_linear(), [BYBIT_TRADE], [BYBIT_BOOK], {"T", "s", "S", "v", "p", "i", "b", "a", "u"}),
    Sent(
        okx(), [OKX_TRADE], [OKX_BEST], {"tradeId", "px", "sz", "side", "ts", "asks", "bids"},
        [
            {"event": "subscribe", "id": "1", "arg": {"channel": "trades", "instId": "BTC-USDT"}, "connId": "a4d3ae55"},
            {"event": "error", "id": "1", "code": "60018", "msg": "Wrong URL or channel:trades,instId:XYZ-USDT doesn't exist."},
            {"event": "notice", "code": "64008", "msg": "The connection will soon be closed for a service upgrade."},
        ],
    ),
    Sent(alpaca_sip(), [ALPACA_TRADE], [ALPACA_QUOTE], {"S", "i", "p", "s", "t", "bp", "bs", "ap", "as"}),
    Sent(
        alpaca(), [ALPACA_TRADE], [ALPACA_QUOTE], {"S", "i", "p", "s", "t", "bp", "bs", "ap", "as"},
        [
            ALPACA_CORRECTION, ALPACA_CANCEL, [{"T": "success", "msg": "connected"}], [{"T": "success", "msg": "authenticated"}],
            [{"T": "subscription", "trades": ["AAPL"], "quotes": [], "bars": []}], [{"T": "error", "code": 402, "msg": "auth failed"}],
            [{"T": "b", "S": "AAPL", "o": 1.5}, *ALPACA_TRADE],
        ],
    ),
    Sent(
        mapped(), [MAPPED_TRADE], [MAPPED_QUOTE], {"s", "p", "q", "bids", "asks"},
        [{"event": "subscribed", "id": 1}, {"event": "error", "id": 1, "text": "no such symbol"}],
    ),
]  # fmt: skip
NAMES = [sent.venue.name for sent in SENT]


def requests_for(venue: Venue, streams: Sequence[Stream], first: int = 1) -> list[Request]:
    """What a connection asks, if nothing is answered."""
    wanted, requests = Subscriptions(streams, venue.limits, Patience(), Random(1)), list[Request]()
    while portion := wanted.next_portion(0.0):
        requests.append(venue.subscribe(portion, first + len(requests)))
        wanted.asked(0.0, requests[-1].number, portion, answered=False)
    return requests
