"""Service times read off the model calls of a recorded run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.errors import ProfileError
from codomyrmex_lab.optimization.models import OptimizationConfig, QuantizationType
from codomyrmex_lab.simulation.borrowed_shapes import few_calls, with_borrowed_shapes
from codomyrmex_lab.simulation.overheads import Overheads
from codomyrmex_lab.simulation.profile_points import points_of, residuals_of
from codomyrmex_lab.tracing import Trace
from codomyrmex_lab.tracing.provenance import provenance

__all__ = ["mean_concurrency", "profile_parts_of"]


def profile_parts_of(trace: Trace) -> dict[str, Any]:
    """Return the fields of the profile that a trace gives.

    Raises
    ------
    ProfileError
        The trace holds no model call without error.
    """
    batches = trace.batches
    batches = batches[batches["error"].isna()]
    start_ns = batches["start"].to_numpy().astype(np.int64)
    end_ns = batches["end"].to_numpy().astype(np.int64)
    if batches.empty:
        raise ProfileError(
            "The trace holds no model call without error; record one of an engine that computes."
        )
    samples = pd.DataFrame(
        {
            "quantization": _quantization(trace.metadata),
            "busy_workers": np.rint(mean_concurrency(start_ns, end_ns)).astype(np.int64),
            "batch_size": batches["size"].to_numpy(dtype=np.int64),
            "cost": 0.0,
            "service_ms": (end_ns - start_ns) / 1e6,
        }
    )
    seen = points_of(samples)
    points = with_borrowed_shapes(seen)
    residuals, sources = residuals_of(samples, seen)
    stamp = provenance()
    return {
        "points": points,
        "residuals": residuals,
        "residual_sources": sources,
        "model": str(trace.metadata.get("model", "unknown")),
        "host": trace.metadata.get("host", stamp["host"]),
        "versions": trace.metadata.get("versions", stamp["versions"]),
        "n_payloads": int(trace.requests["key"].nunique()),
        "overheads": Overheads(),
        "settings": {
            "measured": "trace",
            "n_batches": len(batches),
            "few_calls": few_calls(seen),
        },
    }


def mean_concurrency(start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how many calls ran on average during each one, itself included; at least 1."""
    ticks = np.sort(np.concatenate([start_ns, end_ns]))
    started = np.searchsorted(np.sort(start_ns), ticks, side="right")
    ended = np.searchsorted(np.sort(end_ns), ticks, side="right")
    area = np.concatenate([[0.0], np.cumsum((started - ended)[:-1] * np.diff(ticks))])
    duration = np.maximum(end_ns - start_ns, 1)
    within = np.interp(end_ns, ticks, area) - np.interp(start_ns, ticks, area)
    mean: NDArray[np.float64] = np.maximum(within / duration, 1.0)
    return mean


def _quantization(metadata: Mapping[str, Any]) -> str:
    config = metadata.get("config")
    if isinstance(config, OptimizationConfig):
        return config.quantization.value
    if isinstance(config, Mapping) and "quantization" in config:
        return str(config["quantization"])
    return QuantizationType.FP32.value
