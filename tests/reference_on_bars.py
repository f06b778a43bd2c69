"""Twins of the strategies that are judged at the close of bars: averages that cross, z-scores, opening ranges."""

from collections import deque
from collections.abc import Sequence
from statistics import fmean, pstdev
from typing import Any

from reference_alerts import Judge, Told, bars_of, opened
from reference_tape import Row, nanoseconds


class Averages:
    """The closes of one symbol and their fast and slow average, and the side taken last."""

    def __init__(self, p: Any) -> None:
        self.p = p
        self.closes: list[float] = []
        self.levels: dict[int, float] = {}
        self.side = 0

    def of(self, n: int) -> float | None:
        """The average of the last n closes, simple or exponential, None before there are so many."""
        if len(self.closes) < n:
            return None
        if self.p.kind == "sma":
            return fmean(self.closes[-n:])
        level = self.levels.get(n)
        self.levels[n] = fmean(self.closes) if level is None else level + 2 / (n + 1) * (self.closes[-1] - level)
        return self.levels[n]

    def take(self, close: float) -> tuple[int, float, float, float] | None:
        """The new side if it is another one, with both averages and the gap."""
        self.closes.append(close)
        fast, slow = self.of(self.p.fast), self.of(self.p.slow)
        if fast is None or slow is None:
            return None
        gap = fast / slow - 1
        side = 0 if abs(gap) <= self.p.margin else 1 if gap > 0 else -1
        before, self.side = self.side, side or self.side
        return (side, fast, slow, gap) if side and before and side != before else None


def moving_average_cross(rows: Sequence[Row], p: Any) -> list[Told]:
    """Bar by bar."""
    symbols: dict[str, Averages] = {}
    told = []
    for bar in bars_of(rows, nanoseconds(p.bar)):
        crossed = symbols.setdefault(bar.symbol, Averages(p)).take(bar.close)
        if crossed:
            side, fast, slow, gap = crossed
            values = {"fast": fast, "slow": slow, "gap": gap}
            told.append(Told(bar.end, bar.symbol, "golden" if side > 0 else "death", "raised", values))
    return told


def zscore_move(rows: Sequence[Row], p: Any) -> list[Told]:
    """z of the close among the last `window`, its own included."""
    judge, last = Judge(), dict[str, deque[float]]()
    for bar in bars_of(rows, nanoseconds(p.bar)):
        closes = last.setdefault(bar.symbol, deque(maxlen=p.window))
        closes.append(bar.close)
        if len(closes) < p.window or len(set(closes)) == 1:
            continue
        z = (bar.close - fmean(closes)) / pstdev(closes)
        values = {"z": z, "average": fmean(closes), "size": bar.volume}
        judge.see(bar.end, bar.symbol, abs(z) >= p.far and bar.volume >= p.volume, abs(z) <= p.near, values)
    return judge.told


class Range:
    """The opening range of one symbol's session, and where its trades have come to."""

    def __init__(self) -> None:
        self.session: int | None = None
        self.inside: list[float] = []

    def take(self, row: Row, p: Any) -> None:
        """A row; a session that has begun forgets the range of the one before."""
        session = opened(row.time, p)
        if session != self.session:
            self.session, self.inside = session, []
        if row.kind == "TRADE" and session is not None and row.time < session + nanoseconds(p.opening):
            self.inside = [min([row.price, *self.inside]), max([row.price, *self.inside])]


def opening_range_breakout(rows: Sequence[Row], p: Any) -> list[Told]:
    """The range of each symbol as it stands when a bar ends, from the rows before that."""
    above, below = Judge("above"), Judge("below")
    ranges: dict[str, Range] = {}
    volumes: dict[str, deque[float]] = {}
    waiting = deque(row for row in rows if row.symbol is not None)
    for bar in bars_of(rows, nanoseconds(p.bar)):
        while waiting and waiting[0].time < bar.end:
            row = waiting.popleft()
            ranges.setdefault(str(row.symbol), Range()).take(row, p)
        volume = volumes.setdefault(bar.symbol, deque(maxlen=p.window))
        volume.append(bar.volume)
        if len(volume) < p.window:
            continue
        usual, inside = fmean(volume), ranges[bar.symbol].inside
        heavy = bar.volume > p.multiple * usual
        up, down = (bar.close - inside[1], bar.close - inside[0]) if inside else (0.0, 0.0)
        rest = {"usual": usual, "size": bar.volume, "price": bar.close}
        above.see(bar.end, bar.symbol, up > 0 and heavy, up <= 0, {"beyond": up, **rest})
        below.see(bar.end, bar.symbol, down < 0 and heavy, down >= 0, {"beyond": down, **rest})
    return above.told + below.told
