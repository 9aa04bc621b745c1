"""The tuning screen on 100,000 requests, on one page with a clock and two sliders to compare with.

One of them shows its number as text, the other a picture that was drawn before.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Locator, Page

from tests.browser.jupyter import (
    NOTEBOOK,
    copy_checkout,
    find_chromium,
    open_page,
    run_all_cells,
    serve_lab,
)

__all__ = ["Clock", "notebook_in_lab", "opened"]

REST_MS = 300
"""Before a key, until the page has scrolled to its slider; after it, until all is over that follows
its picture: the numbers, and the next keys foreseen."""

_CELLS = (
    """
import ipywidgets as widgets
text_slider = widgets.IntSlider(description="Text", min=1, max=1000, value=500)
text = widgets.HTML("500")
text.add_class("text-floor")
text_slider.observe(lambda change: setattr(text, "value", str(change["new"])), names="value")
widgets.VBox([text_slider, text])
""",
    """
import numpy as np
import pandas as pd
import codomyrmex_lab as lab
from codomyrmex_lab.simulation import ServiceProfile

rows = [
    {"quantization": "fp32", "busy_workers": busy, "batch_size": size, "cost": 0.0, "n_samples": 50,
     "service_ms": ms, "ci_low_ms": 0.95 * ms, "ci_high_ms": 1.05 * ms}
    for busy in (1, 2, 4) for size in (1, 8, 128) for ms in [0.6 + 0.05 * size]
]
profile = ServiceProfile(pd.DataFrame(rows), np.ones(1))
workload = lab.Workload.poisson(20_000, 100_000, n_keys=20_000, seed=0)
config = lab.OptimizationConfig(max_batch_size=12, batch_timeout_ms=30.0)  # batches are full
tuning = lab.TuningDashboard(list, workload, config,
                             profile=profile)
tuning
""",
    "tuning.wait()",
    """
from codomyrmex_lab.dashboards.picture import Picture

drawn = tuning.picture.png
picture_slider = widgets.IntSlider(description="Ready", min=1, max=1000, value=500)
ready = Picture("A picture that was drawn before")
ready.png = drawn
ready.add_class("picture-floor")
picture_slider.observe(  # what follows the end of a picture is not looked at
    lambda change: setattr(ready, "png", drawn + bytes([change["new"] % 256])), names="value"
)
widgets.VBox([picture_slider, ready])
""",
)

_CLOCK = """
() => {
  window.clock = { pressed: 0, painted: 0, changes: 0, seen: () => undefined };
  const press = (event) => {
    window.clock.pressed = event.timeStamp;
    window.clock.next = new Promise((resolve) => { window.clock.seen = resolve; });
  };
  for (const kind of ["keydown", "pointerdown"]) document.addEventListener(kind, press, true);
  const paint = () => requestAnimationFrame(() => {
    window.clock.painted = performance.now();
    window.clock.seen();
  });
  const all = { childList: true, subtree: true, characterData: true };
  const screen = document.querySelector(".codomyrmex-screen img.codomyrmex-picture");
  for (const place of [screen.parentElement, document.querySelector(".picture-floor")]) {
    new MutationObserver(() => {  // a picture that is complete is painted with the next frame
      const picture = place.querySelector("img");
      window.clock.changes += 1;
      if (picture.complete && picture.decoding === "sync") paint();
      else picture.decode().then(paint, () => undefined);
    }).observe(place, all);
  }
  new MutationObserver(paint).observe(document.querySelector(".text-floor"), all);
}
"""

_UNTIL_PAINTED = """
() => Promise.race([window.clock.next, new Promise((_, fail) => {
  setTimeout(() => fail(new Error("nothing was painted within 30 s")), 30000);
})])
"""


class Clock:
    """Times what a key or a click brings about on the page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.evaluate(_CLOCK)

    def press_ms(self, handle: Locator, key: str) -> float:
        """Return the time from a key event to the painted change that it causes."""
        handle.focus()
        self.page.wait_for_timeout(REST_MS)
        self.page.keyboard.press(key)
        return self._painted_ms()

    def click_ms(self, handle: Locator, share: float, aim_ms: float) -> float:
        """Return the time from a click on a handle's track to the painted change.

        Parameters
        ----------
        handle : Locator
            On the slider.
        share : float
            Where on the track, as a share of its width from the left.
        aim_ms : float
            How long the pointer rests there before it is pressed, in ms.
        """
        handle.scroll_into_view_if_needed()
        self.page.wait_for_timeout(REST_MS)
        track = handle.locator("xpath=ancestor::*[contains(@class, 'noUi-base')]").bounding_box()
        assert track is not None
        x, y = track["x"] + share * track["width"], track["y"] + track["height"] / 2
        self.page.mouse.move(x, y)
        self.page.wait_for_timeout(aim_ms)
        self.page.mouse.down()
        self.page.mouse.up()
        return self._painted_ms()

    def _painted_ms(self) -> float:
        self.page.evaluate(_UNTIL_PAINTED)  # asking in a loop would keep the page busy
        took: float = self.page.evaluate("window.clock.painted - window.clock.pressed")
        self.page.wait_for_timeout(REST_MS)
        return took

    def burst(self, handle: Locator, n: int, over_s: float) -> tuple[float, int]:
        """Press a key n times; return how long after the last the picture last changed, and frames.

        Returns
        -------
        lag_ms : float
            From the last key event to the last painted frame.
        n_frames : int
            Frames painted.
        """
        handle.focus()
        before = self.page.evaluate("window.clock.changes")
        for number in range(n):
            self.page.keyboard.press("ArrowRight" if number < n / 2 else "ArrowLeft")
            self.page.wait_for_timeout(max(over_s * 1e3 / n - 4, 0))
        self.page.wait_for_timeout(1_500)
        lag: float = self.page.evaluate("window.clock.painted - window.clock.pressed")
        return lag, self.page.evaluate("window.clock.changes") - before


@contextmanager
def notebook_in_lab(cells: Sequence[str]) -> Iterator[tuple[Page, Path]]:
    """Open a notebook in JupyterLab, after all its cells have run; with the folder it runs in."""
    if find_chromium() is None:
        raise SystemExit("No chromium found; install it, as with: apt-get install chromium")
    repository = Path(__file__).resolve().parents[3]
    with tempfile.TemporaryDirectory() as folder:
        checkout = copy_checkout(repository, Path(folder) / "checkout")
        notebook = new_notebook(cells=[new_code_cell(source.strip()) for source in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, checkout / "notebooks" / "bench.ipynb")
        with (
            serve_lab(checkout) as address,
            open_page(
                address.replace(NOTEBOOK, "notebooks/bench.ipynb"), Path(folder) / "profile"
            ) as page,
        ):
            run_all_cells(page)
            yield page, checkout / "notebooks"


@contextmanager
def opened() -> Iterator[Page]:
    """Open the tuning screen beside its two sliders, with its first answer."""
    with notebook_in_lab(_CELLS) as (page, _):
        page.locator(".codomyrmex-screen img.codomyrmex-picture").first.wait_for()
        page.locator(".picture-floor img").wait_for()
        page.get_by_role("status").filter(has_text=re.compile("Simulated")).first.wait_for()
        yield page
