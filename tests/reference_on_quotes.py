"""Twins of the strategies about quotes, silence and pairs."""

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator, Sequence
from statistics import fmean, median
from typing import Any

from reference_alerts import SECOND, Judge, Told, opened
from reference_tape import Row, nanoseconds


class Window:
    """Values of (t - width, t], in order of time and in order of size."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.rows: deque[tuple[int, float]] = deque()
        self.ordered: list[float] = []

    def add(self, time: int, value: float) -> None:
        self.rows.append((time, value))
        insort(self.ordered, value)

    def shed(self, now: int) -> None:
        while self.rows and self.rows[0][0] <= now - self.width:
            _, value = self.rows.popleft()
            del self.ordered[bisect_left(self.ordered, value)]

    def quantile(self, q: float) -> float:
        """Linear between ranks."""
        place = q * (len(self.ordered) - 1)
        below, above = self.ordered[math.floor(place)], self.ordered[math.ceil(place)]
        return below + (above - below) * (place - math.floor(place))


def spread_widening(rows: Sequence[Row], p: Any) -> list[Told]:
    """Judged at every row of a symbol that has been quoted; a quote with a side missing is not known until the next."""
    judge = Judge(hold=nanoseconds(p.hold))
    windows: dict[str, Window] = {}
    newest: dict[str, float] = {}
    for row in rows:
        judge.reach(row.time)
        if row.symbol is None:
            continue
        window = windows.setdefault(row.symbol, Window(nanoseconds(p.over)))
        if row.kind == "QUOTE":
            middle = (row.bid + row.ask) / 2
            newest[row.symbol] = (row.ask - row.bid) / middle * 1e4 if middle > 0 else math.nan
            if not math.isnan(newest[row.symbol]):
                window.add(row.time, newest[row.symbol])
        window.shed(row.time)
        spread = newest.get(row.symbol, math.nan)
        if window.ordered and not math.isnan(spread):
            normal = max(median(window.ordered), p.floor)
            met = spread > p.multiple * normal and len(window.ordered) >= p.least
            judge.see(row.time, row.symbol, met, spread < p.calm * normal, {"spread": spread, "normal": normal})
    return judge.told


def moments(rows: Sequence[Row], every: int) -> Iterator[tuple[int, int]]:
    """Each multiple of `every` that the tape has passed since its first row, and how many rows came before it."""
    for i in range(1, len(rows)):
        before = rows[i - 1].time
        for moment in range(before // every * every + every, rows[i].time + 1, every):
            yield moment, i


class Quoted:
    """The quotes of one symbol: the last, and the seconds between them."""

    def __init__(self, over: int) -> None:
        self.waits = Window(over)
        self.time: int | None = None
        self.price = math.nan

    def take(self, time: int, price: float) -> None:
        if self.time is not None:
            self.waits.add(time, (time - self.time) / SECOND)
        self.time, self.price = time, price
        self.waits.shed(time)


def stale_quote(rows: Sequence[Row], p: Any, quotes: bool = False) -> list[Told]:
    """Second by second; `quotes` says whether the tape has any, else trades are meant."""
    judge, symbols, taken = Judge(), dict[str, Quoted](), 0
    after, alive, active = (nanoseconds(width) for width in (p.after, p.alive, p.active))
    for now, count in moments(rows, SECOND):
        for row in rows[taken:count]:
            price = (row.bid + row.ask) / 2 if quotes else row.price
            if row.symbol is not None and row.kind == ("QUOTE" if quotes else "TRADE") and not math.isnan(price):
                symbols.setdefault(row.symbol, Quoted(nanoseconds(p.over))).take(row.time, price)
        taken = max(taken, count)
        if now - rows[count - 1].time > alive:
            continue
        for symbol, quoted in symbols.items():
            if quoted.time is not None and quoted.waits.ordered and now - quoted.time <= active:
                age, session = (now - quoted.time) / SECOND, opened(now, p)
                limit = max(after / SECOND, p.multiple * quoted.waits.quantile(0.99))
                open_for = -1 if session is None else (now - session) / SECOND
                met = min(age, open_for) > limit and len(quoted.waits.ordered) >= p.least
                judge.see(now, symbol, met, age <= limit, {"age": age, "limit": limit, "price": quoted.price})
    return judge.told


def pairs_divergence(rows: Sequence[Row], p: Any) -> list[Told]:
    """Both prices as of the first leg's last trade before each moment; z of the residual, by the sums over the window."""
    judge, taken, most = Judge(), 0, nanoseconds(p.max_age)
    price, traded = dict[str, float](), dict[str, int]()
    pair: tuple[float, float, float] | None = None
    fresh = False
    window: deque[tuple[float, float]] = deque(maxlen=p.window)
    for now, count in moments(rows, nanoseconds(p.every)):
        for row in rows[taken:count]:
            if row.kind == "TRADE" and row.symbol is not None:
                price[row.symbol], traded[row.symbol] = row.price, row.time
                fresh = fresh or row.symbol == p.first
                if row.symbol == p.first and p.second in price:
                    pair = row.price, price[p.second], row.time - traded[p.second]
        taken = max(taken, count)
        if p.first not in traded or now - traded[p.first] > most:
            continue
        if fresh and pair and pair[2] <= most:
            window.append((math.log(pair[0]), math.log(pair[1])))
            if len(window) == p.window:
                judge_pair(judge, now, list(window), p)
        fresh = False
    return judge.told


def judge_pair(judge: Judge, now: int, window: list[tuple[float, float]], p: Any) -> None:
    mean_a, mean_b = fmean(a for a, _ in window), fmean(b for _, b in window)
    apart = [(a - mean_a, b - mean_b) for a, b in window]
    aa, bb, ab = (math.fsum(x[i] * x[j] for x in apart) for i, j in ((0, 0), (1, 1), (0, 1)))
    if aa == 0 or bb == 0:
        return
    hedge = ab / bb if p.hedge == "rolling" else p.hedge
    residuals = [a - hedge * b for a, b in apart]
    gap, width = residuals[-1], math.sqrt(math.fsum(x * x for x in residuals) / (len(window) - 1))
    corr, z = ab / math.sqrt(aa * bb), gap / width
    judge.see(now, p.first, abs(z) >= p.far and corr >= p.correlation, abs(z) <= p.near, {"z": z, "gap": gap, "corr": corr})
