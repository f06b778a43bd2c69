"""The notebooks run from the top without an error or a warning, and are committed as they ran, with nothing of the machine."""

import warnings

import nbformat
import pytest
from notebook_files import MACHINE, METADATA, NOTEBOOKS, complaints, executed, outputs, texts

EVERY = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


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
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
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


def test_there_are_four_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["01_first_tape", "02_write_a_strategy", "03_indicators_and_bars", "04_live"]
