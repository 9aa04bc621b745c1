"""The four figures of a trace in one."""

from __future__ import annotations

from collections.abc import Sequence

from codomyrmex_lab.plots.batch_sizes import plot_batch_sizes
from codomyrmex_lab.plots.latency_distribution import plot_latency_distribution
from codomyrmex_lab.plots.over_time import plot_hit_rate, plot_latency_over_time
from codomyrmex_lab.plots.style import NotebookFigure
from codomyrmex_lab.tracing import Trace

__all__ = ["plot_overview"]


def plot_overview(
    trace: Trace,
    *,
    earlier: Sequence[Trace] = (),
    width_in: float = 9.4,
    height_in: float = 5.6,
) -> NotebookFigure:
    """Draw latency distribution, latency over time, hit rate and batch sizes.

    Parameters
    ----------
    trace : Trace
        Run to show.
    earlier : sequence of Trace
        Runs to compare with, drawn faintly.
    width_in, height_in : float
        Size of the figure, in inches.

    Returns
    -------
    NotebookFigure
        A figure that a notebook shows as it is.
    """
    figure = NotebookFigure(width_in, height_in)
    grid = figure.subplots(2, 2)
    plot_latency_distribution(trace, grid[0, 0], earlier=earlier)
    plot_latency_over_time(trace, grid[0, 1], earlier=earlier)
    plot_hit_rate(trace, grid[1, 0], earlier=earlier)
    plot_batch_sizes(trace, grid[1, 1], earlier=earlier)
    figure.subplots_adjust(left=0.065, right=0.95, top=0.95, bottom=0.075, wspace=0.19, hspace=0.34)
    return figure
