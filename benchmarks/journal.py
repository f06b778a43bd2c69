"""The journal, alone and under a run, against bare writes of the same bytes with the same syncs; reading it back; a snapshot; one frame.

    python -m benchmarks --only journal

The log and the bare writes are on the same disk, in turn in one run; medians. Ratios count.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import reactivex
from reactivex import Observable

from benchmarks.contenders.rxtape_run import as_ticks
from benchmarks.tapes import THETA, make_tape
from pipeline import Strategy, alert_when, combine_latest
from pipeline.flow import Tape
from pipeline.ingest import RawRows
from pipeline.journal import Content, Journal
from pipeline.journal.files import RealFile, RealFiles
from pipeline.journal.payloads import ticks_of, ticks_record
from pipeline.journal.snapshots import Snapshots
from pipeline.journaling import Journaling
from pipeline.operators import moving_average
from pipeline.rules import AlertStream
from pipeline.runner import run
from pipeline.running import Run
from pipeline.symbols import SymbolTable
from pipeline.ticks import BATCH_ROWS, Ticks
from strategies.volume_spike import VolumeSpike

ROWS, BATCH = 2_000_000, BATCH_ROWS
LIVE = 2_000
NEVER = 1 << 62


class NotingFiles(RealFiles):
    """The real files, noting what was written to the log between two syncs."""

    def __init__(self) -> None:
        self.groups: list[int] = [0]

    def append_to(self, path: Path, *, new: bool) -> RealFile:
        """A file whose writes and syncs are noted, if it is of the log."""
        return NotedFile(path, new, self.groups) if path.suffix == ".log" else RealFile(path, new=new)


class NotedFile(RealFile):
    """A file of which it is noted what was written between syncs."""

    def __init__(self, path: Path, new: bool, groups: list[int]) -> None:
        super().__init__(path, new=new)
        self._groups = groups

    def write(self, data: memoryview) -> int:
        """Write, and count the bytes."""
        count = super().write(data)
        self._groups[-1] += count
        return count

    def sync(self) -> None:
        """Sync, and begin another group."""
        super().sync()
        self._groups.append(0)


def batches() -> list[Ticks]:
    """W1's tape as a run journals it."""
    ticks = as_ticks(make_tape(rows=ROWS))
    return [ticks[first : first + BATCH] for first in range(0, len(ticks), BATCH)]


def seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def written(folder: Path, parts: list[Ticks], files: RealFiles) -> None:
    """Everything into a journal."""
    with Journal.open(folder, files=files) as journal:
        for part in parts:
            journal.append(ticks_record(part))


