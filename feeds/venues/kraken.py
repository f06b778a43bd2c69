"""Kraken spot, websocket version 2: trades, and the best bid and ask of its ticker.

https://docs.kraken.com/api/docs/websocket-v2/trade, .../ticker
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from feeds.venues.asking import only_channel
from feeds.venues.fields import Number, Price, Size, moment, quote
from feeds.venues.frames import FrameReader, Kind, kind, word
from feeds.venues.refusals import refusal
from feeds.venues.spelling import Spelling
from feeds.venues.venue import BadFrame, Channel, Decoder, Limits, Notice, Reply, Request, Said, Stream, Trade
from pipeline.errors import UsageError

__all__ = ["Kraken", "kraken"]

CHANNELS: dict[Channel, str] = {"trades": "trade", "quotes": "ticker"}
STREAMS: dict[str, Channel] = {name: channel for channel, name in CHANNELS.items()}
KINDS_BY_START = {b'{"channel":"trade",': "trade", b'{"channel":"ticker"': "ticker"}
START = 19
SIDES = {"buy": 1, "sell": -1}
LIMITS = Limits(streams=400, streams_per_request=100, requests=4, burst=4, connects=150, connects_seconds=600.0, one_channel=True)
OLD_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
new = tuple.__new__


class Print(msgspec.Struct, gc=False):
    """`side` is the taker's; `trade_id` counts up by one within a book."""

    symbol: str
    side: Literal["buy", "sell"]
    price: Price
    qty: Size
    trade_id: Number
    timestamp: str


class Trades(msgspec.Struct, gc=False):
    channel: Literal["trade"]
    type: Literal["snapshot", "update"]
    data: list[Print]


class Best(msgspec.Struct, gc=False):
    """Before 2025 there was no `timestamp`."""

    symbol: str
    bid: Price
    bid_qty: Size
    ask: Price
    ask_qty: Size
    timestamp: str | None = None


class Tickers(msgspec.Struct, gc=False):
    channel: Literal["ticker"]
    type: Literal["snapshot", "update"]
    data: list[Best]


class Named(msgspec.Struct):
    channel: str = ""
    symbol: str = ""


class Answer(msgspec.Struct):
    """Every symbol of a request is answered on its own; an error names the symbol, and not the channel."""

    method: str
    success: bool = False
    result: Named | None = None
    error: str = ""
    symbol: str = ""
    req_id: int | None = None


def trades(message: Trades) -> list[Said]:
    """A snapshot repeats the last 50 trades, in no order that is documented."""
    old = message.type == "snapshot"
    rows = sorted(message.data, key=lambda row: row.trade_id) if old else message.data
    return [
        new(Trade, (row.symbol, moment("timestamp", row.timestamp), row.price, row.qty, SIDES[row.side], row.trade_id, old, False))
        for row in rows
    ]


def tickers(message: Tickers) -> list[Said]:
    """A market that has never had an order is told as zeros in 1970: that says nothing."""
    said: list[Said] = []
    for row in message.data:
        time = None if row.timestamp is None else moment("timestamp", row.timestamp)
        if time or row.bid or row.ask:
            said.append(quote(row.symbol, time, row.bid, row.bid_qty, row.ask, row.ask_qty, message.type == "snapshot"))
    return said


def answer(message: Answer) -> list[Said]:
    if message.success:
        named = message.result or Named()
        channel = STREAMS.get(named.channel)
        return [Reply(message.req_id, (Stream(channel, named.symbol),) if channel and named.symbol else ())]
    streams = tuple(Stream(channel, message.symbol) for channel in CHANNELS) if message.symbol else ()
    return [refusal(message.req_id, streams, message.error)]


def alive(_: object) -> list[Said]:
    return [Notice("alive")]


def look(frame: bytes) -> str | None:
    return KINDS_BY_START.get(frame[:START]) or KINDS_BY_START.get(frame[: START + 1])


def kind_of(tree: Any) -> str:
    if not isinstance(tree, dict):
        raise BadFrame("found no object, expected one such as {'channel': 'trade', ...}; version 1 of the protocol is not read")
    if "channel" in tree:
        return word(tree["channel"])
    method = word(tree.get("method"))
    return "answer" if method in ("subscribe", "error") else method


KINDS: dict[str, Kind[Any]] = {
    "trade": kind(Trades, trades),
    "ticker": kind(Tickers, tickers),
    "answer": kind(Answer, answer),
    "heartbeat": kind(dict, alive),
    "status": kind(dict, alive),
    "pong": kind(dict, alive),
}
READER = FrameReader(KINDS, look, kind_of)


@dataclass(frozen=True, slots=True)
class Kraken:
    """Kraken spot; a heartbeat a second comes by itself while nothing else does."""

    name: str = "kraken"
    limits: Limits = LIMITS
    consecutive: bool = True

    def url(self, streams: Sequence[Stream]) -> str:
        """One address for all."""
        return "wss://ws.kraken.com/v2"

    def logins(self) -> Sequence[Request]:
        """None: market data is open to all."""
        return ()

    def subscribe(self, streams: Sequence[Stream], number: int) -> Request:
        """One request for one channel; the ticker on every change of the best prices, not only on trades."""
        channel = only_channel(streams)
        wanted: dict[str, Any] = {"channel": CHANNELS[channel], "symbol": [stream.symbol for stream in streams], "snapshot": True}
        if channel == "quotes":
            wanted["event_trigger"] = "bbo"
        frame = msgspec.json.encode({"method": "subscribe", "params": wanted, "req_id": number}).decode()
        return Request(number, frame, tuple(streams))

    def streams(self, symbols: Sequence[str], channels: Sequence[Channel]) -> Sequence[Stream]:
        """Symbols are BTC/USD, AAPLx/USD; raises UsageError for version 1's XBT and XDG, too."""
        found = Spelling(self.name, r"[A-Z0-9.]+x?/[A-Z0-9.]+", "BTC/USD").streams(symbols, channels)
        for _, symbol in found:
            for part in symbol.split("/"):
                if part in OLD_NAMES:
                    raise UsageError(f"{symbol!r} cannot be a symbol of kraken: since version 2 it writes {OLD_NAMES[part]} for {part}")
        return found

    def decoder(self) -> Decoder:
        """Nothing needs to be kept between frames."""
        return READER


def kraken() -> Kraken:
    """Kraken spot.

    >>> kraken().streams(["btc/usd"], ["trades"])
    [Stream(channel='trades', symbol='BTC/USD')]
    """
    return Kraken()
