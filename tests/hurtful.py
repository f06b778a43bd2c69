"""Tapes that hurt: equal times, quiet stretches, many symbols, quotes between trades, GAP and HEARTBEAT rows, absurd prints."""

from itertools import pairwise

import numpy as np
import reference as ref
from hypothesis import strategies as st

from pipeline.hurtful import hurtful_tape
from pipeline.ticks import Kind, Ticks

KINDS = {kind.value: kind.name for kind in Kind}


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
    symbols = [name or None for name in ticks.symbols.names(ticks.symbol.tolist())]
    kinds = [KINDS[kind] for kind in ticks.kind.tolist()]
    return [ref.Row(*row) for row in zip(ticks.time.tolist(), symbols, kinds, *columns, strict=True)]


def edges(ticks: Ticks, at: list[int]) -> list[tuple[int, int]]:
    """First and last row of each batch of a tape cut at some rows."""
    return list(pairwise([0, *[cut for cut in at if 0 < cut < len(ticks)], len(ticks)]))
