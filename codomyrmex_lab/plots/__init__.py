"""Figures of traces and workloads: numbers first, then the picture; no global setting changes."""

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
from codomyrmex_lab.plots.workload import WorkloadPatterns, plot_workload, workload_patterns

__all__ = [
    "BatchSizes",
    "LatencyDistribution",
    "MarkedPercentile",
    "NotebookFigure",
    "Scope",
    "TraceOverTime",
    "WorkloadPatterns",
    "batch_sizes",
    "latency_distribution",
    "marked_percentile",
    "plot_batch_sizes",
    "plot_hit_rate",
    "plot_latency_distribution",
    "plot_latency_over_time",
    "plot_overview",
    "plot_workload",
    "scope_of",
    "trace_over_time",
    "workload_patterns",
]
