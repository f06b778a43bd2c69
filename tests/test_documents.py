"""What the documents say is true: their code runs, what they quote stands in the sources, and no operator is missing."""

import re
from pathlib import Path

import pytest

import pipeline.operators
import pipeline.windows

ROOT = Path(__file__).parents[1]
# tutorial.md is run by test_tutorial.py, as a whole
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SOURCES = [path.read_text() for path in (ROOT / "strategies").glob("*.py")]


def blocks(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", path.read_text(), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.name != "tutorial.md"], ids=lambda path: path.name)
def test_code_of_a_document_runs_or_is_quoted_from_the_sources(path, capsys):
    for code in blocks(path):
        if not any(code in source for source in SOURCES):
            exec(compile(code, path.name, "exec"), {"__name__": path.name})
    assert "nan" in capsys.readouterr().out or path.name != "own_operator.md"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_of_a_document_lead_somewhere(path):
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", path.read_text())]
    assert [link for link in links if link and not (path.parent / link).exists()] == []


def test_every_operator_is_on_the_reference_page():
    page = (ROOT / "docs" / "operators.md").read_text()
    names = {name for name in (*pipeline.operators.__all__, *pipeline.windows.__all__) if name[0].islower()}
    assert [name for name in sorted(names) if f"`{name}" not in page] == []


def test_readme_shows_both_forms_of_the_flagship():
    quoted = [code for code in blocks(ROOT / "README.md") if any(code in source for source in SOURCES)]
    assert len(quoted) == 2
