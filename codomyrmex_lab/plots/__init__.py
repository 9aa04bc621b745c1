"""Figures of traces and workloads: numbers first, then the picture; no global setting changes."""

from codomyrmex_lab.plots.batch_sizes import BatchSizes, batch_sizes, plot_batch_sizes
from codomyrmex_lab.plots.fidelity import plot_fidelity
from codomyrmex_lab.plots.latency_distribution import (
    LatencyDistribution,
    MarkedPercentile,
    latency_distribution,
    marked_percentile,
    plot_latency_distribution,
)
from codomyrmex_lab.plots.miss_ratio import plot_miss_ratio_curve
from codomyrmex_lab.plots.over_time import (
    TraceOverTime,
    plot_hit_rate,
    plot_latency_over_time,
    trace_over_time,
)
from codomyrmex_lab.plots.overview import plot_overview
from codomyrmex_lab.plots.quality import QualityPoint, plot_quality, quality_points
from codomyrmex_lab.plots.scope import Scope, scope_of
from codomyrmex_lab.plots.service_profile import plot_service_profile
from codomyrmex_lab.plots.style import NotebookFigure
from codomyrmex_lab.plots.workload import WorkloadPatterns, plot_workload, workload_patterns

__all__ = [
    "BatchSizes",
    "LatencyDistribution",
    "MarkedPercentile",
    "NotebookFigure",
    "QualityPoint",
    "Scope",
    "TraceOverTime",
    "WorkloadPatterns",
    "batch_sizes",
    "latency_distribution",
    "marked_percentile",
    "plot_batch_sizes",
    "plot_fidelity",
    "plot_hit_rate",
    "plot_latency_distribution",
    "plot_latency_over_time",
    "plot_miss_ratio_curve",
    "plot_overview",
    "plot_quality",
    "plot_service_profile",
    "plot_workload",
    "quality_points",
    "scope_of",
    "trace_over_time",
    "workload_patterns",
]
