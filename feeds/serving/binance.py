"""Binance spot as it is told to its clients: streams `symbol@trade`, `symbol@aggTrade`, `symbol@bookTicker`, raw or combined."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from feeds.serving.exchange import Answer, Frame
from feeds.serving.market import Event, Market, Print, Top
from pipeline.errors import UsageError

__all__ = ["Binance"]

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
CHANNELS = ("trade", "aggTrade", "bookTicker")
LONGEST_ID = 36
MOST_NAMES = 5


def trade(event: Print, unit: int) -> str:
    return (
        f'{{"e":"trade","E":{event.time // unit},"s":"{event.symbol}","t":{event.trade_id},"p":"{event.price}","q":"{event.size}",'
        f'"T":{event.time // unit},"m":{"true" if event.side < 0 else "false"},"M":true}}'
    )


def agg_trade(event: Print, unit: int) -> str:
    number = event.trade_id
    return (
        f'{{"e":"aggTrade","E":{event.time // unit},"s":"{event.symbol}","a":{number},"p":"{event.price}","q":"{event.size}",'
        f'"f":{number},"l":{number},"T":{event.time // unit},"m":{"true" if event.side < 0 else "false"},"M":true}}'
    )


def book_ticker(event: Top) -> str:
    return (
        f'{{"u":{event.sequence},"s":"{event.symbol}","b":"{event.bid}","B":"{event.bid_size}","a":"{event.ask}","A":"{event.ask_size}"}}'
    )


class Binance:
    """Binance spot.

    >>> Binance().spelt("BTC-USDT"), Binance().spelt("brk.b")
    ('BTCUSDT', 'BRKB')
    """

    name = "binance"
    unknown_side = "bought"

    def spelt(self, symbol: str) -> str:
        """Upper case without punctuation; UsageError where nothing is left of it, or letters that are not ASCII."""
        spelt = re.sub(r"[\W_]", "", symbol).upper()
        if not spelt or not spelt.isascii():
            raise UsageError(f"symbol {symbol!r} cannot be spelt as Binance spells symbols, in the letters A to Z and digits")
        return spelt

    def session(self, path: str, market: Market) -> "BinanceSession | None":
        """`/ws`, `/ws/<stream>`, `/stream` and `/stream?streams=<stream>/<stream>`, also with `timeUnit=MICROSECOND`; `/` is `/stream`."""
        split = urlsplit(path)
        query = parse_qs(split.query)
        place, _, names = split.path.strip("/").partition("/")
        if place not in ("", "ws", "stream") or (place != "ws" and names):
            return None
        streams = "/".join(query.get("streams", ())) if place != "ws" else unquote(names)
        fine = query.get("timeUnit", [""])[0].upper() == "MICROSECOND"
        return BinanceSession(market, place != "ws", 1_000 if fine else 1_000_000, [name for name in streams.split("/") if name])


class BinanceSession:
    """One connection; `combined` wraps each message with the name of its stream, `unit` is that of times in ns."""

    def __init__(self, market: Market, combined: bool, unit: int, streams: list[str]) -> None:
        self.market, self.combined, self.unit = market, combined, unit
        self.streams: dict[str, None] = dict.fromkeys(streams)

    @property
    def listens(self) -> bool:
        """Whether it has any stream."""
        return bool(self.streams)

    def opened(self) -> Answer:
        """Nothing is said to a client that has asked for nothing; streams of the path are not acknowledged."""
        return Answer((), self._notes(list(self.streams)))

    def heard(self, text: str | bytes) -> Answer:
        """The answer to a request, as the documents word it."""
        try:
            asked = msgspec.json.decode(text)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return refused(3, "Invalid JSON: expected value at line 1 column 1")
        if not isinstance(asked, dict) or "method" not in asked:
            return refused(2, f"Invalid request: missing field `method` at line 1 column {len(text)}")
        method, number = asked["method"], asked.get("id")
        if method not in METHODS:
            expected = ", ".join(f"`{each}`" for each in METHODS)
            found = method[:LONGEST_ID] if isinstance(method, str) else type(method).__name__
            return refused(2, f"Invalid request: unknown variant `{found}`, expected one of {expected} at line 1 column {len(text)}")
        if "id" not in asked or not is_id(number):
            return refused(2, "Invalid request: request ID must be an unsigned integer")
        return self._done(method, asked.get("params", []), number)

    def told(self, event: Event) -> Iterator[Frame]:
        """A trade on its two streams, a quote on its one; an older quote is worth nothing beside a newer."""
        low, streams = event.symbol.lower(), self.streams
        if isinstance(event, Top):
            if (name := f"{low}@bookTicker") in streams:
                yield Frame(self._wrapped(name, book_ticker(event)), name)
            return
        if (name := f"{low}@trade") in streams:
            yield Frame(self._wrapped(name, trade(event, self.unit)))
        if (name := f"{low}@aggTrade") in streams:
            yield Frame(self._wrapped(name, agg_trade(event, self.unit)))

    def alive(self) -> tuple[Frame, ...]:
        """Binance says nothing but pings, which the server sends."""
        return ()

    def _wrapped(self, name: str, data: str) -> str:
        return f'{{"stream":"{name}","data":{data}}}' if self.combined else data

    def _done(self, method: str, params: Any, number: Any) -> Answer:
        """A request with a good method and id."""
        if method == "LIST_SUBSCRIPTIONS":
            return replied(number, list(self.streams))
        if method.endswith("_PROPERTY"):
            return self._property(method, params, number)
        if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
            return refused(2, "Invalid request: params must be a list of stream names")
        if method == "UNSUBSCRIBE":
            for name in params:
                self.streams.pop(name, None)
            return replied(number, None)
        self.streams |= dict.fromkeys(params)
        return replied(number, None, self._notes(params))

    def _property(self, method: str, params: Any, number: Any) -> Answer:
        """The only property there is, `combined`."""
        wanted = 1 if method == "GET_PROPERTY" else 2
        if not isinstance(params, list) or not params or not isinstance(params[0], str):
            return refused(2, "Invalid request: property name must be a string")
        if len(params) > wanted:
            return refused(2, "Invalid request: too many parameters")
        if params[0] != "combined":
            return refused(0, "Unknown property", number)
        if method == "GET_PROPERTY":
            return replied(number, self.combined)
        if len(params) < wanted or not isinstance(params[1], bool):
            return refused(1, "Invalid value type: expected Boolean")
        self.combined = params[1]
        return replied(number, None)

    def _notes(self, names: list[str]) -> tuple[str, ...]:
        """What Binance would accept in silence, and never send anything for."""
        return tuple(note for name in names if (note := self._note(name)))

    def _note(self, name: str) -> str:
        symbol, _, channel = name.partition("@")
        silent = f"{name!r} is acknowledged, as Binance does, and nothing will come"
        if channel not in CHANNELS:
            return f"{silent}: there are {', '.join(CHANNELS)} of a symbol"
        if symbol != symbol.lower():
            return f"{silent}: names of streams are lower case, {symbol.lower()}@{channel}"
        if symbol.upper() not in self.market.symbols:
            known = ", ".join(list(self.market.symbols)[:MOST_NAMES])
            return f"{name!r}: the tape has shown no such symbol so far; it has {known}"
        return ""


def is_id(number: Any) -> bool:
    """Whether a request may be numbered so: an integer of 64 bits, a short word, or null."""
    if isinstance(number, str):
        return number.isalnum() and len(number) <= LONGEST_ID
    return number is None or (isinstance(number, int) and not isinstance(number, bool) and -(1 << 63) <= number < 1 << 63)


def replied(number: Any, result: Any, notes: tuple[str, ...] = ()) -> Answer:
    return Answer((msgspec.json.encode({"result": result, "id": number}).decode(),), notes)


def refused(code: int, reason: str, *number: Any) -> Answer:
    told = {"code": code, "msg": reason} | ({"id": number[0]} if number else {})
    return Answer((msgspec.json.encode(told).decode(),), (f"a request was refused: {reason}",))
