"""`python -m benchmarks`: every contender on the same work in one run, in turn, medians; then rxtape's own table.

    python -m benchmarks                    everything, about five minutes
    python -m benchmarks --rounds 3 --only w1

Alerts are compared with those of the C loop first; a contender that finds others is refused. Ratios count, not seconds.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.broker import beside_a_stuck_one, deliveries
from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.contenders.c_loop import w1_c
from benchmarks.contenders.rxtape_run import VwapDeviation, as_ticks, judged
from benchmarks.from_csv import from_csv
from benchmarks.journal import journal_speeds
from benchmarks.live import latency_us
from benchmarks.tapes import ENTER, LEAVE, THETA, make_tape, write_csv
from benchmarks.websocket import beside_cryptofeed, websocket
from strategies.volume_spike import VolumeSpike

PARAMETERS: dict[str, tuple[float, ...]] = {"w1": (THETA,), "w2": (ENTER, LEAVE)}
RESULTS = Path(__file__).parent / "results"
Table = dict[str, Any]


def compare(work: str, rounds: int) -> Table:
    """M ticks/s of every contender: medians of as many rounds, all contenders in each."""
    tape = make_tape()
    chosen = [(c, c.solution(work)) for c in CONTENDERS]
    solutions = [(c, solution) for c, solution in chosen if solution is not None]
    reference = next(solution for c, solution in solutions if c.key == "c")
    for contender, solution in solutions:
        part = tape.head(contender.rows)
        if not np.array_equal(solution(part, *PARAMETERS[work]), reference(part, *PARAMETERS[work])):
            raise SystemExit(f"{contender.name} does not find the alerts of the C loop on {work}")
    speeds: dict[str, list[float]] = {contender.name: [] for contender, _ in solutions}
    for turn in range(rounds):
        for contender, solution in solutions:
            speeds[contender.name].append(ticks_per_second(contender, solution, tape, PARAMETERS[work]))
        print(f"{work}: round {turn + 1} of {rounds}", file=sys.stderr)
    return {name: round(statistics.median(found) / 1e6, 4) for name, found in speeds.items()}


def ticks_per_second(contender: Contender, solution: Callable[..., Any], tape: Any, parameters: tuple[float, ...]) -> float:
    """One timed call; what every contender needs in its own form is made before the clock starts, where the form is columns."""
    part = tape.head(contender.rows)
    if contender.key == "rxtape":
        ticks = as_ticks(part)
        strategy = VolumeSpike(move=parameters[0]) if len(parameters) == 1 else VwapDeviation(enter=parameters[0], leave=parameters[1])
        return len(part) / seconds_of(lambda: judged(ticks, strategy))
    return len(part) / seconds_of(lambda: solution(part, *parameters))


def seconds_of(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def median_speed(tape: Any, strategies: Callable[[], list[Any]], rounds: int) -> float:
    """M ticks/s of rxtape on a tape, the median of as many rounds after one that warms up."""
    ticks = as_ticks(tape)
    judged(ticks, *strategies())
    return len(tape) / statistics.median(seconds_of(lambda: judged(ticks, *strategies())) for _ in range(rounds)) / 1e6


def ten_strategies(rounds: int) -> Table:
    """One strategy against ten of other parameters, in turn."""
    tape = make_tape()
    averages = (6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    one = median_speed(tape, lambda: [VolumeSpike(move=THETA)], rounds)
    ten = median_speed(tape, lambda: [VolumeSpike(name=f"spike_{n}", average=n, move=THETA) for n in averages], rounds)
    return {"one": round(one, 2), "ten": round(ten, 2), "times as long": round(one / ten, 2)}


def by_symbols(rounds: int) -> Table:
    """M ticks/s for few and for many symbols, 4 M ticks each, of rxtape and of the C loop: how much farther away memory is."""
    speeds: dict[str, dict[int, float]] = {"rxtape": {}, "C loop": {}}
    for count in (10, 1_000, 100_000):
        tape = make_tape(rows=4_000_000, symbols=count)
        speeds["rxtape"][count] = median_speed(tape, lambda: [VolumeSpike(move=THETA)], rounds)
        w1_c(tape, THETA)
        seconds = statistics.median(seconds_of(lambda tape=tape: w1_c(tape, THETA)) for _ in range(rounds))
        speeds["C loop"][count] = len(tape) / seconds / 1e6
    table: Table = {f"{name}, {count:,}": round(speed, 2) for name, of in speeds.items() for count, speed in of.items()}
    return table | {f"{name}, spread": round(max(of.values()) / min(of.values()), 2) for name, of in speeds.items()}


def cold_start(rounds: int) -> Table:
    """Seconds of `rxtape replay` of a file of 1,000 rows and of `rxtape --help`, each a new process, kernels compiled."""
    command = [sys.executable, "-c", "from pipeline.cli import main; main()"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ticks.csv"
        write_csv(make_tape(rows=1_000), path)
        replay = [*command, "replay", str(path), "--strategy", "volume_spike", "-o", f"jsonl:{folder}/alerts.jsonl"]
        shell = lambda arguments: subprocess.run(arguments, check=True, capture_output=True)  # noqa: E731
        shell(replay)
        return {
            "replay of a small file, s": round(statistics.median(seconds_of(lambda: shell(replay)) for _ in range(rounds)), 3),
            "--help, s": round(statistics.median(seconds_of(lambda: shell([*command, "--help"])) for _ in range(rounds)), 3),
        }


def machine() -> Table:
    """What this was measured on."""
    return {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count(), "numpy": np.__version__}


def ratios(speeds: Table) -> Table:
    """rxtape over each other contender."""
    others = {name: speed for name, speed in speeds.items() if name != "rxtape" and "MB" not in name}
    return {name: round(speeds["rxtape"] / speed, 3) for name, speed in others.items()}


def show(title: str, rows: Table, extra: Table | None = None) -> None:
    print(f"\n{title}")
    for name, value in rows.items():
        print(f"  {name:36} {value!s:>10}" + (f"   rxtape is {extra[name]:g} times as fast" if extra and name in extra else ""))


def main() -> None:
    """Measure, print, and write the result as JSON into benchmarks/results/."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how many times each is measured (default 5)")
    parser.add_argument(
        "--only",
        choices=["w1", "w2", "latency", "ten", "symbols", "cold", "csv", "websocket", "cryptofeed", "broker", "journal"],
        help="one table",
    )
    options = parser.parse_args()
    rounds = options.rounds
    tables: dict[str, tuple[str, Callable[[], Table]]] = {
        "w1": ("W1, M ticks/s", lambda: compare("w1", rounds)),
        "w2": ("W2, M ticks/s", lambda: compare("w2", rounds)),
        "latency": ("one live tick, microseconds from ingress to decision", latency_us),
        "ten": ("strategies, M ticks/s", lambda: ten_strategies(rounds)),
        "symbols": ("symbols, M ticks/s", lambda: by_symbols(rounds)),
        "broker": ("broker, M deliveries/s to one subscriber, and latency", lambda: deliveries(rounds) | beside_a_stuck_one(3 * rounds)),
        "cold": ("cold start", lambda: cold_start(rounds)),
        "websocket": ("a venue's trades over a loopback websocket", lambda: websocket(rounds)),
        "cryptofeed": ("a venue's trades, beside cryptofeed", lambda: beside_cryptofeed(rounds)),
        "csv": ("W1 from a CSV file of 10 M rows to JSON lines, M ticks/s", lambda: from_csv(rounds)),
        "journal": ("the journal", lambda: journal_speeds(rounds)),
    }
    results: Table = {"machine": machine()}
    for name, (title, measure) in tables.items():
        if options.only in (None, name):
            results[name] = measure()
            show(title, results[name], ratios(results[name]) if name in ("w1", "w2", "csv") else None)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / (f"{options.only}.json" if options.only else "latest.json")
    path.write_text(json.dumps(results, indent=2))
    print(f"\nwritten to {path}", file=sys.stderr)


if __name__ == "__main__":
    main()
