"""What is on the screen: progress on a terminal alone, a summary in a table, and nothing but data on standard output."""

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from cli_folder import filled, rxtape

COMMAND = [sys.executable, "-c", "from pipeline.__main__ import main; main()"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(filled(tmp_path))
    return tmp_path


def on_a_terminal(*arguments: str, both: bool = False, columns: int = 100) -> tuple[bytes, str]:
    """Standard output, and what the terminal at standard error (or at `both`) got."""
    ours, theirs = pty.openpty()
    out = theirs if both else subprocess.PIPE
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": f"{columns}"}
    run = subprocess.Popen([*COMMAND, *arguments], stdout=out, stderr=theirs, env=environment)
    os.close(theirs)
    shown = bytearray()
    with suppress(OSError):
        while part := os.read(ours, 65_536):
            shown += part
    data = b"" if run.stdout is None else run.stdout.read()
    if run.stdout is not None:
        run.stdout.close()
    run.wait()
    os.close(ours)
    return data, shown.decode()


def test_progress_and_the_table_are_on_the_terminal_and_data_on_standard_output(folder):
    data, shown = on_a_terminal("replay", "ticks.csv", "-s", "mine.py", "--json")
    assert [json.loads(line)["symbol"] for line in data.splitlines()] == ["IBM", "SPY"]
    assert re.search(r"\d+ ticks, [\d,]+ a second", shown)
    assert json.loads(shown[shown.index("{") :])["ticks"] == 6


def test_alerts_and_progress_share_a_terminal(folder):
    _, shown = on_a_terminal("replay", "ticks.csv", "-s", "mine.py", both=True)
    plain = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown)
    assert "IBM at 11.00" in plain
    assert "a second" in plain
    assert "│ jump" in plain


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_there_is_no_progress_where_standard_error_is_no_terminal(folder, options):
    done = rxtape("replay", "ticks.csv", "-s", "mine.py", *options)
    assert "\r" not in done.output
    assert "\x1b" not in done.output


def test_json_goes_to_standard_output_unless_an_output_is_named(folder, capfd):
    assert rxtape("replay", "ticks.csv", "-s", "mine.py", "--json").exit_code == 0
    plain = capfd.readouterr().out
    named = rxtape("replay", "ticks.csv", "-s", "mine.py", "--json", "-o", "jsonl:alerts.jsonl")
    assert named.stdout == ""
    assert Path("alerts.jsonl").read_text() == plain != ""
    assert json.loads(named.stderr.splitlines()[-1])["exit_code"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 60, 200])
def test_a_live_run_has_one_line_a_connection_on_a_terminal_of_any_width(folder, columns):
    """A line that wraps would be left behind when the status is drawn anew."""
    _, shown = on_a_terminal("demo", "--live", both=True, columns=columns)
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in re.split(r"[\r\n]+", shown)]
    drawn = [line.rstrip() for line in lines if line.startswith("binance/1 ")]
    assert any(re.match(r"binance/1 +LIVE +[\d,]+ mess", line) for line in drawn), drawn
    assert max(map(len, drawn)) <= columns
    assert columns < 60 or any(re.fullmatch(r"binance/1 +LIVE +[\d,]+ messages/s +lag [\d,]+ days +for \d+ s", line) for line in drawn)
