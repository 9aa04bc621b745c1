"""Seconds per config: simulated, and by a real load test of the length that Model Analyzer uses.

Model Analyzer measures a config with perf_analyzer, which takes windows of 5 s (its
``--measurement-interval``) until three in a row agree within 10%: 3 x 5 s = 15 s at the least,
loading the model not counted. Here the bundled digits model serves 500 requests per second on the
real engine, two configs in turn. Each load test is shortened to 3 s; what its run took beyond
these 3 s (opening the model, the last answers) is kept, and the 3 s are counted as 15. *Ours* is
one simulation of 100,000 requests, as the exhaustive search runs it on one thread.

At 15 s each, 2,000 configs take 2,000 x 15 s = 8.3 hours.
"""

import time

import numpy as np
import pandas as pd

from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig
from codomyrmex_lab.runtimes import OnnxModel
from codomyrmex_lab.simulation import simulate_summary
from codomyrmex_lab.workloads import Workload, replay
from tests.benchmarks.report import Row, against
from tests.benchmarks.runner import Samples
from tests.benchmarks.tuning.case import service_profile, workload
from tests.conftest import REPOSITORY

SHORTENED_S = 3.0
MODEL_ANALYZER_S = 15.0
CONFIGS = (
    OptimizationConfig(max_batch_size=8, batch_timeout_ms=2.0, num_workers=2),
    OptimizationConfig(max_batch_size=32, batch_timeout_ms=5.0, num_workers=1),
)


def rows() -> list[Row]:
    real_s, simulated_s = [], []
    simulate_summary(workload(100_000), service_profile(), CONFIGS[0])
    for config in CONFIGS:
        beyond_s = _load_test_s(config) - SHORTENED_S
        real_s.append(beyond_s + MODEL_ANALYZER_S)
        began_s = time.perf_counter()
        simulate_summary(workload(100_000), service_profile(), config)
        simulated_s.append(time.perf_counter() - began_s)
    return [
        against(
            "seconds per config tried",
            "s",
            Samples(tuple(simulated_s)),
            "load test of Model Analyzer's length",
            Samples(tuple(real_s)),
            less_is_better=True,
        )
    ]


def _load_test_s(config: OptimizationConfig) -> float:
    images = pd.read_csv(REPOSITORY / "data" / "digits_heldout.csv").drop(columns="digit")
    payloads = images.to_numpy(np.float32)
    traffic = Workload.poisson(500, int(500 * SHORTENED_S), payloads=payloads, seed=3)
    traffic = traffic.scale_rate(traffic.duration_s / SHORTENED_S)
    began_s = time.perf_counter()
    with (
        OnnxModel(REPOSITORY / "data" / "digits.onnx") as model,
        InferenceOptimizer(model, config) as engine,
    ):
        replay(engine, traffic, progress=False)
    return time.perf_counter() - began_s
