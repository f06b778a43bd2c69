"""Strategies of users' files: loaded by path, with the files beside them, and nothing else in Python disturbed."""

import random
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import UnknownName, UsageError
from pipeline.functions import FILE_MODULE
from pipeline.strategy_files import BESIDE, strategies_in, strategy_class

RULE = """
from pipeline import Strategy

class {name}(Strategy):
    level: float = {level}
"""
WITH_HELPER = """
from __future__ import annotations
from datetime import timedelta
import levels
from pipeline import Strategy

class Rule(Strategy):
    level: float = levels.LEVEL
    over: timedelta = timedelta(minutes=1)

    def later(self):
        import lazy
        return lazy.TWICE
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder; what tests load is forgotten again."""
    monkeypatch.chdir(tmp_path)
    path, modules, served = list(sys.path), set(sys.modules), set(BESIDE.folders)
    yield tmp_path
    assert sys.path == path
    for name in set(sys.modules) - modules:
        if name.startswith((FILE_MODULE, "rules")):
            del sys.modules[name]
    BESIDE.folders.clear()
    BESIDE.folders.update(served)


def rule(path: Path, name: str = "Rule", level: float = 1.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(RULE.format(name=name, level=level))
    return path


def test_the_forms_of_a_name(folder):
    rule(folder / "rule.py")
    rule(folder / "rules" / "of_mine.py", "Mine")
    (folder / "rules" / "__init__.py").touch()
    (folder / "two.py").write_text(RULE.format(name="One", level=1) + "class Two(One): pass\n")
    assert strategy_class("rule.py").__name__ == strategy_class("rule:Rule").__name__ == strategy_class("rule.py:Rule").__name__ == "Rule"
    assert strategy_class(str(folder / "rule.py")).__name__ == "Rule"
    assert strategy_class("rules.of_mine:Mine").__name__ == "Mine"
    assert strategy_class("two.py:Two").__name__ == "Two"
    assert list(strategies_in("two.py")) == ["One", "Two"]
    with pytest.raises(UsageError, match=r"two.py has several strategies; choose one: two.py:One, two.py:Two"):
        strategy_class("two.py")
    with pytest.raises(UnknownName, match=r"no strategy in two.py named 'Tow'"):
        strategy_class("two.py:Tow")
    with pytest.raises(UsageError, match=r"no installed strategy is named 'rule', but there is a file here: write rule.py"):
        strategy_class("rule")
    with pytest.raises(UsageError, match=r"there is no file absent.py"):
        strategy_class("absent.py")
    with pytest.raises(UsageError, match="the module absent cannot be imported"):
        strategy_class("absent:Rule")


@pytest.mark.parametrize("name", ["numpy", "strategies", "pipeline", "random", "__init__", "with space", "a-b"])
def test_a_file_may_have_any_name_and_hides_nothing(folder, name):
    assert strategy_class(str(rule(folder / f"{name}.py"))).__name__ == "Rule"
    assert import_module("numpy") is np
    assert import_module("random") is random
    assert import_module("strategies.volume_breakout").VolumeBreakout().name == "volume_breakout"


def test_a_file_can_import_what_lies_beside_it_also_later(folder):
    (folder / "rule.py").write_text(WITH_HELPER)
    (folder / "levels.py").write_text("LEVEL = 7.0\n")
    (folder / "lazy.py").write_text("import levels\nTWICE = 2 * levels.LEVEL\n")
    kind = strategy_class("rule.py")
    assert kind().level == 7.0
    assert kind().later() == 14.0
    assert "levels" not in sys.modules
    assert "lazy" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        import levels  # noqa: F401
    assert not (folder / "__pycache__").exists()


def test_files_of_two_folders_do_not_meet(folder):
    for name, level in (("a", 1.0), ("b", 2.0)):
        (folder / name).mkdir()
        (folder / name / "rule.py").write_text(WITH_HELPER)
        (folder / name / "levels.py").write_text(f"LEVEL = {level}\n")
        (folder / name / "lazy.py").write_text(f"TWICE = {2 * level}\n")
    kinds = [strategy_class("a/rule.py"), strategy_class("b/rule.py")]
    assert [(kind().level, kind().later()) for kind in kinds] == [(1.0, 2.0), (2.0, 4.0)]


def test_a_file_that_has_changed_is_read_again(folder):
    (folder / "rule.py").write_text(WITH_HELPER)
    (folder / "levels.py").write_text("LEVEL = 1.0\n")
    first = strategy_class("rule.py")
    (folder / "levels.py").write_text("LEVEL = 22.0\n")
    assert (first().level, strategy_class("rule.py")().level) == (1.0, 22.0)


def test_what_is_installed_is_never_hidden_by_a_file_beside(folder):
    (folder / "rule.py").write_text("import numpy, json\nLEVEL = float(numpy.ones(1)[0])\n" + RULE.format(name="Rule", level="LEVEL"))
    for name in ("numpy", "json"):
        (folder / f"{name}.py").write_text("raise RuntimeError('hidden')\n")
    assert strategy_class("rule.py")().level == 1.0


def test_a_folder_beside_is_refused_with_a_way_out(folder):
    (folder / "rule.py").write_text("import mine\n")
    (folder / "mine").mkdir()
    with pytest.raises(UsageError, match=r"rule.py:1: ImportError: mine is a folder; .*PYTHONPATH=\."):
        strategy_class("rule.py")


def test_files_that_import_each_other(folder):
    (folder / "rule.py").write_text("BASE = 3.0\nimport levels\n" + RULE.format(name="Rule", level="levels.LEVEL"))
    (folder / "levels.py").write_text("import rule\nLEVEL = rule.BASE + 1\n")
    assert strategy_class("rule.py")().level == 4.0


ERRORS = {
    "x = 1\ny = (\n": r"rule.py:2: SyntaxError: '\(' was never closed",
    "x = 1\n\nraise ValueError('not today')\n": "rule.py:3: ValueError: not today",
    "import unheard_of\n": r"rule.py:1: no module named 'unheard_of': install it .*, or put unheard_of.py beside rule.py",
    "import sys\nsys.exit(3)\n": "rule.py:2: the file ends the program when it is imported",
    "import levels\n": "levels.py:2: ZeroDivisionError: division by zero",
    "import broken\n": "broken.py:1: SyntaxError",
    "from pipeline import Strategy\nclass Rule(Strategy):\n    move = 0.5\n": "rule.py:2: Rule.move has no type",
    "x = 1\n": "rule.py has no strategy: a class of it derives from Strategy",
}


@pytest.mark.parametrize("source", ERRORS)
def test_an_error_of_a_file_is_one_line_with_its_place(folder, source):
    (folder / "levels.py").write_text("x = 0\ny = 1 / x\n")
    (folder / "broken.py").write_text("def f(:\n")
    (folder / "rule.py").write_text(source)
    with pytest.raises(UsageError, match=ERRORS[source]) as raised:
        strategy_class("rule.py")
    assert "\n" not in str(raised.value)


def test_a_file_of_a_folder_of_any_name_is_told_in_errors_while_it_runs(folder):
    path = folder / "pipeline" / "lib" / "rule.py"
    path.parent.mkdir(parents=True)
    path.write_text("from pipeline import Strategy\nclass Rule(Strategy):\n    def alerts(self, ticks):\n        return ticks.nothing\n")
    imports = "from pipeline.checkup import check_strategy; from pipeline.strategy_files import strategy_class"
    code = f"{imports}; check_strategy(strategy_class({str(path)!r})())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert "(rule.py:4)" in done.stderr.splitlines()[-1]
