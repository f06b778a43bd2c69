"""Coinbase Advanced Trade: market trades, and the best bid and ask of its ticker.

https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from feeds.venues.asking import only_channel
from feeds.venues.coinbase import PRODUCT, streams_named
from feeds.venues.fields import NAN, Price, Size, moment, numbered, quote
from feeds.venues.frames import NAMED_KIND, FrameReader, Kind, Read, read_as, word
from feeds.venues.refusals import refusal
from feeds.venues.spelling import Spelling
from feeds.venues.venue import BadFrame, Channel, Decoder, Gap, Limits, Notice, Request, Said, Stream, Trade, Unknown

__all__ = ["CoinbaseAdvanced", "coinbase_advanced"]

CHANNELS: dict[Channel, str] = {"trades": "market_trades", "quotes": "ticker"}
START = b'{"channel":"'
KINDS_BY_LETTER = {b"m": "market_trades", b"t": "ticker"}
LIMITS = Limits(streams=400, streams_per_request=100, requests=8, burst=8, connects=8, connects_seconds=1.0, one_channel=True)
HEARTBEATS = '{"type":"subscribe","channel":"heartbeats"}'
new = tuple.__new__


class Print(msgspec.Struct, gc=False):
    """`side` is left out: whether it is the maker's is not documented, and the recordings cannot tell."""

    product_id: str
    trade_id: str
    price: Price
    size: Size
    time: str


class Best(msgspec.Struct, gc=False):
    product_id: str
    best_bid: Price
    best_ask: Price
    best_bid_quantity: Size | None = None
    best_ask_quantity: Size | None = None


class Traded(msgspec.Struct, gc=False):
    type: Literal["snapshot", "update"]
    trades: list[Print]


class Quoted(msgspec.Struct, gc=False):
    type: Literal["snapshot", "update"]
    tickers: list[Best]


class MarketTrades(msgspec.Struct, gc=False):
    channel: Literal["market_trades"]
    events: list[Traded]
    sequence_num: int | None = None


class Tickers(msgspec.Struct, gc=False):
    channel: Literal["ticker"]
    timestamp: str
    events: list[Quoted]
    sequence_num: int | None = None


class Listed(msgspec.Struct):
    market_trades: list[str] | None = None
    ticker: list[str] | None = None
    heartbeats: list[str] | None = None


class Subscribed(msgspec.Struct):
    subscriptions: Listed


class Subscriptions(msgspec.Struct):
    channel: Literal["subscriptions"]
    events: list[Subscribed]
    sequence_num: int | None = None


class Other(msgspec.Struct):
    channel: str
    sequence_num: int | None = None


class Fault(msgspec.Struct):
    type: Literal["error"]
    message: str = ""


READ: dict[str, Read] = {
    "market_trades": read_as(MarketTrades),
    "ticker": read_as(Tickers),
    "subscriptions": read_as(Subscriptions),
    "another channel": read_as(Other),
    "error": read_as(Fault),
}


def market_trades(message: MarketTrades) -> list[Said]:
    """Events list the newest trade first, at least at times: they are put in order by time and id."""
    said: list[Said] = []
    for event in message.events:
        old = event.type == "snapshot"
        trades = [(moment("time", trade.time) or 0, len(trade.trade_id), trade.trade_id, trade) for trade in event.trades]
        trades.sort(key=lambda row: row[:3])
        said += [
            new(Trade, (trade.product_id, time or None, trade.price, trade.size, 0, numbered(name), old, False))
            for time, _, name, trade in trades
        ]
    return said


def tickers(message: Tickers) -> list[Said]:
    time = moment("timestamp", message.timestamp)
    return [
        quote(
            ticker.product_id,
            time,
            ticker.best_bid,
            NAN if ticker.best_bid_quantity is None else ticker.best_bid_quantity,
            ticker.best_ask,
            NAN if ticker.best_ask_quantity is None else ticker.best_ask_quantity,
            event.type == "snapshot",
        )
        for event in message.events
        for ticker in event.tickers
    ]


