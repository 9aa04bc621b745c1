"""One config tried: its settings and its figures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.optimization.models import (
    BatchingStrategy,
    OptimizationConfig,
    QuantizationType,
    QueueFullAction,
)
from codomyrmex_lab.simulation import Simulator
from codomyrmex_lab.tracing import TraceSummary
from codomyrmex_lab.tuning.goals import FIGURES
from codomyrmex_lab.tuning.variants import VariantFacts

__all__ = [
    "SETTINGS",
    "Trial",
    "config_key",
    "config_of",
    "figures_of_run",
    "run_trials",
    "trials_frame",
]

SETTINGS = tuple(field.name for field in fields(OptimizationConfig))
"""Columns of the trials that say which config it was."""

_ENUMS: Mapping[str, type[Enum]] = {
    "quantization": QuantizationType,
    "batching_strategy": BatchingStrategy,
    "queue_full": QueueFullAction,
}
_PERCENTS = (50, 90, 95, 99)
_OF_RUN = tuple(figure.name for figure in FIGURES.values() if not figure.of_model)


@dataclass(frozen=True, slots=True)
class Trial:
    """A config and what a run of it came to.

    Parameters
    ----------
    config : OptimizationConfig
        The settings.
    figures : mapping
        Values by the names of the figures that a run tells.
    largest_batch : int
        In requests.
    """

    config: OptimizationConfig
    figures: Mapping[str, float]
    largest_batch: int


def figures_of_run(
    summary: TraceSummary,
    config: OptimizationConfig,
    answered_ms: Callable[[], NDArray[np.float64]],
) -> dict[str, float]:
    """Return the figures of a run, measured or simulated.

    In the percentiles a request that failed counts as one that is never answered: turning
    requests away does not make a config hold its limit. ``worker_s_per_1k`` counts workers for as
    long as the run lasted, busy or not.

    Parameters
    ----------
    summary : TraceSummary
        Of the run.
    config : OptimizationConfig
        Of the run.
    answered_ms : callable
        Returns the latencies of the requests answered without error, in ms.
    """
    n_answered = summary.n_requests - summary.n_errors
    worker_s = config.num_workers * summary.duration_s
    percentiles_ms = {f"p{percent}_ms": getattr(summary, f"p{percent}_ms") for percent in _PERCENTS}
    if summary.n_errors:
        all_ms = np.append(answered_ms(), np.full(summary.n_errors, np.inf))
        found_ms = np.percentile(all_ms, _PERCENTS, method="higher")  # none is between two
        percentiles_ms = dict(zip(percentiles_ms, found_ms.tolist(), strict=True))
    return {
        "throughput_rps": summary.throughput_rps,
        "mean_ms": summary.mean_ms,
        **percentiles_ms,
        "error_rate": summary.n_errors / summary.n_requests if summary.n_requests else math.nan,
        "cache_hit_rate": summary.cache_hit_rate,
        "worker_s_per_1k": worker_s / n_answered * 1000 if n_answered else math.inf,
    }


def run_trials(simulator: Simulator, configs: Sequence[OptimizationConfig]) -> list[Trial]:
    """Simulate some configs, one after the other."""
    return [_trial(simulator, config) for config in configs]


def _trial(simulator: Simulator, config: OptimizationConfig) -> Trial:
    simulated = simulator.run(config)
    figures = figures_of_run(
        simulated.summary(intervals=False), config, lambda: simulated.latency_ms
    )
    return Trial(config, figures, int(simulated.outcome.calls.size.max(initial=0)))


def trials_frame(trials: Iterable[Trial], facts: VariantFacts) -> pd.DataFrame:
    """Return one row per trial: its settings as plain values, then its figures."""
    rows = [
        {**_plain_settings(trial.config), **trial.figures, **facts.figures(trial.config)}
        for trial in trials
    ]
    frame = pd.DataFrame(rows, columns=[*SETTINGS, *_OF_RUN, "quality", "size_mb", "memory_mb"])
    return frame.astype({name: np.float64 for name in FIGURES})


def config_of(row: Mapping[str, Any] | pd.Series[Any]) -> OptimizationConfig:
    """Return the config of a row of trials."""
    values: dict[str, Any] = {}
    for name in SETTINGS:
        value = row[name]
        if isinstance(value, np.generic):
            value = value.item()
        if name in _ENUMS:
            value = _ENUMS[name](value)
        elif value is None or (isinstance(value, float) and math.isnan(value)):
            value = None
        elif name in ("max_queue_size", "cache_max_bytes"):
            value = int(value)  # pandas keeps whole numbers among missing ones as floats
        values[name] = value
    return OptimizationConfig(**values)


def config_key(config: OptimizationConfig) -> str:
    """Return a text that is equal for equal configs, and says what it stands for."""
    return json.dumps(_plain_settings(config), sort_keys=True)


def _plain_settings(config: OptimizationConfig) -> dict[str, Any]:
    values = {name: getattr(config, name) for name in SETTINGS}
    return {
        name: value.value if isinstance(value, Enum) else value for name, value in values.items()
    }
