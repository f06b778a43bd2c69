"""OKX version 5: trades, and the best bid and ask, tick by tick (bbo-tbt).

https://www.okx.com/docs-v5/en/#order-book-trading-market-data-ws-trades-channel
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from feeds.venues.fields import Milliseconds, Price, Size, number_of, numbered, quote
from feeds.venues.frames import FrameReader, Kind, kind, word
from feeds.venues.refusals import refusal
from feeds.venues.spelling import Spelling
from feeds.venues.venue import BadFrame, Channel, Decoder, Limits, Notice, Reply, Request, Said, Stream, Trade

__all__ = ["Okx", "okx"]

CHANNELS: dict[Channel, str] = {"trades": "trades", "quotes": "bbo-tbt"}
STREAMS: dict[str, Channel] = {name: channel for channel, name in CHANNELS.items()}
KINDS_BY_LETTER = {b"t": "trades", b"b": "bbo-tbt"}
START = b'{"arg":{"channel":"'
PLACE = len(START)
INSTRUMENT = r"[A-Z0-9]+(-[A-Z0-9_]+)+"
NAMED = re.compile(rf"channel:(trades|bbo-tbt),instId:({INSTRUMENT})")
SIDES = {"buy": 1, "sell": -1}
MILLISECOND = 1_000_000
TOO_OFTEN = {"60014", "60023", "64006"}
NO_ACCESS = {"60004", "60005", "60006", "60007", "60009", "60011", "60024", "60029", "60031"}
NONE = (0.0, 0.0)
# 480 requests an hour for a connection
LIMITS = Limits(
    streams=400,
    streams_per_request=100,
    requests=0.13,
    burst=60,
    connects=3,
    connects_seconds=1.0,
    ping="ping",
    ping_seconds=20.0,
    counts_pings=False,
)
new = tuple.__new__


class TradesArg(msgspec.Struct, gc=False):
    channel: Literal["trades"]
    instId: str  # noqa: N815


class BestArg(msgspec.Struct, gc=False):
    channel: Literal["bbo-tbt"]
    instId: str  # noqa: N815


class Print(msgspec.Struct, gc=False):
    """`side` is the taker's; `sz` counts contracts on swaps and futures. Fills of one order at one price are merged, so ids jump."""

    instId: str  # noqa: N815
    tradeId: str  # noqa: N815
    px: Price
    sz: Size
    side: Literal["buy", "sell"]
    ts: Milliseconds


class Trades(msgspec.Struct, gc=False):
    arg: TradesArg
    data: list[Print]


# price, size, a zero that means nothing, number of orders
Level = tuple[Price, Size, Any, Any]


class Best(msgspec.Struct, gc=False):
    asks: Annotated[list[Level], Meta(max_length=1)]
    bids: Annotated[list[Level], Meta(max_length=1)]
    ts: Milliseconds
    seqId: int | None = None  # noqa: N815


class Bests(msgspec.Struct, gc=False):
    arg: BestArg
    data: list[Best]


class Arg(msgspec.Struct):
    channel: str = ""
    instId: str = ""  # noqa: N815


class Event(msgspec.Struct):
    """A reply to each stream of a request on its own, an error, or a notice that the connection will be closed."""

    event: str
    arg: Arg | None = None
    code: str = ""
    msg: str = ""
    id: str = ""


def trades(message: Trades) -> list[Said]:
    return [
        new(Trade, (row.instId, row.ts * MILLISECOND, row.px, row.sz, SIDES[row.side], numbered(row.tradeId), False, False))
        for row in message.data
    ]


def bests(message: Bests) -> list[Said]:
    symbol = message.arg.instId
    return [
        quote(
            symbol,
            row.ts * MILLISECOND,
            *(row.bids[0][:2] if row.bids else NONE),
            *(row.asks[0][:2] if row.asks else NONE),
            number=row.seqId,
        )
        for row in message.data
    ]


def event(message: Event) -> list[Said]:
    number = number_of(message.id)
    if message.event == "subscribe":
        arg = message.arg or Arg()
        channel = STREAMS.get(arg.channel)
        return [Reply(number, (Stream(channel, arg.instId),) if channel else ())]
    if message.event == "notice":
        return [Notice("leaving", message.msg[:300])]
    streams = tuple(Stream(STREAMS[channel], symbol) for channel, symbol, _ in NAMED.findall(message.msg))
    reason = f"{message.msg} (code {message.code})"
    meant: Literal["stream", "rate", "access"] = (
        "access" if message.code in NO_ACCESS else "rate" if message.code in TOO_OFTEN else "stream"
    )
    return [refusal(number, streams, reason, meant)]


def pong(frame: bytes) -> bytes:
    if frame != b"pong":
        raise ValueError("no pong")
    return frame


def alive(_: object) -> list[Said]:
    return [Notice("alive")]


def look(frame: bytes) -> str | None:
    if frame.startswith(START):
        return KINDS_BY_LETTER.get(frame[PLACE : PLACE + 1])
    return "pong" if frame == b"pong" else None


def kind_of(tree: Any) -> str:
    if not isinstance(tree, dict):
        raise BadFrame("found no object, expected one such as {'arg': {'channel': 'trades', ...}, 'data': [...]}")
    if "event" in tree:
        name = word(tree["event"])
        return "event" if name in ("subscribe", "error", "notice") else name
    arg = tree.get("arg")
    return word(arg.get("channel") if isinstance(arg, dict) else None)


KINDS: dict[str, Kind[Any]] = {
    "trades": kind(Trades, trades),
    "bbo-tbt": kind(Bests, bests),
    "event": kind(Event, event),
    "pong": Kind(pong, alive),
}
READER = FrameReader(KINDS, look, kind_of)


@dataclass(frozen=True, slots=True)
class Okx:
    """OKX: spot, swaps, futures, options, by one address. It cuts who says nothing for 30 s, so it is pinged."""

    name: str = "okx"
    limits: Limits = LIMITS
    consecutive: bool = False

    def url(self, streams: Sequence[Stream]) -> str:
        """One address for all."""
        return "wss://ws.okx.com:8443/ws/v5/public"

    def logins(self) -> Sequence[Request]:
        """None: trades and bbo-tbt are open to all."""
        return ()

    def subscribe(self, streams: Sequence[Stream], number: int) -> Request:
        """One request for streams of both channels."""
        wanted = [{"channel": CHANNELS[stream.channel], "instId": stream.symbol} for stream in streams]
        return Request(number, msgspec.json.encode({"id": str(number), "op": "subscribe", "args": wanted}).decode(), tuple(streams))

    def streams(self, symbols: Sequence[str], channels: Sequence[Channel]) -> Sequence[Stream]:
        """Symbols are BTC-USDT, BTC-USDT-SWAP, BTC-USD-250328."""
        return Spelling(self.name, INSTRUMENT, "BTC-USDT").streams(symbols, channels)

    def decoder(self) -> Decoder:
        """Nothing needs to be kept between frames."""
        return READER


def okx() -> Okx:
    """OKX.

    >>> okx().decoder().decode("pong")
    [Notice(kind='alive', text='')]
    """
    return Okx()
