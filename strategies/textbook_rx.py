"""The flagship once more, in RxPY's own operators alone: readable, general, and a thousand times slower.

Textbook `combine_latest` glitches: its branches of one source arrive one after the other, so that each tick gives four
combinations, three of them mixed with the tick before. Every value here carries the number of its tick, and mixed
combinations are filtered out; `glitches=True` leaves them in.
"""

# mypy: disable-error-code="misc,attr-defined,index,arg-type"
# Rx's types cannot follow functions without annotations through a pipe.

from collections import deque
from collections.abc import Callable
from statistics import fmean
from typing import Any, NamedTuple

import reactivex
from reactivex import Observable
from reactivex import operators as ops

from pipeline import Alert, Kind, Strategy, Tape, Tick
from pipeline.doors import each_tick
from pipeline.durations import nanoseconds
from pipeline.errors import BuildError

__all__ = ["TextbookRx"]


class Seen(NamedTuple):
    """What combine_latest puts together; `seqs` tells from which tick each part is."""

    tick: Tick
    change: float | None
    average: float
    volume: float
    usual: float | None
    seqs: set[int]


class TextbookRx(Strategy):
    """Price moves more than `move` within `over`, away from its average, while volume is `multiple` times its `baseline` average."""

    move: float = 0.01
    over: str = "1m"
    average: int = 10
    multiple: float = 2.0
    baseline: str = "5m"
    glitches: bool = False

    def alerts(self, ticks: Tape) -> Observable[Alert]:
        """The alerts of every symbol, each from its own group."""
        if "price" not in ticks.columns:
            raise BuildError("textbook_rx reads trades, and this tape has quotes only")
        alerts: Observable[Alert] = ticks.pipe(
            each_tick(),
            ops.filter(lambda tick: tick.kind is Kind.TRADE),
            ops.group_by(lambda tick: tick.symbol),
            ops.flat_map(self.of_one_symbol),
        )
        return alerts

    def of_one_symbol(self, ticks: Observable[Tick]) -> Observable[Alert]:
        """Four branches of the symbol's ticks, combined, judged, and turned into alerts where the verdict changes."""
        over, baseline = nanoseconds(self.over), nanoseconds(self.baseline)
        change = ticks.pipe(ops.scan(earlier_price(over), None), ops.map(change_of))
        average = ticks.pipe(
            ops.buffer_with_count(self.average, 1),
            ops.filter(lambda recent: len(recent) == self.average),
            ops.map(lambda recent: (recent[-1].seq, fmean(tick.price for tick in recent))),
        )
        volume = ticks.pipe(ops.scan(size_between(0, over), None))
        usual = ticks.pipe(
            ops.scan(size_between(over, over + baseline), None), ops.map(lambda seen: (seen[0], usual_of(seen, over, baseline)))
        )
        return reactivex.combine_latest(ticks, change, average, volume, usual).pipe(
            ops.map(lambda parts: together(*parts)),
            ops.filter(lambda seen: self.glitches or len(seen.seqs) == 1),
            ops.scan(self.judge, (False, None)),
            ops.map(lambda verdict: verdict[1]),
            ops.filter(lambda alert: alert is not None),
        )

    def judge(self, before: tuple[bool, Alert | None], seen: Seen) -> tuple[bool, Alert | None]:
        """Whether the alert is on after a tick, and the alert if that is new."""
        if seen.change is None or seen.usual is None:
            return before[0], None
        if before[0]:
            over = abs(seen.change) < self.move / 2
            return not over, alert_of(seen, "cleared") if over else None
        away = (seen.tick.price - seen.average) * seen.change > 0
        met = abs(seen.change) > self.move and away and seen.volume > self.multiple * seen.usual
        return met, alert_of(seen, "raised") if met else None


def earlier_price(over: int) -> Callable[[Any, Tick], tuple[Tick, float | None]]:
    """For a scan: each tick with the last price at or before `over` earlier."""
    recent: deque[Tick] = deque()
    earlier: list[float | None] = [None]

    def add(_: object, tick: Tick) -> tuple[Tick, float | None]:
        recent.append(tick)
        while recent[0].time <= tick.time - over:
            earlier[0] = recent.popleft().price
        return tick, earlier[0]

    return add


def change_of(seen: tuple[Tick, float | None]) -> tuple[int, float | None]:
    tick, earlier = seen
    return tick.seq, (tick.price - earlier) / earlier if earlier is not None and earlier > 0 else None


def size_between(younger: int, older: int) -> Callable[[Any, Tick], tuple[int, float, int]]:
    """For a scan: tick number, size traded in (t - older, t - younger], and how long ago the first tick was."""
    waiting: deque[Tick] = deque()
    inside: deque[Tick] = deque()
    total = [0.0]
    first: list[int] = []

    def add(_: object, tick: Tick) -> tuple[int, float, int]:
        first[:] = first or [tick.time]
        waiting.append(tick)
        while waiting and waiting[0].time <= tick.time - younger:
            inside.append(waiting.popleft())
            total[0] += inside[-1].size
        while inside and inside[0].time <= tick.time - older:
            total[0] -= inside.popleft().size
        return tick.seq, total[0], tick.time - first[0]

    return add


def usual_of(seen: tuple[int, float, int], over: int, baseline: int) -> float | None:
    _, total, age = seen
    return total * over / baseline if age >= over + baseline else None


def together(
    tick: Tick,
    change: tuple[int, float | None],
    average: tuple[int, float],
    volume: tuple[int, float, int],
    usual: tuple[int, float | None],
) -> Seen:
    seqs = {tick.seq, change[0], average[0], volume[0], usual[0]}
    return Seen(tick, change[1], average[1], volume[1], usual[1], seqs)


def alert_of(seen: Seen, event: str) -> Alert:
    values = {
        "change": seen.change or 0.0,
        "average": seen.average,
        "volume": seen.volume,
        "usual": seen.usual or 0.0,
        "price": seen.tick.price,
    }
    message = f"{seen.tick.symbol} {values['change']:+.2%} on {values['volume']:,.0f} (usual {values['usual']:,.0f})"
    return Alert(symbol=seen.tick.symbol, time=seen.tick.time, message=message, values=values, event=event)
