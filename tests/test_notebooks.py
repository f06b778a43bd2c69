"""The notebooks run from the top without an error or a warning, and are committed as they ran, with nothing of the machine.

By default the code of most runs here, cell by cell; CI executes them in Jupyter as well, and looks at what each cell shows.
"""

import warnings

import nbformat
import pytest
from matplotlib import pyplot
from notebook_files import MACHINE, METADATA, NOTEBOOKS, code_cells, complaints, executed, outputs, texts

EVERY = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


LONG = ("02_write_a_strategy", "04_live")
"""They check strategies, and wait for a market: CI runs them."""


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.stem not in LONG], ids=lambda path: path.stem)
def test_the_code_of_a_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pyplot, "show", pyplot.close)
    names = {"__name__": "__main__"}
    for number, cell in enumerate(code_cells(nbformat.read(path, as_version=4)), 1):
        exec(compile(cell.source, f"{path.name}, cell {number}", "exec"), names)
    pyplot.close("all")


@pytest.mark.slow
@EVERY
def test_a_notebook_runs_again(path, tmp_path):
    committed = nbformat.read(path, as_version=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the Jupyter client itself; the notebook's own are among its outputs
        again = executed(path, tmp_path)
    assert complaints(again) == []
    assert [kinds(cell) for cell in again.cells] == [kinds(cell) for cell in committed.cells]


def kinds(cell):
    """What a cell shows: kinds of output, not the outputs, which hold speeds; text may come in several pieces."""
    found = [(output.output_type, sorted(output.get("data", {}))) for output in cell.get("outputs", ())]
    return [kind for before, kind in zip([None, *found], found, strict=False) if kind != before]


@EVERY
def test_a_committed_notebook_carries_its_outputs_in_order_and_no_complaint(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = code_cells(notebook)
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert sum(bool(cell.outputs) for cell in code) >= len(code) / 2
    assert [output for output in outputs(notebook) if output.output_type == "error"] == complaints(notebook) == []
    assert any("image/png" in output.get("data", {}) for output in outputs(notebook))


@EVERY
def test_a_committed_notebook_says_nothing_of_the_machine_it_ran_on(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata == nbformat.from_dict(METADATA)
    assert [text for text in texts(notebook) if MACHINE.search(text)] == []
    assert [cell.id for cell in notebook.cells] == [f"cell-{number}" for number in range(1, len(notebook.cells) + 1)]
    assert not any(cell.metadata for cell in notebook.cells)


def test_there_are_five_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["01_first_tape", "02_write_a_strategy", "03_indicators_and_bars", "04_live", "05_journal"]
