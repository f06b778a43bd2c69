"""Binance: spot, and USD-M futures. Trades or aggregates of them, best bid and ask, over combined streams.

https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams, .../derivatives/usds-margined-futures
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from feeds.venues.fields import Milliseconds, Number, Price, Size, quote
from feeds.venues.frames import FrameReader, Kind, kind, word
from feeds.venues.refusals import refusal
from feeds.venues.spelling import Spelling
from feeds.venues.venue import BadFrame, Channel, Decoder, Filler, Limits, Notice, Reply, Request, Said, Stream, Trade, Trades

__all__ = ["Binance", "binance", "binance_agg", "binance_usdm", "binance_usdm_agg"]

KINDS_BY_LETTER = {b"t": "trade", b"b": "bookTicker", b"a": "aggTrade"}
MILLISECOND = 1_000_000
TOO_OFTEN = (-1003, 429)
# how many bytes into a frame the name of its stream ends, at most
NAME_ENDS = 80
SPOT_HOST, USD_M_HOST = "wss://stream.binance.com:9443", "wss://fstream.binance.com"
ROUTES = {"trade": "/public", "bookTicker": "/public", "aggTrade": "/market"}
DAY = 24 * 3600.0
SPOT = Limits(streams=1024, streams_per_request=200, requests=4, burst=4, connects=300, connects_seconds=300, session_seconds=DAY)
USD_M = Limits(streams=1024, streams_per_request=200, requests=8, burst=8, connects=300, connects_seconds=300, session_seconds=DAY)
new = tuple.__new__


class Traded(msgspec.Struct, tag_field="e", tag="trade", gc=False):
    """`T` trade time ms, `m` whether the buyer was the maker, so that the taker sold; futures only: `X` what it was a trade of."""

    s: str
    t: Number
    p: Price
    q: Size
    T: Milliseconds
    m: bool
    X: str = "MARKET"


class Aggregate(msgspec.Struct, tag_field="e", tag="aggTrade", gc=False):
    """The fills of one taker order at one price, under an id `a` of their own."""

    s: str
    a: Number
    p: Price
    q: Size
    T: Milliseconds
    m: bool


class Best(msgspec.Struct, gc=False):
    """The best bid `b`, its size `B`, the best ask `a`, its size `A`; `u` goes up with every change. No time on spot; `T` on futures."""

    s: str
    b: Price
    B: Size
    a: Price
    A: Size
    e: Literal["bookTicker"] = "bookTicker"
    T: Milliseconds | None = None
    u: Number | None = None


class StreamedTrade(msgspec.Struct, gc=False):
    data: Traded


class StreamedAggregate(msgspec.Struct, gc=False):
    data: Aggregate


class StreamedBest(msgspec.Struct, gc=False):
    data: Best


class Fault(msgspec.Struct):
    code: int = 0
    msg: str = ""


class Answer(msgspec.Struct):
    """What follows a request: `result` null, or an error, which older servers write without `error` around it."""

    id: int | str | None = None
    error: Fault | None = None
    code: int | None = None
    msg: str = ""


def traded(message: Traded) -> list[Said]:
    if message.X != "MARKET":
        return [unusual(message)]
    return [new(Trade, (message.s, message.T * MILLISECOND, message.p, message.q, -1 if message.m else 1, message.t, False, False))]


def unusual(message: Traded) -> Said:
    """A filler has no price; the insurance fund's and deleveraging's trades (INSURANCE_FUND, ADL) are no market's prices."""
    if message.X == "NA":
        return Filler(message.s, message.t)
    return Trade(message.s, message.T * MILLISECOND, message.p, message.q, -1 if message.m else 1, message.t, odd=True)


def aggregate(message: Aggregate) -> list[Said]:
    return [new(Trade, (message.s, message.T * MILLISECOND, message.p, message.q, -1 if message.m else 1, message.a, False, False))]


def best(message: Best) -> list[Said]:
    time = None if message.T is None else message.T * MILLISECOND
    return [quote(message.s, time, message.b, message.B, message.a, message.A, number=message.u)]


def answer(message: Answer) -> list[Said]:
    number = message.id if isinstance(message.id, int) else None
    fault = message.error or (Fault(message.code, message.msg) if message.code is not None else None)
    if fault is None:
        return [Reply(number)]
    return [refusal(number, (), f"{fault.msg} (code {fault.code})", "rate" if fault.code in TOO_OFTEN else None)]


def all_traded(messages: list[StreamedTrade]) -> Trades | None:
    found = [message.data for message in messages]
    return Trades(*columns(found), [one.t for one in found]) if all(one.X == "MARKET" for one in found) else None


def all_aggregates(messages: list[StreamedAggregate]) -> Trades:
    found = [message.data for message in messages]
    return Trades(*columns(found), [one.a for one in found])


def columns(found: Sequence[Traded | Aggregate]) -> tuple[list[str], list[int], list[float], list[float], list[int]]:
    return (
        [one.s for one in found],
        [one.T * MILLISECOND for one in found],
        [one.p for one in found],
        [one.q for one in found],
        [-1 if one.m else 1 for one in found],
    )


def leaving(_: object) -> list[Said]:
    return [Notice("leaving", "the server is about to shut down")]


