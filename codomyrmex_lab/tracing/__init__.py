"""Records of what an engine, or a simulation of it, did: every request in pandas frames."""

from codomyrmex_lab.tracing.breakdown import breakdown, slowest
from codomyrmex_lab.tracing.columns import BatchColumns, RequestColumns
from codomyrmex_lab.tracing.comparison import Difference, TraceComparison, compare
from codomyrmex_lab.tracing.csv import write_csv
from codomyrmex_lab.tracing.dependence import Estimate, bootstrap_mean, dependent_percentiles
from codomyrmex_lab.tracing.early_stopping import (
    EarlyStopping,
    early_stopping,
    early_stopping_estimate,
    early_stopping_samples,
    required_samples,
)
from codomyrmex_lab.tracing.littles_law import LittlesLaw, littles_law
from codomyrmex_lab.tracing.live import WindowFigures
from codomyrmex_lab.tracing.percentiles import Percentile, percentiles
from codomyrmex_lab.tracing.perfetto import write_perfetto
from codomyrmex_lab.tracing.recorder import TraceRecorder
from codomyrmex_lab.tracing.spans import emit_spans
from codomyrmex_lab.tracing.summary import TraceSummary
from codomyrmex_lab.tracing.trace import Trace

__all__ = [
    "BatchColumns",
    "Difference",
    "EarlyStopping",
    "Estimate",
    "LittlesLaw",
    "Percentile",
    "RequestColumns",
    "Trace",
    "TraceComparison",
    "TraceRecorder",
    "TraceSummary",
    "WindowFigures",
    "bootstrap_mean",
    "breakdown",
    "compare",
    "dependent_percentiles",
    "early_stopping",
    "early_stopping_estimate",
    "early_stopping_samples",
    "emit_spans",
    "littles_law",
    "percentiles",
    "required_samples",
    "slowest",
    "write_csv",
    "write_perfetto",
]
