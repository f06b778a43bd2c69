"""Any venue of JSON messages whose fields are named by a mapping: `json:URL`, or a table [venue.NAME] of the configuration."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from feeds.addresses import checked_address
from feeds.venues.asking import only_channel
from feeds.venues.fields import NAN, quote
from feeds.venues.frames import UNREADABLE, shown, utf8
from feeds.venues.json_values import ABSENT, number, refused, side, text, time, trade_id, value_at, word_of
from feeds.venues.refusals import refusal
from feeds.venues.spelling import Spelling
from feeds.venues.venue import BadFrame, Channel, Decoder, Limits, Notice, Reply, Request, Said, Stream, Trade, Unknown
from pipeline.errors import UsageError

__all__ = ["QUOTE", "TRADE", "WORDS", "JsonFields", "Rows", "json_venue"]

# numbers with a point stay the text they are, so that times lose nothing
TREE = msgspec.json.Decoder(float_hook=str)
WORDS = {"buy": 1, "sell": -1, "b": 1, "s": -1, "1": 1, "-1": -1}


@dataclass(frozen=True, slots=True)
class Rows:
    """One kind of message: what it holds (`when`, path to word), where its rows are (`items`), and the path of every field."""

    fields: Mapping[str, str]
    when: Mapping[str, str] = field(default_factory=dict)
    items: str = ""
    words: Mapping[str, int] = field(default_factory=lambda: WORDS)

    def meets(self, message: Any, needed: Sequence[str]) -> bool:
        """Whether a message is of this kind: it holds what `when` says or, where that says nothing, the fields needed."""
        if self.when:
            return all(word_of(value_at(path, message, message)) == word for path, word in self.when.items())
        return all(any(value_at(self.fields[name], row, message) is not ABSENT for row in self.rows(message)) for name in needed)

    def rows(self, message: Any) -> list[Any]:
        found = value_at(self.items, message, message) if self.items else message
        return found if isinstance(found, list) else [] if found is ABSENT else [found]


TRADE = Rows({name: name for name in ("symbol", "price", "size", "time", "side", "id")})
QUOTE = Rows({name: name for name in ("symbol", "time", "bid", "bid_size", "ask", "ask_size")})


@dataclass(frozen=True, slots=True)
class FieldReader:
    """The reader of a JsonFields' frames."""

    venue: "JsonFields"

    def decode(self, frame: str | bytes) -> Sequence[Said]:
        """What a frame says; an array is its messages one after the other."""
        raw = frame if isinstance(frame, bytes) else utf8(frame)
        if self.venue.pong and raw == self.venue.pong.encode():
            return [Notice("alive")]
        try:
            tree = TREE.decode(raw)
        except UNREADABLE as error:
            raise BadFrame(f"found {shown(raw)}, expected JSON: {str(error)[:100]}") from None
        return [said for message in (tree if isinstance(tree, list) else [tree]) for said in self.told(message)]

    def told(self, message: Any) -> list[Said]:
        venue = self.venue
        if not isinstance(message, dict):
            raise BadFrame(f"found {shown(message)}, expected an object")
        if venue.error and venue.error.meets(message, ()):
            reason = value_at(venue.error.fields.get("reason", "$.reason"), message, message)
            return [refusal(self.request(venue.error, message), (), word_of(reason))]
        if venue.reply and venue.reply.meets(message, ()):
            return [Reply(self.request(venue.reply, message))]
        if venue.trade and venue.trade.meets(message, ("price",)):
            return [self.trade(venue.trade, row, message) for row in venue.trade.rows(message)]
        if venue.quote and venue.quote.meets(message, ("bid", "ask")):
            return [self.quote(venue.quote, row, message) for row in venue.quote.rows(message)]
        return [Unknown(" ".join(sorted(message))[:40])]

    def request(self, rows: Rows, message: Any) -> int | None:
        found = value_at(rows.fields.get("number", "$.id"), message, message)
        known = trade_id("number", found) if isinstance(found, str | int) and not isinstance(found, bool) and found != "" else None
        return known if isinstance(known, int) else None

    def trade(self, rows: Rows, row: Any, message: Any) -> Trade:
        found = {name: (path, value_at(path, row, message)) for name, path in rows.fields.items()}
        named = trade_id(*present(found, "id"))
        if self.venue.consecutive and isinstance(named, str):
            raise refused(*present(found, "id"), "a number, as `consecutive` says")
        return Trade(
            text(*found["symbol"]),
            time(*present(found, "time"), self.venue.time_unit),
            number(*found["price"]),
            number(*found["size"], 0.0),
            side(*present(found, "side"), rows.words),
            named,
        )

    def quote(self, rows: Rows, row: Any, message: Any) -> Said:
        found = {name: (path, value_at(path, row, message)) for name, path in rows.fields.items()}
        bid_size, ask_size = present(found, "bid_size"), present(found, "ask_size")
        return quote(
            text(*found["symbol"]),
            time(*present(found, "time"), self.venue.time_unit),
            number(*found["bid"]),
            NAN if bid_size[1] is None else number(*bid_size, 0.0),
            number(*found["ask"]),
            NAN if ask_size[1] is None else number(*ask_size, 0.0),
        )


