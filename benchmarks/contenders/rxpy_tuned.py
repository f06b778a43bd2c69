"""RxPY as an expert tunes it: one Subject, one filter, state by symbol in a closure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
import reactivex
from numpy.typing import NDArray
from reactivex import operators as ops
from reactivex.subject import Subject

from benchmarks.contenders.python_loop import Spike, Tick, Vwap, ticks
from benchmarks.tapes import FIVE_MINUTES_NS, PRICE_WINDOW, BenchTape


def w1_rxpy_tuned(tape: BenchTape, theta: float) -> NDArray[np.int64]:
    """Fair: one hop per tick (a live feed's Subject), one operator, the plain Python loop's body behind it."""
    alerts: list[int] = []
    source: Subject[Tick] = Subject()
    source.pipe(ops.filter(spikes(tape.symbols, theta)), ops.map(lambda tick: tick[0])).subscribe(alerts.append)
    _push(tape, source)
    return np.array(alerts, np.int64)


def w2_rxpy_tuned(tape: BenchTape, enter: float, leave: float) -> NDArray[np.int64]:
    """Fair: one hop per tick (a live feed's Subject), one operator, the plain Python loop's body behind it."""
    events: list[tuple[int, bool]] = []
    source: Subject[Tick] = Subject()
    step, active = crossings(tape.symbols, enter, leave)
    source.pipe(ops.filter(step), ops.map(lambda tick: (tick[0], active(tick[2])))).subscribe(events.append)
    _push(tape, source)
    return np.array(events, np.int64).reshape(-1, 2)


def w1_rxpy_iterable(tape: BenchTape, theta: float) -> NDArray[np.int64]:
    """Fair: what only a replay can do, `from_iterable` without a Subject, RxPY's cheapest way to hand over a tick."""
    alerts: list[int] = []
    spiking = ops.filter(spikes(tape.symbols, theta))
    reactivex.from_iterable(ticks(tape)).pipe(spiking, ops.map(lambda tick: tick[0])).subscribe(alerts.append)
    return np.array(alerts, np.int64)


def w2_rxpy_iterable(tape: BenchTape, enter: float, leave: float) -> NDArray[np.int64]:
    """Fair: what only a replay can do, `from_iterable` without a Subject, RxPY's cheapest way to hand over a tick."""
    events: list[tuple[int, bool]] = []
    step, active = crossings(tape.symbols, enter, leave)
    pairs = ops.map(lambda tick: (tick[0], active(tick[2])))
    reactivex.from_iterable(ticks(tape)).pipe(ops.filter(step), pairs).subscribe(events.append)
    return np.array(events, np.int64).reshape(-1, 2)


def spikes(symbols: int, theta: float) -> Callable[[Tick], bool]:
    """The condition of W1, to be asked about every tick in order."""
    states = [Spike() for _ in range(symbols + 1)]

    def spiking(tick: Tick) -> bool:
        _, time, symbol, price, size = tick
        state = states[symbol]
        prices, recent = state.prices, state.recent
        prices.append(price)
        state.price_total += price
        if len(prices) > PRICE_WINDOW:
            state.price_total -= prices.popleft()
        expired = time - FIVE_MINUTES_NS
        recent.append((time, size))
        state.size_total += size
        while recent[0][0] <= expired:
            state.size_total -= recent.popleft()[1]
        return len(prices) == PRICE_WINDOW and (
            abs(price / (state.price_total / PRICE_WINDOW) - 1) > theta and size > 2 * (state.size_total / len(recent))
        )

    return spiking


def crossings(symbols: int, enter: float, leave: float) -> tuple[Callable[[Tick], bool], Callable[[int], bool]]:
    """W2 as a condition to be asked about every tick in order, and a look at the state of a symbol."""
    states = [Vwap() for _ in range(symbols + 1)]

    def crosses(tick: Tick) -> bool:
        _, time, symbol, price, size = tick
        state = states[symbol]
        recent: deque[tuple[int, float, float]] = state.recent
        value = price * size
        recent.append((time, value, size))
        state.value_total += value
        state.size_total += size
        expired = time - FIVE_MINUTES_NS
        while recent[0][0] <= expired:
            _, old_value, old_size = recent.popleft()
            state.value_total -= old_value
            state.size_total -= old_size
        deviation = abs(price * state.size_total / state.value_total - 1)
        crossed = (deviation < leave) if state.active else (deviation > enter)
        state.active ^= crossed
        return crossed

    return crosses, lambda symbol: states[symbol].active


def _push(tape: BenchTape, source: Subject[Tick]) -> None:
    for tick in ticks(tape):
        source.on_next(tick)
    source.on_completed()
