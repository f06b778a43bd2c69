"""Whole strategies, tick by tick, fast enough for a day of real trades; sums are exact integers, so nothing drifts."""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reference_exact import NAN
from reference_tape import Row, nanoseconds

Alert = tuple[int, str, str]


class Trade(NamedTuple):
    """A trade with price and size in whole units of `1 / scale`."""

    time: int
    symbol: str
    price: int
    size: int
    scale: int


class Signals(NamedTuple):
    """What the flagship's condition sees at a trade."""

    price: float
    change: float
    average: float
    volume: float
    usual: float


def volume_breakout(
    rows: Sequence[Row],
    move: float = 0.01,
    over: str = "1m",
    average: int = 10,
    multiple: float = 2.0,
    baseline: str = "5m",
) -> list[Alert]:
    """(time, symbol, "raised" or "cleared") of the flagship; no hold, no cooldown."""
    memories: dict[str, Memory] = {}
    active: set[str] = set()
    alerts: list[Alert] = []
    for trade in _trades(rows):
        memory = memories.setdefault(trade.symbol, Memory(nanoseconds(over), nanoseconds(baseline), average))
        s = memory.take(trade)
        if any(math.isnan(signal) for signal in s):
            continue
        if trade.symbol in active:
            if abs(s.change) < move / 2:
                active.remove(trade.symbol)
                alerts.append((trade.time, trade.symbol, "cleared"))
        elif abs(s.change) > move and (s.price - s.average) * s.change > 0 and s.volume > multiple * s.usual:
            active.add(trade.symbol)
            alerts.append((trade.time, trade.symbol, "raised"))
    return alerts


def volume_spike(
    rows: Sequence[Row],
    threshold: float,
    average: int = 10,
    multiple: float = 2.0,
    over: str = "5m",
    every: bool = True,
) -> list[Alert]:
    """W1: price off the mean of its last `average` by `threshold`, size above `multiple` times its mean `over`; each tick, or edges."""
    memories: dict[str, Memory] = {}
    active: set[str] = set()
    alerts: list[Alert] = []
    for trade in _trades(rows):
        memory = memories.setdefault(trade.symbol, Memory(nanoseconds(over), 0, average))
        memory.take(trade)
        if math.isnan(deviation := memory.deviation(trade)):
            continue
        spikes = abs(deviation) > threshold and trade.size / trade.scale > multiple * memory.mean_size(trade)
        if spikes and (every or trade.symbol not in active):
            active.add(trade.symbol)
            alerts.append((trade.time, trade.symbol, "raised"))
        elif not spikes and not every and trade.symbol in active:
            active.remove(trade.symbol)
            alerts.append((trade.time, trade.symbol, "cleared"))
    return alerts


class Memory:
    """The trades of one symbol: `recent` in `(t - over, t]`, `usual` in the `baseline` before, and the last prices."""

    def __init__(self, over_ns: int, baseline_ns: int, average: int) -> None:
        self.over_ns, self.baseline_ns = over_ns, baseline_ns
        self.recent: deque[Trade] = deque()
        self.usual: deque[Trade] = deque()
        self.recent_size = self.usual_size = 0
        self.prices: deque[int] = deque(maxlen=average)
        self.first: int | None = None
        self.reference: int | None = None

    def take(self, trade: Trade) -> Signals:
        """Add a trade, shed what is too old, and give the signals."""
        self.first = trade.time if self.first is None else self.first
        self.prices.append(trade.price)
        self.recent.append(trade)
        self.recent_size += trade.size
        self._shed(trade.time - self.over_ns)
        return Signals(
            price=trade.price / trade.scale,
            change=self._change(trade),
            average=sum(self.prices) / (len(self.prices) * trade.scale) if self._has_average() else NAN,
            volume=self.recent_size / trade.scale,
            usual=self._usual(trade) if self.baseline_ns else NAN,
        )

    def deviation(self, trade: Trade) -> float:
        """price / mean of the last prices - 1; NaN before there are enough."""
        prices = sum(self.prices)
        return (trade.price * len(self.prices) - prices) / prices if self._has_average() and prices else NAN

    def mean_size(self, trade: Trade) -> float:
        """Mean size of the recent trades."""
        return self.recent_size / (len(self.recent) * trade.scale)

    def _shed(self, begin: int) -> None:
        while self.recent and self.recent[0].time <= begin:
            old = self.recent.popleft()
            self.recent_size -= old.size
            self.reference = old.price
            self.usual.append(old)
            self.usual_size += old.size
        while self.usual and self.usual[0].time <= begin - self.baseline_ns:
            self.usual_size -= self.usual.popleft().size

    def _has_average(self) -> bool:
        return len(self.prices) == self.prices.maxlen

    def _change(self, trade: Trade) -> float:
        if self.reference is None or self.reference <= 0:
            return NAN
        return (trade.price - self.reference) / self.reference

    def _usual(self, trade: Trade) -> float:
        begin = trade.time - self.over_ns - self.baseline_ns
        if self.first is None or self.first > begin:
            return NAN
        return self.usual_size * self.over_ns / (self.baseline_ns * trade.scale)


def _trades(rows: Sequence[Row]) -> Iterator[Trade]:
    trades = [(row, row.symbol) for row in rows if row.kind == "TRADE"]
    scale = max((value.as_integer_ratio()[1] for row, _ in trades for value in (row.price, row.size)), default=1)
    for row, symbol in trades:
        if symbol is not None:
            yield Trade(row.time, symbol, _whole(row.price, scale), _whole(row.size, scale), scale)


def _whole(value: float, scale: int) -> int:
    numerator, denominator = value.as_integer_ratio()
    return numerator * (scale // denominator)
