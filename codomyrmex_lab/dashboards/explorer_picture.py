"""The four panels of the trace explorer."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from codomyrmex_lab.dashboards.canvas import BlittedCanvas, grid_of_cells, header_cell
from codomyrmex_lab.dashboards.panels import (
    BatchSizesPanel,
    DistributionPanel,
    GanttPanel,
    OverTimePanel,
)
from codomyrmex_lab.dashboards.panels.legend import Legend
from codomyrmex_lab.plots.batch_sizes import batch_sizes
from codomyrmex_lab.plots.latency_distribution import latency_distribution
from codomyrmex_lab.plots.over_time import trace_over_time
from codomyrmex_lab.plots.theme import Theme
from codomyrmex_lab.tracing import Trace

__all__ = ["N_SLOWEST", "ExplorerPicture"]

_SIZE_IN, _DPI, _KEY_IN = (7.8, 4.6), 128, 0.2
N_SLOWEST = 10
"""Requests that the picture has room for."""


class ExplorerPicture:
    """Draws what is selected of a trace, beside the whole of it or another trace.

    Parameters
    ----------
    theme : Theme
        In which colours.
    trace : Trace
        The whole of it.
    other : Trace or None
        Another one to compare with.
    """

    def __init__(self, theme: Theme, trace: Trace, other: Trace | None) -> None:
        figure = Figure(figsize=_SIZE_IN, dpi=_DPI)
        cells = grid_of_cells(figure, 2, 2, header_in=_KEY_IN)
        key = header_cell(figure, _KEY_IN)
        self.over_time = OverTimePanel(cells[0], theme)
        self.distribution = DistributionPanel(cells[1], theme)
        self.gantt = GanttPanel(cells[2], theme, N_SLOWEST)
        self.batch_sizes = BatchSizesPanel(cells[3], theme)
        self._time_axes = cells[0].main
        self._span = Rectangle(
            (0, 0),
            0,
            1,
            facecolor=theme.sky_blue,
            edgecolor=theme.blue,
            alpha=0.25,
            linewidth=1.0,
            transform=self._time_axes.get_xaxis_transform(),
        )
        self._time_axes.add_artist(self._span)
        cells[0].add(self._span)
        self._whole = trace_over_time(trace)
        background = {"pinned": trace} if other is None else {"measured": other}
        self._kind, reference = next(iter(background.items()))
        self._distribution = latency_distribution(reference)
        self._batch_sizes = batch_sizes(reference)
        lines = self.distribution.lines
        named = "the whole trace" if other is None else f"the other: {_words(reference)}"
        self._key = Legend(key, theme)
        self._entries = [(lines["now"], "selected"), (lines[self._kind], named)]
        self._canvas = BlittedCanvas(figure, [key, *cells], theme)

    def png(
        self, selected: Trace, span_s: tuple[float, float] | None, slowest: pd.DataFrame
    ) -> bytes:
        """Return the picture of a selection, within a span of time or within all of it."""
        now = latency_distribution(selected)
        self.over_time.show({"now": self._whole})
        self._span.set_visible(span_s is not None)
        if span_s is not None:
            self._span.set_bounds(span_s[0], 0, span_s[1] - span_s[0], 1)
        self.distribution.show({"now": now, self._kind: self._distribution})
        self.batch_sizes.show({"now": batch_sizes(selected), self._kind: self._batch_sizes})
        self.gantt.show(slowest)
        (line, _), other = self._entries
        self._key.show([(line, f"selected: {_words(selected)}"), other])
        return self._canvas.png()

    @property
    def time_panel(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the panel over time, in parts of the picture."""
        box = self._time_axes.get_position()
        return box.x0, 1 - box.y1, box.x1, 1 - box.y0

    def time_s(self, x: float, y: float) -> float | None:
        """Return the time under a place of the picture, in parts of it; None off that panel."""
        width, height = self._time_axes.figure.bbox.size
        pixel = (x * width, y * height)
        box = self._time_axes.get_window_extent()
        if not (box.x0 - 8 <= pixel[0] <= box.x1 + 8 and box.y0 <= pixel[1] <= box.y1):
            return None
        return float(np.asarray(self._time_axes.transData.inverted().transform(pixel))[0])


def _words(trace: Trace) -> str:
    kind = "simulated" if trace.metadata.get("simulated") else "measured"
    return f"{kind}, n = {len(trace):,}"
