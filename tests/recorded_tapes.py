"""The recorded tapes, as ticks; a test that wants one skips where it is not."""

import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from feeds.recorded import csv
from pipeline.ingest import Ingest
from pipeline.symbols import SymbolTable
from pipeline.ticks import Kind, Ticks

RECORDED = Path(__file__).parents[2] / "shared" / "data" / "tapes"
EQUITIES = ["us_equities_20131007", "us_equities_20131008", "us_equities_20131009"]
COINS = ["btcusdt_20240808", "btcusdt_20240809"]
QUOTES = "eurusd_quotes_20140502_payrolls"
SECOND = 10**9


@cache
def recorded(name: str, rows: float = math.inf) -> Ticks:
    """The first rows of a recorded tape."""
    path = RECORDED / f"{name}.csv.gz"
    if not path.exists():
        pytest.skip(f"the recorded tape {path} is not here")
    ingest, batches, count = Ingest(SymbolTable()), [], 0
    for raw in csv(path).rows():
        for batch in ingest.accept(raw):
            batches.append(batch)
            count += len(batch)
        if count >= rows:
            break
    ticks = Ticks.concat([*batches, *ingest.finish()])
    return ticks if math.isinf(rows) else ticks[: int(rows)]


def days(first: str, *others: str, rows: int) -> Ticks:
    """The first rows of several recorded days, one after the other."""
    parts = [recorded(name, rows) for name in (first, *others)]
    names = [part.symbols.names(part.symbol.tolist()) for part in parts]
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in ("price", "size")}
    return Ticks.of(np.concatenate([part.time for part in parts]), [name for part in names for name in part], **columns)


def with_heartbeats(ticks: Ticks) -> Ticks:
    """The same rows with a HEARTBEAT at every full second, as a live feed writes them."""
    first, last = int(ticks.time[0]) // SECOND + 1, int(ticks.time[-1]) // SECOND
    beats = np.arange(first, last + 1) * SECOND
    order = np.argsort(np.concatenate([ticks.time, beats]), kind="stable")
    empty = {"time": beats, "symbol": np.zeros(len(beats), np.int32), "kind": np.full(len(beats), Kind.HEARTBEAT, np.int8)}
    columns = {
        name: np.concatenate([column, empty.get(name, np.full(len(beats), np.nan)).astype(column.dtype)])[order]
        for name, column in ticks.columns.items()
        if name in ("time", "symbol", "kind", "price", "size", "bid", "ask")
    }
    time, symbol = columns.pop("time"), columns.pop("symbol")
    return Ticks.of(time, symbol, ticks.symbols, **columns)
