"""The tutorial is true: its files and commands, in its order, print what it shows."""

import contextlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_folder import rxtape

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial.md"
MEASURED = ("ticks  ", "batches  ", "cost  ")
LEFT_OUT = "…"


def blocks() -> Iterator[tuple[str, str]]:
    """Files to write, as (name, text), and commands, as ("", text)."""
    for kind, text in re.findall(r"^```(python|console)\n(.*?)^```", TUTORIAL.read_text(), flags=re.MULTILINE | re.DOTALL):
        yield (text.splitlines()[0].removeprefix("# "), text) if kind == "python" else ("", text)


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a block, and the lines it prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *lines = part.splitlines()
        yield command, lines


def without_measures(line: str) -> str:
    return re.sub(r"\d[\d,.]*", "0", line) if line.startswith(MEASURED) else line


def run_in(folder: Path, command: str) -> list[str]:
    """What a command prints, on both streams; ours runs here, where its kernels are at hand."""
    if command.startswith("rxtape "):
        with contextlib.chdir(folder):
            return [without_measures(line.rstrip()) for line in rxtape(*shlex.split(command)[1:]).output.splitlines()]
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, shell=True, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        env={**os.environ, "PATH": programs},
    )  # fmt: skip
    return [without_measures(line.rstrip()) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def printed(tmp_path_factory) -> list[tuple[str, list[str], list[str]]]:
    """Every command of the tutorial, with the lines that it shows and the lines that came."""
    folder, found = tmp_path_factory.mktemp("tutorial"), []
    for name, text in blocks():
        if name:
            (folder / name).write_text(text)
            continue
        found += [(command, lines, run_in(folder, command)) for command, lines in commands(text)]
    return found


def test_every_line_shown_is_printed(printed):
    for command, shown, came in printed:
        for line in map(without_measures, shown):
            begin = line.removesuffix(LEFT_OUT)
            if line != LEFT_OUT:
                assert any(each == line or (begin != line and each.startswith(begin)) for each in came), (command, line, came)


def test_what_is_shown_in_full_is_all_that_is_printed(printed):
    for command, shown, came in printed:
        if not any(line.endswith(LEFT_OUT) for line in shown):
            assert [without_measures(line) for line in shown] == came, command


def test_the_test_that_comes_with_a_new_strategy_passes(printed):
    came = next(came for command, _, came in printed if command.startswith("pytest"))
    assert any("passed" in line and "failed" not in line for line in came), came


def test_the_tutorial_uses_what_a_newcomer_needs():
    text = TUTORIAL.read_text()
    for word in ("rxtape demo", "strategies new", "strategies check", "rxtape replay", "from pipeline import run"):
        assert word in text
