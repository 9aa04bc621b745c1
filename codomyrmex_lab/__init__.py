"""Find the serving settings for a model and its traffic.

Every public name is available here and is imported when it is first used, so that
``import codomyrmex_lab`` itself stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codomyrmex_lab.dashboards import (
        TuningDashboard,
    )
    from codomyrmex_lab.errors import (
        LabError,
    )
    from codomyrmex_lab.export import (
        export,
        load_config,
    )
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
    from codomyrmex_lab.plots import (
        plot_workload,
    )
    from codomyrmex_lab.runtimes import (
        OnnxModel,
    )
    from codomyrmex_lab.tracing import (
        Trace,
        TraceRecorder,
        breakdown,
        compare,
        littles_law,
        slowest,
        write_csv,
        write_perfetto,
    )
    from codomyrmex_lab.workloads import (
        Confidence,
        Constant,
        Diurnal,
        Gamma,
        MarkovModulatedPoisson,
        MeasuringWindow,
        Poisson,
        Ramp,
        Scan,
        Step,
        TemporalLocality,
        Uniform,
        Workload,
        Zipf,
        fetch,
        replay,
        run_closed_loop,
        run_loadgen,
        run_max_throughput,
        run_single_stream,
    )

__version__ = "0.1.0"

_HOME = {
    "BatchingStrategy": "optimization",
    "Confidence": "workloads",
    "Constant": "workloads",
    "Diurnal": "workloads",
    "Gamma": "workloads",
    "InferenceCache": "optimization",
    "InferenceOptimizer": "optimization",
    "InferenceRequest": "optimization",
    "InferenceResult": "optimization",
    "InferenceStats": "optimization",
    "LabError": "errors",
    "MarkovModulatedPoisson": "workloads",
    "MeasuringWindow": "workloads",
    "OnnxModel": "runtimes",
    "OptimizationConfig": "optimization",
    "Poisson": "workloads",
    "QuantizationType": "optimization",
    "QueueFullAction": "optimization",
    "Ramp": "workloads",
    "RequestBatcher": "optimization",
    "Scan": "workloads",
    "Step": "workloads",
    "TemporalLocality": "workloads",
    "Trace": "tracing",
    "TraceRecorder": "tracing",
    "TuningDashboard": "dashboards",
    "Uniform": "workloads",
    "Workload": "workloads",
    "Zipf": "workloads",
    "batched": "optimization",
    "breakdown": "tracing",
    "compare": "tracing",
    "export": "export",
    "fetch": "workloads",
    "littles_law": "tracing",
    "load_config": "export",
    "plot_workload": "plots",
    "replay": "workloads",
    "run_closed_loop": "workloads",
    "run_loadgen": "workloads",
    "run_max_throughput": "workloads",
    "run_single_stream": "workloads",
    "slowest": "tracing",
    "write_csv": "tracing",
    "write_perfetto": "tracing",
}

__all__ = [
    "BatchingStrategy",
    "Confidence",
    "Constant",
    "Diurnal",
    "Gamma",
    "InferenceCache",
    "InferenceOptimizer",
    "InferenceRequest",
    "InferenceResult",
    "InferenceStats",
    "LabError",
    "MarkovModulatedPoisson",
    "MeasuringWindow",
    "OnnxModel",
    "OptimizationConfig",
    "Poisson",
    "QuantizationType",
    "QueueFullAction",
    "Ramp",
    "RequestBatcher",
    "Scan",
    "Step",
    "TemporalLocality",
    "Trace",
    "TraceRecorder",
    "TuningDashboard",
    "Uniform",
    "Workload",
    "Zipf",
    "batched",
    "breakdown",
    "compare",
    "export",
    "fetch",
    "littles_law",
    "load_config",
    "plot_workload",
    "replay",
    "run_closed_loop",
    "run_loadgen",
    "run_max_throughput",
    "run_single_stream",
    "slowest",
    "write_csv",
    "write_perfetto",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(f"{__name__}.{_HOME[name]}")
    # The package `export` is a call as well: its import has just bound it here, and it stays.
    return globals().setdefault(name, getattr(home, name))


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
