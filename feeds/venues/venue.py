"""The port to a venue: what its frames mean, and the requests that subscribe.

A venue is data and pure functions. `decoder()` makes the reader of one connection's frames; the only state it may keep is
what the venue's own protocol asks for (the sides of a book that a later frame leaves out, a counter per connection).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from pipeline.errors import InputError

__all__ = [
    "BadFrame",
    "Cancelled",
    "Corrected",
    "Decoder",
    "Filler",
    "Gap",
    "Limits",
    "ManyAtOnce",
    "Notice",
    "Quote",
    "Refusal",
    "Reply",
    "Request",
    "Said",
    "Stream",
    "Trade",
    "Trades",
    "Unknown",
    "Venue",
]

Channel = Literal["trades", "quotes"]
TradeId = int | str


class BadFrame(InputError):
    """A frame that is not what the venue documents; `reason` says what was found and expected. It is set aside, the connection lives."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Stream(NamedTuple):
    """One thing to listen to: a channel of a symbol, spelt as the venue spells it in its messages (BTCUSDT, BTC-USD, BTC/USD)."""

    channel: Channel
    symbol: str


class Trade(NamedTuple):
    """A trade. `time` is the venue's event time, ns UTC, None where the message has none; `side` is the aggressor's: +1, -1, 0 unknown.

    `old`: the venue repeats a trade of before the subscription (a snapshot): new only to someone who missed it.
    `odd`: a print that must not move the last price (out of sequence, odd lot, average price); it is counted and left out.
    """

    symbol: str
    time: int | None
    price: float
    size: float
    side: int
    trade_id: TradeId | None = None
    old: bool = False
    odd: bool = False


class Trades(NamedTuple):
    """Trades that came together, each of a frame of its own, in order: the first columns of `Trade`.

    >>> Trades(["BTCUSDT"], [1723161255123000000], [61837.5], [0.25], [1], [17]).rows()
    [Trade(symbol='BTCUSDT', time=1723161255123000000, price=61837.5, size=0.25, side=1, trade_id=17, old=False, odd=False)]
    """

    symbol: list[str]
    time: list[int]
    price: list[float]
    size: list[float]
    side: list[int]
    trade_id: list[TradeId]

    def rows(self, first: int = 0) -> list[Trade]:
        """One by one, from a place on."""
        return [Trade(*row) for row in list(zip(*self, strict=True))[first:]]


class Quote(NamedTuple):
    """The top of the book after a change; nan where a side is empty. `old` as for a trade: the state at the subscription.

    `number` goes up with the changes of a symbol, where the venue has one; it stays the same only for what it says again.
    """

    symbol: str
    time: int | None
    bid: float
    bid_size: float
    ask: float
    ask_size: float
    old: bool = False
    number: int | None = None


class Filler(NamedTuple):
    """A trade id that the venue spent on something that is no trade (Binance futures `X: "NA"`): no gap, and no row."""

    symbol: str
    trade_id: TradeId


class Gap(NamedTuple):
    """The venue's own numbering shows that something was lost; no symbol: every symbol of the connection."""

    symbol: str
    reason: str


class Corrected(NamedTuple):
    """The venue corrects a trade it has told before."""

    symbol: str
    time: int | None
    trade_id: TradeId
    price: float
    size: float
    side: int = 0


class Cancelled(NamedTuple):
    """The venue takes back a trade it has told before."""

    symbol: str
    time: int | None
    trade_id: TradeId


class Reply(NamedTuple):
    """An acknowledgement: the id of the request, None where the venue does not repeat it, and the streams it names.

    Without streams it is for all of the request; some venues answer a request once for each of its streams.
    """

    request: int | None
    streams: tuple[Stream, ...] = ()


class Refusal(NamedTuple):
    """A request, some of its streams, or the connection is refused.

    `streams`: those it may mean, where the venue does not tell the channel both of them; without any, all of the request, and
    without a request either, the first that is not answered.
    `kind`: "stream" is that stream's own fault (an unknown symbol), "rate" means wait and ask again, "access" ends the feed.
    """

    request: int | None
    streams: tuple[Stream, ...]
    kind: Literal["stream", "rate", "access"]
    reason: str


