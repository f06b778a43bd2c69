"""The broker: deliveries a second to one subscriber, and what one that is stuck costs the others.

A thousand events are published, some 0.1 ms apart, to ten subscribers who note how long each took to reach them; then the same
beside an eleventh who never returns from its first call. Rounds of the two alternate, and medians of their p99 are compared.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from pipeline.broker import Broker, Policy

EVENTS = 500_000
TOGETHER = 100
OTHERS = 10
PACED, PAUSE = 1_000, 1e-4


def deliveries(rounds: int) -> dict[str, float]:
    """Million events a second from the first publish to the last call, medians."""
    ways: dict[str, tuple[int, bool]] = {
        "published one by one": (1, False),
        "published one by one, handled in lists": (1, True),
        "published 100 at a time": (TOGETHER, False),
        "published 100 at a time, handled in lists": (TOGETHER, True),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (together, batch) in ways.items():
            found[name].append(EVENTS / seconds_of(together, batch) / 1e6)
    return {name: round(statistics.median(speeds), 2) for name, speeds in found.items()}


def seconds_of(together: int, batch: bool) -> float:
    """Every event arrives, since the publisher waits for room."""
    broker, seen = Broker(), [0]

    def count(events: Iterable[Any]) -> None:
        seen[0] += len(events) if batch else 1  # type: ignore[arg-type]

    broker.subscribe("price.SPY", count, policy="block", patience=60, batch=batch)
    began = time.perf_counter()
    if together == 1:
        for event in range(EVENTS):
            broker.publish("price.SPY", event)
    else:
        for first in range(0, EVENTS, together):
            broker.publish_all("price.SPY", range(first, first + together))
    broker.close(deadline=60)
    took = time.perf_counter() - began
    if seen[0] != EVENTS:
        raise SystemExit(f"the broker delivered {seen[0]:,} of {EVENTS:,} events")
    return took


def beside_a_stuck_one(rounds: int) -> dict[str, float]:
    """Microseconds from publish to the call of ten subscribers, alone and beside a stuck one of each policy."""
    beside: tuple[Policy | None, ...] = (None, "drop_oldest", "conflate", "block")
    quantiles: dict[Policy | None, list[tuple[float, float]]] = {policy: [] for policy in beside}
    for _ in range(rounds):
        for policy in beside:
            quantiles[policy].append(latency_us(policy))
    table: dict[str, float] = {}
    for policy, found in quantiles.items():
        name = "alone" if policy is None else f"beside a stuck one, {policy}"
        for place, quantile in enumerate(("p50", "p99")):
            table[f"{name}: {quantile}, µs"] = round(statistics.median(each[place] for each in found), 1)
    return table


def latency_us(stuck: Policy | None) -> tuple[float, float]:
    """p50 and p99 of the others."""
    broker, let_go, taken = Broker(patience=0.001), threading.Event(), [np.zeros(PACED) for _ in range(OTHERS)]
    if stuck is not None:
        broker.subscribe("price.SPY", lambda event: let_go.wait(), policy=stuck, size=100)
    for out in taken:
        broker.subscribe("price.SPY", stamping(out))
    for place in range(PACED):
        time.sleep(PAUSE)
        broker.publish("price.SPY", (place, time.perf_counter()))
    let_go.set()
    broker.close()
    low, high = np.quantile(np.concatenate(taken) * 1e6, (0.5, 0.99))
    return float(low), float(high)


def stamping(out: np.ndarray[Any, np.dtype[np.float64]]) -> Callable[[tuple[int, float]], None]:
    def note(event: tuple[int, float]) -> None:
        out[event[0]] = time.perf_counter() - event[1]

    return note
