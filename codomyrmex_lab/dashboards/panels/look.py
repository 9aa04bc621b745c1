"""What the panels have in common: how axes, lines and legends look in a theme."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator
from matplotlib.transforms import Transform, offset_copy
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.dashboards.canvas import LEFT_IN, RIGHT_IN, Cell
from codomyrmex_lab.plots.style import plain_numbers
from codomyrmex_lab.plots.theme import Theme

__all__ = [
    "LINES",
    "NORMAL",
    "SMALL",
    "X_LABEL_IN",
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
X_LABEL_IN, _Y_LABEL_IN = 0.18, 0.15
"""From the axes down to a label, and from the edge of the cell to its inner side."""

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
    axes.set_xlabel(x, fontsize=SMALL, color=theme.text)
    axes.xaxis.set_label_coords(0.5, 0, transform=_beside(axes, y_in=-X_LABEL_IN))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    _dress_axis(axes, theme, y, _Y_LABEL_IN - LEFT_IN)
    axes.grid(visible=True, color=theme.grid, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(0)


def dress_right(axes: Axes, theme: Theme, y: str) -> None:
    """Give axes at the right their label and colours."""
    axes.set_facecolor(theme.background)
    _dress_axis(axes, theme, y, RIGHT_IN - _Y_LABEL_IN)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))


def _dress_axis(axes: Axes, theme: Theme, y: str, y_label_in: float) -> None:
    axes.set_ylabel(y, fontsize=SMALL, color=theme.text)
    side = 0.0 if y_label_in < 0 else 1.0
    axes.yaxis.set_label_coords(side, 0.5, transform=_beside(axes, x_in=y_label_in))
    axes.tick_params(labelsize=SMALL, colors=theme.text, which="both", length=2.5, pad=2)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(theme.faint_text)


def _beside(axes: Axes, x_in: float = 0.0, y_in: float = 0.0) -> Transform:
    """Return the coordinates of axes, some inches away.

    To place a label by itself, matplotlib measures all numbers on the axis whenever it draws it.
    """
    return offset_copy(axes.transAxes, axes.get_figure(root=True), x=x_in, y=y_in)


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
