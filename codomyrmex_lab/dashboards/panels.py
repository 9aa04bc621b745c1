"""The figures of a screen: one picture each, side by side where there is room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import ipywidgets as widgets
from matplotlib.axes import Axes

from codomyrmex_lab.plots import (
    NotebookFigure,
    plot_batch_sizes,
    plot_hit_rate,
    plot_latency_distribution,
    plot_latency_over_time,
)
from codomyrmex_lab.tracing import Trace

__all__ = ["FigurePanels"]

_SIZE_IN = (4.3, 2.75)
_DPI = 180  # sharp at twice the width of a narrow column
_TWO_COLUMNS = "repeat(auto-fit, minmax(min(100%, max(350px, 40%)), 1fr))"


class PlotFunction(Protocol):
    """Draws one figure of a trace."""

    def __call__(self, trace: Trace, ax: Axes | None = None, *, earlier: Sequence[Trace]) -> Axes:
        """Draw on the axes."""
        ...


_PLOTS: dict[str, PlotFunction] = {
    "latency_distribution": plot_latency_distribution,
    "latency_over_time": plot_latency_over_time,
    "hit_rate": plot_hit_rate,
    "batch_sizes": plot_batch_sizes,
}


class FigurePanels(widgets.GridBox):  # type: ignore[misc]
    """The figures of a trace in two columns, or in one where the screen is narrow.

    ``images`` holds one picture widget per figure, by name.
    """

    def __init__(self) -> None:
        self.images = {
            name: widgets.Image(
                format="png", layout={"width": "100%", "height": "auto", "margin": "0"}
            )
            for name in _PLOTS
        }
        super().__init__(
            children=list(self.images.values()),
            layout={
                "grid_template_columns": _TWO_COLUMNS,
                "grid_gap": "4px",
                "align_items": "flex-start",
                "width": "100%",
                "margin": "0",
                "max_width": "1120px",  # all four at once on a screen of 1080 lines
            },
        )

    def show(self, trace: Trace, earlier: Sequence[Trace] = ()) -> None:
        """Draw a trace, and earlier ones faintly behind it."""
        pictures = {name: _picture(plot, trace, earlier) for name, plot in _PLOTS.items()}
        for name, picture in pictures.items():
            self.images[name].value = picture


def _picture(plot: PlotFunction, trace: Trace, earlier: Sequence[Trace]) -> bytes:
    figure = NotebookFigure(*_SIZE_IN, dpi=_DPI)
    axes = figure.add_subplot()
    plot(trace, axes, earlier=earlier)
    has_right_axis = len(figure.axes) > 1
    figure.subplots_adjust(left=0.13, right=0.87 if has_right_axis else 0.97, top=0.91, bottom=0.15)
    return figure.png()
