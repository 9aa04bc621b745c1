"""Predicted against measured, figure by figure."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from codomyrmex_lab.plots.style import (
    BLUE,
    ORANGE,
    NotebookFigure,
    label_axes,
    number_log_axis,
)
from codomyrmex_lab.simulation import FIGURES, FidelityReport

__all__ = ["plot_fidelity"]

_WORDS = {
    "p50_ms": "p50 (ms)",
    "p95_ms": "p95 (ms)",
    "p99_ms": "p99 (ms)",
    "mean_batch_size": "mean batch size",
    "throughput_rps": "throughput (requests per s)",
    "cache_hit_rate": "hit rate",
}


def plot_fidelity(
    report: FidelityReport, *, width_in: float = 9.4, height_in: float = 5.6
) -> NotebookFigure:
    """Draw each figure of each case, predicted over measured.

    On the line the two are equal. The bars reach from the smallest to the largest replay of one
    case: the machine's own noise.

    Parameters
    ----------
    report : FidelityReport
        What to show.
    width_in, height_in : float
        Size of the figure, in inches.

    Returns
    -------
    NotebookFigure
        A figure that a notebook shows as it is.
    """
    figure = NotebookFigure(width_in, height_in)
    for axes, name in zip(figure.subplots(2, 3).flat, FIGURES, strict=True):
        _draw(axes, report, name)
    figure.subplots_adjust(left=0.07, right=0.98, top=0.95, bottom=0.08, wspace=0.28, hspace=0.36)
    return figure


def _draw(axes: Axes, report: FidelityReport, name: str) -> None:
    frame = report.frame()
    rows = frame[frame["figure"] == name]
    measured, predicted = rows["measured"].to_numpy(), rows["predicted"].to_numpy()
    reach = np.abs([measured - rows["measured_low"], rows["measured_high"] - measured])
    both = np.concatenate([measured, predicted])
    ends = np.array([0.95 * both.min(), 1.05 * both.max()])  # a line even where all are equal
    if ends[0] > 0:
        for axis, scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
            scale("log")
            number_log_axis(axis)
    axes.plot(ends, ends, color=ORANGE, linestyle="--", linewidth=1.0, label="equal")
    axes.errorbar(
        measured,
        predicted,
        xerr=reach,
        color=BLUE,
        linestyle="",
        marker=".",
        markersize=5,
        elinewidth=0.8,
        label="simulated",
    )
    label_axes(
        axes,
        _WORDS[name],
        f"{len(rows)} cases",
        "measured",
        "predicted",
        legend="lower right",
    )
