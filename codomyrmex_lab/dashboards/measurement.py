"""One measurement: a config on the real engine under an offered load."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from codomyrmex_lab.dashboards.load import OfferedLoad
from codomyrmex_lab.optimization.models import (
    BatchFunction,
    OptimizationConfig,
    QuantizationType,
    SupportsVariants,
)
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer, Model
from codomyrmex_lab.tracing import Trace
from codomyrmex_lab.workloads import replay

__all__ = ["measure"]


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
