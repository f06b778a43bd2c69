"""Rows for examples, times in seconds, and tapes of chance."""

import random

import numpy as np
from numpy.typing import ArrayLike
from reference_tape import Row

S = 10**9


def trade(seconds: float, symbol: str, price: float, size: float = 1.0) -> Row:
    return Row(round(seconds * S), symbol, "TRADE", price, size)


def quote(seconds: float, symbol: str, bid: float, ask: float, bid_size: float = 1.0, ask_size: float = 1.0) -> Row:
    return Row(round(seconds * S), symbol, "QUOTE", bid=bid, ask=ask, bid_size=bid_size, ask_size=ask_size)


def heartbeat(seconds: float) -> Row:
    return Row(round(seconds * S), None, "HEARTBEAT")


def gap(seconds: float, symbol: str) -> Row:
    return Row(round(seconds * S), symbol, "GAP")


def random_tape(seed: int, n: int, symbols: str = "AB") -> list[Row]:
    rng = random.Random(seed)
    rows, time, price = [], 0, 60_000.0
    for _ in range(n):
        time += rng.choice([0, 1, 300_000_000, S, 3 * S])
        price = round(price + rng.gauss(0, 200), 2)
        kinds = {"TRADE": trade(0, rng.choice(symbols), price, float(rng.randint(0, 9))), "GAP": gap(0, rng.choice(symbols))}
        kinds |= {"QUOTE": quote(0, rng.choice(symbols), price - 0.01, price), "HEARTBEAT": heartbeat(0)}
        rows.append(kinds[rng.choices(list(kinds), [8, 1, 1, 1])[0]]._replace(time=time))
    return rows


def same(got: ArrayLike, want: ArrayLike) -> None:
    np.testing.assert_allclose(np.asarray(got, dtype=float), np.asarray(want, dtype=float), rtol=1e-7, atol=1e-12, equal_nan=True)
