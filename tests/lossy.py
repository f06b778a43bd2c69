"""Tapes that lost something, beside what they would have been."""

from typing import NamedTuple

import numpy as np
from hurtful import hurtful_tape
from hypothesis import strategies as st

from pipeline.ticks import Kind, Ticks


class Lossy(NamedTuple):
    """A tape, the same without some rows of one symbol but for a GAP in the place of the last, and where the rows left stood."""

    whole: Ticks
    lossy: Ticks
    kept: np.ndarray
    gap: int


def without(ticks: Ticks, symbol: int, first: int, count: int) -> Lossy:
    """The tape less `count` rows of a symbol, from its `first`-th one."""
    mine = np.flatnonzero(ticks.symbol == symbol)[first : first + count]
    kept = np.setdiff1d(np.arange(len(ticks)), mine[:-1])
    columns = {name: column.copy() for name, column in ticks.columns.items()}
    columns["kind"][mine[-1]] = Kind.GAP
    for name in columns.keys() - {"seq", "time", "symbol", "kind"}:
        columns[name][mine[-1]] = np.nan
    columns = {name: column[kept] for name, column in columns.items()}
    for column in columns.values():
        column.setflags(write=False)
    return Lossy(ticks, Ticks(columns, ticks.symbols), kept, int(np.searchsorted(kept, mine[-1])))


@st.composite
def losses(draw: st.DrawFn, most_rows: int = 200) -> Lossy:
    """Hurtful tapes that lost a stretch of one symbol, up to a tenth of a tape."""
    ticks = hurtful_tape(draw(st.integers(0, 10**6)), draw(st.integers(20, most_rows)), draw(st.integers(1, 3)))
    present = np.unique(ticks.symbol[ticks.symbol > 0])
    symbol = draw(st.sampled_from(present.tolist()))
    rows = int(np.count_nonzero(ticks.symbol == symbol))
    first = draw(st.integers(0, max(0, rows - 2)))
    return without(ticks, symbol, first, draw(st.integers(1, max(1, min(rows - first, most_rows // 10)))))
