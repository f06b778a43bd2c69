"""`rxtape strategies`, and what a broken plug-in costs: nothing but a warning."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.plugins import plugins

START = 1_381_219_200_000_000_000
SECOND = 1_000_000_000
LOOKS_AHEAD = '''
import numpy as np
from pipeline import Strategy, alert_when, combine_latest
from pipeline.operators import last

class Seer(Strategy):
    """Knows the next price."""

    def alerts(self, ticks):
        ahead = ticks.pipe(last()).apply(lambda x: np.append(x[1:], x[-1]) - x)
        return combine_latest(ahead=ahead).pipe(alert_when(lambda s: s.ahead > 50))
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rxtape(*arguments: str):
    return CliRunner().invoke(main, arguments)


def in_a_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "from pipeline.cli import main; main(prog_name='rxtape')"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def write_tape(path: Path, rows: int = 300) -> None:
    lines = [f"{START + i * SECOND},{'AB'[i % 2]},{100 + (i * 7) % 11},{1 + i % 5}\n" for i in range(rows)]
    path.write_text("timestamp,symbol,price,size\n" + "".join(lines))


def test_list_names_every_strategy_with_what_it_does_and_where_it_is_from(folder):
    (folder / "seer.py").write_text(LOOKS_AHEAD)
    done = rxtape("strategies", "list", "seer.py")
    assert done.exit_code == 0, done.output
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert lines.keys() == {plugin.name for plugin in plugins("strategy")} | {"seer.py:Seer"}
    assert "rxtape 0." in lines["volume_breakout"]
    assert "Price moves more than" in lines["volume_breakout"]
    assert lines["seer.py:Seer"].endswith("Knows the next price.")


def test_list_of_a_file_that_does_not_run_says_so(folder):
    (folder / "broken.py").write_text("x = 1 / 0\n")
    done = rxtape("strategies", "list", "broken.py")
    assert done.exit_code == 2
    assert "broken.py:1: ZeroDivisionError" in done.stderr


def test_show_tells_parameters_columns_and_a_command(folder):
    assert rxtape("strategies", "new", "my_rule").exit_code == 0
    done = rxtape("strategies", "show", "my_rule.py")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == "my_rule: MyRule of my_rule.py"
    assert "move       float  0.01     relative: 0.01 is 1%" in done.stdout
    assert "over       str    1m       a length of time: 30s, 5m, 1h" in done.stdout
    assert "reads    price, size" in done.stdout
    assert done.stdout.splitlines()[-1] == "rxtape replay ticks.csv --strategy my_rule.py --set move=0.01"


def test_show_of_an_installed_strategy_and_of_one_with_a_parameter_to_give(folder):
    done = rxtape("strategies", "show", "volume_spike")
    assert "over       str    5m       a length of time" in done.stdout
    (folder / "of.py").write_text("from pipeline import Strategy\nclass Of(Strategy):\n    symbol: str  # the symbol to watch\n")
    done = rxtape("strategies", "show", "of.py")
    assert "symbol     str   (must be given)  the symbol to watch" in done.stdout
    assert "known once every parameter is given" in done.stdout
    assert done.stdout.splitlines()[-1] == "rxtape replay ticks.csv --strategy of.py --set symbol=..."
    assert rxtape("strategies", "show", "volume_spkie").exit_code == 2


def test_new_writes_a_strategy_and_a_test_without_a_complaint_of_ruff(folder):
    """That the one is sound and the other passes is in the tutorial, which runs as a test."""
    done = rxtape("strategies", "new", "my_rule")
    assert done.exit_code == 0, done.output
    for command in ("rxtape strategies check my_rule.py", "rxtape replay ticks.csv --strategy my_rule.py", "pytest test_my_rule.py"):
        assert command in done.stdout
    rules = ["--isolated", "--select", "E,F,W", "--line-length", "140"]
    assert subprocess.run([sys.executable, "-m", "ruff", "check", *rules, "my_rule.py", "test_my_rule.py"], check=False).returncode == 0


def test_new_overwrites_nothing(folder):
    (folder / "test_my_rule.py").write_text("mine\n")
    done = rxtape("strategies", "new", "my_rule")
    assert done.exit_code == 2
    assert "test_my_rule.py is here already, and nothing was written" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["test_my_rule.py"]


@pytest.mark.parametrize(
    "name", ["my-rule", "3x", "class", "", "_", "numpy", "random", "strategies", "pipeline", "feeds", "strategy", "a/b"]
)
def test_new_refuses_names_that_would_hide_something(folder, name):
    done = rxtape("strategies", "new", name)
    assert done.exit_code == 2
    assert "cannot be the name of a strategy file" in done.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_check_finds_a_strategy_that_looks_ahead(folder):
    (folder / "seer.py").write_text(LOOKS_AHEAD)
    done = rxtape("strategies", "check", "seer.py")
    assert done.exit_code == 1
    lines = {line[:14].strip(): line for line in done.stdout.splitlines()}
    assert "NO, on the tape" in lines["no look-ahead"]
    assert "NO, on the tape" in lines["split"]
    assert done.stdout.splitlines()[-1].endswith("broken")


def test_check_on_a_file_of_ones_own_as_json(folder):
    write_tape(folder / "ticks.csv")
    done = rxtape("strategies", "check", "volume_spike", "--set", "move=0.01", "--set", "multiple=1.1", "--on", "ticks.csv", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["well"] is True
    assert found["ticks"]["yours"] == 300
    assert found["alerts"]["yours"] > 0
    assert found["columns"] == ["price", "size"]
    assert {finding["law"] for finding in found["findings"]} == {"repeat", "split", "restart", "symbol", "no look-ahead", "isolation"}


def test_check_reads_a_file_by_the_options_of_replay(folder):
    write_tape(folder / "ticks.csv")
    head, *rows = (folder / "ticks.csv").read_text().splitlines()
    odd = head.replace("price", "Kurs").replace(",", ";")
    (folder / "odd.csv").write_text("\n".join([odd, *(row.replace(",", ";") for row in rows)]))
    (folder / "rxtape.toml").write_text('[feed]\nfiles = ["odd.csv"]\ncolumns = { price = "Kurs" }\n')
    options = ["--set", "move=0.01", "--set", "multiple=1.1", "--json"]
    by_options, by_a_file = ["--on", "odd.csv", "--columns", "price=Kurs", "--delimiter", ";"], ["--config", "rxtape.toml"]
    found = [rxtape("strategies", "check", "volume_spike", *options, *told) for told in (by_options, by_a_file)]
    assert [done.exit_code for done in found] == [0, 0], found
    alerts = [json.loads(done.stdout)["alerts"] for done in found]
    assert alerts[0] == alerts[1]
    assert alerts[0]["yours"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["volume_spike", "--tz", "UTC"], "options that say how a file is read need one; add --on ticks.csv"),
        (["volume_spike", "--on", "absent.csv", "--tz", "Utopia"], "there is no such time zone"),
        (["absent.py"], "there is no file absent.py"),
        (["volume_spike", "--set", "mvoe=1"], "did you mean 'move'"),
        (["volume_spike", "--on", "absent.csv"], "absent.csv"),
    ],
)
def test_check_of_what_is_not_there_is_wrong_usage(folder, arguments, words):
    done = rxtape("strategies", "check", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr


# Plug-ins of other packages.


@pytest.fixture
def kite(tmp_path, monkeypatch):
    """A distribution on the path whose strategies cannot be loaded, but for one."""
    package = tmp_path / "site"
    info = package / "rxtape_kite-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rxtape-kite\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[rxtape.strategies]\nkite_absent = kite_absent:Rule\nkite_exit = kite_exit:Rule\nkite_number = kite_rule:NUMBER\n"
        "kite = kite_rule:Rule\n"
        "kite_name = kite_rule:Nothing\n[rxtape.sinks]\nkite = kite_absent:Sink\n[rxtape.feeds]\nkite = kite_absent:feed\n"
    )
    (package / "kite_exit.py").write_text("raise SystemExit('bye')\n")
    (package / "kite_rule.py").write_text('from pipeline import Strategy\nNUMBER = 5\nclass Rule(Strategy):\n    """Flies."""\n')
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.syspath_prepend(package)


@pytest.mark.usefixtures("kite")
def test_a_broken_plugin_is_a_warning_in_the_list_and_harms_nothing_else():
    done = rxtape("strategies", "list")
    assert done.exit_code == 0, done.stderr
    assert "kite" in [line.split()[0] for line in done.stdout.splitlines()]
    assert "rxtape-kite 1.2" in done.stdout
    assert "volume_breakout" in done.stdout
    for name, reason in (("kite_absent", "No module named"), ("kite_exit", "SystemExit"), ("kite_name", "Nothing"), ("kite_number", "5")):
        assert any(f"'{name}'" in line and reason in line and "warning" in line for line in done.stderr.splitlines()), done.stderr
    write_tape(Path("ticks.csv"))
    done = rxtape("replay", "ticks.csv", "-s", "volume_spike", "--set", "move=0.01", "--json")
    assert done.exit_code == 0, done.stderr
    done = rxtape("replay", "ticks.csv", "-s", "kite_absent")
    assert done.exit_code == 2
    assert "'kite_absent' (kite_absent:Rule, of rxtape-kite) cannot be loaded" in done.stderr


@pytest.mark.usefixtures("kite")
def test_doctor_names_a_broken_plugin():
    done = rxtape("doctor")
    assert done.exit_code == 0
    assert "WARN strategy kite_absent" in done.stdout
    assert "WARN sink kite" in done.stdout
    assert "ok   strategy kite " in done.stdout


# Completion.


def completed(words: str) -> list[str]:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_RXTAPE_COMPLETE": "bash_complete"}
    done = CliRunner(env=asked).invoke(main, prog_name="rxtape")
    return [line.removeprefix("plain,") for line in done.stdout.splitlines()]


def test_tab_completes_strategies_sinks_and_commands(folder):
    (folder / "my_rule.py").touch()
    assert completed("rxtape replay t.csv --late drop -s volume_") == ["volume_breakout", "volume_spike"]
    assert completed("rxtape replay t.csv --strategy fast=volume_s") == ["fast=volume_spike"]
    assert completed("rxtape replay t.csv -s my") == ["my_rule.py"]
    assert completed("rxtape replay t.csv -o jso") == ["jsonl:"]
    assert "console:" in completed("rxtape replay t.csv -o ")
    assert completed("rxtape replay t.csv -o other/") == ["file,other/"]
    assert completed("rxtape strategies check my") == ["my_rule.py"]
    assert completed("rxtape strategies ch") == ["check"]
    assert completed("rxtape replay --max-") == ["--max-symbols"]


def test_tab_imports_nothing_heavy(folder):
    code = """
import os, sys
os.environ.update(COMP_WORDS="rxtape replay t.csv -s volume", COMP_CWORD="4", _RXTAPE_COMPLETE="bash_complete")
from pipeline.cli import main
try:
    main(prog_name="rxtape")
except SystemExit:
    pass
heavy = {"numpy", "numba", "pandas", "pyarrow", "reactivex", "rich", "msgspec"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "volume_breakout" in done.stdout


# Names that clash.


@pytest.mark.parametrize("name", ["strategies", "pipeline", "feeds"])
@pytest.mark.parametrize("made", ["folder", "file"])
def test_doctor_sees_what_would_hide_ours(folder, name, made):
    if made == "folder":
        (folder / name).mkdir()
    else:
        (folder / f"{name}.py").touch()
    done = rxtape("doctor")
    assert done.exit_code == 0
    assert f"WARN name clash: {name}" in done.stdout


def test_doctor_sees_what_does_hide_ours(folder):
    (folder / "strategies").mkdir()
    (folder / "strategies" / "__init__.py").touch()
    done = in_a_process("doctor")
    assert done.returncode == 1
    assert f"BAD  package strategies     is taken from {folder}" in done.stdout
