"""`rxtape run`, and replays with a journal, as processes that are killed and started again."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_folder import filled, problems, rxtape

START = 1_381_219_200_000_000_000
EACH = """
from pipeline import Strategy, alert_when, combine_latest
from pipeline.operators import moving_average

class Each(Strategy):
    def alerts(self, ticks):
        return combine_latest(mean=ticks.pipe(moving_average(5))).pipe(
            alert_when(lambda s: s.price > s.mean, hold="3ms", cooldown="20ms", message="{symbol} at {price}")
        )
"""
ROWS = 60_000


@pytest.fixture
def working(tmp_path, monkeypatch):
    """A folder with the tape and the strategy of the tests of the command line."""
    monkeypatch.chdir(filled(tmp_path))
    return tmp_path


def configured(*sections: str) -> None:
    Path("rxtape.toml").write_text("\n".join(sections))


FEED = '[feed]\nfiles = ["ticks.csv"]'
MINE = '[[strategy]]\nuse = "mine.py"\nabove = 11'


def test_run_does_what_the_file_says_and_goes_on_in_its_journal(working):
    configured(FEED, MINE, '[output]\nsinks = ["jsonl:alerts.jsonl"]', '[journal]\nfolder = "kept"')
    done = rxtape("run", "--config", "rxtape.toml", "--json")
    assert done.exit_code == 0, done.output
    first = Path("alerts.jsonl").read_bytes()
    assert len(first.splitlines()) == 2
    assert json.loads(done.stderr.splitlines()[-1])["ticks"] == 6
    again = rxtape("run", "--config", "rxtape.toml", "--json")
    assert json.loads(again.stderr.splitlines()[-1])["ticks"] == 0
    assert Path("alerts.jsonl").read_bytes() == first


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ((MINE,), "neither [live] sources nor [feed] files are given; name the one that the run shall listen to"),
        ((FEED, '[live]\nsources = ["binance:BTCUSDT"]', MINE), "both [live] sources and [feed] files are given"),
        (('[feed]\nfile = "ticks.csv"', MINE), "rxtape.toml:2: feed.file is no setting; did you mean feed.files?"),
    ],
)
def test_what_a_run_listens_to_is_one_thing(working, sections, said):
    configured(*sections)
    (line,) = problems(rxtape("run", "--config", "rxtape.toml"))
    assert line.startswith(said)


def test_a_run_wants_a_file(working):
    assert problems(rxtape("run")) == ["no configuration named; write rxtape run --config rxtape.toml"]


def test_fault_72_what_the_environment_filled_in_is_in_no_file_of_a_journal(working, monkeypatch):
    monkeypatch.setenv("TOKEN", "canary-5ecret")
    Path("mine.py").write_text(Path("mine.py").read_text().replace("    stages: int = 1", '    stages: int = 1\n    token: str = ""'))
    configured(FEED, MINE, 'token = "${TOKEN}"', '[journal]\nfolder = "kept"\nsnapshot_rows = 2')
    done = rxtape("run", "--config", "rxtape.toml")
    assert done.exit_code == 0, done.output
    written = b"".join(path.read_bytes() for path in Path("kept").rglob("*") if path.is_file())
    assert b"canary-5ecret" not in written
    assert b"${TOKEN}" in written
    assert rxtape("run", "--config", "rxtape.toml").exit_code == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tape of a minute, a strategy that holds and cools down, and what an undisturbed run says."""
    folder, prices = tmp_path_factory.mktemp("killed"), random.Random(5)
    rows = "".join(f"{START + i * 1_000_000},{'SPY' if i % 3 else 'IBM'},{100 + prices.random():.4f},1\n" for i in range(ROWS))
    (folder / "ticks.csv").write_text(f"timestamp,symbol,price,size\n{rows}")
    (folder / "each.py").write_text(EACH)
    subprocess.run(replay("-o", "jsonl:undisturbed.jsonl"), cwd=folder, check=True, capture_output=True)
    assert len((folder / "undisturbed.jsonl").read_bytes().splitlines()) > 500
    return folder


def replay(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pipeline", "replay", "ticks.csv", "-s", "each.py", *arguments]


KILLS = [
    *(pytest.param(kind, kills, 0, marks=pytest.mark.slow) for kind, kills in (("jsonl", 5), ("csv", 2), ("sqlite", 2))),
    *(pytest.param(kind, 5, night, marks=pytest.mark.nightly) for night in range(1, 15) for kind in ("jsonl", "csv", "sqlite")),
]


@pytest.mark.parametrize(("kind", "kills", "seed"), KILLS)
def test_fault_1_killed_again_and_again_the_alerts_file_is_that_of_an_undisturbed_run(kind, kills, seed, folder):
    chance, name, journal = random.Random(f"{kind}{seed}"), f"killed{seed}.{kind}", f"{kind}{seed}.journal"
    command = replay("-o", f"{kind}:{name}", "--journal", journal, "--speed", "20x", "--snapshot-rows", "7000")
    for _ in range(kills):
        log, process = (
            folder / journal / "00000000000000000001.log",
            subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE),
        )
        before, until = size_of(log), time.monotonic() + 30
        while size_of(log) <= before + 1000 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.3 * chance.random())
        process.kill()
        process.communicate()
    done = subprocess.run([*command, "--speed", "max"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "went on after row" in done.stderr
    if kind == "jsonl":
        assert (folder / name).read_bytes() == (folder / "undisturbed.jsonl").read_bytes()
    else:
        subprocess.run(replay("-o", f"{kind}:whole.{kind}"), cwd=folder, check=True, capture_output=True)
        assert rows_of(kind, folder / name) == rows_of(kind, folder / f"whole.{kind}")


def wait_for_rows(journal: Path) -> None:
    """Until a run has written some to its journal."""
    until = time.monotonic() + 30
    while size_of(journal / "00000000000000000001.log") <= 2000 and time.monotonic() < until:
        time.sleep(0.02)


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def rows_of(kind: str, path: Path) -> object:
    if kind == "csv":
        return path.read_bytes()
    import sqlite3

    return sqlite3.connect(path).execute("SELECT * FROM alerts ORDER BY time, id").fetchall()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_fault_5_a_service_that_is_asked_to_end_drains_takes_a_snapshot_and_exits_0(name, folder):
    config = folder / f"{name}.toml"
    config.write_text(
        f'[feed]\nfiles = ["ticks.csv"]\nspeed = "20x"\n[[strategy]]\nuse = "each.py"\n'
        f'[output]\nsinks = ["jsonl:{name}.jsonl"]\n[journal]\nfolder = "{name}.journal"\n'
    )
    command = [sys.executable, "-m", "pipeline", "run", "--config", config.name]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    wait_for_rows(folder / f"{name}.journal")
    process.send_signal(signal.Signals[name])
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert list((folder / f"{name}.journal").glob("*.snapshot"))
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (folder / f"{name}.jsonl").read_bytes() == (folder / "undisturbed.jsonl").read_bytes()


@pytest.mark.slow
def test_fault_20_a_second_run_on_the_same_journal_is_refused_and_says_who_has_it(folder):
    command = replay("--journal", "locked.journal", "--speed", "10x")
    first = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        wait_for_rows(folder / "locked.journal")
        second = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert second.returncode == 1
        assert f"is locked by pid {first.pid} on host " in second.stderr
    finally:
        first.kill()
        first.wait()
