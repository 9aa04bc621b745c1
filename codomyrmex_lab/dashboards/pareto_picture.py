"""Every config that a search looked at, and the best trade-offs among them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from codomyrmex_lab.dashboards.canvas import BlittedCanvas, grid_of_cells
from codomyrmex_lab.dashboards.panels.legend import Legend
from codomyrmex_lab.dashboards.panels.look import dress, line, logarithmic
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.plots.theme import Theme

__all__ = ["ParetoPicture"]

_SIZE_IN, _DPI = (7.8, 3.5), 128
_MARKERS = {"fp32": "o", "fp16": "^", "int8": "s", "int4": "D"}


class ParetoPicture:
    """Draws trials by two figures; picking one moves a ring only.

    Parameters
    ----------
    theme : Theme
        In which colours.
    trials : pandas.DataFrame
        One row per config, with the column ``quantization`` and the two figures.
    front : pandas.DataFrame
        The best trade-offs among them.
    x, y : (str, str)
        Column and words of each axis.
    limit : float or None
        What ``x`` must not exceed, drawn as a line.
    """

    def __init__(
        self,
        theme: Theme,
        trials: pd.DataFrame,
        front: pd.DataFrame,
        x: tuple[str, str],
        y: tuple[str, str],
        limit: float | None,
    ) -> None:
        figure = Figure(figsize=_SIZE_IN, dpi=_DPI)
        (cell,) = grid_of_cells(figure, 1, 1)
        self._x, self._y, self._front = x[0], y[0], front
        dress(cell, theme, "Trade-offs, simulated", x[1], y[1])
        axes = cell.main
        self.axes = axes
        """Where the trials are drawn."""
        logarithmic(axes.xaxis)
        entries: list[tuple[Line2D, str]] = []
        colours = (theme.blue, theme.sky_blue, theme.vermillion, theme.purple)
        names = trials["quantization"].map(_name)
        for (name, marker), colour in zip(_MARKERS.items(), colours, strict=True):
            rows = trials[names == name]
            if len(rows):
                (drawn,) = axes.plot(
                    rows[self._x],
                    rows[self._y],
                    linestyle="none",
                    marker=marker,
                    markersize=3.5,
                    alpha=0.45,
                    markeredgewidth=0,
                    color=colour,
                )
                entries.append((drawn, QuantizationType(name).name))
        (best,) = axes.plot(
            front[self._x],
            front[self._y],
            color=theme.green,
            linewidth=1.6,
            marker=".",
            markersize=7,
            drawstyle="steps-post",
        )
        entries.append((best, "best trade-offs"))
        if limit is not None:
            slo = axes.axvline(limit, color=theme.vermillion, linestyle="--", linewidth=1.3)
            entries.append((slo, f"limit {limit:g}"))
        axes.margins(0.04)
        self._ring = line(cell, theme.text, linestyle="none", marker="o", markersize=12)
        self._ring.set_markerfacecolor("none")
        self._ring.set_markeredgewidth(1.8)
        Legend(cell, theme).show(entries)
        self._canvas = BlittedCanvas(figure, [cell], theme)

    def png(self, chosen: int) -> bytes:
        """Return the picture with a ring round a point of the front; round none if negative."""
        if chosen < 0:
            self._ring.set_data([], [])
        else:
            point = self._front.iloc[chosen]
            self._ring.set_data([point[self._x]], [point[self._y]])
        return self._canvas.png()

    def nearest(self, x: float, y: float) -> int:
        """Return the point of the front nearest to a place, in parts of the picture from below."""
        width, height = self.axes.figure.bbox.size
        places: NDArray[np.float64] = self.axes.transData.transform(
            self._front[[self._x, self._y]].to_numpy(dtype=np.float64)
        )
        distance = np.hypot(places[:, 0] - x * width, places[:, 1] - y * height)
        return int(np.nanargmin(distance))


def _name(value: object) -> str:
    return value.value if isinstance(value, QuantizationType) else str(value).lower()
