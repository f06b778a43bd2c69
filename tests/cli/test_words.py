"""Help, examples and suggestions of every command."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from cli_folder import filled, problems, row, rxtape
from scripted_venue import Script, Time
from served_tapes import subscribed

from feeds.live import opening
from pipeline import Ticks, run
from pipeline.alerts import Alert
from pipeline.cli import main
from pipeline.incidents import Incident, IncidentDesk, Incidents
from pipeline.journal.cursors import Cursor, Cursors
from pipeline.settings import SETTINGS
from strategies.volume_breakout import VolumeBreakout

ROOT = Path(__file__).parents[2]


def commands(group: click.Group = main, words: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    """Every command and group, by the words that call it."""
    found: list[tuple[tuple[str, ...], click.Command]] = [(words, group)]
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found += commands(command, (*words, name)) if isinstance(command, click.Group) else [((*words, name), command)]
    return found


COMMANDS = dict(commands())
EXAMPLE = re.compile(r"^  (rxtape (?!\.\.\.).*)$", re.MULTILINE)


def examples(words: tuple[str, ...]) -> list[str]:
    return EXAMPLE.findall(rxtape(*words, "--help").stdout)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What the examples speak of, and a client for those that serve."""
    monkeypatch.chdir(filled(tmp_path))
    subscribed(monkeypatch)
    text = Path("ticks.csv").read_text()
    Path("2013-10-08.csv").write_text(text)
    Path("rxtape.toml").write_text('[feed]\nfiles = ["ticks.csv"]\n[[strategy]]\nuse = "mine.py"\n')
    Path("my_rule.py").write_text(Path("mine.py").read_text().replace("above", "move"))
    Path("ticks.csv.gz").write_text(text)
    shutil.copytree(ROOT / "tests" / "journal" / "golden" / "0.1", "tape.journal")
    Cursors("tape.journal").save(Cursor("jsonl:alerts.jsonl", 1))
    incidents_of("incidents.db")
    Path("own.csv").write_text("Date,Time,symbol,px\n2013-10-08,09:30:00,SPY,167.4\n")
    return tmp_path


def incidents_of(file: str) -> None:
    """One that is open, aa52..., and one that is resolved."""
    with Incidents(file) as incidents:
        IncidentDesk(incidents).take([Alert("SPY", 0, id="a1"), Alert("IBM", 0, id="a2")])
        incidents.act(incidents.all()[1].name, Incident.resolve, by="ada")


@pytest.fixture
def no_venue(monkeypatch):
    """Live runs end at once: everything is built, nothing connects."""

    async def nothing(arrivals, streams):
        pass

    monkeypatch.setattr(opening, "connecting", lambda stale_after, hours="": Script(nothing, Time()))


def kept() -> str:
    """The id of an alert of a journal `kept`, of one symbol whose price jumps at 15:48:30."""
    start, rows = 1_381_246_200 * 10**9, range(1200)
    jumped = [row >= 1110 for row in rows]
    ticks = Ticks.of(
        time=[start + row * 10**9 for row in rows], symbol=["SPY"] * 1200, price=[100.0 + 3 * after for after in jumped],
        size=[1.0 + 99 * after for after in jumped],
    )  # fmt: skip
    shutil.rmtree("kept", ignore_errors=True)
    return run(ticks, VolumeBreakout(move=0.02), journal="kept").alerts[0].id


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words) or "rxtape")
def test_every_command_has_examples_that_run(words, folder, no_venue):
    found = examples(words)
    assert found
    for example in found:
        example = example.partition("  #")[0].replace(" > ", " ; ")
        called = shlex.split(example.partition(" ; ")[0])[1:]
        if called == ["strategies", "new", "my_rule"]:
            Path("my_rule.py").unlink(missing_ok=True)
            Path("test_my_rule.py").unlink(missing_ok=True)
        shutil.rmtree("monday", ignore_errors=True)
        if called[0] == "replay" and "monday" in called:
            continue
        if "--write" in called:
            Path("rxtape.toml").unlink()
        if called == ["sinks", "retry", "--config", "rxtape.toml"]:
            Path("rxtape.toml").write_text('[journal]\nfolder = "tape.journal"\n[output]\nsinks = ["jsonl:alerts.jsonl"]\n')
        if "kept" in called:
            alert = kept()
            called = [alert if word == "1b98652" else word for word in called]
        done = rxtape(*called)
        stands_in_the_way = [line for line in done.output.splitlines() if line.startswith("BAD")]
        assert done.exit_code == 0, (example, stands_in_the_way or done.output)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words) or "rxtape")
