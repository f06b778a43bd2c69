"""Coinbase Exchange as it is told to its clients: the channels matches, ticker and heartbeat."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from feeds.serving.exchange import Answer, Frame
from feeds.serving.market import Event, Market, Print, Top
from pipeline.errors import UsageError

__all__ = ["Coinbase"]

CHANNELS = ("matches", "ticker", "heartbeat")
ELSEWHERE = ("level2", "level2_batch", "level3", "full", "user", "status", "auctionfeed", "rfq_matches", "balance", "ticker_batch")
QUOTED_IN = ("USDT", "USDC", "USD", "EUR", "GBP", "JPY", "BTC", "ETH")
PRODUCT = re.compile(r"[A-Z0-9]+-[A-Z0-9]+")
SECOND = 1_000_000_000
LONGEST_WORD = 40
MOST_NAMES = 5


@lru_cache(maxsize=8)
def second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def time_text(time: int) -> str:
    """A time as Coinbase writes it, to the microsecond; finer digits are cut.

    >>> time_text(1_618_677_817_089_723_456)
    '2021-04-17T16:43:37.089723Z'
    """
    second, rest = divmod(time, SECOND)
    return f"{second_text(second)}.{rest // 1000:06d}Z"


def match(event: Print, kind: str = "match") -> str:
    """A match names the side of the maker, the opposite of the aggressor's."""
    return (
        f'{{"type":"{kind}","trade_id":{event.trade_id},"maker_order_id":"{order_id(event, 1)}","taker_order_id":"{order_id(event, 2)}",'
        f'"side":"{"buy" if event.side < 0 else "sell"}","size":"{event.size}","price":"{event.price}","product_id":"{event.symbol}",'
        f'"sequence":{event.sequence},"time":"{time_text(event.time)}"}}'
    )


def order_id(event: Print, whose: int) -> str:
    return f"00000000-0000-4000-800{whose}-{event.trade_id & 0xFFFFFFFFFFFF:012x}"


def ticker(event: Event, last: Print | None, top: Top | None) -> str:
    """The last trade with the best bid and ask; its `side` is the aggressor's."""
    price, size, side, trade_id = (last.price, last.size, last.side, last.trade_id) if last else ("0", "0", 0, 0)
    bid, bid_size, ask, ask_size = (top.bid, top.bid_size, top.ask, top.ask_size) if top else (price, "0", price, "0")
    return (
        f'{{"type":"ticker","sequence":{event.sequence},"product_id":"{event.symbol}","price":"{price}","open_24h":"0","volume_24h":"0",'
        f'"low_24h":"0","high_24h":"0","volume_30d":"0","best_bid":"{bid}","best_bid_size":"{bid_size}","best_ask":"{ask}",'
        f'"best_ask_size":"{ask_size}","side":"{"sell" if side < 0 else "buy"}","time":"{time_text(event.time)}","trade_id":{trade_id},'
        f'"last_size":"{size}"}}'
    )


class Coinbase:
    """Coinbase Exchange.

    >>> Coinbase().spelt("btc/eur"), Coinbase().spelt("BTCUSDT"), Coinbase().spelt("SPY"), Coinbase().spelt("BRK.B")
    ('BTC-EUR', 'BTC-USDT', 'SPY-USD', 'BRKB-USD')
    """

    name = "coinbase"
    unknown_side = "bought"

    def spelt(self, symbol: str) -> str:
        """`BASE-QUOTE`: where the tape names no second currency, and the symbol does not end in one, it is quoted in USD."""
        parts = re.split(r"[-/:_ ]+", symbol.upper())
        if len(parts) == 1:
            ending = next((each for each in QUOTED_IN if symbol.upper().endswith(each) and len(symbol) > len(each) + 1), "")
            parts = [parts[0].removesuffix(ending) if ending else parts[0], ending or "USD"]
        spelt = "-".join(re.sub(r"\W", "", part) for part in parts)
        if not PRODUCT.fullmatch(spelt):
            raise UsageError(f"symbol {symbol!r} cannot be spelt as Coinbase spells products: two words of A to Z and digits, as BTC-USD")
        return spelt

    def session(self, path: str, market: Market) -> "CoinbaseSession | None":
        """There is one place, `/`."""
        return CoinbaseSession(market) if path.partition("?")[0] in ("", "/") else None


