"""The hit rate of every cache size, and where the chosen one stands."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from codomyrmex_lab.dashboards.canvas import Cell
from codomyrmex_lab.dashboards.panels.legend import Legend
from codomyrmex_lab.dashboards.panels.limits import Decades
from codomyrmex_lab.dashboards.panels.look import dress, line, logarithmic
from codomyrmex_lab.plots.theme import Theme

__all__ = ["HitRatePanel"]

_FAR = 1e9


class HitRatePanel:
    """Draws the hit-rate curve of a workload, with marks where a config stands on it.

    Parameters
    ----------
    cell : Cell
        Where.
    theme : Theme
        In which colours.
    """

    def __init__(self, cell: Cell, theme: Theme) -> None:
        self._cell, self._sizes = cell, Decades(1.0)
        dress(cell, theme, "Hit rate", "cache size (results)", "look-ups answered")
        logarithmic(cell.main.xaxis)
        cell.main.set_ylim(-0.02, 1.02)
        cell.main.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        self._curve_end = 10.0
        self.curve = line(cell, theme.green)
        self.replayed = line(cell, theme.blue, linestyle="none", marker="o", markersize=7)
        self.replayed.set_markerfacecolor("none")
        self.chosen = line(cell, theme.blue, linestyle="none", marker="o", markersize=7)
        self.measured = line(cell, theme.vermillion, linestyle="none", marker="x", markersize=8)
        self.measured.set_markeredgewidth(2)
        self.chosen.set_markeredgecolor(theme.text)
        self._legend = Legend(cell, theme)

    def set_curve(self, size: NDArray[np.int64], hit_rate: NDArray[np.float64]) -> None:
        """Draw the curve of a workload.

        Parameters
        ----------
        size : int64, shape (n_points,)
            Cache sizes, ascending, at least 1.
        hit_rate : float64, shape (n_points,)
            Look-ups answered, 0 to 1.
        """
        # a cache that is larger than there are different inputs answers no more
        self.curve.set_data(np.append(size, _FAR), np.append(hit_rate, hit_rate[-1:]))
        if len(size):
            self._curve_end = float(size[-1])
            self._cell.limit(self._cell.main, x=self._sizes.around(1.0, self._curve_end))

    def show(
        self,
        size: int | None,
        hit_rate: float,
        replayed: tuple[float, float] | None = None,
    ) -> None:
        """Mark the hit rate of a cache size; None says that the cache is off.

        Parameters
        ----------
        size : int or None
            Chosen cache size.
        hit_rate : float
            Simulated with it, of the whole workload, 0 to 1.
        replayed : (float, float) or None
            Simulated and measured, of the requests that were replayed on the real engine.
        """
        heights: tuple[float | None, ...] = (None, None, None)
        if size is not None:
            self._cell.limit(
                self._cell.main, x=self._sizes.around(1.0, max(1.2 * size, self._curve_end))
            )
            heights = (hit_rate, *(replayed or (None, None)))
        names = ("now", "replayed", "measured")
        marks = list(zip((self.chosen, self.replayed, self.measured), heights, names, strict=True))
        for mark, height, _ in marks:
            if size is None or height is None:
                mark.set_data([], [])
            else:
                mark.set_data([size], [height])
        self._legend.show([(mark, name) for mark, height, name in marks if height is not None])
