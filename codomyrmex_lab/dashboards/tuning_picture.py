"""The four panels of the tuning screen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from codomyrmex_lab.dashboards.canvas import BlittedCanvas, grid_of_cells, header_cell
from codomyrmex_lab.dashboards.findings import Findings
from codomyrmex_lab.dashboards.panels import (
    BatchSizesPanel,
    DistributionPanel,
    HitRatePanel,
    OverTimePanel,
)
from codomyrmex_lab.dashboards.panels.legend import Legend
from codomyrmex_lab.plots.theme import Theme

__all__ = ["TuningPicture"]

_SIZE_IN, _DPI, _KEY_IN = (7.8, 4.6), 128, 0.2


class TuningPicture:
    """Draws findings: latency distribution, latency over time, hit rate and batch sizes.

    Parameters
    ----------
    theme : Theme
        In which colours.
    curve : tuple of int64 and float64 arrays of one shape, or None
        Cache sizes and the share of look-ups that each would answer.
    """

    def __init__(
        self,
        theme: Theme,
        curve: tuple[NDArray[np.int64], NDArray[np.float64]] | None = None,
    ) -> None:
        figure = Figure(figsize=_SIZE_IN, dpi=_DPI)
        cells = grid_of_cells(figure, 2, 2, header_in=_KEY_IN)
        key = header_cell(figure, _KEY_IN)
        self._key = Legend(key, theme)
        self.distribution = DistributionPanel(cells[0], theme)
        self.over_time = OverTimePanel(cells[1], theme)
        self.hit_rate = HitRatePanel(cells[2], theme)
        self.batch_sizes = BatchSizesPanel(cells[3], theme)
        if curve is not None:
            self.hit_rate.set_curve(*curve)
        self._canvas = BlittedCanvas(figure, [key, *cells], theme)

    def png(self, shown: Mapping[str, Findings], chosen: Findings | None = None) -> bytes:
        """Return the picture of findings.

        Parameters
        ----------
        shown : mapping of str to Findings
            By ``now``, ``measured`` and ``pinned``; what is left out is not drawn.
        chosen : Findings or None
            Of the whole workload, for its hit-rate curve.
        """
        self.distribution.show({kind: one.distribution for kind, one in shown.items()})
        self.over_time.show({kind: one.over_time for kind, one in shown.items()})
        self.batch_sizes.show({kind: one.batch_sizes for kind, one in shown.items()})
        lines = self.distribution.lines
        self._key.show([(lines[kind], _name(kind, one)) for kind, one in shown.items()])
        if chosen is not None:
            self.hit_rate.show(
                chosen.config.cache_max_size if chosen.config.enable_caching else None,
                chosen.summary.cache_hit_rate,
                (shown["now"].summary.cache_hit_rate, shown["measured"].summary.cache_hit_rate)
                if "measured" in shown
                else None,
            )
        return self._canvas.png()


def _name(kind: str, findings: Findings) -> str:
    words = findings.distribution.scope.of_requests()
    return f"pinned ({words})" if kind == "pinned" else words
