"""The command line: what it prints where, its exit codes, and that its help is quick."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import COMMANDS, main
from pipeline.errors import EngineFault

START = 1_381_219_200_000_000_000
MINUTE = 60_000_000_000
MINE = """
from pipeline import Strategy, alert_when, combine_latest
from pipeline.operators import last

class Jump(Strategy):
    above: float = 10.0

    def alerts(self, ticks):
        return combine_latest(last=ticks.pipe(last())).pipe(alert_when(lambda s: s.last > self.above, message="{symbol} at {last:.2f}"))
"""
TWO = MINE + "class Slump(Jump): pass\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a tape and a strategy."""
    rows = [f"{START + i * MINUTE},{'SPY' if i % 2 else 'IBM'},{9 + i},{i + 1}\n" for i in range(6)]
    (tmp_path / "ticks.csv").write_text("timestamp,symbol,price,size\n" + "".join(rows))
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "two.py").write_text(TWO)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def rxtape(*arguments: str):
    return CliRunner().invoke(main, arguments)


def in_a_process(*arguments: str, code: str = "from pipeline.cli import main; main()") -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)


def test_help_names_every_command_and_imports_nothing_heavy():
    code = """
import sys
sys.argv[1:] = ["--help"]
from pipeline.cli import main
try:
    main()
except SystemExit as end:
    assert end.code == 0
heavy = {"numpy", "numba", "pandas", "pyarrow", "reactivex", "rich", "msgspec"} & set(sys.modules)
assert not heavy, heavy
"""
    done = in_a_process(code=code)
    assert done.returncode == 0, done.stderr
    for command in COMMANDS:
        assert command in done.stdout


def test_the_help_of_every_command_imports_nothing_heavy():
    code = """
import sys
from pipeline.cli import COMMANDS, main
for command in COMMANDS:
    try:
        main([command, "--help"])
    except SystemExit as end:
        assert end.code == 0
    heavy = {"numba", "pandas", "pyarrow", "reactivex", "rich", "matplotlib"} & set(sys.modules)
    assert not heavy, (command, heavy)
"""
    done = in_a_process(code=code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_is_listed_with_its_own_words(command):
    done = rxtape(command, "--help")
    assert done.exit_code == 0
    assert main.get_command(None, command).short_help == COMMANDS[command]


def test_replay_prints_alerts_on_stdout_and_the_summary_on_stderr(folder):
    done = rxtape("replay", "ticks.csv", "--strategy", "mine.py")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "2013-10-08T08:02:00Z  IBM  jump  raised  IBM at 11.00",
        "2013-10-08T08:03:00Z  SPY  jump  raised  SPY at 12.00",
    ]
    assert "6 of 2 symbols" in done.stderr
    assert "1 raised  jump  SPY" in done.stderr


def test_replay_writes_to_every_output(folder):
    done = rxtape("replay", "ticks.csv", "-s", "mine.py", "-o", "jsonl:a.jsonl", "-o", "jsonl:b.jsonl")
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    first = [json.loads(line) for line in Path("a.jsonl").read_text().splitlines()]
    assert [alert["symbol"] for alert in first] == ["IBM", "SPY"]
    assert Path("a.jsonl").read_bytes() == Path("b.jsonl").read_bytes()


def test_replay_as_json(folder, capfd):
    done = rxtape("replay", "ticks.csv", "-s", "mine.py", "--json")
    assert done.exit_code == 0, done.stderr
    assert [json.loads(line)["message"] for line in capfd.readouterr().out.splitlines()] == ["IBM at 11.00", "SPY at 12.00"]
    summary = json.loads(done.stderr.splitlines()[-1])
    assert (summary["ticks"], summary["exit_code"], summary["incomplete"]) == (6, 0, None)


@pytest.mark.parametrize(
    ("strategies", "settings", "alerts"),
    [
        (["mine.py"], ["above=13"], 1),
        (["mine.py"], ["jump.above=13"], 1),
        (["mine.py:Jump"], ["mine.py:Jump.above=13"], 1),
        (["two.py:Slump"], [], 2),
        (["mine:Jump"], ["above=9.5"], 2),
        (["two.py:Slump", "mine.py"], ["slump.above=13", "jump.above=9.5"], 3),
        (["volume_breakout"], ["move=0.5"], 0),
    ],
)
def test_strategies_by_plugin_file_and_module_with_settings(folder, strategies, settings, alerts):
    arguments = [part for name in strategies for part in ("--strategy", name)] + [part for text in settings for part in ("--set", text)]
    done = rxtape("replay", "ticks.csv", *arguments)
    assert done.exit_code == 0, done.output
    assert len(done.stdout.splitlines()) == alerts


