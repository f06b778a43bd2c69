"""Twins of the strategies that are judged trade by trade: VWAP bands, bursts of trades, new highs and lows."""

import math
from collections import deque
from collections.abc import Sequence
from typing import Any

from reference_alerts import Judge, Told, known, opened
from reference_exact import NAN
from reference_tape import Row, nanoseconds


class Paid:
    """What a session has paid, in whole units of 1 / scale, so that every sum is exact."""

    def __init__(self, scale: int) -> None:
        self.scale, self.session = scale, -1
        self.volume = self.value = self.squares = 0

    def take(self, session: int, row: Row) -> tuple[float, float]:
        """VWAP and band with a trade; NaN where no size was traded."""
        if session != self.session:
            self.session, self.volume, self.value, self.squares = session, 0, 0, 0
        price, size = (numerator * (self.scale // d) for numerator, d in map(float.as_integer_ratio, (row.price, row.size)))
        self.volume += size
        self.value += size * price
        self.squares += size * price * price
        if not self.volume:
            return NAN, NAN
        variance = (self.squares * self.volume - self.value**2) / (self.volume * self.scale) ** 2
        return self.value / (self.volume * self.scale), math.sqrt(variance)


def vwap_deviation(rows: Sequence[Row], p: Any) -> list[Told]:
    """The band is sqrt(sum v (p - VWAP)^2 / sum v), as one fraction."""
    judge = Judge(hold=nanoseconds(p.hold))
    scale = max((x.as_integer_ratio()[1] for row in rows if row.kind == "TRADE" for x in (row.price, row.size)), default=1)
    paid: dict[str, Paid] = {}
    for row in rows:
        judge.reach(row.time)
        session = opened(row.time, p) if row.kind == "TRADE" else None
        if row.symbol is None or session is None:
            continue
        vwap, band = paid.setdefault(row.symbol, Paid(scale)).take(session, row)
        if not known(vwap):
            continue
        off = abs(row.price - vwap)
        warm = row.time - session >= nanoseconds(p.warm_up)
        over = band == 0 or off < p.near * band
        judge.see(row.time, row.symbol, warm and band > 0 and off >= p.far * band, over, {"vwap": vwap, "band": band, "price": row.price})
    return judge.told


class Trades:
    """The times of a symbol's trades: the recent ones, those of the baseline before, and the price before the recent ones."""

    def __init__(self, over: int, baseline: int) -> None:
        self.over, self.baseline = over, baseline
        self.recent: deque[Row] = deque()
        self.usual: deque[int] = deque()
        self.first: int | None = None
        self.last = self.earlier = NAN

    def take(self, row: Row) -> tuple[float, float, float]:
        """Trades in (t - over, t], in the baseline before (NaN if it is not covered), and the change of price."""
        if row.kind == "TRADE":
            self.recent.append(row)
            self.first = row.time if self.first is None else self.first
            self.last = row.price
        while self.recent and self.recent[0].time <= row.time - self.over:
            old = self.recent.popleft()
            self.earlier = old.price
            self.usual.append(old.time)
        begin = row.time - self.over - self.baseline
        while self.usual and self.usual[0] <= begin:
            self.usual.popleft()
        covered = self.first is not None and self.first <= begin
        change = self.last / self.earlier - 1 if self.earlier > 0 else NAN
        return len(self.recent), len(self.usual) if covered else NAN, change


def trade_rate_burst(rows: Sequence[Row], p: Any) -> list[Told]:
    """Judged at every row of a symbol."""
    judge, symbols = Judge(), dict[str, Trades]()
    over, baseline = nanoseconds(p.over), nanoseconds(p.baseline)
    for row in rows:
        if row.symbol is None:
            continue
        memory = symbols.setdefault(row.symbol, Trades(over, baseline))
        trades, usual, change = memory.take(row)
        if known(usual):
            normal = max(usual * over / baseline, p.least)
            values = {"trades": trades, "normal": normal, "at": memory.last, "change": change}
            judge.see(row.time, row.symbol, trades >= p.multiple * normal, trades < p.calm * normal, values)
    return judge.told


class Extremes:
    """The prices of one symbol's session that matter: the highest and the lowest."""

    def __init__(self) -> None:
        self.session: int | None = None
        self.high = self.low = NAN

    def take(self, session: int, price: float) -> tuple[bool, bool]:
        """Whether a trade is a new high, a new low; the first of a session is neither."""
        if session != self.session:
            self.session, self.high, self.low = session, price, price
            return False, False
        new = price > self.high, price < self.low
        self.high, self.low = max(self.high, price), min(self.low, price)
        return new


def new_high_low(rows: Sequence[Row], p: Any) -> list[Told]:
    """The very first trade of a symbol is compared with nothing: it makes no transition."""
    cooldown = nanoseconds(p.cooldown)
    highs, lows, symbols = Judge("high", 0, cooldown), Judge("low", 0, cooldown), dict[str, Extremes]()
    for row in rows:
        for judge in (highs, lows):
            judge.reach(row.time)
        session = opened(row.time, p) if row.kind == "TRADE" else None
        if row.symbol is None or session is None:
            continue
        seen = symbols.setdefault(row.symbol, Extremes())
        first = seen.session is None
        high, low = seen.take(session, row.price)
        if first:
            continue
        warm, one = row.time - session >= nanoseconds(p.warm_up), seen.high == seen.low
        values = {"high": seen.high, "low": seen.low, "price": row.price}
        highs.see(row.time, row.symbol, warm and high, one or row.price < seen.high * (1 - p.retreat), values)
        lows.see(row.time, row.symbol, warm and low, one or row.price > seen.low * (1 + p.retreat), values)
    return highs.told + lows.told
