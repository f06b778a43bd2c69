"""Tapes to try a strategy on: small ones that hurt, and a market of an hour with quotes, gaps and heartbeats in it."""

from collections.abc import Collection, Sequence

import numpy as np

from pipeline.feed import Feed
from pipeline.ingest import Ingest
from pipeline.plugins import load
from pipeline.symbols import SymbolTable
from pipeline.ticks import Kind, Ticks

__all__ = ["MARKET_COLUMNS", "hurtful_tape", "market_tape", "read_all"]

START = 1_700_000_000 * 10**9
STEPS_MS = [0, 0, 1, 3, 10, 200, 1500, 5000, 40_000]
STEP_ODDS = [0.2, 0.1, 0.2, 0.18, 0.15, 0.1, 0.04, 0.02, 0.01]
QUOTES = ("bid", "ask", "bid_size", "ask_size")
MARKET_COLUMNS = frozenset({"seq", "time", "symbol", "kind", "price", "size", "side", *QUOTES})
"""The columns that a made-up tape can have."""


def hurtful_tape(
    seed: int,
    rows: int = 200,
    symbols: int | Sequence[str] = 5,
    absurd: float = 0.0,
    trades_only: bool = False,
    swing: float = 5.0,
    slowness: int = 1,
) -> Ticks:
    """A seeded tape at price 60,000 with tick 0.01: equal times, quiet stretches, quotes between trades, GAP and HEARTBEAT rows.

    `absurd` is the share of absurd prints. `swing` is the standard deviation of the price from row to row, in quote
    currency; `slowness` stretches the time between rows.

    >>> tape = hurtful_tape(seed=1, rows=50)
    >>> len(tape), sorted(tape.columns)
    (50, ['ask', 'ask_size', 'bid', 'bid_size', 'kind', 'price', 'seq', 'size', 'symbol', 'time'])
    """
    names = [f"S{k}" for k in range(1, symbols + 1)] if isinstance(symbols, int) else list(symbols)
    rng = np.random.default_rng(seed)
    time = START + np.cumsum(rng.choice(STEPS_MS, rows, p=STEP_ODDS)) * 10**7 * slowness
    kind = np.zeros(rows, np.int8) if trades_only else rng.choice([0, 1, 2, 3], rows, p=[0.74, 0.18, 0.03, 0.05]).astype(np.int8)
    code = np.where(kind == Kind.HEARTBEAT, 0, rng.integers(1, len(names) + 1, rows)).astype(np.int32)
    price = np.round(60_000 + np.cumsum(rng.normal(0, swing, rows)), 2)
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
    return Ticks.of(time, code, SymbolTable(names), kind=kind, **columns)


def market_tape(columns: Collection[str], names: Sequence[str] = (), ticks: int = 60_000, span: str = "4h") -> Ticks:
    """The synthetic market as a tape: 12 symbols, breakouts of 2 to 3%, a few GAP and HEARTBEAT rows; quotes if asked for.

    `columns` are those wanted; `names` replace those of the busiest symbols.

    >>> tape = market_tape({"price", "bid"}, names=["SPY"])
    >>> tape.symbols.name(1), [kind.name for kind in map(Kind, sorted(set(tape.kind.tolist())))]
    ('SPY', ['TRADE', 'QUOTE', 'GAP', 'HEARTBEAT'])
    """
    trades = read_all(load("feed", "synthetic")(ticks=ticks, span=span))
    kept = list(trades.symbols)
    table = SymbolTable(dict.fromkeys([*names, *(name for name in kept if name not in names)][: max(len(kept), len(names))]))
    quoted = not {"bid", "ask", "bid_size", "ask_size"}.isdisjoint(columns)
    at = np.repeat(np.arange(len(trades)), 2 if quoted else 1)
    kind = np.full(len(at), Kind.TRADE, np.int8)
    if quoted:
        kind[::2] = Kind.QUOTE
    kind[500::1000] = Kind.HEARTBEAT
    kind[4_000::9_000] = Kind.GAP
    code = np.where(kind == Kind.HEARTBEAT, 0, trades.symbol[at]).astype(np.int32)
    rng = np.random.default_rng(7)
    price, half = trades.price[at], 0.01 * rng.integers(1, 4, len(at))
    made = {"price": price, "size": trades.columns["size"][at], "side": trades.columns["side"][at]}
    if quoted:
        made |= {"bid": price - half, "ask": price + half, "bid_size": 100.0 * rng.integers(1, 9, len(at))}
        made["ask_size"] = 100.0 * rng.integers(1, 9, len(at))
    for name, column in made.items():
        missing = kind != (Kind.QUOTE if name in QUOTES else Kind.TRADE)
        made[name] = np.where(missing, 0 if name == "side" else np.nan, column)
    return Ticks.of(trades.time[at], code, table, kind=kind, **made)


def read_all(feed: Feed, most: int | None = None) -> Ticks:
    """The tape of a feed, or its first rows; raises as the feed does."""
    ingest, batches, count = Ingest(SymbolTable()), list[Ticks](), 0
    for raw in feed.rows():
        for batch in ingest.accept(raw):
            batches.append(batch)
            count += len(batch)
        if most is not None and count >= most:
            break
    return Ticks.concat([*batches, *ingest.finish()])[:most]
