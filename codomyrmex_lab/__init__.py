"""Find the serving settings for a model and its traffic.

Every public name is available here and is imported when it is first used, so that
``import codomyrmex_lab`` itself stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codomyrmex_lab.dashboards import TuningDashboard
    from codomyrmex_lab.errors import LabError
    from codomyrmex_lab.export import export, load_config
    from codomyrmex_lab.optimization import (
        BatchingStrategy,
        InferenceCache,
        InferenceOptimizer,
        InferenceRequest,
        InferenceResult,
        InferenceStats,
        OptimizationConfig,
        QuantizationType,
        QueueFullAction,
        RequestBatcher,
        batched,
    )
    from codomyrmex_lab.runtimes import OnnxModel
    from codomyrmex_lab.tracing import Trace, TraceRecorder
    from codomyrmex_lab.workloads import Workload, Zipf, replay

__version__ = "0.1.0"

_HOME = {
    "BatchingStrategy": "optimization",
    "InferenceCache": "optimization",
    "InferenceOptimizer": "optimization",
    "InferenceRequest": "optimization",
    "InferenceResult": "optimization",
    "InferenceStats": "optimization",
    "LabError": "errors",
    "OnnxModel": "runtimes",
    "OptimizationConfig": "optimization",
    "QuantizationType": "optimization",
    "QueueFullAction": "optimization",
    "RequestBatcher": "optimization",
    "Trace": "tracing",
    "TraceRecorder": "tracing",
    "TuningDashboard": "dashboards",
    "Workload": "workloads",
    "Zipf": "workloads",
    "batched": "optimization",
    "export": "export",
    "load_config": "export",
    "replay": "workloads",
}

__all__ = [
    "BatchingStrategy",
    "InferenceCache",
    "InferenceOptimizer",
    "InferenceRequest",
    "InferenceResult",
    "InferenceStats",
    "LabError",
    "OnnxModel",
    "OptimizationConfig",
    "QuantizationType",
    "QueueFullAction",
    "RequestBatcher",
    "Trace",
    "TraceRecorder",
    "TuningDashboard",
    "Workload",
    "Zipf",
    "batched",
    "export",
    "load_config",
    "replay",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(f"{__name__}.{_HOME[name]}")
    # The package `export` is a call as well: its import has just bound it here, and it stays.
    return globals().setdefault(name, getattr(home, name))


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