def subscriptions(message: Subscriptions) -> list[Said]:
    """What the connection is subscribed to by now; the heartbeats are asked for first, so alone they mean that all is ready."""
    listed = message.events[-1].subscriptions if message.events else Listed()
    said = streams_named({"market_trades": listed.market_trades, "ticker": listed.ticker}, CHANNELS)
    return said or ([Notice("ready", "heartbeats")] if listed.heartbeats else [])


def another(message: Other) -> list[Said]:
    return [Notice("alive")] if message.channel == "heartbeats" else [Unknown(message.channel[:NAMED_KIND])]


def fault(message: Fault) -> list[Said]:
    return [refusal(None, (), message.message)]


def look(frame: bytes) -> str | None:
    return KINDS_BY_LETTER.get(frame[12:13]) if frame.startswith(START) else None


def kind_of(tree: Any) -> str:
    if not isinstance(tree, dict):
        raise BadFrame("found no object, expected one such as {'channel': 'market_trades', ...}")
    if "channel" not in tree:
        return word(tree.get("type"))
    name = word(tree["channel"])
    return name if name in READ else "another channel"


SAYS: dict[str, Callable[[Any], list[Said]]] = {
    "market_trades": market_trades,
    "ticker": tickers,
    "subscriptions": subscriptions,
    "another channel": another,
}


class Counter:
    """The count of a connection's messages: a number left out is a message lost, of any symbol."""

    def __init__(self) -> None:
        self.last: int | None = None

    def counted(self, says: Callable[[Any], list[Said]]) -> Callable[[Any], list[Said]]:
        def heard(message: Any) -> list[Said]:
            said = says(message)
            number, last = message.sequence_num, self.last
            if number is None:
                return said
            self.last = number
            if last is None or number <= last + 1:
                return said
            return [Gap("", f"message {number} of the connection came after {last}"), *said]

        return heard


@dataclass(frozen=True, slots=True)
class CoinbaseAdvanced:
    """Advanced Trade. What is lost is told by the connection's count of messages, so trade ids need not be consecutive."""

    name: str = "coinbase-advanced"
    limits: Limits = LIMITS
    consecutive: bool = False

    def url(self, streams: Sequence[Stream]) -> str:
        """One address for all; the venue hangs up on who does not subscribe within 5 s."""
        return "wss://advanced-trade-ws.coinbase.com"

    def logins(self) -> Sequence[Request]:
        """The heartbeats: no secret, but without them the venue closes what is quiet for 60 to 90 s."""
        return (Request(0, HEARTBEATS, login=True),)

    def subscribe(self, streams: Sequence[Stream], number: int) -> Request:
        """One request for one channel; its reply repeats no id."""
        frame = {"type": "subscribe", "product_ids": [stream.symbol for stream in streams], "channel": CHANNELS[only_channel(streams)]}
        return Request(number, msgspec.json.encode(frame).decode(), tuple(streams))

    def streams(self, symbols: Sequence[str], channels: Sequence[Channel]) -> Sequence[Stream]:
        """Symbols are BTC-USD, BTC-PERP-INTX."""
        return Spelling(self.name, PRODUCT, "BTC-USD").streams(symbols, channels)

    def decoder(self) -> Decoder:
        """It keeps the number of the last message."""
        count = Counter()
        kinds = {name: Kind(READ[name], count.counted(says)) for name, says in SAYS.items()}
        return FrameReader({**kinds, "error": Kind(READ["error"], fault)}, look, kind_of)


def coinbase_advanced() -> CoinbaseAdvanced:
    """Coinbase Advanced Trade.

    >>> coinbase_advanced().subscribe([Stream("trades", "BTC-USD")], 1).frame
    '{"type":"subscribe","product_ids":["BTC-USD"],"channel":"market_trades"}'
    """
    return CoinbaseAdvanced()
