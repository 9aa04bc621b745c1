"""A profile and traffic with known figures."""

from __future__ import annotations

import numpy as np
import pandas as pd

from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.simulation import ServiceProfile
from codomyrmex_lab.workloads import Workload

SPACE = {
    "quantization": [QuantizationType.FP32, QuantizationType.INT8],
    "max_batch_size": [1, 4, 8, 16],
    "batch_timeout_ms": [0.0, 1.0, 5.0],
    "num_workers": [1, 2],
    "enable_caching": [False, True],
    "cache_max_size": [50, 500],
}
QUALITY = {QuantizationType.FP32: 1.0, QuantizationType.INT8: 0.97}


def affine_profile(
    base_ms: float = 1.0, item_ms: float = 0.2, residuals: tuple[float, ...] = (1.0,)
) -> ServiceProfile:
    """A batch of n takes ``base_ms + item_ms * n``, in INT8 half of it, however many run."""
    rows = [
        (name, busy, size, share * (base_ms + item_ms * size))
        for name, share in (("fp32", 1.0), ("int8", 0.5))
        for busy in (1, 2)
        for size in (1, 16)
    ]
    points = pd.DataFrame(
        rows, columns=["quantization", "busy_workers", "batch_size", "service_ms"]
    )
    points = points.assign(
        ci_low_ms=points["service_ms"], ci_high_ms=points["service_ms"], n_samples=100
    )
    return ServiceProfile(points, np.array(residuals), model="affine", versions={})


def traffic(rate_rps: float = 500, n_requests: int = 2000, seed: int = 1) -> Workload:
    """Poisson arrivals that ask for Zipf-distributed keys."""
    return Workload.poisson(rate_rps, n_requests, n_keys=500, seed=seed)
