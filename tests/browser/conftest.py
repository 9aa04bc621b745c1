"""Notebooks in JupyterLab, in a real browser."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.jupyter import (
    NOTEBOOK,
    choose_dark_theme,
    copy_checkout,
    find_chromium,
    open_page,
    run_all_cells,
    serve_lab,
)
from tests.browser.screens import write_notebook


@dataclass(frozen=True)
class Opened:
    """The notebook on screen, after all its cells have run."""

    address: str
    folder: Path
    page: Page


def _opened(repository: Path, folder: Path, notebook: str | None) -> Iterator[Opened]:
    """Start JupyterLab in a copy of the checkout, open a notebook and run all its cells."""
    if find_chromium() is None:
        pytest.skip("no chromium on the PATH; install it to test in a browser")
    checkout = copy_checkout(repository, folder / "checkout")
    if notebook is not None:
        write_notebook(checkout / notebook)
        choose_dark_theme(checkout)
    with serve_lab(checkout) as address:
        shown = address if notebook is None else address.replace(NOTEBOOK, notebook)
        with open_page(shown, folder / "profile") as page:
            run_all_cells(page)
            yield Opened(address, checkout / "notebooks", page)


@pytest.fixture(scope="module")
def quickstart(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Open the quickstart.

    It ends with its module: while it lasts, the main thread has a running event loop.
    """
    yield from _opened(repository, tmp_path_factory.mktemp("lab"), None)


@pytest.fixture(scope="module")
def screens(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Open a notebook with all screens on small traffic, in the dark theme; it ends as above."""
    yield from _opened(
        repository, tmp_path_factory.mktemp("screens"), "notebooks/all_screens.ipynb"
    )
