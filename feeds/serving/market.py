"""What the tape has shown so far, as an exchange knows it: trades with their ids, the last trade and the top of each book."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import NamedTuple

from pipeline.errors import InputError
from pipeline.ticks import Kind, Ticks

__all__ = ["Event", "Market", "Print", "Top", "decimal_text"]

TRADE, QUOTE = int(Kind.TRADE), int(Kind.QUOTE)
NUMBERS = ("price", "size", "bid", "bid_size", "ask", "ask_size")


class Print(NamedTuple):
    """A trade. `time` in ns UTC, numbers as text that reads back to the same float, `side` the aggressor's: +1, -1, 0 unknown."""

    symbol: str
    time: int
    price: str
    size: str
    side: int
    trade_id: int
    sequence: int


class Top(NamedTuple):
    """The best bid and ask; "0" for what the tape leaves out. `sequence` counts the rows of the symbol."""

    symbol: str
    time: int
    bid: str
    bid_size: str
    ask: str
    ask_size: str
    sequence: int


Event = Print | Top


def decimal_text(number: float) -> str:
    """A number as exchanges write it: no exponent, as few digits as tell it from every other float; "0" for nan.

    >>> decimal_text(61837.63), decimal_text(1e-07), decimal_text(float("nan"))
    ('61837.63', '0.0000001', '0')
    """
    text = repr(number)
    if "e" in text:
        return format(Decimal(text), "f")
    return text if number == number else "0"


class Market:
    """The rows of the tape told one after another. `spelt` writes a symbol as the exchange does.

    A trade keeps the id it has on the tape; one without (or with an id below 1) gets the next of its symbol, from 1.

    >>> market = Market(str.upper)
    >>> [trade.trade_id for trade in market.shown(Ticks.of(time=[1, 2, 3], symbol=["spy", "ibm", "spy"], price=[9.5, 7.0, 9.6]))]
    [1, 1, 2]
    """

    def __init__(self, spelt: Callable[[str], str]) -> None:
        self.symbols: dict[str, str] = {}
        self.prints: dict[str, Print] = {}
        self.tops: dict[str, Top] = {}
        self._spell = spelt
        self._spelt = [""]
        self._sequence = [0]
        self._first_id = [0]
        self._last_id = [0]
        self._offset = [0]

    def know(self, ticks: Ticks) -> None:
        """Spell the symbols that are new; InputError where two of the tape become one."""
        for name in ticks.symbols.snapshot()[len(self._spelt) - 1 :]:
            spelt = self._spell(name)
            other = self.symbols.setdefault(spelt, name)
            if other != name:
                raise InputError(f"symbols {other!r} and {name!r} would both be spelt {spelt}; serve them as tapes of their own")
            self._spelt.append(spelt)
            for each in (self._sequence, self._first_id, self._last_id, self._offset):
                each.append(0)

    def shown(self, ticks: Ticks) -> Iterator[Event]:
        """The trades and quotes of these rows, each known to the market when it comes; other kinds of rows are no exchange's."""
        self.know(ticks)
        rows, columns = len(ticks), ticks.columns
        numbers = [list(map(decimal_text, columns[name].tolist())) if name in columns else ["0"] * rows for name in NUMBERS]
        sides = columns["side"].tolist() if "side" in columns else [0] * rows
        ids = columns["trade_id"].tolist() if "trade_id" in columns and columns["trade_id"].dtype.kind in "iu" else [0] * rows
        for code, kind, time, side, given, price, size, bid, bid_size, ask, ask_size in zip(
            ticks.symbol.tolist(), ticks.kind.tolist(), ticks.time.tolist(), sides, ids, *numbers, strict=True
        ):
            if kind == TRADE:
                symbol, sequence, trade_id = self._spelt[code], self._next(code), self._id(code, given)
                yield self._traded(Print(symbol, time, price, size, side, trade_id, sequence))
            elif kind == QUOTE:
                yield self._quoted(Top(self._spelt[code], time, bid, bid_size, ask, ask_size, self._next(code)))

    def again(self) -> None:
        """The tape begins anew: its ids go on where they ended."""
        self._offset = [last + 1 - first for first, last in zip(self._first_id, self._last_id, strict=True)]

    def _traded(self, trade: Print) -> Print:
        self.prints[trade.symbol] = trade
        return trade

    def _quoted(self, top: Top) -> Top:
        self.tops[top.symbol] = top
        return top

    def _next(self, code: int) -> int:
        self._sequence[code] += 1
        return self._sequence[code]

    def _id(self, code: int, given: int) -> int:
        trade_id = given + self._offset[code] if given > 0 else self._last_id[code] + 1
        if not self._last_id[code]:
            self._first_id[code] = trade_id
        self._last_id[code] = trade_id
        return trade_id
