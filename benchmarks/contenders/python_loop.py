"""Plain Python: one loop over the ticks, a pair of deques per symbol."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.tapes import FIVE_MINUTES_NS, PRICE_WINDOW, BenchTape

Tick = tuple[int, int, int, float, float]


class Spike:
    """What W1 remembers of one symbol."""

    __slots__ = ("price_total", "prices", "recent", "size_total")

    def __init__(self) -> None:
        self.prices: deque[float] = deque()
        self.price_total = 0.0
        self.recent: deque[tuple[int, float]] = deque()
        self.size_total = 0.0


class Vwap:
    """What W2 remembers of one symbol."""

    __slots__ = ("active", "recent", "size_total", "value_total")

    def __init__(self) -> None:
        self.recent: deque[tuple[int, float, float]] = deque()
        self.value_total = 0.0
        self.size_total = 0.0
        self.active = False


def ticks(tape: BenchTape) -> Iterator[Tick]:
    """Rows as tuples of Python numbers: row, time, symbol, price, size."""
    columns = (tape.time.tolist(), tape.symbol.tolist(), tape.price.tolist(), tape.size.tolist())
    return zip(range(len(tape)), *columns, strict=True)


def w1_python(tape: BenchTape, theta: float) -> NDArray[np.int64]:
    """Fair: one function, no call but the deques' own, running totals instead of sums, lists instead of numpy scalars."""
    states = [Spike() for _ in range(tape.symbols + 1)]
    alerts: list[int] = []
    for row, time, symbol, price, size in ticks(tape):
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
        if len(prices) == PRICE_WINDOW and (
            abs(price / (state.price_total / PRICE_WINDOW) - 1) > theta and size > 2 * (state.size_total / len(recent))
        ):
            alerts.append(row)
    return np.array(alerts, np.int64)


def w2_python(tape: BenchTape, enter: float, leave: float) -> NDArray[np.int64]:
    """Fair: one function, no call but the deque's own, running totals instead of sums, lists instead of numpy scalars."""
    states = [Vwap() for _ in range(tape.symbols + 1)]
    events: list[tuple[int, bool]] = []
    for row, time, symbol, price, size in ticks(tape):
        state = states[symbol]
        recent = state.recent
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
        if (deviation < leave) if state.active else (deviation > enter):
            state.active = not state.active
            events.append((row, state.active))
    return np.array(events, np.int64).reshape(-1, 2)