USAGE = {
    "no strategy": ([], "no strategy chosen"),
    "a typo": (["-s", "volume_brekout"], "did you mean 'volume_breakout'?"),
    "no such file": (["-s", "absent.py"], "there is no file absent.py"),
    "no such class": (["-s", "mine.py:Jmup"], "did you mean 'Jump'?"),
    "several classes": (["-s", "two.py"], "choose one: two.py:Jump, two.py:Slump"),
    "no such module": (["-s", "absent:Jump"], "the module absent cannot be imported"),
    "no such parameter": (["-s", "mine.py", "--set", "abvoe=1"], "did you mean 'above'?"),
    "a value of the wrong type": (["-s", "mine.py", "--set", "above=high"], "jump.above = 'high'; expected a number such as 0.02"),
    "no value": (["-s", "mine.py", "--set", "above"], "expected PARAMETER=VALUE"),
    "whose parameter": (["-s", "mine.py", "-s", "two.py:Slump", "--set", "above=1"], "Write jump.above=1"),
    "no such owner": (["-s", "mine.py", "--set", "jmup.above=1"], "did you mean 'jump'?"),
    "twice": (
        ["-s", "mine.py", "-s", "mine.py"],
        "two strategies are named 'jump': mine.py and mine.py; give one another name, --strategy jump2=mine.py",
    ),
    "no such sink": (["-s", "mine.py", "-o", "jsnol:a"], "did you mean 'jsonl'?"),
    "no such unit": (["-s", "mine.py", "--time-unit", "sec"], "expected one of s, ms, us, ns"),
    "no such lateness": (["-s", "mine.py", "--lateness", "soon"], "'soon' is no length of time"),
    "no such option": (["-s", "mine.py", "--fast"], "--fast"),
    "no such policy": (["-s", "mine.py", "--late", "skip"], "skip"),
}


@pytest.mark.parametrize("case", USAGE)
def test_wrong_usage_is_one_line_and_exit_code_2(folder, case):
    arguments, reason = USAGE[case]
    done = rxtape("replay", "ticks.csv", *arguments)
    assert done.exit_code == 2
    assert reason in done.stderr
    assert "Traceback" not in done.output
    assert done.stdout == ""


def test_a_strategy_file_that_does_not_run_is_named_with_its_line(folder):
    Path("syntax.py").write_text("x = 1\ny = (\n")
    Path("fails.py").write_text("x = 1\n\nraise ValueError('not today')\n")
    assert "syntax.py:2: SyntaxError" in rxtape("replay", "ticks.csv", "-s", "syntax.py").stderr
    assert "fails.py:3: ValueError: not today" in rxtape("replay", "ticks.csv", "-s", "fails.py").stderr


def test_bad_input_is_exit_code_3_and_what_was_judged_stands(folder):
    with Path("ticks.csv").open("a") as file:
        file.write(f"{START + 7 * MINUTE},SPY,abc,1\n{START + 8 * MINUTE},A,99,1\n")
    done = rxtape("replay", "ticks.csv", "-s", "mine.py")
    assert done.exit_code == 3
    assert len(done.stdout.splitlines()) == 2
    assert "INCOMPLETE   ticks.csv:8 column price: 'abc' is not a number" in done.stderr


NO_TICKS = [(None, 2), ("", 3), ("timestamp,symbol,price\n", 3), ("a,b\n1,2\n", 3), ("time,symbol,price\n5,A,1\n", 3)]


@pytest.mark.parametrize(("content", "code"), NO_TICKS)
def test_a_file_without_ticks_is_said_in_one_line(folder, content, code):
    if content is not None:
        Path("other.csv").write_text(content)
    done = rxtape("replay", "other.csv", "-s", "mine.py")
    assert done.exit_code == code
    assert done.stderr.startswith("rxtape: ")
    assert len(done.stderr.splitlines()) == 1


def test_late_rows_are_set_aside_when_asked(folder):
    with Path("ticks.csv").open("a") as file:
        file.write(f"{START},SPY,99,1\n")
    assert rxtape("replay", "ticks.csv", "-s", "mine.py").exit_code == 3
    done = rxtape("replay", "ticks.csv", "-s", "mine.py", "--late", "drop", "--quarantine", "late.jsonl")
    assert done.exit_code == 0
    assert "1, 1 of them dropped" in done.stderr
    assert json.loads(Path("late.jsonl").read_text())["line"] == 8


