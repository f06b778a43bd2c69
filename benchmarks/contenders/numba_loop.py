"""numba: both works as one fused loop each, compiled at the first call (warm it up before timing)."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from benchmarks.tapes import FIVE_MINUTES_NS, PRICE_WINDOW, BenchTape


def w1_numba(tape: BenchTape, theta: float) -> NDArray[np.int64]:
    """Fair: the C loop's algorithm and state, in numba's own idiom of one array per state variable."""
    alerts = np.empty(len(tape), np.int64)
    found = _w1(tape.time, tape.symbol, tape.price, tape.size, tape.symbols, theta, alerts)
    return alerts[:found].copy()


def w2_numba(tape: BenchTape, enter: float, leave: float) -> NDArray[np.int64]:
    """Fair: the C loop's algorithm and state, in numba's own idiom of one array per state variable."""
    events = np.empty((len(tape), 2), np.int64)
    found = _w2(tape.time, tape.symbol, tape.price, tape.size, tape.symbols, enter, leave, events)
    return events[:found].copy()


@njit
def _w1(time, symbol, price, size, symbols, theta, alerts):  # type: ignore[no-untyped-def]
    ring = np.zeros((symbols + 1, PRICE_WINDOW))
    price_total, size_total = np.zeros(symbols + 1), np.zeros(symbols + 1)
    count, slot, seen = np.zeros(symbols + 1, np.int32), np.zeros(symbols + 1, np.int32), np.zeros(symbols + 1, np.int32)
    head = found = 0
    for row in range(len(time)):
        expired = time[row] - FIVE_MINUTES_NS
        while time[head] <= expired:
            size_total[symbol[head]] -= size[head]
            count[symbol[head]] -= 1
            head += 1
        code, p, q = symbol[row], price[row], size[row]
        price_total[code] += p - ring[code, slot[code]]
        ring[code, slot[code]] = p
        slot[code] = 0 if slot[code] == PRICE_WINDOW - 1 else slot[code] + 1
        seen[code] += seen[code] < PRICE_WINDOW
        size_total[code] += q
        count[code] += 1
        total = price_total[code]
        spike = abs(p * PRICE_WINDOW - total) > theta * total and q * count[code] > 2 * size_total[code]
        if spike and seen[code] == PRICE_WINDOW:
            alerts[found] = row
            found += 1
    return found


@njit
def _w2(time, symbol, price, size, symbols, enter, leave, events):  # type: ignore[no-untyped-def]
    value_total, size_total = np.zeros(symbols + 1), np.zeros(symbols + 1)
    count, active = np.zeros(symbols + 1, np.int32), np.zeros(symbols + 1, np.bool_)
    head = found = 0
    for row in range(len(time)):
        expired = time[row] - FIVE_MINUTES_NS
        while time[head] <= expired:
            old = symbol[head]
            size_total[old] -= size[head]
            count[old] -= 1
            # An emptied window forgets its rounding.
            value_total[old] = value_total[old] - price[head] * size[head] if count[old] else 0.0
            head += 1
        code, p, q = symbol[row], price[row], size[row]
        size_total[code] += q
        value_total[code] += p * q
        count[code] += 1
        away, total = abs(p * size_total[code] - value_total[code]), value_total[code]
        if (away < leave * total) if active[code] else (away > enter * total):
            active[code] = not active[code]
            events[found, 0], events[found, 1] = row, active[code]
            found += 1
    return found
