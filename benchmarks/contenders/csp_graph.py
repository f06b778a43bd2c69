"""csp: one small graph per symbol from its own C++ nodes, simulated from columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import csp
import numpy as np
from csp import stats, ts
from numpy.typing import NDArray

from benchmarks.tapes import PRICE_WINDOW, BenchTape

FIVE_MINUTES = timedelta(minutes=5)
AT_ONCE = timedelta(0)
EPOCH = datetime(1970, 1, 1)


# csp binds names when it meets a graph: what a graph uses stands above it.


def _curves(tape: BenchTape) -> Iterator[tuple[int, Any, Any]]:
    by_symbol = np.argsort(tape.symbol, kind="stable")
    cuts = np.flatnonzero(np.diff(tape.symbol[by_symbol])) + 1
    columns = (tape.time.astype("M8[ns]"), tape.price, tape.size)
    parts = zip(*(np.split(column[by_symbol], cuts) for column in columns), strict=True)
    for name, (time, price, size) in enumerate(parts):
        yield name, csp.curve(float, (time, price)), csp.curve(float, (time, size))


@csp.node(memoize=False)
def _hysteresis(price: ts[float], vwap: ts[float], enter: float, leave: float) -> ts[bool]:
    with csp.state():
        s_active = False
    if csp.ticked(vwap):
        deviation = abs(price / vwap - 1)
        if (deviation < leave) if s_active else (deviation > enter):
            s_active = not s_active
            csp.output(s_active)


@csp.graph(memoize=False)
def _spikes(tape: object, theta: float):  # type: ignore[no-untyped-def]
    for name, price, size in _curves(tape):
        average = stats.mean(price, PRICE_WINDOW)
        moved = csp.filter(csp.abs(price / average - 1.0) > theta, size)
        usual = stats.mean(size, FIVE_MINUTES, min_window=AT_ONCE, trigger=moved)
        large = moved > 2.0 * usual
        csp.add_graph_output(name, csp.filter(large, large))


@csp.graph(memoize=False)
def _crossings(tape: object, enter: float, leave: float):  # type: ignore[no-untyped-def]
    for name, price, size in _curves(tape):
        vwap = stats.mean(price, FIVE_MINUTES, min_window=AT_ONCE, weights=size)
        csp.add_graph_output(name, _hysteresis(price, vwap, enter, leave))


def w1_csp(tape: BenchTape, theta: float) -> NDArray[np.int64]:
    """Fair: all nodes are csp's own in C++, a curve of numpy columns per symbol, and sizes are averaged only when asked about."""
    rows, _ = _events(tape, _spikes, theta)
    return rows


def w2_csp(tape: BenchTape, enter: float, leave: float) -> NDArray[np.int64]:
    """Fair: vwap is csp's weighted mean in C++; the hysteresis has no such node, so it is the Python node its manual advises."""
    return np.column_stack(_events(tape, _crossings, enter, leave))


def _events(tape: BenchTape, graph: Any, *limits: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, last = (EPOCH + timedelta(microseconds=int(tape.time[row]) // 1000) for row in (0, -1))
    microsecond = timedelta(microseconds=1)
    outputs = csp.run(graph, tape, *limits, starttime=first, endtime=last + microsecond, output_numpy=True)
    times, values = (np.concatenate(column) for column in zip(*outputs.values(), strict=True))
    # No two rows share a time, so the time of an event names its row.
    rows = np.searchsorted(tape.time, times.astype("M8[ns]").astype(np.int64))
    order = np.argsort(rows)
    return rows[order], values[order].astype(np.int64)