def bare(path: Path, groups: list[int], source: bytes) -> None:
    """As many bytes, with a sync where the journal had one."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    at = 0
    for count in groups:
        if count:
            os.write(file, source[at : at + count])
            os.fdatasync(file)
            at = (at + count) % (len(source) // 2)
    os.close(file)


def read_back(folder: Path) -> int:
    """Every row of a journal, as a restart takes them: checked, with codes of a table."""
    symbols, rows = SymbolTable(), 0
    with Journal.open(folder, trusted=NEVER) as journal:
        for frame in journal.read():
            if frame.content is Content.TICKS:
                rows += len(ticks_of(frame, symbols))
    return rows


def appending(rounds: int) -> dict[str, float]:
    """M rows/s into the journal, of bare writes, and out of it."""
    parts, source = batches(), np.random.default_rng(1).bytes(64 << 20)
    into, plain, out = [], [], []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        for turn in range(rounds):
            files = NotingFiles()
            into.append(seconds_of(lambda turn=turn, files=files: written(Path(folder, f"{turn}.journal"), parts, files)))
            plain.append(seconds_of(lambda turn=turn, files=files: bare(Path(folder, f"{turn}.bare"), files.groups, source)))
            out.append(seconds_of(lambda turn=turn: read_back(Path(folder, f"{turn}.journal"))))
    speeds = [ROWS / statistics.median(found) / 1e6 for found in (into, plain, out)]
    ratio = statistics.median(b / a for a, b in zip(into, plain, strict=True))
    return {
        "into the journal, M rows/s": round(speeds[0], 2), "bare, same bytes and syncs": round(speeds[1], 2),
        "journal / bare": round(ratio, 2), "out of the journal, M rows/s": round(speeds[2], 2),
    }  # fmt: skip


def whole_runs(rounds: int) -> dict[str, float]:
    """M ticks/s of W1 through `pipeline.run` with a journal, of bare writes of its bytes with its syncs, and of its recovery."""
    ticks, source, strategy = as_ticks(make_tape(rows=ROWS)), np.random.default_rng(1).bytes(64 << 20), VolumeSpike(move=THETA)
    run(ticks, strategy, keep_alerts=False)
    with_journal, plain, again = [], [], []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        for turn in range(rounds):
            files, there = NotingFiles(), Path(folder, f"{turn}.journal")
            how = Journaling(there, files=files)
            with_journal.append(seconds_of(lambda how=how: run(ticks, strategy, keep_alerts=False, journal=how)))
            plain.append(seconds_of(lambda turn=turn, files=files: bare(Path(folder, f"{turn}.bare"), files.groups, source)))
            for kept in there.glob("*.snapshot"):
                kept.unlink()
            again.append(seconds_of(lambda how=how: recovered(how, ticks, strategy)))
    speeds = [ROWS / statistics.median(found) / 1e6 for found in (with_journal, plain, again)]
    ratio = statistics.median(b / a for a, b in zip(with_journal, plain, strict=True))
    return {
        "W1 with a journal, M ticks/s": round(speeds[0], 2), "its bytes and syncs alone": round(speeds[1], 2),
        "W1 / bare": round(ratio, 2), "recovery without a snapshot, M rows/s": round(speeds[2], 2),
    }  # fmt: skip


def recovered(how: Journaling, ticks: Ticks, strategy: VolumeSpike) -> None:
    """Open the journal of a run, and judge all of it again, as a start does before anything new comes."""
    made = Run(ticks, strategy, journal=how, keep_alerts=False)
    with made.working():
        assert made.graph.next_row == ROWS


def one_frame() -> dict[str, float]:
    """Microseconds of a frame of one row that is on the disk when append returns, and of the same bytes, written and synced."""
    ticks, spent = as_ticks(make_tape(rows=LIVE)), np.empty((2, LIVE))
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        file = os.open(Path(folder, "bare"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with Journal.open(Path(folder, "j")) as journal:
            for turn in range(LIVE):
                start = time.perf_counter_ns()
                journal.append(ticks_record(ticks[turn : turn + 1]), urgent=True)
                middle = time.perf_counter_ns()
                os.write(file, bytes(640))
                os.fdatasync(file)
                spent[:, turn] = middle - start, time.perf_counter_ns() - middle
        os.close(file)
    return {
        f"one durable row, {kind}, us {name}": round(float(np.quantile(row, q)) / 1e3, 1)
        for kind, row in zip(("journal", "bare"), spent, strict=True)
        for name, q in (("p50", 0.5), ("p99", 0.99))
    }


class EveryTrade(Strategy):
    """An alert for each trade: each one waits for the disk."""

    def alerts(self, ticks: Tape) -> AlertStream:
        """One rule."""
        alerts: AlertStream = combine_latest(mean=ticks.pipe(moving_average(2))).pipe(alert_when(lambda s: s.price > 0.0, every=True))
        return alerts


class Arriving:
    """A live feed of which the benchmark itself hands over the rows."""

    name = "arriving"
    columns = frozenset({"seq", "time", "symbol", "kind", "price", "size"})
    changes: Observable[object] = reactivex.empty()

    async def listen(self, deliver: Callable[[RawRows], None]) -> None:
        """Nothing comes by itself."""

    def ignore(self, *arguments: object) -> list[Any]:
        """Nothing to say."""
        return []

    on_corrected = on_refused = close = status = symbols = text_ids = facts = ignore


def live_alert() -> dict[str, float]:
    """Microseconds from a row's arrival to its alert leaving, rows and alert on the disk, and of the same bytes, written and synced."""
    ticks, spent, files, left = as_ticks(make_tape(rows=LIVE)), np.empty((2, LIVE)), NotingFiles(), [0]
    names = ticks.symbols.snapshot()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        file = os.open(Path(folder, "bare"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        made = Run(Arriving(), EveryTrade(), late="clamp", keep_alerts=False, journal=Journaling(Path(folder, "j"), files=files))
        made.on_alerts = lambda alerts: left.append(time.perf_counter_ns())
        with made.working(), np.errstate(all="ignore"):
            for turn in range(LIVE):
                row = {name: ticks.columns[name][turn : turn + 1] for name in ("time", "symbol", "price", "size")}
                start, before = time.perf_counter_ns(), len(files.groups)
                made.accept(RawRows(row, names))
                middle = time.perf_counter_ns()
                os.write(file, bytes(sum(files.groups[before - 1 : -1])))
                os.fdatasync(file)
                spent[:, turn] = left[-1] - start, time.perf_counter_ns() - middle
        os.close(file)
    counted = spent[:, 1:]  # the first tick has no mean of two, and no alert
    return {
        f"live, row to alert, {kind}, us {name}": round(float(np.quantile(row, q)) / 1e3, 1)
        for kind, row in zip(("with a journal", "bare"), counted, strict=True)
        for name, q in (("p50", 0.5), ("p99", 0.99))
    }


def snapshot(rounds: int) -> dict[str, float]:
    """Milliseconds to copy and to keep the state of ten strategies on 10,000 symbols."""
    ticks = as_ticks(make_tape(rows=1_000_000, symbols=10_000))
    run = Run(ticks, *(VolumeSpike(name=f"spike_{n}", average=n, move=THETA) for n in range(6, 16)), keep_alerts=False)
    run.go()
    copied, kept, again = [], [], []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, Journal.open(folder) as journal:
        snapshots = Snapshots(folder)
        for _ in range(rounds):
            journal.append(ticks_record(ticks[:10]), urgent=True)
            copied.append(seconds_of(run.graph.snapshot))
            state = run.graph.snapshot()
            kept.append(seconds_of(lambda state=state: snapshots.save(journal, state)))
            again.append(seconds_of(lambda: snapshots.newest(journal)))
        size = (Path(folder) / snapshots.names()[-1]).stat().st_size
    ms = [round(statistics.median(found) * 1e3, 1) for found in (copied, kept, again)]
    names = ("snapshot: copy the state, ms", "keep it on the disk, ms", "read and check it, ms")
    return dict(zip(names, ms, strict=True)) | {"its size, MB": round(size / 1e6, 1)}


def journal_speeds(rounds: int) -> dict[str, float]:
    """All of it."""
    return appending(rounds) | whole_runs(rounds) | one_frame() | live_alert() | snapshot(rounds)