class CoinbaseSession:
    """One connection."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.channels: dict[str, dict[str, None]] = {name: {} for name in CHANNELS}

    @property
    def listens(self) -> bool:
        """Whether any channel has a product."""
        return any(self.channels.values())

    def opened(self) -> Answer:
        """Nothing, until the client subscribes."""
        return Answer()

    def heard(self, text: str | bytes) -> Answer:
        """The answer to a request: all that is subscribed now, then the last trade of what is new."""
        try:
            asked = msgspec.json.decode(text)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return refused("Malformed JSON", "the message is no JSON")
        kind = asked.get("type") if isinstance(asked, dict) else None
        if kind not in ("subscribe", "unsubscribe"):
            return refused("Type has to be either subscribe or unsubscribe", f"found {brief(kind)}")
        try:
            wanted = named(asked, kind)
        except UsageError as error:
            return refused(f"Failed to {kind}", str(error))
        return self._subscribed(wanted) if kind == "subscribe" else self._left(wanted)

    def told(self, event: Event) -> Iterator[Frame]:
        """A trade on matches and ticker, a quote on ticker."""
        symbol, channels = event.symbol, self.channels
        if isinstance(event, Print) and symbol in channels["matches"]:
            yield Frame(match(event))
        if symbol in channels["ticker"]:
            yield Frame(ticker(event, self.market.prints.get(symbol), self.market.tops.get(symbol)), f"ticker {symbol}")

    def alive(self) -> Iterator[Frame]:
        """A heartbeat of each product, with the time of its last row: the tape's own, not the wall's."""
        for symbol in self.channels["heartbeat"]:
            last, top = self.market.prints.get(symbol), self.market.tops.get(symbol)
            shown = [event for event in (last, top) if event is not None]
            if shown:
                newest = max(shown, key=lambda event: event.sequence)
                yield Frame(
                    f'{{"type":"heartbeat","sequence":{newest.sequence},"last_trade_id":{last.trade_id if last else 0},'
                    f'"product_id":"{symbol}","time":"{time_text(newest.time)}"}}',
                    f"heartbeat {symbol}",
                )

    def _subscribed(self, wanted: Mapping[str, list[str]]) -> Answer:
        new = [product for product in wanted.get("matches", ()) if product not in self.channels["matches"]]
        for name, products in wanted.items():
            self.channels[name] |= dict.fromkeys(products)
        prints, known = self.market.prints, self.market.symbols
        last = [match(prints[product], "last_match") for product in dict.fromkeys(new) if product in prints]
        strange = dict.fromkeys(product for products in wanted.values() for product in products if product not in known)
        there = ", ".join(list(known)[:MOST_NAMES])
        notes = [f"{product}: the tape has shown no such product so far; it has {there}" for product in strange]
        return Answer((self._subscriptions(), *last), tuple(notes))

    def _left(self, wanted: Mapping[str, list[str]]) -> Answer:
        for name, products in wanted.items():
            for product in products or list(self.channels[name]):
                self.channels[name].pop(product, None)
        return Answer((self._subscriptions(),))

    def _subscriptions(self) -> str:
        channels = [{"name": name, "product_ids": list(products)} for name, products in self.channels.items() if products]
        return msgspec.json.encode({"type": "subscriptions", "channels": channels}).decode()


def named(asked: Mapping[str, Any], kind: str) -> dict[str, list[str]]:
    """The products that a request names for each channel; UsageError with the exchange's reason."""
    channels = asked.get("channels")
    if not isinstance(channels, list) or not channels:
        raise UsageError("No channels provided")
    found: dict[str, list[str]] = {}
    for channel in channels:
        name, own = (channel.get("name"), channel.get("product_ids")) if isinstance(channel, dict) else (channel, None)
        products = asked.get("product_ids", []) if own is None else own
        if name in ELSEWHERE:
            raise UsageError(f"{name} is not served by rxtape; there are {', '.join(CHANNELS)}")
        if not isinstance(name, str) or name not in CHANNELS:
            raise UsageError(f"{brief(name)} is not a valid channel")
        if not isinstance(products, list):
            raise UsageError(f"product_ids is a list of products; found {brief(products)}")
        for product in products:
            if not isinstance(product, str) or not PRODUCT.fullmatch(product):
                raise UsageError(f"{brief(product)} is not a valid product")
        if kind == "subscribe" and not products:
            raise UsageError(f"You need to specify at least one product ID for channel {name}")
        found[name] = found.get(name, []) + list(products)
    return found


def brief(value: Any) -> str:
    return value[:LONGEST_WORD] if isinstance(value, str) else f"a {type(value).__name__}"


def refused(message: str, reason: str) -> Answer:
    told = msgspec.json.encode({"type": "error", "message": message, "reason": reason}).decode()
    return Answer((told,), (f"a request was refused: {message}: {reason}",))
