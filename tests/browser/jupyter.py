"""Starts JupyterLab as ``make lab`` does and drives it in a browser as a person would."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, Queue

from playwright.sync_api import Locator, Page, sync_playwright

__all__ = [
    "MAKE_LAB",
    "NOTEBOOK",
    "WAIT_MS",
    "NotebookFailedError",
    "choose_dark_theme",
    "copy_checkout",
    "dashboard",
    "failures",
    "find_chromium",
    "open_page",
    "run_all_cells",
    "serve_lab",
    "slider",
]

MAKE_LAB = ("make", "--old-file=.venv/lab.ok", "lab")  # a copy must not install itself
NOTEBOOK = "notebooks/01_quickstart.ipynb"
WAIT_MS = 30_000  # a bound for a slow and noisy machine, never a delay
_NOTEBOOK_MS = 300_000  # the same for all cells of a notebook, which may compile and measure first
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
_NOT_COPIED = (".git", ".venv", "__pycache__", ".ipynb_checkpoints", ".*_cache", ".hypothesis")


def find_chromium() -> str | None:
    """Return the path of the installed browser, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def copy_checkout(repository: Path, target: Path) -> Path:
    """Copy what is needed to run the lab, so that the committed notebook stays as it is."""
    shutil.copytree(
        repository,
        target,
        ignore=shutil.ignore_patterns(*_NOT_COPIED, "tuned.*"),
        dirs_exist_ok=True,
    )
    (target / ".venv").symlink_to(repository / ".venv")
    return target


def choose_dark_theme(checkout: Path) -> None:
    """Let JupyterLab start in its dark theme, as a person who has chosen it."""
    settings = checkout / ".home/.jupyter/lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    (settings / "themes.jupyterlab-settings").write_text('{"theme": "JupyterLab Dark"}')


@contextmanager
def serve_lab(checkout: Path, command: Sequence[str] = MAKE_LAB) -> Iterator[str]:
    """Run a command that serves, in a checkout; give the address that it prints."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DISPLAY", "WAYLAND_DISPLAY", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
        and not name.startswith(("JUPYTER", "JPY_", "COV_", "PYTEST_"))
    }
    environment |= {"IPYTHONDIR": str(checkout / ".ipython"), "HOME": str(checkout / ".home")}
    process = subprocess.Popen(
        command,
        cwd=checkout,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    lines: list[str] = []
    found: Queue[str] = Queue()
    reader = threading.Thread(target=_read, args=(process, lines, found), daemon=True)
    reader.start()
    address = ""
    try:
        with suppress(Empty):
            address = found.get(timeout=WAIT_MS / 1e3)
        assert address, f"{' '.join(command)} printed no address:\n" + "".join(lines)
        yield address
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        reader.join(5)


def _read(process: subprocess.Popen[str], lines: list[str], found: Queue[str]) -> None:
    """Drain the output; hand on the first address in it."""
    assert process.stdout is not None
    with process.stdout as output:
        for line in output:
            lines.append(line)
            if match := re.search(r"http://127\.0\.0\.1:\d+/\S+token=\w+", line):
                found.put(match[0])
    found.put("")


@contextmanager
def open_page(
    address: str, profile: Path, *, width: int = 1280, height: int = 720, scale: float = 1
) -> Iterator[Page]:
    """Open an address in a browser with an empty profile."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=find_chromium(),
            headless=True,
            args=_FLAGS,
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
        )
        context.set_default_timeout(WAIT_MS)
        try:
            page = context.pages[0]
            page.goto(address, timeout=_NOTEBOOK_MS)  # Voilà runs the notebook first
            yield page
        finally:
            context.close()


class NotebookFailedError(Exception):
    """A cell raised an error, or the kernel died; holds what the page says of it."""


def run_all_cells(page: Page) -> None:
    """Choose Run All Cells in the menu and wait until the last cell has run.

    Raises
    ------
    NotebookFailedError
        A cell raised an error, or JupyterLab asks something, as when the kernel has died.
    """
    kernel = page.locator("#jp-main-statusbar").get_by_text(re.compile(r"ipykernel.*Idle"))
    kernel.wait_for()
    page.locator(".jp-CodeCell").first.wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    last = page.locator(".jp-CodeCell .jp-InputPrompt").last
    told = failures(page)
    for prompt in (r"\[\*\]", r"\[(\d+| )\]"):  # no number: an earlier cell failed
        reached = last.filter(has_text=re.compile(prompt))
        reached.or_(told).first.wait_for(state="attached", timeout=_NOTEBOOK_MS)
        if told.count():
            raise NotebookFailedError("\n".join(told.all_inner_texts()))
    if last.filter(has_text="[ ]").count():
        raise NotebookFailedError("The last cell was not run; no cell says why.")
    kernel.wait_for()


def failures(page: Page) -> Locator:
    """Return the tracebacks of cells and the dialogs of JupyterLab, as when a kernel has died."""
    traceback = page.locator('[data-mime-type="application/vnd.jupyter.stderr"]')
    return traceback.filter(has_text=re.compile(r"Cell In\s?\[\d+\]")).or_(
        page.locator(".jp-Dialog-content")
    )


def dashboard(page: Page) -> Locator:
    """Return the tuning dashboard, in view."""
    output = page.locator(".jp-OutputArea-output").filter(has=page.get_by_text("Batch size"))
    screen = output.locator(".jupyter-widgets").first
    screen.scroll_into_view_if_needed()
    return screen


def slider(screen: Locator, label: str) -> Locator:
    """Return the handle of the slider with a label."""
    row = screen.locator(".widget-hslider, .widget-selectionslider, .widget-slider")
    return row.filter(has_text=label).locator(".noUi-handle")
