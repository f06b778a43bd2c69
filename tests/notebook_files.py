"""The notebooks: how they are executed, and what of them is committed. `python tests/notebook_files.py` writes them anew."""

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import matplotlib.font_manager  # noqa: F401 - a kernel that has to look for fonts first says so among the outputs
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
MACHINE = re.compile(r"(?<![\w.:/<])/(?:home|root|tmp|work|usr|opt|var|private|Users|mnt)\b|[A-Z]:\\\\|site-packages|\.venv")


def executed(path: Path, folder: Path) -> NotebookNode:
    """A notebook executed from the top in a folder of its own; raises at the first error."""
    notebook = nbformat.read(path, as_version=4)
    places = {"IPYTHONDIR": str(folder / "ipython"), "JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "PYTHONWARNINGS": "default"}
    with patch.dict(os.environ, places):
        where = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=120, kernel_name="python3", record_timing=False, resources=where).execute()
    return notebook


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells of code, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    """All outputs of all cells."""
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def complaints(notebook: NotebookNode) -> list[str]:
    """What a cell wrote to standard error: warnings and logged errors."""
    return [output.text for output in outputs(notebook) if output.output_type == "stream" and output.name == "stderr"]


def texts(notebook: NotebookNode) -> list[str]:
    """All text of a notebook and its outputs, without the pictures."""
    found = [cell.source for cell in notebook.cells] + [str(notebook.metadata)]
    for output in outputs(notebook):
        found.append(str({kind: data for kind, data in output.get("data", {}).items() if not kind.startswith("image/")}))
        found.append(output.get("text", ""))
    return found


def cleaned(notebook: NotebookNode) -> NotebookNode:
    """The same without what tells of the machine: versions, times of execution, random names of cells."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells, 1):
        cell.id, cell.metadata = f"cell-{number}", nbformat.from_dict({})
    return notebook


if __name__ == "__main__":
    for path in NOTEBOOKS:
        with TemporaryDirectory() as folder:
            nbformat.write(cleaned(executed(path, Path(folder))), path)
