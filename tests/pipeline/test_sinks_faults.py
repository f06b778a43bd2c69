"""Full disks, hostile text, a million alerts: what a run makes of them, for every sink that writes a file."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from alert_files import READERS, expected
from runs import Above, Cut, Ups, every_cut, ticks_of, without_sleep

from pipeline import Alert, run
from pipeline.plugins import open_sink
from pipeline.report import Report
from pipeline.runner import Run
from pipeline.sinks.files import AppendedFile

ROOT = Path(__file__).parents[2]
FILES = pytest.mark.parametrize("scheme", READERS)


def in_a_process(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests", Path(__file__).parent))), **environment},
    )


# FAULTS 10: the same input gives the same bytes.

SCHEMES = ("jsonl", "csv", "parquet", "sqlite")
CUTS = {"whole": (), "some": (7, 50, 51, 180), "rows": every_cut(200)}
ONE_RUN = "import sys; from test_sinks_faults import one_run; one_run(*sys.argv[1:])"


def one_run(cuts: str, folder: str) -> None:
    run(Cut(ticks_of(200), *CUTS[cuts]), Above(), Ups(), sinks=[f"{scheme}:{folder}/{scheme}" for scheme in SCHEMES])


@pytest.fixture(scope="module")
def three_runs(tmp_path_factory):
    """Two here, under one seed, and one in a process under another."""
    folders = {cuts: tmp_path_factory.mktemp(cuts) for cuts in CUTS}
    one_run("whole", str(folders["whole"]))
    one_run("rows", str(folders["rows"]))
    done = in_a_process(ONE_RUN, "some", str(folders["some"]), PYTHONHASHSEED="4711")
    assert done.returncode == 0, done.stderr
    return list(folders.values())


@pytest.mark.parametrize("scheme", ["jsonl", "csv", "parquet"])
def test_fault_10_other_batches_and_hash_seeds_give_the_same_bytes(scheme, three_runs):
    contents = {(folder / scheme).read_bytes() for folder in three_runs}
    assert len(contents) == 1
    assert len(READERS[scheme](three_runs[0] / scheme)) > 50


def test_fault_10_other_batches_and_hash_seeds_give_the_same_rows_of_a_database(three_runs):
    rows = [READERS["sqlite"](folder / "sqlite") for folder in three_runs]
    assert rows[0] == rows[1] == rows[2] == READERS["jsonl"](three_runs[0] / "jsonl")


# FAULTS 21: a full disk.


def run_with_files_up_to(limit: int, url: str) -> tuple[Report, list[str]]:
    """The report of a run whose files may not grow beyond so many bytes, and the faults it told of."""
    faults: list[str] = []
    made = Run(Cut(ticks_of(2000), *every_cut(2000)), Above(), Ups(), on_fault=lambda fault: faults.append(str(fault)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        return made.go([url]), faults
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def everything() -> list[dict]:
    """The alerts of such a run; its kernels are compiled, and kept in files, before a limit holds."""
    return [expected(alert) for alert in run(Cut(ticks_of(2000), *every_cut(2000)), Above(), Ups()).alerts]


@pytest.mark.parametrize(("scheme", "limit"), [("jsonl", 40_000), ("csv", 40_000), ("sqlite", 60_000)])
def test_fault_21_a_file_that_may_not_grow_keeps_whole_alerts_and_the_rest_is_counted(scheme, limit, tmp_path, everything):
    path = tmp_path / "alerts"
    report, (fault,) = run_with_files_up_to(limit, f"{scheme}:{path}")
    assert fault.startswith(f"sink {scheme}:{path} raised ")
    assert any(reason in fault for reason in ("File too large", "disk I/O error", "disk is full"))
    assert (report.exit_code, report.alert_count) == (1, len(everything))
    kept = READERS[scheme](path)
    assert 0 < len(kept) < len(everything)
    assert kept == everything[: len(kept)]
    assert report.undelivered == {f"{scheme}:{path}": len(everything) - len(kept)}


def test_fault_21_a_parquet_file_that_cannot_be_finished_leaves_the_old_one(tmp_path, everything):
    path = tmp_path / "alerts"
    run(ticks_of(), Above(), sinks=[f"parquet:{path}"])
    before = path.read_bytes()
    report, faults = run_with_files_up_to(10_000, f"parquet:{path}")
    assert any("File too large" in fault for fault in faults)
    assert (report.exit_code, report.alert_count) == (1, len(everything))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["alerts"]


@pytest.mark.parametrize("scheme", ["jsonl", "csv"])
def test_fault_21_a_full_device_cuts_the_sink_off_and_says_why(scheme):
    told = []
    report = Run(ticks_of(), Above(), on_fault=told.append).go([f"{scheme}:/dev/full"], worker=without_sleep)
    (fault,) = told
    assert fault.owner == f"sink {scheme}:/dev/full"
    assert str(fault).endswith("[Errno 28] No space left on device")
    assert (report.exit_code, report.undelivered) == (1, {f"{scheme}:/dev/full": report.alert_count})


FULL_OUTPUT = """
import os, sys
from runs import Above, ticks_of
from pipeline import run