KINDS: dict[str, Kind[Any]] = {
    "trade": kind(StreamedTrade, lambda message: traded(message.data), all_traded),
    "aggTrade": kind(StreamedAggregate, lambda message: aggregate(message.data), all_aggregates),
    "bookTicker": kind(StreamedBest, lambda message: best(message.data)),
    "bare trade": kind(Traded, traded),
    "bare aggTrade": kind(Aggregate, aggregate),
    "bare bookTicker": kind(Best, best),
    "answer": kind(Answer, answer),
    "serverShutdown": kind(dict, leaving),
    "bare serverShutdown": kind(dict, leaving),
}


def look(frame: bytes) -> str | None:
    """By the letter after the @ of `{"stream":"btcusdt@trade"`: a guess, as the decoder finds out."""
    at = frame.find(b"@", 0, NAME_ENDS) + 1
    return KINDS_BY_LETTER.get(frame[at : at + 1])


def kind_of(tree: Any) -> str:
    """The event's own word; spot's bookTicker has none, and is told by its stream or by what it holds."""
    if not isinstance(tree, dict):
        raise BadFrame("found no object, expected one such as {'stream': ..., 'data': {...}}")
    if "data" in tree:
        event = tree["data"].get("e") if isinstance(tree["data"], dict) else None
        stream = word(tree.get("stream"))
        return word(event) if event else stream.partition("@")[2] or stream.removeprefix("!")
    if "e" in tree:
        return f"bare {word(tree['e'])}"
    if {"u", "s", "b", "a"} <= tree.keys():
        return "bare bookTicker"
    return "answer" if {"result", "error", "id", "code"} & tree.keys() else "of no name"


READER = FrameReader(KINDS, look, kind_of)


@dataclass(frozen=True, slots=True)
class Binance:
    """A market of Binance; ids of `trades`, a kind of stream, count up by one, futures' fillers included. `routes` is where streams are.

    >>> frame = '{"stream":"bnbbtc@trade","data":{"e":"trade","s":"BNBBTC","t":12,"p":"0.001","q":"9","T":1672515782136,"m":true}}'
    >>> binance().decoder().decode(frame)
    [Trade(symbol='BNBBTC', time=1672515782136000000, price=0.001, size=9.0, side=-1, trade_id=12, old=False, odd=False)]
    """

    name: str
    host: str
    limits: Limits
    trades: Literal["trade", "aggTrade"] = "trade"
    routes: Mapping[str, str] = field(default_factory=dict)
    consecutive: bool = True

    def url(self, streams: Sequence[Stream]) -> str:
        """Where combined streams are served; they are asked for by requests, since an address may be too long."""
        route = self.routes.get(self._kind(streams[0].channel), "") if streams else ""
        return f"{self.host}{route}/stream"

    def logins(self) -> Sequence[Request]:
        """None: market data is open to all."""
        return ()

    def subscribe(self, streams: Sequence[Stream], number: int) -> Request:
        """One SUBSCRIBE; stream names are lower case, although symbols are upper case in messages."""
        names = [f"{stream.symbol.lower()}@{self._kind(stream.channel)}" for stream in streams]
        frame = msgspec.json.encode({"method": "SUBSCRIBE", "params": names, "id": number}).decode()
        return Request(number, frame, tuple(streams))

    def _kind(self, channel: Channel) -> str:
        return self.trades if channel == "trades" else "bookTicker"

    def streams(self, symbols: Sequence[str], channels: Sequence[Channel]) -> Sequence[Stream]:
        """Symbols have no separator: BTCUSDT, BTCUSDT_250627; a few are in other letters than ours."""
        return Spelling(self.name, r"[^\W_a-z]{2,30}(_\d{6})?", "BTCUSDT").streams(symbols, channels)

    def decoder(self) -> Decoder:
        """Nothing needs to be kept between frames."""
        return READER


def binance() -> Binance:
    """The spot market.

    >>> binance().streams(["btcusdt"], ["trades"])
    [Stream(channel='trades', symbol='BTCUSDT')]
    """
    return Binance("binance", SPOT_HOST, SPOT)


def binance_agg() -> Binance:
    """The spot market, the fills of one taker order at one price as one trade: fewer messages.

    >>> binance_agg().subscribe([Stream("trades", "BTCUSDT")], 1).frame
    '{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":1}'
    """
    return Binance("binance-agg", SPOT_HOST, SPOT, trades="aggTrade")


def binance_usdm() -> Binance:
    """USD-M futures; since 2026-04-23 trades and best prices are served under /public only.

    >>> binance_usdm().url([Stream("trades", "BTCUSDT")])
    'wss://fstream.binance.com/public/stream'
    """
    return Binance("binance-usdm", USD_M_HOST, USD_M, routes=ROUTES)


def binance_usdm_agg() -> Binance:
    """USD-M futures, the fills of one taker order at one price as one trade; they are served under /market, best prices under /public.

    >>> [binance_usdm_agg().url([Stream(channel, "BTCUSDT")]) for channel in ("trades", "quotes")]
    ['wss://fstream.binance.com/market/stream', 'wss://fstream.binance.com/public/stream']
    """
    return Binance("binance-usdm-agg", USD_M_HOST, USD_M, trades="aggTrade", routes=ROUTES)
