"""Coinbase Exchange (formerly GDAX and Pro): matches, and the best bid and ask of its ticker.

https://docs.cdp.coinbase.com/exchange/websocket-feed/channels
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from feeds.venues.fields import NAN, Number, Price, Size, moment, quote
from feeds.venues.frames import FrameReader, Kind, kind, word
from feeds.venues.refusals import refusal
from feeds.venues.spelling import Spelling
from feeds.venues.venue import BadFrame, Channel, Decoder, Limits, Notice, Reply, Request, Said, Stream, Trade

__all__ = ["PRODUCT", "Coinbase", "coinbase", "streams_named"]

CHANNELS: dict[Channel, str] = {"trades": "matches", "quotes": "ticker"}
START = b'{"type":"'
KINDS_BY_LETTER = {b"m": "match", b"l": "last_match", b"t": "ticker"}
PRODUCT = r"[A-Z0-9]+(-[A-Z0-9]+)+"
NO_PRODUCT = re.compile(rf"\b({PRODUCT}) is not a valid product")
LIMITS = Limits(streams=400, streams_per_request=100, requests=8, burst=20, connects=8, connects_seconds=1.0, all_or_none=True)
# the aggressor's side, by the maker's
SIDES = {"buy": -1, "sell": 1}
new = tuple.__new__


class Match(msgspec.Struct, gc=False):
    """`side` is the maker's; a `last_match` is the trade before the subscription."""

    type: Literal["match", "last_match"]
    product_id: str
    trade_id: Number
    price: Price
    size: Size
    side: Literal["buy", "sell"]
    time: str


class Ticker(msgspec.Struct, gc=False):
    """Sent with every match, so that the best prices move with trades only. Before 2022 there were no sizes."""

    type: Literal["ticker"]
    product_id: str
    best_bid: Price
    best_ask: Price
    best_bid_size: Size | None = None
    best_ask_size: Size | None = None
    time: str | None = None


class Subscribed(msgspec.Struct):
    name: str
    product_ids: list[str] | None = None


class Subscriptions(msgspec.Struct):
    channels: list[Subscribed]


class Fault(msgspec.Struct):
    message: str = ""
    reason: str = ""


def match(message: Match) -> list[Said]:
    time = moment("time", message.time)
    side, old = SIDES[message.side], message.type == "last_match"
    return [new(Trade, (message.product_id, time, message.price, message.size, side, message.trade_id, old, False))]


def ticker(message: Ticker) -> list[Said]:
    time = None if message.time is None else moment("time", message.time)
    bid_size = NAN if message.best_bid_size is None else message.best_bid_size
    ask_size = NAN if message.best_ask_size is None else message.best_ask_size
    return [quote(message.product_id, time, message.best_bid, bid_size, message.best_ask, ask_size)]


def streams_named(listed: dict[str, list[str] | None], channels: dict[Channel, str]) -> list[Said]:
    """The reply that names the products of channels; nothing where it names none of ours."""
    streams = [Stream(channel, product) for channel, name in channels.items() for product in listed.get(name) or ()]
    return [Reply(None, tuple(streams))] if streams else []


def subscriptions(message: Subscriptions) -> list[Said]:
    return streams_named({channel.name: channel.product_ids for channel in message.channels}, CHANNELS)


def fault(message: Fault) -> list[Said]:
    """The venue refuses the whole request for one product that it does not know."""
    reason = f"{message.message}: {message.reason}" if message.reason else message.message
    unknown = NO_PRODUCT.search(reason)
    streams = tuple(Stream(channel, unknown[1]) for channel in CHANNELS) if unknown else ()
    return [refusal(None, streams, reason)]


def alive(_: object) -> list[Said]:
    return [Notice("alive")]


def look(frame: bytes) -> str | None:
    """By the first letter of the type, which comes first."""
    return KINDS_BY_LETTER.get(frame[9:10]) if frame.startswith(START) else None


def kind_of(tree: Any) -> str:
    if not isinstance(tree, dict):
        raise BadFrame("found no object, expected one such as {'type': 'match', ...}")
    return word(tree.get("type"))


KINDS: dict[str, Kind[Any]] = {
    "match": kind(Match, match),
    "last_match": kind(Match, match),
    "ticker": kind(Ticker, ticker),
    "subscriptions": kind(Subscriptions, subscriptions),
    "heartbeat": kind(dict, alive),
    "error": kind(Fault, fault),
}
READER = FrameReader(KINDS, look, kind_of)


@dataclass(frozen=True, slots=True)
class Coinbase:
    """The Exchange; trade ids of a product count up by one."""

    name: str = "coinbase"
    limits: Limits = LIMITS
    consecutive: bool = True

    def url(self, streams: Sequence[Stream]) -> str:
        """One address for all; the venue hangs up on who does not subscribe within 5 s."""
        return "wss://ws-feed.exchange.coinbase.com"

    def logins(self) -> Sequence[Request]:
        """None: matches and ticker are open to all."""
        return ()

    def subscribe(self, streams: Sequence[Stream], number: int) -> Request:
        """One request for both channels, with a heartbeat a second for every product; its reply repeats no id."""
        named = [(name, [stream.symbol for stream in streams if stream.channel == channel]) for channel, name in CHANNELS.items()]
        products = list(dict.fromkeys(stream.symbol for stream in streams))
        wanted = [{"name": name, "product_ids": listed} for name, listed in [*named, ("heartbeat", products)] if listed]
        frame = msgspec.json.encode({"type": "subscribe", "channels": wanted}).decode()
        return Request(number, frame, tuple(streams))

    def streams(self, symbols: Sequence[str], channels: Sequence[Channel]) -> Sequence[Stream]:
        """Symbols are BTC-USD, ETH-EUR."""
        return Spelling(self.name, PRODUCT, "BTC-USD").streams(symbols, channels)

    def decoder(self) -> Decoder:
        """Nothing needs to be kept between frames."""
        return READER


def coinbase() -> Coinbase:
    """Coinbase Exchange.

    >>> coinbase().streams(["btc-usd"], ["quotes"])
    [Stream(channel='quotes', symbol='BTC-USD')]
    """
    return Coinbase()