os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
print(run(ticks_of(), Above(), sinks=["console:"]).exit_code, file=sys.stderr)
"""


def test_fault_21_a_console_on_a_full_device_says_why_and_nothing_more():
    done = in_a_process(FULL_OUTPUT)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == "1"
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_fault_22_half_a_text_in_a_pipe_is_completed_when_it_comes_again(monkeypatch):
    reader, writer = os.pipe()
    write, calls = os.write, []

    def short(file: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data[:3])

    file = AppendedFile(f"/dev/fd/{writer}")
    monkeypatch.setattr(os, "write", short)
    with pytest.raises(OSError, match="No space"):
        file.append(b"one alert\n")
    file.append(b"one alert\n")
    file.append(b"another\n")
    monkeypatch.undo()
    assert os.read(reader, 100) == b"one alert\nanother\n"
    file.close()
    os.close(reader)
    os.close(writer)


# FAULTS 65: text that wants to be something else.

HOSTILE = [
    "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", " =1+1", "'=1",
    "a\r\nb,c\n", '"quoted", twice""', "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b2J", "bidi\u202eyps",
    "a\u2028b\u2029c\x85d", "<script>alert(1)</script>", "[bold red]x[/]", "nul\0nul",
]  # fmt: skip


def hostile() -> list[Alert]:
    return [Alert(text, 1_381_219_200_000_000_000 + n, text, {text: -1.5}, strategy="s", id=f"{n}") for n, text in enumerate(HOSTILE)]


@FILES
def test_fault_65_hostile_text_stays_inside_its_field(scheme, tmp_path):
    sink = open_sink(f"{scheme}:{tmp_path / 'alerts'}")
    sink.write(hostile())
    sink.flush()
    sink.close()
    assert READERS[scheme](tmp_path / "alerts") == [expected(alert) for alert in hostile()]


def test_fault_65_no_cell_of_a_csv_file_is_a_formula_and_numbers_stay_numbers(tmp_path):
    import csv

    sink = open_sink(f"csv:{tmp_path / 'alerts'}")
    sink.write([*hostile(), Alert("SPY", -5, "x")])
    sink.close()
    with (tmp_path / "alerts").open(newline="") as file:
        lines = list(csv.reader(file))
    assert len(lines) == len(HOSTILE) + 2
    texts = [cell for line in lines for place, cell in enumerate(line) if lines[0][place] != "time_ns"]
    assert [cell for cell in texts if cell.lstrip()[:1] in tuple("=+-@＝") or cell[:1] in tuple("\t\r\n")] == []
    assert lines[-1][lines[0].index("time_ns")] == "-5"
    assert '"-5"' not in (tmp_path / "alerts").read_text()


def test_fault_65_a_json_line_is_one_line_and_commands_no_terminal(tmp_path):
    sink = open_sink(f"jsonl:{tmp_path / 'alerts'}")
    sink.write(hostile())
    sink.close()
    lines = (tmp_path / "alerts").read_text().splitlines()
    assert len(lines) == len(HOSTILE)
    assert all(line.isprintable() for line in lines)


def test_fault_65_a_line_of_the_console_is_one_line_and_commands_no_terminal(capsys):
    open_sink("console:").write(hostile())
    lines = capsys.readouterr().out.removesuffix("\n").split("\n")
    assert len(lines) == len(HOSTILE)
    assert all(line.isprintable() for line in lines)
    assert "<script>" in lines[HOSTILE.index("<script>alert(1)</script>")]


# Without end.

ENDLESS = """
import sys
from pipeline.alerts import Alert
from pipeline.plugins import open_sink
from pipeline.sinks.worker import SinkWorker

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def endless(url, rows):
    worker, sizes = SinkWorker(open_sink(url), "endless", print), []
    for first in range(0, rows, 100):
        worker.deliver([Alert("SPY", n, "x" * 200, {"price": 1.0}, id=f"{n:020d}") for n in range(first, first + 100)])
        if first in (rows // 2, rows - 100):
            worker.flush() if first == rows - 100 else None
            sizes.append(resident())
    worker.close()
    return worker.delivered, sizes[1] - sizes[0]

for url in sys.argv[2:]:
    print(*endless(url, int(sys.argv[1])))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc to see the memory of a process")
@pytest.mark.slow
def test_memory_stays_bounded_however_many_alerts_come(tmp_path):
    """An alert that is kept takes 400 bytes: were half of them kept, they would be 80 million."""
    rows = 400_000
    urls = ["callback:builtins:id", *(f"{scheme}:{tmp_path / scheme}" for scheme in READERS)]
    lines = in_a_process(ENDLESS, str(rows), *urls).stdout.splitlines()
    assert len(lines) == len(urls)
    for url, line in zip(urls, lines, strict=True):
        delivered, growth = map(int, line.split())
        assert delivered == rows, url
        assert growth < 24 << 20, url
