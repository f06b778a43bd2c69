"""Rows that wait for the owner of the graph."""

from collections import deque
from collections.abc import Sequence
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feeds.venues.venue import Quote, Trade, Trades
from pipeline.ingest import RawRows
from pipeline.ticks import COLUMN_TYPES, Kind

__all__ = ["GAP", "HEARTBEAT", "QUOTE", "TRADE", "Waiting"]

TRADE, QUOTE, GAP, HEARTBEAT = (int(kind) for kind in (Kind.TRADE, Kind.QUOTE, Kind.GAP, Kind.HEARTBEAT))
NO_ID = -1
ALWAYS = ("time", "symbol", "kind", "received", "event_time", "price", "size", "side", "trade_id")
OF_TRADES = ("time", "symbol", "price", "size", "side", "trade_id")
OF_QUOTES = ("bid", "bid_size", "ask", "ask_size")
TYPES = {**COLUMN_TYPES, "trade_id": np.dtype("i8")}
Row = tuple[Any, ...]


class Waiting:
    """Rows in order of arrival: blocks of trades that came together, then the others, as tuples until they are taken as columns.

    From `conflate_from` rows on a quote takes the place of an older one of its symbol, which is gone then. The tape has room for ids
    that are numbers; `texts` are the others of what was taken last, by symbol, arrival and event time.
    """

    def __init__(self, names: tuple[str, ...], quotes: bool, by_event: bool, conflate_from: int = 4096) -> None:
        self.names, self.trades, self.conflate_from = names, 0, conflate_from
        self._columns = tuple(name for name in (*ALWAYS, *(OF_QUOTES if quotes else ())) if name != "event_time" or not by_event)
        self._event, self._quotes = not by_event, quotes
        self.rows: list[Row | None] = []
        self.texts: dict[tuple[str, int, int], tuple[str, ...]] = {}
        self._blocks: deque[dict[str, NDArray[Any]]] = deque()
        self._gone = 0
        self._newest: dict[int, int] = {}
        self._blank = (nan, nan, nan, nan) if quotes else ()

    def __len__(self) -> int:
        return len(self.rows) - self._gone + sum(len(block["time"]) for block in self._blocks)

    def _row(self, time: int, place: int, kind: int, received: int, event: int, *rest: Any) -> Row:
        return (time, place, kind, received, event, *rest) if self._event else (time, place, kind, received, *rest)

    def trade(self, time: int, place: int, trade: Trade, received: int, event: int) -> None:
        """Add a trade."""
        _, _, price, size, side, number, *_ = trade
        self.trades += 1
        if self._event:
            self.rows.append((time, place, TRADE, received, event, price, size, side, number, *self._blank))
        else:
            self.rows.append((time, place, TRADE, received, price, size, side, number, *self._blank))

    def traded(self, places: Sequence[int], trades: Trades, received: int) -> None:
        """Add the first trades of some that came together: as columns, where nothing waits that they must not overtake."""
        if self.rows or self._quotes or any(type(number) is not int for number in trades.trade_id):
            for place, trade, event in zip(places, trades.rows(), trades.time, strict=False):
                self.trade(received if self._event else event, place, trade, received, event)
            return
        count = len(places)
        columns = (trades.time[:count], places, trades.price[:count], trades.size[:count], trades.side[:count], trades.trade_id[:count])
        found = {name: np.array(each, TYPES[name]) for name, each in zip(OF_TRADES, columns, strict=True)}
        found["kind"] = np.full(count, TRADE, TYPES["kind"])
        found["received"] = np.full(count, received)
        if self._event:
            found["time"], found["event_time"] = found["received"], found["time"]
        self._blocks.append({name: found[name] for name in self._columns})
        self.trades += count

    def quote(self, time: int, place: int, quote: Quote, received: int) -> bool:
        """Add a quote; whether an older one made way for it."""
        event, replaced = time if quote.time is None else quote.time, False
        if len(self.rows) >= self.conflate_from:
            older = self._newest.get(place)
            if older is not None:
                self.rows[older] = None
                self._gone += 1
                replaced = True
            self._newest[place] = len(self.rows)
        self.rows.append(
            self._row(time, place, QUOTE, received, event, nan, nan, 0, NO_ID, quote.bid, quote.bid_size, quote.ask, quote.ask_size)
        )
        if self._gone > len(self.rows) // 2 and self._gone > self.conflate_from:
            self._close_up()
        return replaced

    def mark(self, time: int, place: int, kind: int, received: int) -> None:
        """Add a GAP or a HEARTBEAT."""
        self.rows.append(self._row(time, place, kind, received, time, nan, nan, 0, NO_ID, *self._blank))

    def _close_up(self) -> None:
        self.rows = [row for row in self.rows if row is not None]
        self._gone = 0
        self._newest = {row[1]: at for at, row in enumerate(self.rows) if row is not None and row[2] == QUOTE and at >= self.conflate_from}

    def take(self, rows: int) -> RawRows:
        """The first rows, as columns: no more than that many, all of them of one block, if there is any."""
        if self._blocks:
            block = self._blocks.popleft()
            if len(block["time"]) > rows:
                self._blocks.appendleft({name: column[rows:] for name, column in block.items()})
                block = {name: column[:rows] for name, column in block.items()}
            self.trades -= len(block["time"])
            self.texts = {}
            return RawRows(block, self.names, "live")
        if self._gone:
            self._close_up()
        taken, self.rows = self.rows[:rows], self.rows[rows:]
        self._newest = {place: at - rows for place, at in self._newest.items() if at >= rows} if self.rows else {}
        values = dict(zip(self._columns, zip(*taken, strict=True), strict=True))
        self.trades -= values["kind"].count(TRADE)
        self._note_texts(values)
        columns = {name: np.array(each, TYPES[name]) for name, each in values.items()}
        return RawRows(columns, self.names, "live")

    def _note_texts(self, values: dict[str, Any]) -> None:
        """Leave only numbers among the ids."""
        self.texts, ids = {}, values["trade_id"]
        texts = [at for at, number in enumerate(ids) if type(number) is not int]
        if not texts:
            return
        events = values.get("event_time", values["time"])
        for at in texts:
            if ids[at] is not None:
                key = self.names[values["symbol"][at] - 1], values["received"][at], events[at]
                self.texts[key] = (*self.texts.get(key, ()), ids[at])
        values["trade_id"] = [number if type(number) is int else NO_ID for number in ids]
