"""Bybit version 5: spot and linear contracts. Trades, and the order book of depth 1.

https://bybit-exchange.github.io/docs/v5/websocket/public/trade, .../orderbook
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from feeds.venues.fields import Milliseconds, Price, Size, number_of, numbered, quote
from feeds.venues.frames import FrameReader, Kind, Read, read_as, word
from feeds.venues.refusals import refusal
from feeds.venues.spelling import Spelling
from feeds.venues.venue import BadFrame, Channel, Decoder, Gap, Limits, Notice, Reply, Request, Said, Stream, Trade

__all__ = ["Bybit", "bybit", "bybit_linear"]

TOPICS: dict[Channel, str] = {"trades": "publicTrade", "quotes": "orderbook.1"}
CHANNELS: dict[str, Channel] = {topic: channel for channel, topic in TOPICS.items()}
KINDS_BY_LETTER = {b"p": "publicTrade", b"o": "orderbook.1"}
START = b'{"topic":"'
TOPIC = re.compile(r"\b(publicTrade|orderbook\.1)\.([A-Z0-9-]+)")
SIDES = {"Buy": 1, "Sell": -1}
MILLISECOND = 1_000_000
SPOT = Limits(
    streams=400, streams_per_request=10, requests=10, burst=10, connects=500, connects_seconds=300.0, ping='{"op":"ping"}', all_or_none=True
)
LINEAR = replace(SPOT, streams_per_request=100)
new = tuple.__new__

Level = tuple[Price, Size]


class Print(msgspec.Struct, gc=False):
    """`S` is the taker's side; `BT` a block trade, agreed off the book; `i` a number on spot, a uuid on contracts."""

    T: Milliseconds
    s: str
    S: Literal["Buy", "Sell"]
    v: Size
    p: Price
    i: str
    BT: bool = False


class Trades(msgspec.Struct, gc=False):
    """`type` is always "snapshot", which means nothing here."""

    topic: Annotated[str, Meta(pattern=r"^publicTrade\.")]
    data: list[Print]


class Book(msgspec.Struct, gc=False):
    s: str
    b: list[Level]
    a: list[Level]
    u: int


def when(message: "Books") -> int:
    """`cts` is when the engine made the change, as `T` of trades; `ts` when it was sent, a few ms later."""
    return (message.ts if message.cts is None else message.cts) * MILLISECOND


class Books(msgspec.Struct, gc=False):
    topic: Annotated[str, Meta(pattern=r"^orderbook\.1\.")]
    type: Literal["snapshot", "delta"]
    ts: Milliseconds
    data: Book
    cts: Milliseconds | None = None


class Answer(msgspec.Struct):
    """`ret_msg` is "pong" after a ping; some errors leave out the request's id, and name a topic."""

    success: bool
    op: str = ""
    ret_msg: str = ""
    req_id: str = ""


READ: dict[str, Read] = {"publicTrade": read_as(Trades), "orderbook.1": read_as(Books), "answer": read_as(Answer)}


def trades(message: Trades) -> list[Said]:
    return [new(Trade, (row.s, row.T * MILLISECOND, row.p, row.v, SIDES[row.S], numbered(row.i), False, row.BT)) for row in message.data]


def answer(message: Answer) -> list[Said]:
    number = number_of(message.req_id)
    if message.op in ("ping", "pong") or message.ret_msg == "pong":
        return [Notice("alive")]
    if message.success:
        return [Reply(number)]
    streams = tuple(Stream(CHANNELS[topic], symbol) for topic, symbol in TOPIC.findall(message.ret_msg))
    return [refusal(number, streams, message.ret_msg)]


