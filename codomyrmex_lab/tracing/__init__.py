"""Records of what an engine, or a simulation of it, did: every request in pandas frames."""

from codomyrmex_lab.tracing.columns import BatchColumns, RequestColumns
from codomyrmex_lab.tracing.percentiles import Percentile, percentiles
from codomyrmex_lab.tracing.recorder import TraceRecorder
from codomyrmex_lab.tracing.summary import TraceSummary
from codomyrmex_lab.tracing.trace import Trace

__all__ = [
    "BatchColumns",
    "Percentile",
    "RequestColumns",
    "Trace",
    "TraceRecorder",
    "TraceSummary",
    "percentiles",
]
