"""A notebook served as a page of its own, as ``make app`` does."""

import re
from pathlib import Path
from urllib.request import urlopen

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import expect

from tests.browser.jupyter import WAIT_MS, find_chromium, open_page, serve_lab
from tests.browser.screens import screen_cells


def test_the_live_screen_is_served_alone_behind_a_token(repository: Path, tmp_path: Path) -> None:
    if find_chromium() is None:
        pytest.skip("no chromium on the PATH; install it to test in a browser")
    notebook = new_notebook(cells=[new_code_cell(source) for source in screen_cells("live")])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, tmp_path / "live.ipynb")
    command = (
        *("make", "--old-file=.venv/dev.ok", "-C", str(repository), "app"),
        f"NOTEBOOK={tmp_path / 'live.ipynb'}",
    )
    with serve_lab(tmp_path, command) as address:
        with urlopen(address.split("?")[0]) as without_token:
            assert "/login" in without_token.url
        with open_page(address, tmp_path / "profile") as page:
            found = page.locator(".codomyrmex-screen")
            found.get_by_role("button", name="Start").click()
            status = found.get_by_role("status").first
            expect(status).to_contain_text("Offering", timeout=WAIT_MS)
            expect(found.get_by_role("slider", name="Batch size")).to_be_visible()
            picture = found.locator("img.codomyrmex-picture")
            expect(picture).to_have_attribute("src", re.compile("^data:"), timeout=WAIT_MS)
            assert page.locator("pre, .CodeMirror").count() == 0
            found.get_by_role("button", name="Stop").click()
            expect(status).to_contain_text("Stopped", timeout=WAIT_MS)
