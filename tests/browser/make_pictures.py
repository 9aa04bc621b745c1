"""Run all notebooks, take the pictures of the screens, and store them: ``make pictures``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page

from tests.benchmarks.quantization.picture import write_picture
from tests.browser.jupyter import (
    NOTEBOOK,
    copy_checkout,
    dashboard,
    find_chromium,
    open_page,
    run_all_cells,
    serve_lab,
)
from tests.notebooks.execution import execute, with_tuning_table, write

REPOSITORY = Path(__file__).resolve().parents[2]
PICTURES = REPOSITORY / "notebooks" / "pictures"
LIVE_NOTEBOOK = "notebooks/02_live_engine.ipynb"
_COLOURS = 255

Find = Callable[[Page], Locator]
"""Finds a screen on the page of its notebook."""

SCREENS: dict[str, dict[str, Find]] = {
    NOTEBOOK: {"dashboard": dashboard},
    LIVE_NOTEBOOK: {
        "live": lambda page: page.locator(".codomyrmex-screen").nth(0),
        "explorer": lambda page: page.locator(".codomyrmex-screen").nth(1),
    },
}
"""The screens by the notebook that shows them, and by the name of their picture."""


def pictures_of(notebook: str) -> dict[str, bytes]:
    """Return pictures of the screens of a notebook, as it leaves them in JupyterLab."""
    with tempfile.TemporaryDirectory() as folder:
        checkout = copy_checkout(REPOSITORY, Path(folder) / "checkout")
        profile = Path(folder) / "profile"
        with (
            serve_lab(checkout) as address,
            open_page(
                address.replace(NOTEBOOK, notebook), profile, width=1400, height=1400
            ) as page,
        ):
            run_all_cells(page)
            return {
                name: _fewer_colours(find(page).screenshot())
                for name, find in SCREENS[notebook].items()
            }


def _fewer_colours(png: bytes) -> bytes:
    buffer = BytesIO()
    picture = Image.open(BytesIO(png)).convert("RGB")
    # the first finds the colours of thin lines, the second the exact ones of large areas
    fewer = picture.quantize(
        _COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE
    )
    fewer.save(buffer, "png", optimize=True)
    return buffer.getvalue()


def main() -> None:
    """Write the pictures, the executed notebooks, and the quickstart's figures in the README."""
    if find_chromium() is None:
        raise SystemExit("No chromium found; install it, as with: apt-get install chromium")
    PICTURES.mkdir(exist_ok=True)
    pictures: dict[str, bytes] = {}
    for notebook in SCREENS:
        pictures |= pictures_of(notebook)
    for name, png in pictures.items():
        (PICTURES / f"{name}.png").write_bytes(png)
        print(f"Wrote {name}.png ({len(png):,} bytes)")
    for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb")):
        executed = execute(path, pictures)
        write(executed, path)
        print(f"Wrote {path.relative_to(REPOSITORY)}")
        if path == REPOSITORY / NOTEBOOK:
            readme = REPOSITORY / "README.md"
            text = with_tuning_table(readme.read_text(encoding="utf-8"), executed)
            readme.write_text(text, encoding="utf-8")
    write_picture()


if __name__ == "__main__":
    main()
