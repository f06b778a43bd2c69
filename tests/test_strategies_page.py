"""The page of shipped strategies: no strategy, parameter, type or default is missing or stale, and its commands work."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.cli.choice import chosen_strategies
from pipeline.parameters import shown, type_name
from pipeline.plugins import load, plugins

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "shipped_strategies.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))
SHIPPED = sorted(plugin.name for plugin in plugins("strategy") if plugin.package == "rxtape")
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| .*? \| (`.+?`|none|required) \| .+ \|$", flags=re.MULTILINE)


def told(name: str) -> dict[str, tuple[str, str]]:
    """Type and default of each parameter on the page."""
    return {parameter: (kind, default) for parameter, kind, default in ROW.findall(SECTIONS[name])}


def real(name: str) -> dict[str, tuple[str, str]]:
    """Type and default of each parameter of the class."""
    strategy = load("strategy", name)
    types, defaults = strategy.parameters(), strategy.defaults()
    return {p: (kind_of(types[p]), default_of(defaults[p]) if p in defaults else "required") for p in types if p != "name"}


def kind_of(wanted: object) -> str:
    return re.sub(r"Literal\[(.*?)\]", lambda found: found[1].replace(", ", " or "), type_name(wanted))


def default_of(value: object) -> str:
    return "none" if value == () else f"`{shown(value)}`"


def test_every_shipped_strategy_has_a_section_and_no_other_has():
    assert sorted(SECTIONS) == SHIPPED
    assert re.findall(r"^\| \[(\w+)\]\(#\w+\) \| .+\. \|$", PAGE, flags=re.MULTILINE) == list(SECTIONS)


@pytest.mark.parametrize("name", SHIPPED)
def test_parameters_types_and_defaults_are_those_of_the_class(name):
    assert told(name) == real(name)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_example_is_a_strategy_with_those_settings(name):
    (command,) = re.findall(r"^    (rxtape replay .+)$", SECTIONS[name], flags=re.MULTILINE)
    words = shlex.split(command)
    settings = [value for option, value in pairwise(words) if option == "--set"]
    assert words[words.index("--strategy") + 1] == name
    (strategy,) = chosen_strategies([name], settings)
    assert strategy.name == name


def test_the_readme_leads_to_the_page():
    assert "docs/shipped_strategies.md" in (ROOT / "README.md").read_text()
