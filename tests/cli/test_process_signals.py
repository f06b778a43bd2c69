"""Ctrl-C, SIGTERM, SIGHUP, and a reader who leaves: what a run has found by then is kept, and it ends without a traceback."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from alert_files import READERS
from runs import Above, Cut, every_cut, ticks_of

from pipeline import run
from pipeline.sinks.memory import MemorySink
from pipeline.ticks import BATCH_ROWS

START = 1_381_219_200_000_000_000
STRATEGY = """
import os, signal
import numpy as np
from pipeline import Strategy, alert_when, combine_latest
from pipeline.operators import last

class Each(Strategy):
    stop: int = 0
    of: int = 1

    def alerts(self, ticks):
        def condition(s):
            if self.stop and isinstance(s.seq, np.ndarray) and s.seq[-1] >= 1000:
                os.kill(os.getpid(), self.stop)
            return (s.last > 0) & (s.seq % self.of == 0)

        return combine_latest(last=ticks.pipe(last())).pipe(alert_when(condition, every=True, message="{symbol} at {last:.2f}"))
"""
ROWS = BATCH_ROWS + 3_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tape of several batches, each row of it an alert, or one `of` so many."""
    folder = tmp_path_factory.mktemp("signals")
    rows = "".join(f"{START + i},SPY,{10 + i % 7}\n" for i in range(ROWS))
    (folder / "ticks.csv").write_text(f"timestamp,symbol,price\n{rows}")
    (folder / "each.py").write_text(STRATEGY)
    return folder


COMMAND = "from pipeline.__main__ import main; main()"


def started(folder: Path, *arguments: str, before: str = "", **options) -> subprocess.Popen[str]:
    code = f"{before}\n{COMMAND}"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": folder} | options
    return subprocess.Popen([sys.executable, "-c", code, *arguments], **pipes)


def replay(folder: Path, *arguments: str, **options) -> subprocess.Popen[str]:
    return started(folder, "replay", "ticks.csv", "-s", "each.py", *arguments, **options)


def complaints(text: str) -> list[str]:
    """What was said on standard error, but for the word that kernels are being compiled."""
    return [line for line in text.splitlines() if "compiling kernels, once" not in line]


# FAULTS 5: signals.


@pytest.mark.parametrize("name", ["SIGINT", *(pytest.param(name, marks=pytest.mark.slow) for name in ("SIGTERM", "SIGHUP"))])
def test_fault_5_a_signal_in_a_batch_finishes_it_flushes_every_sink_and_tells(name, folder, tmp_path):
    number = signal.Signals[name]
    outputs = [part for scheme in READERS for part in ("-o", f"{scheme}:{tmp_path / scheme}")]
    run = replay(folder, "--set", f"stop={int(number)}", "--set", "of=32", *outputs)
    _, said = run.communicate()
    assert run.returncode == 128 + number, said
    assert f"INTERRUPTED  by {name}" in said
    assert "Traceback" not in said
    rows = [read(tmp_path / scheme) for scheme, read in READERS.items()]
    assert 0 < len(rows[0]) < ROWS / 32
    assert rows[0] == rows[1] == rows[2] == rows[3]
    assert sorted(os.listdir(tmp_path)) == sorted(READERS)


IMPORTING = """
import os, signal, sys

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
"""


LATER = ("click", "pipeline.cli.replay", "rich", "numba", "pipeline.rules", "pyarrow")


@pytest.mark.parametrize("module", ["pipeline.cli", "numpy", *(pytest.param(name, marks=pytest.mark.slow) for name in LATER)])
def test_fault_5_ctrl_c_while_the_program_is_being_imported_is_quiet(module, folder, tmp_path):
    run = replay(folder, "-o", f"parquet:{tmp_path / 'alerts'}", before=IMPORTING.format(module=module))
    said, complained = run.communicate()
    assert run.returncode == 130, complained
    assert "Traceback" not in complained
    assert "ignored" not in complained
    assert said == ""
    assert os.listdir(tmp_path) == []


