"""Checks of what a screen is given, before anything of it exists."""

from __future__ import annotations

from codomyrmex_lab.errors import SettingError, TraceError, WorkloadError
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer
from codomyrmex_lab.tracing import Trace
from codomyrmex_lab.workloads import Workload

__all__ = ["check_engine", "check_trace", "check_workload"]


def check_engine(engine: object) -> None:
    """Raise ``SettingError`` unless this is an engine."""
    if not isinstance(engine, InferenceOptimizer):
        raise SettingError(
            f"The engine is {_kind(engine)}; expected an InferenceOptimizer, as from "
            "InferenceOptimizer(model, config)."
        )


def check_workload(workload: object) -> None:
    """Raise ``WorkloadError`` unless this is a workload."""
    if not isinstance(workload, Workload):
        raise WorkloadError(
            f"The workload is {_kind(workload)}; expected a Workload, as from "
            "Workload.from_csv(...) or Workload.poisson(...)."
        )


def check_trace(trace: object) -> None:
    """Raise ``TraceError`` unless this is a trace with requests."""
    if not isinstance(trace, Trace):
        raise TraceError(
            f"The trace is {_kind(trace)}; expected a Trace, as from replay(...) or simulate(...)."
        )
    if len(trace) == 0:
        raise TraceError("The trace holds nothing to explore; expected one with requests.")


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
