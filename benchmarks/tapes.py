"""The synthetic day every contender reads: zipf-like popularity, clustered volume, jumps, one tick each 23.4 ms on average."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NS_PER_SECOND = 1_000_000_000
FIVE_MINUTES_NS = 300 * NS_PER_SECOND
OPEN_NS = 1_772_461_800 * NS_PER_SECOND  # 2026-03-02 14:30 UTC
MEAN_GAP_NS = 23_400_000  # 1 M ticks in 6.5 hours, whatever the number of symbols

PRICE_WINDOW = 10
THETA = 0.0043  # W1: 619 alerts in the default tape of 1 M rows
ENTER = 0.0044  # W2: 1,207 events in the default tape of 1 M rows
LEAVE = 0.0016

BURST_EVERY = 400  # ticks of one symbol between bursts of volume, on average
BURST_TICKS = 25  # length of a burst, on average
JUMP_SHARE = 0.5  # share of the bursts that begin with a jump of the price


@dataclass(frozen=True)
class BenchTape:
    """Columns of one tape: `time` in ns, strictly increasing; `symbol` codes 1 to `symbols`; `size` whole numbers."""

    time: NDArray[np.int64]
    symbol: NDArray[np.int32]
    price: NDArray[np.float64]
    size: NDArray[np.float64]
    symbols: int

    def __len__(self) -> int:
        return len(self.time)

    def head(self, rows: int) -> BenchTape:
        """The first `rows` rows, as views."""
        return BenchTape(self.time[:rows], self.symbol[:rows], self.price[:rows], self.size[:rows], self.symbols)


def make_tape(rows: int = 1_000_000, symbols: int = 100, seed: int = 2) -> BenchTape:
    """Draw a tape; the same arguments give the same tape, and the rate of ticks never depends on them."""
    # Seed 2: no size is exactly twice its mean where the price is far, at 1 M rows, and at 10 M rows of up to 100 symbols.
    random = np.random.default_rng(seed)
    # Strictly increasing: the RANGE of SQL takes in the rows after this one that share its time, a stream cannot.
    time = OPEN_NS + np.cumsum(1 + random.exponential(MEAN_GAP_NS, rows).astype(np.int64))
    symbol = _zipf_codes(random, rows, symbols)
    price, size = np.empty(rows), np.empty(rows)
    by_symbol = np.argsort(symbol, kind="stable")
    starts = np.searchsorted(symbol[by_symbol], np.arange(1, symbols + 2))
    burst_starts = random.random(rows) < 1 / BURST_EVERY
    heat = _heat(random, burst_starts)
    price[by_symbol] = _prices(random, heat, burst_starts, starts)
    size[by_symbol] = np.ceil(random.lognormal(4.6, 0.5, rows) * (1 + 3 * heat))
    return BenchTape(time, symbol, price, size, symbols)


def symbol_names(symbols: int) -> list[str]:
    """Names by code; code 0 is no symbol and has the empty name."""
    return [""] + [f"S{code:0{len(str(symbols))}d}" for code in range(1, symbols + 1)]


def write_csv(tape: BenchTape, path: str | os.PathLike[str]) -> None:
    """Write `time,symbol,price,size`: integer ns, names such as S042, two decimals, whole sizes."""
    import polars as pl

    names = pl.Series(symbol_names(tape.symbols))
    columns = {
        "time": tape.time,
        "symbol": names.gather(pl.Series(tape.symbol)),
        "price": tape.price,
        "size": tape.size.astype(np.int64),
    }
    pl.DataFrame(columns).write_csv(path, float_precision=2)


def _zipf_codes(random: np.random.Generator, rows: int, symbols: int) -> NDArray[np.int32]:
    weights = 1 / np.arange(1, symbols + 1)
    popularity = np.cumsum(weights / weights.sum())
    ranks = np.minimum(np.searchsorted(popularity, random.random(rows)), symbols - 1)
    codes = random.permutation(np.arange(1, symbols + 1, dtype=np.int32))
    return codes[ranks]


def _heat(random: np.random.Generator, burst_starts: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How many bursts run at each tick, in the order of symbols; one may spill over into the next symbol."""
    begins = np.flatnonzero(burst_starts)
    ends = begins + random.geometric(1 / BURST_TICKS, len(begins))
    changes = np.zeros(len(burst_starts) + 1)
    np.add.at(changes, begins, 1)
    np.add.at(changes, np.minimum(ends, len(burst_starts)), -1)
    return np.cumsum(changes[:-1])


def _prices(
    random: np.random.Generator, heat: NDArray[np.float64], burst_starts: NDArray[np.bool_], starts: NDArray[np.int64]
) -> NDArray[np.float64]:
    rows = len(heat)
    moves = random.normal(0, 1.5e-4, rows) * (1 + heat)
    jumps = burst_starts & (random.random(rows) < JUMP_SHARE)
    moves[jumps] += random.normal(0, 4e-3, int(jumps.sum()))
    walk = np.cumsum(moves)
    ticks_of = np.diff(starts)
    opening = random.uniform(np.log(20), np.log(500), len(ticks_of))
    before = np.where(starts[:-1] > 0, walk[starts[:-1] - 1], 0.0) if rows else opening
    return np.round(np.exp(walk + np.repeat(opening - before, ticks_of)), 2)
