"""Alpaca: US equities. Trades, their corrections and cancellations, and quotes.

https://docs.alpaca.markets/docs/real-time-stock-pricing-data, .../streaming-market-data
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from feeds.venues.fields import Number, Price, Size, moment, quote
from feeds.venues.frames import FrameReader, Kind, kind, word
from feeds.venues.refusals import refusal
from feeds.venues.spelling import Spelling
from feeds.venues.venue import (
    BadFrame,
    Cancelled,
    Channel,
    Corrected,
    Decoder,
    Limits,
    Notice,
    Reply,
    Request,
    Said,
    Stream,
    Trade,
)
from pipeline.errors import UsageError

__all__ = ["ODD_CONDITIONS", "Alpaca", "alpaca", "alpaca_sip"]

KEY, SECRET = "APCA_API_KEY_ID", "APCA_API_SECRET_KEY"
# Prints that must not move the last price, by the rules of the tapes (CTA, UTP): average price (B, W), cash (C), bunched (G),
# price variation (H), odd lot (I), official close and open (M, Q), next day (N), prior reference price (P), seller's option (R),
# out of sequence (U, Z), contingent (V), derivatively priced (4), qualified contingent (7), corrected close (9). Trades before
# and after hours (T) do move it here: who wants the session only says so in a strategy.
ODD_CONDITIONS = frozenset("BWCGHIMQNPRUZV479")
NO_ACCESS = {401, 402, 408, 409}
LATER = {404, 406, 407, 500}
AUTHENTICATED_ALREADY = 403
new = tuple.__new__


class Print(msgspec.Struct, tag_field="T", tag="t", gc=False):
    """`i` is an id of its own within a symbol, an exchange `x` and a day; `c` the conditions. The side is not told."""

    S: str
    i: Number
    x: str
    p: Price
    s: Size
    t: str
    c: list[str] | None = None


class Best(msgspec.Struct, tag_field="T", tag="q", gc=False, rename={"ask_size": "as"}):
    """The best bid and ask of all exchanges of the feed; sizes as the feed counts them (round lots, or shares since 2025-11)."""

    S: str
    bp: Price
    bs: Size
    ap: Price
    ask_size: Size
    t: str


class Correction(msgspec.Struct, tag_field="T", tag="c", gc=False):
    """Of the original `oi`, `op`, `os` into `ci`, `cp`, `cs`."""

    S: str
    x: str
    oi: Number
    cp: Price
    cs: Size
    t: str


class Cancel(msgspec.Struct, tag_field="T", tag="x", gc=False):
    S: str
    i: Number
    x: str
    t: str


class Success(msgspec.Struct, tag_field="T", tag="success", gc=False):
    msg: str = ""


class Subscribed(msgspec.Struct, tag_field="T", tag="subscription", gc=False):
    """All that the connection is subscribed to by now."""

    trades: list[str] | None = None
    quotes: list[str] | None = None


class Fault(msgspec.Struct, tag_field="T", tag="error", gc=False):
    code: int = 0
    msg: str = ""


def trade_id(exchange: str, number: int) -> str:
    """Exchanges give the same numbers, so the id names the exchange, too."""
    return f"{exchange}{number}"


def traded(message: Print) -> Said:
    odd = message.c is not None and not ODD_CONDITIONS.isdisjoint(message.c)
    name = trade_id(message.x, message.i)
    return new(Trade, (message.S, moment("t", message.t), message.p, message.s, 0, name, False, odd))


def best(message: Best) -> Said:
    return quote(message.S, moment("t", message.t), message.bp, message.bs, message.ap, message.ask_size)


def corrected(message: Correction) -> Said:
    return Corrected(message.S, moment("t", message.t), trade_id(message.x, message.oi), message.cp, message.cs)


def cancelled(message: Cancel) -> Said:
    return Cancelled(message.S, moment("t", message.t), trade_id(message.x, message.i))


def success(message: Success) -> Said:
    return Notice("ready" if message.msg == "authenticated" else "alive", message.msg[:300])


def subscribed(message: Subscribed) -> Said:
    listed: dict[Channel, list[str] | None] = {"trades": message.trades, "quotes": message.quotes}
    streams = tuple(Stream(channel, symbol) for channel, symbols in listed.items() for symbol in symbols or ())
    return Reply(None, streams) if streams else Notice("alive", "no subscription")


def fault(message: Fault) -> Said:
    if message.code == AUTHENTICATED_ALREADY:
        return Notice("ready", message.msg)
    reason = f"{message.msg} (code {message.code})"
    if message.code in NO_ACCESS:
        return refusal(None, (), f"{reason}; see {KEY} and {SECRET}, and what the subscription of the account allows", "access")
    return refusal(None, (), reason, "rate" if message.code in LATER else "stream")


SAYS: dict[type[Any], Any] = {
    Print: traded,
    Best: best,
    Correction: corrected,
    Cancel: cancelled,
    Success: success,
    Subscribed: subscribed,
    Fault: fault,
}


def said(messages: list[Any]) -> list[Said]:
    return [SAYS[type(message)](message) for message in messages]


def one(type_: type[Any]) -> Kind[Any]:
    return kind(type_, lambda message: [SAYS[type_](message)])


def tag_of(tree: Any) -> str:
    if not isinstance(tree, dict):
        raise BadFrame("found no object in the array, expected one such as {'T': 't', ...}")
    return f"T={word(tree.get('T'))}"


# messages one by one: slower, and what an array of known and unknown kinds needs
SINGLE = FrameReader({f"T={type_.__struct_config__.tag}": one(type_) for type_ in SAYS}, lambda _: None, tag_of)


def mixed(messages: list[msgspec.Raw]) -> list[Said]:
    return [said for message in messages for said in SINGLE.decode(bytes(message))]


def look(frame: bytes) -> str | None:
    return "known" if frame[:1] == b"[" else None


def kind_of(tree: Any) -> str:
    if not isinstance(tree, list):
        raise BadFrame("found no array, expected one such as [{'T': 't', ...}]")
    return "mixed"


Message = Print | Best | Correction | Cancel | Success | Subscribed | Fault
KINDS: dict[str, Kind[Any]] = {"known": kind(list[Message], said), "mixed": kind(list[msgspec.Raw], mixed)}
READER = FrameReader(KINDS, look, kind_of)


@dataclass(frozen=True, slots=True)
class Alpaca:
    """A feed of Alpaca: `iex` is free, and one exchange's; `sip` is all of them. One connection an account.

    >>> Alpaca(feed="sip").url([])
    'wss://stream.data.alpaca.markets/v2/sip'
    """

    feed: str = "iex"
    name: str = "alpaca"
    consecutive: bool = False

    @property
    def limits(self) -> Limits:
        """30 streams on the free feed; a second connection is refused."""
        streams = 30 if self.feed == "iex" else 10_000
        hours = "Mon-Fri 04:00-20:00 America/New_York"
        return Limits(streams=streams, streams_per_request=200, requests=4, burst=4, connects=10, connections=1, hours=hours)

    def url(self, streams: Sequence[Stream]) -> str:
        """The address of the feed."""
        return f"wss://stream.data.alpaca.markets/v2/{self.feed}"

    def logins(self) -> Sequence[Request]:
        """Key and secret, from the environment; raises UsageError that names the variable that is missing."""
        missing = [name for name in (KEY, SECRET) if not os.environ.get(name)]
        if missing:
            raise UsageError(f"alpaca needs {' and '.join(missing)} in the environment; the dashboard of the account shows both")
        keys = {"action": "auth", "key": os.environ[KEY], "secret": os.environ[SECRET]}
        return (Request(0, msgspec.json.encode(keys).decode(), login=True, secrets=(keys["key"], keys["secret"])),)

    def subscribe(self, streams: Sequence[Stream], number: int) -> Request:
        """One request for both channels; its reply repeats no id, and lists all that the connection is subscribed to."""
        wanted: dict[str, Any] = {"action": "subscribe"}
        for channel, symbol in streams:
            wanted.setdefault(channel, []).append(symbol)
        return Request(number, msgspec.json.encode(wanted).decode(), tuple(streams))

    def streams(self, symbols: Sequence[str], channels: Sequence[Channel]) -> Sequence[Stream]:
        """Symbols are AAPL, BRK.B."""
        return Spelling(self.name, r"[A-Z0-9]{1,12}([.-][A-Z0-9]{1,6})?", "AAPL").streams(symbols, channels)

    def decoder(self) -> Decoder:
        """Nothing needs to be kept between frames."""
        return READER


def alpaca_sip() -> Alpaca:
    """All exchanges, for accounts that pay.

    >>> alpaca_sip().name
    'alpaca-sip'
    """
    return Alpaca(feed="sip", name="alpaca-sip")


def alpaca() -> Alpaca:
    """The free feed, IEX.

    >>> alpaca().streams(["brk.b"], ["quotes"])
    [Stream(channel='quotes', symbol='BRK.B')]
    """
    return Alpaca()
