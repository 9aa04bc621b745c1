"""Figures of traces: numbers first, then the picture; no global setting is touched."""

from codomyrmex_lab.plots.batch_sizes import BatchSizes, batch_sizes, plot_batch_sizes
from codomyrmex_lab.plots.latency_distribution import (
    LatencyDistribution,
    MarkedPercentile,
    latency_distribution,
    marked_percentile,
    plot_latency_distribution,
)
from codomyrmex_lab.plots.over_time import (
    TraceOverTime,
    plot_hit_rate,
    plot_latency_over_time,
    trace_over_time,
)
from codomyrmex_lab.plots.overview import plot_overview
from codomyrmex_lab.plots.scope import Scope, scope_of
from codomyrmex_lab.plots.style import NotebookFigure

__all__ = [
    "BatchSizes",
    "LatencyDistribution",
    "MarkedPercentile",
    "NotebookFigure",
    "Scope",
    "TraceOverTime",
    "batch_sizes",
    "latency_distribution",
    "marked_percentile",
    "plot_batch_sizes",
    "plot_hit_rate",
    "plot_latency_distribution",
    "plot_latency_over_time",
    "plot_overview",
    "scope_of",
    "trace_over_time",
]
