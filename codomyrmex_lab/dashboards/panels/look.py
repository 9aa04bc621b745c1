"""What the panels have in common: how axes, lines and legends look in a theme."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.dashboards.canvas import Cell
from codomyrmex_lab.plots.style import plain_numbers
from codomyrmex_lab.plots.theme import Theme

__all__ = [
    "LINES",
    "NORMAL",
    "SMALL",
    "dress",
    "dress_right",
    "fill",
    "line",
    "logarithmic",
    "on_log_axis",
    "set_step_fill",
]

SMALL, NORMAL = 7.5, 9.0
"""Sizes of text, in points."""

LINES: dict[str, dict[str, Any]] = {
    "now": {"linewidth": 1.8, "linestyle": "-"},
    "measured": {"linewidth": 1.6, "linestyle": (0, (4, 2))},
    "pinned": {"linewidth": 1.1, "linestyle": (0, (1, 1.5))},
}
"""Line styles by what a line shows."""


def dress(cell: Cell, theme: Theme, title: str, x: str, y: str) -> None:
    """Give the main axes of a cell their title, labels and colours."""
    axes = cell.main
    axes.figure.set_facecolor(theme.background)
    axes.set_facecolor(theme.background)
    axes.set_title(
        title, loc="left", fontsize=NORMAL, fontweight="bold", color=theme.text, y=1.0, pad=4
    )
    axes.set_xlabel(x, fontsize=SMALL, labelpad=1, color=theme.text)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    _dress_axis(axes, theme, y)
    axes.grid(visible=True, color=theme.grid, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(0)


def dress_right(axes: Axes, theme: Theme, y: str) -> None:
    """Give axes at the right their label and colours."""
    axes.set_facecolor(theme.background)
    _dress_axis(axes, theme, y)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))


def _dress_axis(axes: Axes, theme: Theme, y: str) -> None:
    axes.set_ylabel(y, fontsize=SMALL, labelpad=2, color=theme.text)
    axes.tick_params(labelsize=SMALL, colors=theme.text, which="both", length=2.5, pad=2)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(theme.faint_text)


def logarithmic(axis: Axis) -> None:
    """Make an axis logarithmic, with plain numbers at the powers of ten only."""
    axes = axis.axes
    (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
    plain_numbers(axis)
    axis.set_minor_locator(NullLocator())


def line(cell: Cell, colour: str, kind: str = "now", **more: Any) -> Line2D:
    """Return a line of a cell's main axes that moves, empty for now."""
    settings = {**LINES[kind], **more}
    (drawn,) = cell.main.plot([], [], color=colour, **settings)
    cell.add(drawn)
    return drawn


def fill(cell: Cell, axes: Axes, colour: str, **more: Any) -> Any:
    """Return a filled outline in steps that moves, empty for now."""
    patch = axes.stairs([0.0], [0.0, 1.0], fill=True, color=colour, linewidth=0, **more)
    cell.add(patch)
    return patch


def set_step_fill(patch: Any, heights: ArrayLike, edges: ArrayLike) -> None:
    """Give a filled outline new heights; NaN is drawn as nothing."""
    patch.set_data(np.nan_to_num(np.asarray(heights, dtype=np.float64)), edges, 0.0)


def on_log_axis(values: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """Return values that a logarithmic axis can show: what is below the floor stands on it."""
    return np.maximum(values, floor)
