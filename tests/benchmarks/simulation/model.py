"""The model that is measured: one worker, DYNAMIC, and a cache; its profile and its workload."""

import numpy as np
import pandas as pd

from codomyrmex_lab.optimization import OptimizationConfig
from codomyrmex_lab.simulation import ServiceProfile
from codomyrmex_lab.workloads import Workload

RATE_RPS = 20_000
N_KEYS = 10_000
CONFIG = OptimizationConfig(batch_timeout_ms=2.0, num_workers=1)
FEWEST = 1_000
"""Requests of a run that only compiles."""


def profile() -> ServiceProfile:
    """Return 50 µs for each batch and 20 µs for each request in it, with 10% of noise."""
    sizes = (1, 4, 8, 16, 32)
    points = pd.DataFrame(
        {
            "quantization": "fp32",
            "busy_workers": 1,
            "batch_size": sizes,
            "service_ms": [0.05 + 0.02 * size for size in sizes],
            "ci_low_ms": 0.0,
            "ci_high_ms": 0.0,
            "n_samples": 1,
        }
    )
    return ServiceProfile(points, np.random.default_rng(0).lognormal(0, 0.1, 1000))


def workload(n_requests: int) -> Workload:
    """Return Poisson arrivals of Zipf-distributed keys."""
    return Workload.poisson(RATE_RPS, n_requests, n_keys=N_KEYS)