def test_a_strategy_that_raises_is_reported_and_exit_code_1(folder):
    Path("raises.py").write_text(MINE.replace("ticks.pipe(last())", "ticks.pipe(last()).apply(lambda x: [1.0][len(x):][0] + x)"))
    done = rxtape("replay", "ticks.csv", "-s", "raises.py", "-s", "two.py:Slump")
    assert done.exit_code == 1, done.output
    assert "rxtape: jump raised IndexError" in done.stderr
    assert "QUARANTINED" in done.stderr
    assert len(done.stdout.splitlines()) == 2


def test_what_a_file_says_cannot_command_the_terminal(folder):
    Path("ticks.csv").write_text("time,symbol,price\n\x1b[31m,A,1\n")
    done = rxtape("replay", "ticks.csv", "-s", "mine.py")
    assert "\x1b" not in done.output


def test_a_broken_engine_is_not_made_a_single_line(folder, monkeypatch):
    monkeypatch.setattr("pipeline.cli.job.chosen", lambda *_: (_ for _ in ()).throw(EngineFault("broken")))
    assert isinstance(rxtape("replay", "ticks.csv", "-s", "mine.py").exception, EngineFault)


def test_the_first_run_says_that_it_compiles(folder, monkeypatch):
    empty = folder / "empty"
    empty.mkdir()
    monkeypatch.setattr("pipeline.cli.replaying.cache_folder", lambda: str(empty))
    assert "compiling kernels, once" in rxtape("replay", "ticks.csv", "-s", "mine.py").stderr


def test_a_packed_file_is_the_same_tape(folder):
    Path("ticks.csv.gz").write_bytes(gzip.compress(Path("ticks.csv").read_bytes()))
    assert rxtape("replay", "ticks.csv.gz", "-s", "mine.py").stdout == rxtape("replay", "ticks.csv", "-s", "mine.py").stdout


def test_demo_prints_alerts_and_says_where_they_lie(folder):
    done = rxtape("demo")
    assert done.exit_code == 0, done.output
    path = Path("rxtape-demo-alerts.jsonl")
    assert len(path.read_text().splitlines()) == len(done.stdout.splitlines()) > 0
    assert str(path.resolve()) in done.stderr
    assert "volume_breakout" in done.stderr


def test_doctor_lists_versions_kernels_and_plugins(folder):
    done = rxtape("doctor")
    for text in ("python", "numba", "kernel cache", "compiled kernels", "strategy volume_breakout", "sink jsonl", "feed csv"):
        assert text in done.stdout


def test_doctor_warns_of_a_folder_that_would_hide_ours(folder):
    (folder / "strategies").mkdir()
    done = rxtape("doctor")
    assert (done.exit_code, "BAD" in done.stdout) == (0, False)
    assert "WARN name clash: strategies" in done.stdout


def test_doctor_finds_a_package_that_is_another_s(folder, monkeypatch):
    monkeypatch.setattr("pipeline.cli.doctor.HOME", folder)
    done = rxtape("doctor")
    assert done.exit_code == 1
    assert "BAD  package strategies" in done.stdout


def test_doctor_is_content_with_a_kernel_cache_that_is_yet_to_be_made(folder, monkeypatch):
    monkeypatch.setattr("pipeline.kernels.cache_folder", lambda: str(folder / "removed" / "kernels"))
    done = rxtape("doctor")
    assert (done.exit_code, "BAD" in done.stdout) == (0, False), done.stdout


def test_doctor_warns_of_a_plugin_that_cannot_be_loaded_and_names_it(folder, monkeypatch):
    monkeypatch.setattr("pipeline.plugins.Plugin.problem", lambda plugin: "the sink cannot be loaded" if plugin.name == "sqlite" else "")
    done = rxtape("doctor")
    warnings = [line for line in done.stdout.splitlines() if line.startswith("WARN")]
    assert warnings == ["WARN sink sqlite            the sink cannot be loaded"]
    assert done.exit_code == 0


def test_doctor_names_a_missing_package(folder, monkeypatch):
    wanted = ["numpy>=2.0", "no-such-package>=1", 'tzdata>=1; sys_platform == "win32"']
    monkeypatch.setattr("pipeline.cli.doctor.requires", lambda name: wanted)
    done = rxtape("doctor")
    assert done.exit_code == 1
    assert "no-such-package        missing; pip install 'no-such-package>=1'" in done.stdout
