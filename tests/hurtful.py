"""Tapes that hurt: equal times, quiet stretches, many symbols, quotes between trades, GAP and HEARTBEAT rows, absurd prints."""

from itertools import pairwise

import numpy as np
import reference as ref
from hypothesis import strategies as st

from pipeline.symbols import SymbolTable
from pipeline.ticks import Kind, Ticks

START = 1_700_000_000 * 10**9
STEPS_MS = [0, 0, 1, 3, 10, 200, 1500, 5000, 40_000]
STEP_ODDS = [0.2, 0.1, 0.2, 0.18, 0.15, 0.1, 0.04, 0.02, 0.01]


def hurtful_tape(seed: int, rows: int = 200, symbols: int = 5, absurd: float = 0.0, trades_only: bool = False) -> Ticks:
    """A seeded tape at price 60,000 with tick 0.01."""
    rng = np.random.default_rng(seed)
    time = START + np.cumsum(rng.choice(STEPS_MS, rows, p=STEP_ODDS)) * 10**7
    kind = np.zeros(rows, np.int8) if trades_only else rng.choice([0, 1, 2, 3], rows, p=[0.74, 0.18, 0.03, 0.05]).astype(np.int8)
    code = np.where(kind == Kind.HEARTBEAT, 0, rng.integers(1, symbols + 1, rows)).astype(np.int32)
    price = np.round(60_000 + np.cumsum(rng.normal(0, 5, rows)), 2)
    price[rng.random(rows) < absurd] = rng.choice([1e17, -1e17, 1e34, -3.0, 0.0])
    size = np.round(rng.lognormal(0, 1, rows), 3)
    size[rng.random(rows) < absurd] = 1e15
    half = np.round(rng.integers(0, 4, rows) * 0.01, 2)
    columns = {
        "price": price,
        "size": size,
        "bid": price - half,
        "ask": price + half,
        "bid_size": np.round(size * 2, 1),
        "ask_size": np.round(size + 1),
    }
    for name, column in columns.items():
        column[kind != (Kind.TRADE if name in ("price", "size") else Kind.QUOTE)] = np.nan
    return Ticks.of(time, code, SymbolTable(f"S{k}" for k in range(1, symbols + 1)), kind=kind, **columns)


@st.composite
def tapes(draw: st.DrawFn, most_rows: int = 160, absurd: float = 0.01) -> Ticks:
    """Hurtful tapes of one row and more."""
    return hurtful_tape(
        draw(st.integers(0, 10**6)), draw(st.integers(1, most_rows)), draw(st.integers(1, 6)), draw(st.sampled_from([0.0, absurd]))
    )


@st.composite
def cuts(draw: st.DrawFn, most_rows: int = 160) -> list[int]:
    """Where to cut a tape: every row, or some."""
    if draw(st.booleans()):
        return list(range(1, most_rows))
    return sorted(draw(st.sets(st.integers(1, most_rows - 1), max_size=12)))


def reference_rows(ticks: Ticks) -> list[ref.Row]:
    """The rows as the slow twins read them."""
    names = ("price", "size", "bid", "ask", "bid_size", "ask_size")
    absent = np.full(len(ticks), np.nan)
    columns = [ticks.columns.get(name, absent).tolist() for name in names]
    symbols = [ticks.symbols.name(code) or None for code in ticks.symbol.tolist()]
    kinds = [Kind(kind).name for kind in ticks.kind.tolist()]
    return [ref.Row(*row) for row in zip(ticks.time.tolist(), symbols, kinds, *columns, strict=True)]


def edges(ticks: Ticks, at: list[int]) -> list[tuple[int, int]]:
    """First and last row of each batch of a tape cut at some rows."""
    return list(pairwise([0, *[cut for cut in at if 0 < cut < len(ticks)], len(ticks)]))