class Notice(NamedTuple):
    """The venue speaks, and no market data: "alive" (heartbeat, pong), "ready" (logged in, it can be asked), "leaving" (reconnect soon)."""

    kind: Literal["alive", "ready", "leaving"]
    text: str = ""


class Unknown(NamedTuple):
    """A message of a kind that this codec does not read; counted by `kind`, never an error: venues add kinds at any time."""

    kind: str


Said = Trade | Quote | Filler | Gap | Corrected | Cancelled | Reply | Refusal | Notice | Unknown


class Decoder(Protocol):
    """The reader of the frames of one connection."""

    def decode(self, frame: str | bytes) -> Sequence[Said]:
        """What a frame says, in its order.

        Raises BadFrame, and nothing else, whatever the bytes are; a frame of several messages of which one is bad is bad as a whole.
        """


@runtime_checkable
class ManyAtOnce(Decoder, Protocol):
    """A reader that can read frames together, which is faster."""

    def decode_together(self, frames: Sequence[bytes]) -> Trades | None:
        """What `decode` says of each, where that is one trade with time and id, neither old nor odd; None otherwise. It never raises."""


@dataclass(frozen=True, slots=True)
class Request:
    """A frame to send. `number` is the id that its reply repeats; `streams` are what it asks for; after a `login` wait for "ready".

    An empty frame is not sent: the venue needs no request. What is sent may hold secrets, so it is not shown; nor is what a venue
    says of `secrets`.

    >>> Request(0, '{"secret":"abc"}', login=True)
    Request(number=0, streams=(), login=True)
    """

    number: int
    frame: str = field(repr=False)
    streams: tuple[Stream, ...] = ()
    login: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the venue allows and expects, from its documents.

    `streams` per connection; `streams_per_request`, all of one channel where `one_channel`; `all_or_none`: one that does not
    exist refuses all of a request; `requests` a second, `burst` of them at once; `connects` in `connects_seconds` per address,
    `connections` at a time (None: any number); `session_seconds` until it ends a connection by itself; `ping` is a frame to send
    every `ping_seconds` where the venue wants pings of its own kind, `counts_pings` whether as a request; `acknowledges`: whether
    it answers a subscription; `hours` are those in which it speaks, such as "Mon-Fri 04:00-20:00 America/New_York" (all, where "").
    """

    streams: int = 200
    streams_per_request: int = 100
    requests: float = 4.0
    burst: int = 4
    connects: int = 60
    connects_seconds: float = 60.0
    session_seconds: float = float("inf")
    ping: str | None = None
    ping_seconds: float = 20.0
    counts_pings: bool = True
    acknowledges: bool = True
    one_channel: bool = False
    all_or_none: bool = False
    connections: int | None = None
    hours: str = ""


class Venue(Protocol):
    """An exchange as the feed sees it. `consecutive`: trade ids of a symbol count up by one, so a jump is a loss."""

    @property
    def name(self) -> str:
        """As in `binance:BTCUSDT`."""

    @property
    def limits(self) -> Limits:
        """What it allows."""

    @property
    def consecutive(self) -> bool:
        """Whether the trade ids of a symbol are consecutive numbers."""

    def url(self, streams: Sequence[Stream]) -> str:
        """Where to connect for these streams; wss, no secrets in it."""

    def logins(self) -> Sequence[Request]:
        """What must be sent and answered first; empty for most. Raises UsageError that names the environment variable that is missing."""

    def subscribe(self, streams: Sequence[Stream], number: int) -> Request:
        """The request for these streams, as many as `limits` allow in one, and of one channel where they say so."""

    def streams(self, symbols: Sequence[str], channels: Sequence[Channel]) -> Sequence[Stream]:
        """The streams of symbols as a user writes them (btcusdt, BTC-USD); raises UsageError for what cannot be a symbol here."""

    def decoder(self) -> Decoder:
        """A new reader, for one connection."""
