"""The committed notebooks: executed, small, and compared for real."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
MEASURED = "nbval-ignore-output"
LARGEST_BYTES = 500_000
LONGEST_CELL = 15

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def read(path: Path) -> NotebookNode:
    notebook = nbformat.read(path, nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    return notebook


def test_there_is_a_notebook() -> None:
    assert "01_quickstart" in [path.stem for path in NOTEBOOKS]


@each_notebook
def test_every_code_cell_was_run_in_order_and_shows_something(path: Path) -> None:
    cells = code_cells(read(path))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(cell.outputs for cell in cells)
    assert not [o for cell in cells for o in cell.outputs if o.output_type == "error"]


@each_notebook
def test_most_cells_are_compared(path: Path) -> None:
    cells = code_cells(read(path))
    measured = [cell for cell in cells if MEASURED in cell.metadata.get("tags", [])]
    assert len(measured) <= len(cells) / 4


@each_notebook
def test_it_is_small_and_shows_itself_where_no_kernel_runs(path: Path) -> None:
    assert path.stat().st_size < LARGEST_BYTES
    notebook = read(path)
    assert "widgets" not in notebook.metadata
    shown = [output.get("data", {}) for cell in code_cells(notebook) for output in cell.outputs]
    assert not [data for data in shown if "application/vnd.jupyter.widget-view+json" in data]
    screens = [data for data in shown if "Dashboard(" in str(data.get("text/plain"))]
    assert screens or path.stem != "01_quickstart"
    assert all("image/png" in data for data in screens)


@each_notebook
def test_cells_are_short_and_name_no_place_of_the_machine_they_ran_on(path: Path) -> None:
    notebook = read(path)
    for cell in notebook.cells:
        assert len(cell.source.splitlines()) < LONGEST_CELL
    assert not re.search(r"/home/|/root/|/Users/|/tmp/|/work/", path.read_text(encoding="utf-8"))


def test_what_the_notebooks_write_is_not_committed(repository: Path) -> None:
    if not (repository / ".git").exists():
        pytest.skip("not a git checkout")
    written = ["notebooks/tuned.toml", "notebooks/tuned.json", "notebooks/tuned.yaml"]
    ignored = subprocess.run(
        ["git", "check-ignore", *written],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ignored.stdout.split() == written
    tracked = subprocess.run(
        ["git", "ls-files", "notebooks"], cwd=repository, capture_output=True, text=True, check=True
    )
    assert not re.search(r"tuned\.|checkpoint", tracked.stdout)


def nbval_options(repository: Path) -> list[str]:
    """Return the options with which ``make test`` compares the notebooks."""
    makefile = (repository / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    (options,) = re.findall(r"pytest (--nbval .*) notebooks$", makefile, re.M)
    return str(options).split()


RANDOM = "import datetime, uuid\nprint(object(), uuid.uuid4().hex, datetime.datetime.now())"
STORED = f"<object object at 0x7fab12345670> {'01234567' * 4} 2026-01-31 12:30:59.123456\n"

ALTERED = {  # one wrong figure in each of these cells
    "quality": ("4.5", "4.6"),
    "traffic": ("443", "444"),
    "requests": ("00.000382", "00.000383"),
    "checks": ("4000", "4001"),
}


def test_a_wrong_figure_in_a_compared_cell_fails(repository: Path, tmp_path: Path) -> None:
    """One altered digit in a stored output is found, in that cell and in no other.

    An address, a model id and a time of day, which differ from run to run, are masked.
    """
    (tmp_path / "data").symlink_to(repository / "data")
    folder = tmp_path / "notebooks"
    folder.mkdir()
    notebook = read(repository / "notebooks" / "01_quickstart.ipynb")
    last = [cell.id for cell in notebook.cells].index("checks")
    del notebook.cells[last + 1 :]
    for cell in notebook.cells:
        if cell.id in ALTERED:
            right, wrong = ALTERED[cell.id]
            data = cell.outputs[0].data
            assert right in data["text/html"]
            data["text/html"] = data["text/html"].replace(right, wrong, 1)
    stored = new_output("stream", name="stdout", text=STORED)
    random = new_code_cell(RANDOM, id="random", execution_count=1, outputs=[stored])
    notebook.cells.append(random)
    nbformat.write(notebook, folder / "altered.ipynb")

    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rfEp"),
            *nbval_options(repository),
            *("--rootdir", str(tmp_path), str(folder)),
        ],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    found = {
        code_cells(notebook)[int(number)].id
        for number in re.findall(r"^FAILED \S+::Cell (\d+)", run.stdout, re.M)
    }
    assert found == set(ALTERED), run.stdout
