"""W1 from a CSV file to alerts as JSON lines: from the first byte read to the last one flushed, a process for each contender.

python -m benchmarks.from_csv rxtape ticks.csv alerts.jsonl     one contender, once: seconds and peak memory as JSON
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tapes import THETA, BenchTape, make_tape, write_csv

WARM_UP_ROWS = 20_000


def by_rxtape(source: str, target: str) -> None:
    """The product as its user runs it: alerts with ids, values and messages, synced to the disk."""
    from feeds.recorded import csv
    from pipeline import run
    from strategies.volume_spike import VolumeSpike

    run(csv(source), VolumeSpike(move=THETA), sinks=[f"jsonl:{target}"], keep_alerts=False)


def by_polars(source: str, target: str) -> None:
    """Fair: the quickest of the in-memory forms, behind a scan that reads only what is used, on all cores; values, no messages."""
    import polars as pl

    from benchmarks.contenders.polars_columns import five_minute_mean
    from benchmarks.tapes import PRICE_WINDOW

    average, usual = pl.col("price").rolling_mean(PRICE_WINDOW), five_minute_mean(pl.col("size").cast(pl.Float64))
    rows = pl.scan_csv(source, schema_overrides={"symbol": pl.Categorical}).with_columns(
        average=average.over("symbol"), usual=usual.over("symbol")
    )
    far = (pl.col("price") / pl.col("average") - 1).abs() > THETA
    rows.filter(far & (pl.col("size") > 2 * pl.col("usual"))).collect().write_ndjson(target)
    sync(target)


def by_csp(source: str, target: str) -> None:
    """Fair: csp's own CSV adapter is Python, so polars reads the columns; then the graph of the in-memory comparison."""
    import polars as pl

    from benchmarks.contenders.csp_graph import w1_csp

    frame = pl.read_csv(source, schema_overrides={"symbol": pl.Categorical, "size": pl.Float64})
    symbol = frame["symbol"].to_physical().to_numpy().astype(np.int32)
    tape = BenchTape(frame["time"].to_numpy(), symbol, frame["price"].to_numpy(), frame["size"].to_numpy(), int(symbol.max()) + 1)
    frame[w1_csp(tape, THETA)].write_ndjson(target)
    sync(target)


CONTENDERS: dict[str, Callable[[str, str], None]] = {"rxtape": by_rxtape, "polars": by_polars, "csp": by_csp}


def sync(path: str) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def one(contender: str, source: str, target: str) -> dict[str, float]:
    """Warmed up on the first rows: imports are done and kernels compiled when the clock starts."""
    with tempfile.TemporaryDirectory() as folder, open(source) as file:
        start = Path(folder, "warm.csv")
        start.write_text("".join(islice(file, WARM_UP_ROWS + 1)))
        CONTENDERS[contender](str(start), f"{folder}/warm.jsonl")
    began = time.perf_counter()
    CONTENDERS[contender](source, target)
    return {"seconds": time.perf_counter() - began, "peak MB": peak_mb()}


def peak_mb() -> float:
    """The largest resident memory of this process, from the first byte on."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1]) / 1000
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def alerts_of(path: Path) -> list[tuple[Any, ...]]:
    """Time and symbol of each alert, whoever wrote it."""
    found = map(json.loads, path.read_text().splitlines())
    return sorted((alert.get("time_ns", alert["time"]), alert["symbol"]) for alert in found)


def from_csv(rounds: int, rows: int = 10_000_000) -> dict[str, Any]:
    """M ticks/s of each contender, medians; and how much memory rxtape takes for a tenth of the file and for all of it."""
    with tempfile.TemporaryDirectory() as folder:
        files = {size: Path(folder, f"{size}.csv") for size in (rows // 10, rows)}
        tape = make_tape(rows=rows)
        for size, path in files.items():
            write_csv(tape.head(size), path)
        found: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
        for turn in range(rounds):
            for name in CONTENDERS:
                found[name].append(in_a_process(name, files[rows], Path(folder, f"{name}.jsonl")))
            print(f"csv: round {turn + 1} of {rounds}", file=sys.stderr)
        expected = alerts_of(Path(folder, "rxtape.jsonl"))
        for name in CONTENDERS:
            if alerts_of(Path(folder, f"{name}.jsonl")) != expected or not expected:
                raise SystemExit(f"{name} does not find the alerts of rxtape in the file")
        small = in_a_process("rxtape", files[rows // 10], Path(folder, "small.jsonl"))
    speeds = {name: round(rows / 1e6 / statistics.median(each["seconds"] for each in runs), 3) for name, runs in found.items()}
    memory = {f"{name}, peak MB": round(max(each["peak MB"] for each in runs)) for name, runs in found.items()}
    return speeds | memory | {"rxtape on a tenth, peak MB": round(small["peak MB"])}


def in_a_process(contender: str, source: Path, target: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.from_csv", contender, str(source), str(target)]
    measured: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return measured


if __name__ == "__main__":
    print(json.dumps(one(*sys.argv[1:4])))
