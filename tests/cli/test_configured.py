"""A run that a configuration file describes: it is the same run, and everything that is wrong with it is told before it starts."""

import os
import tomllib
from pathlib import Path

import pytest
from cli_folder import filled, problems, rxtape

CONFIG = """
[feed]
files = ["ticks.csv"]
until = 2013-10-08T08:05:00Z

[[strategy]]
use = "mine.py"
above = 10.5

[[strategy]]
use = "mine.py:Jump"
name = "high"
above = 12.5

[output]
sinks = ["jsonl:${FOLDER}/alerts.jsonl", "console:"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(filled(tmp_path))
    monkeypatch.setenv("FOLDER", str(tmp_path))
    return tmp_path


def configured(text: str) -> None:
    Path("rxtape.toml").write_text(text)


def test_a_file_is_the_same_run_as_the_options_that_it_stands_for(folder):
    configured(CONFIG)
    done = rxtape("replay", "-c", "rxtape.toml")
    assert done.exit_code == 0, done.output
    options = [
        "-s",
        "mine.py",
        "-s",
        "high=mine.py",
        "--set",
        "jump.above=10.5",
        "--set",
        "high.above=12.5",
        "--until",
        "2013-10-08T08:05:00Z",
    ]
    assert done.stdout == rxtape("replay", "ticks.csv", *options).stdout
    assert [line.split("  ")[2] for line in done.stdout.splitlines()] == ["jump", "jump", "high"]
    assert len(Path("alerts.jsonl").read_text().splitlines()) == 3


def test_the_command_line_changes_what_the_file_says(folder):
    configured(CONFIG)
    assert len(rxtape("replay", "-c", "rxtape.toml", "--set", "high.above=10.5").stdout.splitlines()) == 4
    assert len(rxtape("replay", "-c", "rxtape.toml", "--from", "2013-10-08T08:04:00Z").stdout.splitlines()) == 2
    assert len(rxtape("replay", "-c", "rxtape.toml", "-s", "mine.py").stdout.splitlines()) == 2
    assert rxtape("replay", "-c", "rxtape.toml", "-o", "jsonl:other.jsonl").stdout == ""


def test_the_environment_is_heard_before_the_file(folder):
    configured(CONFIG)
    done = rxtape("replay", "-c", "rxtape.toml", RXTAPE_FEED_FROM="2013-10-08T08:04:00Z")
    assert len(done.stdout.splitlines()) == 2
    done = rxtape("config", "show", "--origin", RXTAPE_FEED_TZ="America/New_York")
    assert "America/New_York" in next(line for line in done.stdout.splitlines() if line.endswith("# environment RXTAPE_FEED_TZ"))


def test_fault_73_everything_wrong_with_a_run_is_told_at_once_and_nothing_has_started(folder):
    configured("""
[run]
latness = "2s"
lateness = 2
max_symbols = 0

[feed]
tz = "${NO_SUCH_VARIABLE}"

[[strategy]]
use = "volume_breakout"
over = "-1m"

[[strategy]]
use = "volume_breakout"
average = "many"
mvoe = 0.02

[[strategy]]
use = "volume_brekout"

