"""The search that all contestants run: a space of 2,640 configs, and what is asked of them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from codomyrmex_lab.optimization.models import OptimizationConfig, QuantizationType
from codomyrmex_lab.simulation import ServiceProfile
from codomyrmex_lab.tuning import Constraint, Objective, SearchSpace
from codomyrmex_lab.tuning.trial import Trial
from codomyrmex_lab.workloads import Workload

OBJECTIVE = Objective.named("p99")
CONSTRAINTS = (Constraint.parse("worker_s_per_1k <= 0.55"),)


@cache
def service_profile() -> ServiceProfile:
    """A batch of n takes 0.4 + 0.12 n ms, in INT8 0.3 + 0.05 n; more beside three others."""
    rows = [
        (name, busy, size, (base_ms + item_ms * size) * crowding)
        for name, base_ms, item_ms in (("fp32", 0.4, 0.12), ("int8", 0.3, 0.05))
        for busy, crowding in ((1, 1.0), (2, 1.05), (4, 2.1))
        for size in (1, 8, 64)
    ]
    points = pd.DataFrame(
        rows, columns=["quantization", "busy_workers", "batch_size", "service_ms"]
    )
    points = points.assign(
        ci_low_ms=points["service_ms"], ci_high_ms=points["service_ms"], n_samples=100
    )
    return ServiceProfile(points, np.array([0.9, 1.0, 1.1, 1.6]), model="synthetic")


@cache
def workload(n_requests: int) -> Workload:
    """Poisson arrivals, 4,000 per second, Zipf-distributed keys of 20,000 inputs."""
    return Workload.poisson(4000, n_requests, n_keys=20_000, seed=7)


@cache
def space() -> SearchSpace:
    """Two number formats, four numbers of workers, ten sizes, six waits, five caches or none."""
    return SearchSpace(
        {
            "quantization": [QuantizationType.FP32, QuantizationType.INT8],
            "num_workers": [1, 2, 3, 4],
            "max_batch_size": [1, 2, 4, 8, 12, 16, 24, 32, 48, 64],
            "batch_timeout_ms": [0.0, 0.25, 0.5, 1.0, 2.0, 5.0],
            "enable_caching": [False, True],
            "cache_max_size": [10, 30, 100, 300, 1000],
        },
        OptimizationConfig(num_workers=1),
    )


def score(trial: Trial) -> tuple[float, float]:
    """How far a trial misses the constraint, and its loss."""
    missed = sum(
        float(bound.excess(np.array([trial.figures[bound.figure]]))[0]) for bound in CONSTRAINTS
    )
    return missed, float(OBJECTIVE.loss(np.array([trial.figures[OBJECTIVE.figure.name]]))[0])
