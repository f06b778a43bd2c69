"""RxPY as its documentation teaches it: group by symbol, a window per branch, the branches joined tick by tick."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import reactivex
from numpy.typing import NDArray
from reactivex import Observable
from reactivex import operators as ops

from benchmarks.contenders.python_loop import ticks
from benchmarks.tapes import FIVE_MINUTES_NS, PRICE_WINDOW, BenchTape


class Tick(NamedTuple):
    row: int
    time: int
    symbol: int
    price: float
    size: float


Averages = Callable[[Observable[Tick]], Observable[float]]


class SizeWindow:
    """The ticks of the last five minutes and the total of their sizes."""

    def __init__(self) -> None:
        self.recent: deque[Tick] = deque()
        self.total = 0.0

    def mean(self) -> float:
        return self.total / len(self.recent)


def w1_rxpy_textbook(tape: BenchTape, theta: float) -> NDArray[np.int64]:
    """Fair: each window is one `scan` with a deque, and `zip` joins them because `combine_latest` would glitch."""
    return _alerts(tape, theta, lambda group: group.pipe(ops.scan(_last_ten, None), ops.skip(PRICE_WINDOW - 1), ops.map(_mean_price)))


def w1_rxpy_buffered(tape: BenchTape, theta: float) -> NDArray[np.int64]:
    """Fair: as w1_rxpy_textbook, with the operator RxPY documents for a sliding window of ten."""
    return _alerts(tape, theta, lambda group: group.pipe(ops.buffer_with_count(PRICE_WINDOW, 1), ops.map(_mean_price)))


def _alerts(tape: BenchTape, theta: float, averages: Averages) -> NDArray[np.int64]:
    alerts: list[int] = []

    def spiking(joined: tuple[Tick, float, float]) -> bool:
        tick, average, usual = joined
        return abs(tick.price / average - 1) > theta and tick.size > 2 * usual

    def spikes(group: Observable[Tick]) -> Observable[int]:
        # All three begin at the tenth tick of the symbol.
        tenth_on = ops.skip(PRICE_WINDOW - 1)
        usual = group.pipe(ops.scan(_slide, None), tenth_on, ops.map(SizeWindow.mean))
        return reactivex.zip(group.pipe(tenth_on), averages(group), usual).pipe(ops.filter(spiking), ops.map(lambda joined: joined[0].row))

    reactivex.from_iterable(ticks(tape)).pipe(
        ops.starmap(Tick),
        ops.group_by(lambda tick: tick.symbol),
        ops.flat_map(lambda group: group.pipe(ops.publish(spikes))),
    ).subscribe(alerts.append)
    return np.array(alerts, np.int64)


# Windows begin as None: a deque given to `scan` as its seed would be one deque for all groups.


def _last_ten(window: deque[Tick] | None, tick: Tick) -> deque[Tick]:
    window = deque(maxlen=PRICE_WINDOW) if window is None else window
    window.append(tick)
    return window


def _slide(window: SizeWindow | None, tick: Tick) -> SizeWindow:
    window = window or SizeWindow()
    window.recent.append(tick)
    window.total += tick.size
    while window.recent[0].time <= tick.time - FIVE_MINUTES_NS:
        window.total -= window.recent.popleft().size
    return window


def _mean_price(window: Iterable[Tick]) -> float:
    return sum(tick.price for tick in window) / PRICE_WINDOW
