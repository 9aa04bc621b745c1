"""One measurement: a config on the real engine under the offered load."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from enum import Enum
from typing import Any

import pandas as pd

from codomyrmex_lab.dashboards.load import OfferedLoad
from codomyrmex_lab.optimization.models import (
    BatchFunction,
    BatchingStrategy,
    OptimizationConfig,
    QuantizationType,
    SupportsVariants,
)
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer, Model
from codomyrmex_lab.tracing import Trace, TraceSummary
from codomyrmex_lab.workloads import replay

__all__ = ["Run", "describe_config", "measure", "runs_frame"]

_ON_SCREEN = {
    "quantization",
    "batching_strategy",
    "max_batch_size",
    "batch_timeout_ms",
    "latency_target_ms",
    "enable_caching",
    "cache_max_size",
    "num_workers",
}


@dataclass(frozen=True, slots=True)
class Run:
    """A completed measurement.

    Parameters
    ----------
    number : int
        Counts the runs of one screen, from 1.
    config : OptimizationConfig
        Settings that ran.
    trace : Trace
        Every request of it.
    summary : TraceSummary
        The numbers of the trace.
    """

    number: int
    config: OptimizationConfig
    trace: Trace
    summary: TraceSummary


def measure(
    model: Model,
    config: OptimizationConfig,
    load: OfferedLoad,
    stop: threading.Event,
    progress: Callable[[int, int], None],
) -> Trace:
    """Replay the load on a fresh engine, with an empty cache and a model that is warm.

    Parameters
    ----------
    model : Model
        What the engine runs.
    config : OptimizationConfig
        Settings to measure.
    load : OfferedLoad
        Traffic to replay.
    stop : threading.Event
        Ends the measurement early.
    progress : callable
        Told the number of requests done and of all requests.

    Returns
    -------
    Trace
        What happened; of no use once ``stop`` is set.
    """
    engine = InferenceOptimizer(_interruptible(model, stop), config)
    with suppress(Exception):  # logged by the engine; the replay records the same error
        engine.infer(load.workload.payloads[0], use_cache=False)
    with engine:
        return replay(engine, load.workload, load.speed, progress=progress, stop=stop)


def _interruptible(model: Model, stop: threading.Event) -> Model:
    """Return the model, answering with nothing at all once stopped.

    What has been submitted must be answered before a replay ends. A measurement that is given up
    is not looked at any more, so its backlog need not be computed.
    """
    if isinstance(model, Mapping):
        return {q: _interruptible_function(function, stop) for q, function in model.items()}
    if isinstance(model, SupportsVariants):
        return _InterruptibleVariants(model, stop)
    return _interruptible_function(model, stop) if callable(model) else model


def _interruptible_function(function: BatchFunction, stop: threading.Event) -> BatchFunction:
    def run(inputs: list[Any]) -> Sequence[Any]:
        return [None] * len(inputs) if stop.is_set() else function(inputs)

    return run


@dataclass(frozen=True, slots=True)
class _InterruptibleVariants:
    model: SupportsVariants
    stop: threading.Event

    def variant(self, quantization: QuantizationType) -> BatchFunction:
        return _interruptible_function(self.model.variant(quantization), self.stop)


def describe_config(config: OptimizationConfig) -> str:
    """Return the settings that have an effect in one short line.

    Those without a control of their own are named where they are not the defaults.
    """
    parts = [
        config.quantization.name,
        config.batching_strategy.name,
        f"batch {config.max_batch_size}",
    ]
    if config.batching_strategy is not BatchingStrategy.FIXED:
        parts.append(f"{config.batch_timeout_ms:g} ms")
    if (
        config.batching_strategy is BatchingStrategy.ADAPTIVE
        and config.latency_target_ms is not None
    ):
        parts.append(f"target {config.latency_target_ms:g} ms")
    parts.append(f"cache {config.cache_max_size:,}" if config.enable_caching else "no cache")
    parts.append(f"{config.num_workers} worker{'s' if config.num_workers > 1 else ''}")
    parts += [
        f"{field.name}={value.name if isinstance(value, Enum) else value}"
        for field in fields(config)
        if field.name not in _ON_SCREEN and (value := getattr(config, field.name)) != field.default
    ]
    return " · ".join(parts)


def runs_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """Return one row per run, indexed by its number, with its settings and its figures."""
    rows = []
    for run in runs:
        settings = {
            name: value.name if isinstance(value, Enum) else value
            for name, value in asdict(run.config).items()
        }
        figures = asdict(run.summary)
        del figures["intervals"]
        rows.append({"run": run.number, **settings, **figures})
    return pd.DataFrame(rows).set_index("run") if rows else pd.DataFrame()
