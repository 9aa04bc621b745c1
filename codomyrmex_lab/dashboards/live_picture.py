"""The four rolling panels of a live screen."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from codomyrmex_lab.dashboards.canvas import BlittedCanvas, grid_of_cells
from codomyrmex_lab.dashboards.live_history import LiveHistory
from codomyrmex_lab.dashboards.panels import RollingFigure, RollingPanel
from codomyrmex_lab.plots.theme import Theme

__all__ = ["LivePicture"]

_SIZE_IN, _DPI = (7.8, 4.4), 128


class LivePicture:
    """Draws a history: latency, throughput, hit rate, queue and batch sizes.

    Parameters
    ----------
    theme : Theme
        In which colours.
    span_s : float
        Time shown, in s.
    """

    def __init__(self, theme: Theme, span_s: float) -> None:
        figure = Figure(figsize=_SIZE_IN, dpi=_DPI)
        cells = grid_of_cells(figure, 2, 2)
        self.panels = (
            RollingPanel(
                cells[0],
                theme,
                "Latency",
                "ms",
                (
                    RollingFigure("p50_ms", "p50", "blue", "-"),
                    RollingFigure("p95_ms", "p95", "orange", "--"),
                    RollingFigure("p99_ms", "p99", "vermillion", "-."),
                ),
                scale="logarithmic",
                span_s=span_s,
            ),
            RollingPanel(
                cells[1],
                theme,
                "Throughput",
                "answers per second",
                (RollingFigure("throughput_rps", "answered", "blue", "-"),),
                scale="from zero",
                span_s=span_s,
                lowest=10,
            ),
            RollingPanel(
                cells[2],
                theme,
                "Cache hit rate",
                "look-ups answered",
                (RollingFigure("cache_hit_rate", "hit rate", "green", "-"),),
                scale="share",
                span_s=span_s,
            ),
            RollingPanel(
                cells[3],
                theme,
                "Queue, batches",
                "requests",
                (
                    RollingFigure("queue_length", "waiting", "orange", "-"),
                    RollingFigure("mean_batch_size", "mean batch", "purple", "--"),
                ),
                scale="from zero",
                span_s=span_s,
                lowest=4,
            ),
        )
        self._canvas = BlittedCanvas(figure, cells, theme)

    def png(self, history: LiveHistory) -> bytes:
        """Return the picture of a history; lines break where nothing was measured."""
        gaps = history.gaps()
        ago_s = np.insert(history.ago_s(), gaps, np.nan)
        changes_ago_s = [at_s for at_s, _ in history.changes()]
        for panel in self.panels:
            columns = {name: np.insert(history.column(name), gaps, np.nan) for name in panel.lines}
            panel.show(ago_s, columns, changes_ago_s)
        return self._canvas.png()