def present(found: Mapping[str, tuple[str, Any]], name: str) -> tuple[str, Any]:
    """A field that a message may leave out: None then."""
    path, value = found.get(name, (name, None))
    return path, None if value is ABSENT else value


@dataclass(frozen=True, slots=True)
class JsonFields:
    """A venue by its mapping; without one, messages are objects with `symbol`, `price`, `size`, `time`, `side`, `id`, `bid`, `ask`.

    `subscribe` is a frame with `{symbol}`, or `{symbols}` for a JSON array of them, and perhaps `{channel}` and `{number}`;
    without it nothing is sent. `time_unit` is that of times that are numbers.

    >>> venue = JsonFields().at("ws://127.0.0.1:9000")
    >>> venue.decoder().decode('{"symbol":"BTC","price":"61837.5","size":2,"time":1723161255342,"side":"sell","id":12}')
    [Trade(symbol='BTC', time=1723161255342000000, price=61837.5, size=2.0, side=-1, trade_id=12, old=False, odd=False)]
    """

    name: str = "json"
    # an address may hold a token
    address: str = field(default="", repr=False)
    request: str = ""
    channels: Mapping[Channel, str] = field(default_factory=lambda: {"trades": "trades", "quotes": "quotes"})
    time_unit: str = "ms"
    trade: Rows | None = TRADE
    quote: Rows | None = QUOTE
    reply: Rows | None = None
    error: Rows | None = None
    ping: str | None = None
    ping_seconds: float = 20.0
    pong: str = ""
    consecutive: bool = False
    # the part of the table that says how frames are read
    fields: dict[str, Any] | None = field(default=None, repr=False, compare=False)
    # what the environment has filled in
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def limits(self) -> Limits:
        """Nothing is known of them: few and slow; one channel a request where the request names it."""
        together = 50 if "{symbols}" in self.request or not self.request else 1
        return Limits(
            streams_per_request=together,
            one_channel="{channel}" in self.request,
            acknowledges=self.reply is not None,
            ping=self.ping,
            ping_seconds=self.ping_seconds,
        )

    def at(self, url: str) -> "JsonFields":
        """This venue at another address; raises UsageError for what is no websocket's."""
        return replace(self, address=checked_address(url, self.name))

    def url(self, streams: Sequence[Stream]) -> str:
        """Its address; raises UsageError where none was given."""
        if not self.address:
            raise UsageError(f"{self.name} needs an address: json:wss://host/path, or url = ... in [venue.{self.name}]")
        return self.address

    def logins(self) -> Sequence[Request]:
        """None: a venue that wants keys needs a codec of its own."""
        return ()

    def subscribe(self, streams: Sequence[Stream], number: int) -> Request:
        """The frame with everything filled in; empty where the venue needs no request."""
        if not self.request:
            return Request(number, "", tuple(streams))
        symbols = list(dict.fromkeys(stream.symbol for stream in streams))
        channel = self.channels[only_channel(streams)] if "{channel}" in self.request else ""
        fillings = {
            "{symbols}": msgspec.json.encode(symbols).decode(),
            "{symbol}": symbols[0],
            "{channel}": channel,
            "{number}": str(number),
        }
        frame = re.sub("|".join(map(re.escape, fillings)), lambda found: fillings[found[0]], self.request)
        return Request(number, frame, tuple(streams))

    def streams(self, symbols: Sequence[str], channels: Sequence[Channel]) -> Sequence[Stream]:
        """Symbols as they are written, without blanks, quotes and backslashes."""
        return Spelling(self.name, r'[^\s"\\\x00-\x1f\ud800-\udfff]{1,64}', "BTC-USD").streams(symbols, channels)

    def decoder(self) -> Decoder:
        """Nothing needs to be kept between frames."""
        return FieldReader(self)


def json_venue() -> JsonFields:
    """The venue of `json:URL`, which still needs its address.

    >>> json_venue().at("wss://example.com/feed").url([])
    'wss://example.com/feed'
    """
    return JsonFields()
