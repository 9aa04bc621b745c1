"""The digits model, predicted and replayed: 8 configs at 50, 70 and 85% of what each can serve.

Arrivals of the Azure conversation trace (one hour of 16 November 2023), sped up to the load and
repeated for about 6 s per replay; each request asks for one of 2,000 made-up images, Zipf with
exponent 0.9. What a config can serve is measured on the engine, kept saturated for a second: with
driver and engine in one process that is less than what its workers can compute. The profile is
measured right before the replays of each load; every config is then replayed twice, all configs in
turn. The error is the distance of the prediction from the mean of the replays, relative to it; the
noise is the distance of the two replays. The worst error is that of the cases where it is more
than twice the noise of the case.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codomyrmex_lab.optimization import BatchingStrategy, OptimizationConfig, QuantizationType
from codomyrmex_lab.runtimes import OnnxModel
from codomyrmex_lab.workloads import Zipf
from tests.benchmarks.fidelity.cases import azure, measured_rows
from tests.benchmarks.report import Row

_MODEL = Path(__file__).resolve().parents[3] / "data" / "digits.onnx"
_PLAIN = OptimizationConfig(enable_caching=False, num_workers=1)
_CONFIGS = {
    "size 8, 2 ms, 1 worker": _PLAIN.replace(max_batch_size=8, batch_timeout_ms=2.0),
    "size 16, 5 ms, 1 worker": _PLAIN.replace(max_batch_size=16, batch_timeout_ms=5.0),
    "size 32, 10 ms, 1 worker": _PLAIN.replace(max_batch_size=32, batch_timeout_ms=10.0),
    "size 64, 20 ms, 1 worker": _PLAIN.replace(max_batch_size=64, batch_timeout_ms=20.0),
    "size 32, 10 ms, 2 workers": _PLAIN.replace(
        max_batch_size=32, batch_timeout_ms=10.0, num_workers=2
    ),
    "ADAPTIVE, size 32, 10 ms, 1 worker": _PLAIN.replace(
        max_batch_size=32, batch_timeout_ms=10.0, batching_strategy=BatchingStrategy.ADAPTIVE
    ),
    "size 16, 5 ms, cache of 200": _PLAIN.replace(
        max_batch_size=16, batch_timeout_ms=5.0, enable_caching=True, cache_max_size=200
    ),
    "size 16, 5 ms, cache of 1,000": _PLAIN.replace(
        max_batch_size=16, batch_timeout_ms=5.0, enable_caching=True, cache_max_size=1000
    ),
}


def rows() -> list[Row]:
    images = np.random.default_rng(0).random((2000, 64), dtype=np.float32)
    workload = azure().with_payloads(list(images), keys=Zipf(0.9), seed=1)
    with OnnxModel(_MODEL) as model:
        return measured_rows(
            "digits",
            model,
            workload,
            _CONFIGS,
            replay_s=6.0,
            quantizations=[QuantizationType.FP32],
            workers=(1, 2),
            budget_s=10.0,
        )