def test_the_page_of_the_command_line_has_every_command_and_option(words):
    page = (ROOT / "docs" / "cli.md").read_text()
    heading = f"\n## `{' '.join(('rxtape', *words))}`\n"
    assert heading in page
    section = page.partition(heading)[2].partition("\n## ")[0]
    settings = {setting.option for setting in SETTINGS}
    options = [option for option in COMMANDS[words].params if isinstance(option, click.Option)]
    for option in options:
        if not settings & {spelt.replace("--no-", "--") for spelt in option.opts}:
            assert [spelt for spelt in option.opts if f"`{spelt}" not in section] == []


def test_the_page_of_the_command_line_has_every_setting():
    page = (ROOT / "docs" / "cli.md").read_text()
    for setting in SETTINGS:
        option = {"feed.files": "FILES", "live.sources": "SOURCES"}.get(setting.key) or setting.option.replace("--header", "--no-header")
        (line,) = [line for line in page.splitlines() if line.startswith(f"| `{setting.key}` ")]
        assert f"`{option}`" in line
        assert setting.help.partition("  [default")[0].removesuffix(".") in line
        for choice in setting.choices:
            assert f"`{choice}`" in line


def test_the_configuration_file_of_the_page_runs(folder):
    page = (ROOT / "docs" / "cli.md").read_text()
    (text,) = re.findall(r"^```toml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    Path("rxtape.toml").write_text(text)
    for setting in SETTINGS:
        assert re.search(rf"^(# )?{setting.name} = ", text, re.MULTILINE), setting.key
    done = rxtape("replay", "--config", "rxtape.toml", OUT=str(folder))
    assert done.exit_code == 0, done.output
    uncommented = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    Path("rxtape.toml").write_text(uncommented)
    done = rxtape("config", "show", "--config", "rxtape.toml", OUT=str(folder))
    assert done.exit_code == 0, done.output


WRONG = {
    ("replya",): "no command named 'replya'; did you mean 'replay'?",
    ("strategies", "lsit"): "no command named 'lsit'; did you mean 'list'?",
    ("config", "shwo"): "no command named 'shwo'; did you mean 'show'?",
    ("--verison",): "there is no option --verison; did you mean --version? rxtape --help lists them",
    ("replay", "--lateness-of", "2s"): "there is no option --lateness-of; did you mean --lateness? rxtape replay --help lists them",
    ("strategies", "show"): "missing argument 'NAME'; rxtape strategies show --help shows how it is written",
    ("replay", "--late"): "option '--late' requires an argument; the same with --help shows how it is written",
    ("doctor", "now"): "got unexpected extra argument (now); rxtape doctor --help shows how it is written",
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_word_is_answered_in_one_line_with_the_nearest(words):
    (said,) = problems(rxtape(*words))
    assert said.startswith(WRONG[words])


def test_the_version_is_told():
    done = rxtape("--version")
    assert done.exit_code == 0
    assert re.fullmatch(r"rxtape, version \d+\.\d+\.\d+\n", done.stdout)


def test_a_strategy_of_ones_own_from_nothing_to_alerts(folder):
    Path("my_rule.py").unlink()
    with Path("ticks.csv").open("a") as file:
        file.writelines([row(minute, "SPY", 14) for minute in range(6, 14)] + [row(14, "SPY", 15).replace(",15\n", ",900\n")])
    for command in ("strategies new my_rule", "replay ticks.csv --strategy my_rule.py"):
        done = rxtape(*command.split())
        assert done.exit_code == 0, (command, done.output)
    assert "SPY +7.14% on 900" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("milliseconds", range(25, 700, 45))
def test_fault_5_ctrl_c_at_any_moment_of_the_beginning_is_quiet(milliseconds, folder):
    code = """import os, signal
signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
signal.setitimer(signal.ITIMER_REAL, {})
from pipeline.__main__ import main; main()
"""
    before = code.format(milliseconds / 1000)
    done = subprocess.run(
        [sys.executable, "-c", before, "replay", "ticks.csv", "-s", "mine.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 130), done.stderr
    assert "Traceback" not in done.stderr
