"""How figures look: colours, line styles and the canvas, without touching global settings."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from codomyrmex_lab.optimization.models import CloseReason

__all__ = [
    "BLUE",
    "EARLIER",
    "FLOOR_MS",
    "GREEN",
    "LINE",
    "ORANGE",
    "REASON_STYLES",
    "VERMILLION",
    "NotebookFigure",
    "axes_or_new",
    "label_axes",
    "number_log_axis",
    "plain_numbers",
    "say_empty",
]

# Okabe and Ito's palette, which readers with any kind of colour vision can tell apart.
BLACK, ORANGE, SKY_BLUE, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"

LINE: dict[str, Any] = {"linewidth": 1.6}
EARLIER: dict[str, Any] = {"color": "#555555", "linewidth": 0.9, "alpha": 0.4, "zorder": 1.5}

REASON_STYLES: dict[CloseReason, tuple[str, str]] = {
    CloseReason.FULL: (BLUE, ""),
    CloseReason.TIMEOUT: (ORANGE, "////"),
    CloseReason.TARGET: (GREEN, "...."),
    CloseReason.FLUSH: (PURPLE, "\\\\\\\\"),
    CloseReason.STOP: (VERMILLION, "xxxx"),
    CloseReason.DIRECT: (SKY_BLUE, "----"),
}
"""Colour and hatch of each reason for which a batch left."""

FLOOR_MS = 1e-3
"""Where a latency of zero is drawn: a logarithmic axis has no zero."""

_SMALL, _NORMAL = 7.5, 8.5


class NotebookFigure(Figure):
    """A figure on its own Agg canvas, which a notebook shows without ``pyplot``."""

    def __init__(self, width_in: float, height_in: float, dpi: float = 120) -> None:
        super().__init__(figsize=(width_in, height_in), dpi=dpi, facecolor="white")
        FigureCanvasAgg(self)

    def png(self) -> bytes:
        """Return the picture as PNG."""
        buffer = BytesIO()
        self.savefig(buffer, format="png", pil_kwargs={"compress_level": 1})
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png()


def axes_or_new(ax: Axes | None) -> Axes:
    """Return the given axes, or those of a new figure of their own."""
    if ax is not None:
        return ax
    figure = NotebookFigure(5.6, 3.4)
    axes = figure.add_subplot()
    figure.subplots_adjust(left=0.12, right=0.9, top=0.92, bottom=0.15)
    return axes


def label_axes(
    axes: Axes,
    title: str,
    scope: str,
    x: str,
    y: str,
    *,
    legend: Literal["upper right", "lower right"],
) -> None:
    """Say what the axes show: the title at the left, what it rests on at the right."""
    # A given y spares matplotlib a search for free room, a quarter of the drawing time.
    axes.set_title(title, loc="left", fontsize=_NORMAL, fontweight="bold", y=1.0, pad=4)
    axes.set_title(scope, loc="right", fontsize=_SMALL, color="#444444", y=1.0, pad=4)
    axes.set_xlabel(x, fontsize=_SMALL, labelpad=2)
    axes.set_ylabel(y, fontsize=_SMALL, labelpad=2)
    axes.tick_params(labelsize=_SMALL)
    axes.grid(visible=True, color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(
            fontsize=_SMALL, framealpha=0.8, loc=legend, ncols=1 if legend == "lower right" else 2
        )


def plain_numbers(axis: Axis) -> None:
    """Label a logarithmic axis 0.1, 1, 10 in place of powers."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def number_log_axis(axis: Axis, base: float = 10) -> None:
    """Label a logarithmic axis with plain numbers, two at least, however little it spans."""
    axis.set_major_locator(_TwoOrMore(base))
    axis.set_minor_formatter(NullFormatter())
    plain_numbers(axis)


class _TwoOrMore(LogLocator):
    """Powers of the base; where fewer than two of them are in view, finer and finer steps."""

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return places of numbers, of which some may lie outside of what is in view."""
        low, high = sorted((vmin, vmax))
        ticks = np.asarray(super().tick_values(low, high))
        for finer in (LogLocator(subs=(1.0, 2.0, 5.0)), MaxNLocator(nbins=4)):
            if np.count_nonzero((low <= ticks) & (ticks <= high)) >= 2:
                break
            ticks = np.asarray(finer.tick_values(low, high))
        return ticks


def say_empty(axes: Axes, words: str) -> None:
    """Write in the middle of the axes why nothing is drawn there."""
    axes.text(
        0.5,
        0.5,
        words,
        transform=axes.transAxes,
        ha="center",
        va="center",
        fontsize=_NORMAL,
        color="#444444",
    )