[output]
sinks = ["jsnol:alerts"]
plot = "out.pgn"
""")
    found = problems(rxtape("replay", "ticks.csv", "-c", "rxtape.toml", "--late", "clam", "-o", "jsonl:alerts.jsonl", "-o", "tape:"))
    assert [text.partition(";")[0] for text in found] == [
        "rxtape.toml:3: run.latness is no setting",
        'rxtape.toml:4: run.lateness = 2: expected a length of time such as "2s"',
        "rxtape.toml:5: run.max_symbols = 0: expected a number of at least 1",
        "rxtape.toml:8: feed.tz asks for the variable NO_SUCH_VARIABLE, which the environment does not have",
        "--late = 'clam': expected one of fail, clamp, drop",
        "rxtape.toml:20: no strategy named 'volume_brekout'",
        "rxtape.toml:15: two strategies are named 'volume_breakout': volume_breakout and volume_breakout",
        "rxtape.toml:12: volume_breakout.over: VolumeBreakout.over: '-1m' is no length of time",
        "rxtape.toml:16: volume_breakout.average = 'many' is str",
        "rxtape.toml:17: no parameter of volume_breakout named 'mvoe'",
        "no sink named 'tape'. There are: callback, console, csv, incidents, jsonl, memory, parquet, sqlite, webhook",
        "rxtape.toml:24: out.pgn: no picture is written as 'pgn'",
    ]
    assert sorted(os.listdir()) == ["mine.py", "rxtape.toml", "ticks.csv"]


RULE = '\n[[strategy]]\nuse = "mine.py"\n'
ALONE = {
    "unknown key": ('[feed]\ntz_ = "UTC"' + RULE, "rxtape.toml:2: feed.tz_ is no setting; did you mean feed.tz?"),
    "wrong type": ("[run]\ncheck_first = 1" + RULE, "rxtape.toml:2: run.check_first = 1: expected true or false"),
    "missing variable": (
        '[feed]\nsymbol = "${NO_SUCH_VARIABLE}"' + RULE,
        "rxtape.toml:2: feed.symbol asks for the variable NO_SUCH_VARIABLE",
    ),
    "duplicate name": (
        '[[strategy]]\nuse = "mine.py"\n[[strategy]]\nuse = "mine.py"',
        "rxtape.toml:4: two strategies are named 'jump': mine.py and mine.py; give one another name: name = \"jump2\"",
    ),
    "negative window": (
        '[[strategy]]\nuse = "volume_breakout"\nbaseline = "-5m"',
        "rxtape.toml:3: volume_breakout.baseline: VolumeBreakout.baseline: '-5m' is no length of time",
    ),
    "negative cooldown": (
        '[[strategy]]\nuse = "mine.py"\ncooldown = "-1s"',
        "rxtape.toml:3: jump.cooldown: strategy jump: '-1s' is no length of time",
    ),
    "no TOML": ("[feed\n", "rxtape.toml:1 is no TOML"),
    "a section with another name": ('[[strategies]]\nuse = "mine.py"', "rxtape.toml:1: strategies is no setting; did you mean strategy?"),
    "no strategy in it": ("[feed]\n", "no strategy chosen; write --strategy volume_breakout"),
}


@pytest.mark.parametrize("case", ALONE)
def test_fault_73_each_mistake_names_file_line_and_key(folder, case):
    text, said = ALONE[case]
    configured(text)
    (found,) = problems(rxtape("replay", "ticks.csv", "-c", "rxtape.toml", "-o", "jsonl:alerts.jsonl"))
    assert found.startswith(said)
    assert not Path("alerts.jsonl").exists()


def test_fault_73_no_cooldown_and_a_chain_of_500_stages_are_nothing_special(folder):
    configured('[[strategy]]\nuse = "mine.py"\ncooldown = "0s"\nstages = 500\n')
    done = rxtape("replay", "ticks.csv", "-c", "rxtape.toml")
    assert done.exit_code == 0, done.output
    assert done.stdout == rxtape("replay", "ticks.csv", "-s", "mine.py").stdout != ""


def test_what_config_show_says_can_be_replayed(folder):
    configured(CONFIG.replace("${FOLDER}", str(folder)))
    shown = rxtape("config", "show", "--origin", "-c", "rxtape.toml")
    lines = shown.stdout.splitlines()
    for line, origin in (("late = ", "# default"), ("until = ", "# rxtape.toml:4"), ("above = 12.5", "# rxtape.toml:13")):
        assert next(each for each in lines if each.startswith(line)).endswith(origin)
    Path("shown.toml").write_text(shown.stdout)
    assert rxtape("replay", "-c", "shown.toml").stdout == rxtape("replay", "-c", "rxtape.toml").stdout != ""


def test_fault_73_no_secret_is_shown_by_any_command(folder):
    configured("""
[output]
sinks = ["jsonl:${CANARY}/alerts.jsonl", "tape://me:hush@host/alerts"]

[[strategy]]
use = "mine.py"
name = "${CANARY}"
abvoe = 1
""")
    for command in (["config", "show", "--origin", "-c", "rxtape.toml"], ["replay", "ticks.csv", "-c", "rxtape.toml"]):
        done = rxtape(*command, CANARY="s3cret")
        assert "${CANARY}" in done.output
        assert "s3cret" not in done.output
        assert "hush" not in done.output
    shown = rxtape("config", "show", "-c", "rxtape.toml", CANARY="s3cret").stdout
    assert tomllib.loads(shown)["strategy"] == [{"use": "mine.py", "name": "${CANARY}", "abvoe": 1}]


@pytest.mark.parametrize("json", [[], ["--json"]])
def test_no_secret_is_shown_by_a_sink_that_cannot_be_opened_or_fails(folder, json):
    for path, code in (("${CANARY}/alerts.jsonl", 1), ("${CANARY}", 1)):
        Path("s3cret").unlink(missing_ok=True)
        if path == "${CANARY}":
            Path("s3cret").symlink_to("/dev/full")
        configured(f'[output]\nsinks = ["jsonl:{path}"]\n[[strategy]]\nuse = "mine.py"\n')
        done = rxtape("replay", "ticks.csv", "-c", "rxtape.toml", *json, CANARY="s3cret")
        assert done.exit_code == code, done.output
        assert "${CANARY}" in done.output
        assert "s3cret" not in done.output
