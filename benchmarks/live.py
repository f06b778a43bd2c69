"""One live tick: from the raw row at the ingress to the rule's decision, in process, W1's graph with its rule machine."""

from __future__ import annotations

import gc
import time

import numpy as np

from benchmarks.contenders.rxtape_run import as_ticks
from benchmarks.tapes import THETA, make_tape
from pipeline.flow import Tape
from pipeline.graph import Graph
from pipeline.ingest import Ingest, RawRows
from pipeline.symbols import SymbolTable
from strategies.volume_spike import VolumeSpike

TICKS = 20_000


def latency_us() -> dict[str, float]:
    """Microseconds of single ticks after a warm tape of 200,000: median, 99%, 99.9%."""
    tape = make_tape(rows=200_000 + TICKS)
    warm, rest = as_ticks(tape.head(200_000)), slice(200_000, None)
    graph = Graph(SymbolTable())
    root = Tape(graph, "tape", frozenset(warm.columns))
    strategy = VolumeSpike(move=THETA)
    with graph.owned_by(strategy.name):
        strategy.alerts(root).subscribe(lambda alerts: None)
    ingest = Ingest(graph.symbols)

    def push(raw: RawRows) -> None:
        for batch in ingest.accept(raw):
            graph.enter(len(batch))
            root.emit(batch)
            graph.leave()

    names = warm.symbols.snapshot()
    push(RawRows({name: warm.columns[name] for name in ("time", "symbol", "price", "size")}, names))
    columns = [column[rest] for column in (tape.time, tape.symbol, tape.price, tape.size)]
    rows = [
        RawRows({"time": t, "symbol": s, "price": p, "size": z}, names)
        for t, s, p, z in zip(*(np.split(c, TICKS) for c in columns), strict=True)
    ]
    gc.collect()
    gc.freeze()
    spent = np.empty(TICKS)
    with np.errstate(all="ignore"):
        for i, raw in enumerate(rows):
            start = time.perf_counter_ns()
            push(raw)
            spent[i] = time.perf_counter_ns() - start
    gc.unfreeze()
    return {name: round(float(np.quantile(spent, q)) / 1e3, 1) for name, q in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))}
