"""The quickstart in JupyterLab, in a real browser."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.jupyter import (
    copy_checkout,
    find_chromium,
    open_page,
    run_all_cells,
    serve_lab,
)


@dataclass(frozen=True)
class Opened:
    """The notebook on screen, after all its cells have run."""

    address: str
    folder: Path
    page: Page


@pytest.fixture(scope="module")
def quickstart(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Start JupyterLab in a copy of the checkout, open the quickstart and run all its cells.

    It ends with its module: while it lasts, the main thread has a running event loop.
    """
    if find_chromium() is None:
        pytest.skip("no chromium on the PATH; install it to test in a browser")
    folder = tmp_path_factory.mktemp("lab")
    checkout = copy_checkout(repository, folder / "checkout")
    with serve_lab(checkout) as address, open_page(address, folder / "profile") as page:
        run_all_cells(page)
        yield Opened(address, checkout / "notebooks", page)
