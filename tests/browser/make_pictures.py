"""Run all notebooks, take the pictures of the screens, and store them: ``make pictures``."""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image

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
PICTURE = PICTURES / "dashboard.png"
LIVE_NOTEBOOK = "notebooks/02_live_engine.ipynb"
_COLOURS = 96


def dashboard_png(repository: Path) -> bytes:
    """Return a picture of the dashboard after the notebook has run in JupyterLab."""
    with tempfile.TemporaryDirectory() as folder:
        checkout = copy_checkout(repository, Path(folder) / "checkout")
        with (
            serve_lab(checkout) as address,
            open_page(address, Path(folder) / "profile", width=1400, height=1400) as page,
        ):
            run_all_cells(page)
            return _fewer_colours(dashboard(page).screenshot())


def live_pngs(repository: Path) -> dict[str, bytes]:
    """Return pictures of the live screen and the explorer, as their notebook leaves them."""
    with tempfile.TemporaryDirectory() as folder:
        checkout = copy_checkout(repository, Path(folder) / "checkout")
        with (
            serve_lab(checkout) as address,
            open_page(
                address.replace(NOTEBOOK, LIVE_NOTEBOOK),
                Path(folder) / "profile",
                width=1400,
                height=1400,
            ) as page,
        ):
            run_all_cells(page)
            screens = page.locator(".codomyrmex-screen")
            names = {"live": 0, "explorer": 1}
            return {
                name: _fewer_colours(screens.nth(place).screenshot())
                for name, place in names.items()
            }


def _fewer_colours(png: bytes) -> bytes:
    buffer = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").quantize(_COLOURS).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def main() -> None:
    """Write the picture, the executed notebooks, and the quickstart's figures in the README."""
    if find_chromium() is None:
        raise SystemExit("No chromium found; install it, as with: apt-get install chromium")
    picture = dashboard_png(REPOSITORY)
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(picture)
    for name, png in live_pngs(REPOSITORY).items():
        (PICTURES / f"{name}.png").write_bytes(png)
    path = REPOSITORY / NOTEBOOK
    notebook = execute(path, picture)
    write(notebook, path)
    readme = REPOSITORY / "README.md"
    readme.write_text(
        with_tuning_table(readme.read_text(encoding="utf-8"), notebook), encoding="utf-8"
    )
    print(f"Wrote {PICTURE.relative_to(REPOSITORY)} ({len(picture):,} bytes) and {NOTEBOOK}")
    for other in sorted(path.parent.glob("*.ipynb")):
        if other != path:
            write(execute(other, picture), other)
            print(f"Wrote {other.relative_to(REPOSITORY)}")
    write_picture()


if __name__ == "__main__":
    main()