COMPILING = """
import os, signal
import numba

njit, calls = numba.njit, []

def interrupted(*arguments, **options):
    calls.append(1)
    if len(calls) == {call}:
        os.kill(os.getpid(), signal.SIGINT)
    return njit(*arguments, **options)

numba.njit = interrupted
"""


@pytest.mark.parametrize("call", [1, 3])
def test_fault_5_ctrl_c_while_kernels_are_compiled_is_quiet(call, folder, tmp_path):
    run = replay(folder, "-o", f"jsonl:{tmp_path / 'alerts'}", before=COMPILING.format(call=call))
    said, complained = run.communicate()
    assert run.returncode == 130, complained
    assert "Traceback" not in complained
    assert said == ""


def test_fault_5_a_signal_during_the_flush_does_not_cut_it_short():
    class Slow(MemorySink):
        flushed = closed = False

        def flush(self) -> None:
            signal.raise_signal(signal.SIGINT)
            self.flushed = True

        def close(self) -> None:
            self.closed = True

    sink = Slow()
    report = run(ticks_of(), Above(), sinks=[sink])
    assert (sink.flushed, sink.closed, report.exit_code) == (True, True, 130)
    assert sink.alerts == list(report.alerts)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_fault_5_a_program_that_calls_run_is_ended_by_sigterm_after_the_flush():
    class Terminated(Cut):
        def rows(self):
            for place, rows in enumerate(super().rows()):
                if place == 20:
                    signal.raise_signal(signal.SIGTERM)
                yield rows

    sink = MemorySink()
    with pytest.raises(SystemExit) as end:
        run(Terminated(ticks_of(), *every_cut(60)), Above(), sinks=[sink])
    assert end.value.code == 143
    assert sink.alerts == list(run(ticks_of()[:20], Above()).alerts)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.slow
def test_fault_5_a_signal_that_the_program_ignores_is_ignored(folder, tmp_path):
    before = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    run = replay(folder, "--set", f"stop={int(signal.SIGHUP)}", "-o", f"jsonl:{tmp_path / 'alerts'}", before=before)
    assert run.wait() == 0
    assert len(READERS["jsonl"](tmp_path / "alerts")) == ROWS
    run.communicate()


# FAULTS 5: a reader who leaves.


@pytest.mark.parametrize("output", ["jsonl:-", *(pytest.param(output, marks=pytest.mark.slow) for output in ("console:", "csv:-"))])
def test_fault_5_a_reader_who_leaves_ends_the_run_quietly(output, folder):
    run = replay(folder, "-o", output)
    assert run.stdout.readline()
    run.stdout.close()
    assert complaints(run.stderr.read()) == []
    assert run.wait() == 141
    run.stderr.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ["doctor"],
        ["replay", "ticks.csv", "-s", "each.py"],
        pytest.param(["replay", "ticks.csv", "-s", "each.py", "--json"], marks=pytest.mark.slow),
    ],
)
def test_fault_5_a_reader_who_was_never_there_is_quiet_too(arguments, folder):
    reader, writer = os.pipe()
    os.close(reader)
    run = started(folder, *arguments, stdout=writer)
    os.close(writer)
    assert complaints(run.communicate()[1]) == []
    assert run.returncode == 141


@pytest.mark.slow
def test_fault_5_a_reader_who_leaves_costs_the_other_sinks_nothing(folder, tmp_path):
    run = replay(folder, "-o", "console:", "-o", f"jsonl:{tmp_path / 'alerts'}", "--json")
    run.stdout.close()
    summary = json.loads(run.stderr.read().splitlines()[-1])
    assert run.wait() == 0
    assert (summary["ticks"], summary["quarantined"], summary["undelivered"]) == (ROWS, [], {})
    assert len(READERS["jsonl"](tmp_path / "alerts")) == ROWS
    run.stderr.close()