class TopOfBook:
    """The best levels of every symbol, since a delta leaves out the side that has not changed."""

    def __init__(self) -> None:
        self.best: dict[str, tuple[Level, Level] | None] = {}

    def books(self, message: Books) -> list[Said]:
        book = message.data
        known = self.best.get(book.s)
        # u = 1: the service has started anew, and what it calls a delta is a snapshot
        if message.type == "snapshot" or book.u == 1:
            bid, ask = first(book.b), first(book.a)
        elif known is None:
            return self.unfounded(book.s)
        else:
            bid, ask = changed(known[0], book.b), changed(known[1], book.a)
        old = book.s not in self.best
        self.best[book.s] = bid, ask
        return [quote(book.s, when(message), *bid, *ask, old)]

    def unfounded(self, symbol: str) -> list[Said]:
        """A change of what was never told: something is lost until the next snapshot, said once."""
        if symbol in self.best:
            return []
        self.best[symbol] = None
        return [Gap(symbol, "a change of the order book came before its snapshot")]


def first(levels: list[Level]) -> Level:
    return levels[0] if levels else (0.0, 0.0)


def changed(best: Level, levels: list[Level]) -> Level:
    """The best level after changes: the level that has come, or none where the best has gone and none has come."""
    come = [level for level in levels if level[1] > 0.0]
    if come:
        return come[-1]
    return (0.0, 0.0) if any(price == best[0] for price, _ in levels) else best


def look(frame: bytes) -> str | None:
    return KINDS_BY_LETTER.get(frame[10:11]) if frame.startswith(START) else None


def kind_of(tree: Any) -> str:
    if not isinstance(tree, dict):
        raise BadFrame("found no object, expected one such as {'topic': 'publicTrade.BTCUSDT', ...}")
    if "topic" not in tree:
        return "answer" if "success" in tree else word(tree.get("op"))
    topic = word(tree["topic"])
    return topic.rpartition(".")[0] or topic


@dataclass(frozen=True, slots=True)
class Bybit:
    """A market of Bybit. Trade ids are uuids on contracts, and on spot numbers that all symbols share."""

    name: str
    market: str
    limits: Limits
    consecutive: bool = False

    def url(self, streams: Sequence[Stream]) -> str:
        """One address a market."""
        return f"wss://stream.bybit.com/v5/public/{self.market}"

    def logins(self) -> Sequence[Request]:
        """None: market data is open to all."""
        return ()

    def subscribe(self, streams: Sequence[Stream], number: int) -> Request:
        """One request for topics of both channels; one topic that does not exist refuses all of them."""
        topics = [f"{TOPICS[stream.channel]}.{stream.symbol}" for stream in streams]
        frame = msgspec.json.encode({"op": "subscribe", "args": topics, "req_id": str(number)}).decode()
        return Request(number, frame, tuple(streams))

    def streams(self, symbols: Sequence[str], channels: Sequence[Channel]) -> Sequence[Stream]:
        """Symbols have no separator: BTCUSDT; contracts that expire are BTC-27JUN25."""
        expires = r"(-\d{1,2}[A-Z]{3}\d{2})?" if self.market == "linear" else ""
        return Spelling(self.name, rf"[A-Z0-9]{{2,30}}{expires}", "BTCUSDT").streams(symbols, channels)

    def decoder(self) -> Decoder:
        """It keeps the best bid and ask of every symbol."""
        says: dict[str, Callable[[Any], list[Said]]] = {"publicTrade": trades, "orderbook.1": TopOfBook().books, "answer": answer}
        return FrameReader({name: Kind(READ[name], say) for name, say in says.items()}, look, kind_of)


def bybit() -> Bybit:
    """The spot market.

    >>> bybit().subscribe([Stream("trades", "BTCUSDT"), Stream("quotes", "BTCUSDT")], 7).frame
    '{"op":"subscribe","args":["publicTrade.BTCUSDT","orderbook.1.BTCUSDT"],"req_id":"7"}'
    """
    return Bybit("bybit", "spot", SPOT)


def bybit_linear() -> Bybit:
    """Perpetuals and futures that settle in USDT or USDC.

    >>> bybit_linear().streams(["btc-27jun25"], ["quotes"])
    [Stream(channel='quotes', symbol='BTC-27JUN25')]
    """
    return Bybit("bybit-linear", "linear", LINEAR)
