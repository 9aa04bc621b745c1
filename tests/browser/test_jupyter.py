"""Failures of a notebook are told at once, in the words of the page."""

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.browser.jupyter import (
    NOTEBOOK,
    NotebookFailedError,
    copy_checkout,
    find_chromium,
    open_page,
    run_all_cells,
    serve_lab,
)

FAILING = {
    "raises": ("raise ValueError('no such digit')", r"ValueError.*no such digit"),
    "is no Python": ("digits = = 3", "SyntaxError"),
    "dies": ("import os; os._exit(1)", r"(?i)kernel.*died"),
}


@pytest.fixture(scope="module")
def address(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a notebook per failure."""
    if find_chromium() is None:
        pytest.skip("no chromium on the PATH; install it to test in a browser")
    checkout = copy_checkout(repository, tmp_path_factory.mktemp("lab") / "checkout")
    for name, (source, _) in FAILING.items():
        cells = [new_code_cell(source), new_code_cell("None")]
        notebook = new_notebook(cells=cells)
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, checkout / "notebooks" / f"{name}.ipynb")
    with serve_lab(checkout) as served:
        yield served


@pytest.mark.parametrize("name", FAILING)
def test_a_notebook_that_fails_ends_the_wait_with_the_reason(
    address: str, name: str, tmp_path: Path
) -> None:
    shown = address.replace(NOTEBOOK, f"notebooks/{name}.ipynb")
    with (
        open_page(shown, tmp_path / "profile") as page,
        pytest.raises(NotebookFailedError, match=FAILING[name][1]),
    ):
        run_all_cells(page)
