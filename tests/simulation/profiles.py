"""Profiles with known service times."""

import numpy as np
import pandas as pd

from codomyrmex_lab.simulation.service_profile import ServiceProfile

SIZES = (1, 4, 8, 32)


def linear_profile(fixed_ms=2.0, per_request_ms=0.1, workers=(1, 2, 4), contention=0.5, **fields):
    """Service time fixed + per_request·n, times 1 + contention for each other call at once."""
    rows = [
        {
            "quantization": "fp32",
            "busy_workers": busy,
            "batch_size": size,
            "service_ms": (fixed_ms + per_request_ms * size) * (1 + contention * (busy - 1)),
            "ci_low_ms": 0.0,
            "ci_high_ms": 100.0,
            "n_samples": 9,
        }
        for busy in workers
        for size in SIZES
    ]
    return ServiceProfile(pd.DataFrame(rows), np.ones(1), **fields)
