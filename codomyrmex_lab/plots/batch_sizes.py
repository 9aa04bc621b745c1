"""How large the batches were, and why they left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from codomyrmex_lab.optimization.models import CloseReason
from codomyrmex_lab.plots.scope import Scope, scope_of
from codomyrmex_lab.plots.style import (
    EARLIER,
    REASON_STYLES,
    axes_or_new,
    label_axes,
    say_empty,
)
from codomyrmex_lab.tracing import Trace

__all__ = ["BatchSizes", "batch_sizes", "plot_batch_sizes"]

_MOST_BARS = 40


@dataclass(frozen=True, slots=True)
class BatchSizes:
    """Histogram of batch sizes by the reason for which the batches left.

    Parameters
    ----------
    edges : float64, shape (n_bars + 1,)
        Limits of the bars, in requests, half-way between whole sizes.
    counts : dict of CloseReason to int64, shape (n_bars,)
        Batches per bar; only reasons that occurred.
    scope : Scope
        What it rests on.
    """

    edges: NDArray[np.float64]
    counts: dict[CloseReason, NDArray[np.int64]]
    scope: Scope

    @property
    def total(self) -> NDArray[np.int64]:
        """Batches per bar, for any reason."""
        return sum(self.counts.values(), np.zeros(len(self.edges) - 1, dtype=np.int64))


def batch_sizes(trace: Trace, largest: int | None = None) -> BatchSizes:
    """Return the histogram of a trace's batch sizes.

    Parameters
    ----------
    trace : Trace
        Run to describe.
    largest : int or None
        Size that the bars reach at least; the trace's own largest if None.

    Returns
    -------
    BatchSizes
        With bars of one size each, or of several where there are many.
    """
    size = trace.batches["size"].to_numpy(dtype=np.int64)
    reason = trace.batches["reason"].astype(str).to_numpy()
    top = max(int(size.max()) if len(size) else 1, largest or 1)
    width = -(-top // _MOST_BARS)
    edges = np.arange(0.5, top + width + 0.5, width)
    counts: dict[CloseReason, NDArray[np.int64]] = {}
    for close_reason in CloseReason:
        sizes = size[reason == close_reason.value]
        if len(sizes):
            counts[close_reason] = np.histogram(sizes, edges)[0].astype(np.int64)
    return BatchSizes(edges, counts, scope_of(trace))


def plot_batch_sizes(
    trace: Trace, ax: Axes | None = None, *, earlier: Sequence[Trace] = ()
) -> Axes:
    """Draw how many batches had which size, stacked by the reason for which they left.

    Parameters
    ----------
    trace : Trace
        Run to show.
    ax : matplotlib.axes.Axes or None
        Where to draw; a new figure if None.
    earlier : sequence of Trace
        Runs whose totals are drawn as faint outlines.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    axes = axes_or_new(ax)
    sizes = [int(run.batches["size"].max()) for run in (trace, *earlier) if len(run.batches)]
    largest = max(sizes, default=1)
    for run in earlier:
        other = batch_sizes(run, largest)
        axes.stairs(other.total, other.edges, **EARLIER)
    shown = batch_sizes(trace, largest)
    bottom = np.zeros(len(shown.edges) - 1, dtype=np.int64)
    for reason, count in shown.counts.items():
        colour, hatch = REASON_STYLES[reason]
        axes.bar(
            shown.edges[:-1],
            count,
            width=np.diff(shown.edges),
            align="edge",
            bottom=bottom,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0.4,
            label=f"{reason.value} ({count.sum():,})",
        )
        bottom = bottom + count
    if not shown.counts:
        say_empty(axes, "no batch ran")
    axes.margins(y=0.25)  # the legend stands above the bars
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    label_axes(
        axes,
        "Batch sizes",
        shown.scope.of_batches(),
        "requests per batch",
        "batches",
        legend="upper right",
    )
    return axes
