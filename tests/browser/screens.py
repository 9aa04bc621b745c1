"""A notebook with all screens on small traffic, and how to find them on the page."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import Locator, Page

__all__ = ["SCREENS", "screen", "screen_cells", "value_of", "write_notebook"]

_SETUP = """
import threading, time
import numpy as np
import pandas as pd
import codomyrmex_lab as lab
from codomyrmex_lab.simulation import ServiceProfile

def model(inputs):
    time.sleep(0.0005 + 0.00005 * len(inputs))
    return inputs

rows = [
    {"quantization": "fp32", "busy_workers": busy, "batch_size": size, "cost": 0.0, "n_samples": 50,
     "service_ms": ms, "ci_low_ms": 0.95 * ms, "ci_high_ms": 1.05 * ms}
    for busy in (1, 2, 4) for size in (1, 8, 64) for ms in [0.6 + 0.05 * size]
]
profile = ServiceProfile(pd.DataFrame(rows), np.ones(1))
workload = lab.Workload.poisson(1_000, 5_000, n_keys=2_000, seed=0)
config = lab.OptimizationConfig(batch_timeout_ms=5.0)
with lab.InferenceOptimizer(model, config) as engine:
    trace = lab.replay(engine, workload.head(2_000), progress=False)
with lab.InferenceOptimizer(model, config.replace(batch_timeout_ms=20.0)) as engine:
    other = lab.replay(engine, workload.head(2_000), progress=False)
threads_before = set(threading.enumerate())
"""
SCREENS = {
    "tuning": "tuning = lab.TuningDashboard(model, workload, config, profile=profile, verify_s=1)\n"
    "tuning",
    "live": "live = lab.LiveDashboard(lab.InferenceOptimizer(model, config), workload)\nlive",
    "explorer": "explorer = lab.TraceExplorer(trace, other)\nexplorer",
}
"""The cell of each screen, by the name of the screen and of its variable."""


def screen_cells(name: str) -> tuple[str, str]:
    """Return the cells that set one screen up and show it."""
    return _SETUP, SCREENS[name]


def write_notebook(path: Path) -> None:
    """Write a notebook of one cell per screen, and one that waits for the simulator's compiler."""
    cells = [new_code_cell(source) for source in (_SETUP, *SCREENS.values())]
    notebook = new_notebook(cells=[*cells, new_code_cell("tuning.wait()")])
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, path)


def screen(page: Page, name: str) -> Locator:
    """Return a screen, in view."""
    place = list(SCREENS).index(name)
    found = page.locator(".codomyrmex-screen").nth(place)
    found.scroll_into_view_if_needed()
    return found


def value_of(found: Locator, reading: str) -> str:
    """Return the figure that a screen shows under a name."""
    item = found.get_by_role("listitem").filter(has_text=reading).first
    return (item.locator("div").nth(1).text_content() or "").strip()
