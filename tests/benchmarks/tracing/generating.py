"""Time to draw a million arrivals with each process, and a million keys with each sampler.

``sample`` of each with a seeded generator; 10,000 keys. *A workload of a million requests*:
``Workload.generate`` with Poisson arrivals and Zipf-distributed keys, payloads and all.
"""

import time
from collections.abc import Callable

import numpy as np

from codomyrmex_lab.workloads import (
    ArrivalProcess,
    Constant,
    Diurnal,
    Gamma,
    KeySampler,
    MarkovModulatedPoisson,
    Poisson,
    Ramp,
    Scan,
    Step,
    TemporalLocality,
    Uniform,
    Workload,
    Zipf,
)
from tests.benchmarks.report import Reach, Row, alone
from tests.benchmarks.runner import in_turn

N_REQUESTS = 1_000_000
N_KEYS = 10_000
N_ROUNDS = 3
REACH = Reach(at_most=1.0)
ARRIVALS: tuple[ArrivalProcess, ...] = (
    Constant(2000),
    Poisson(2000),
    Gamma(2000, cv=3),
    MarkovModulatedPoisson((500, 8000), (2.0, 0.5)),
    Diurnal(2000, swing=0.8, period_s=120),
    Ramp(100, 4000, over_s=300),
    Step((1000, 4000, 2000), at_s=(60, 120)),
)
KEYS: tuple[KeySampler, ...] = (Zipf(1.1), Uniform(), Scan(), TemporalLocality(0.7, window=1000))


def rows() -> list[Row]:
    contestants: dict[str, Callable[[], float]] = {}
    for arrivals in ARRIVALS:
        name = f"a million arrivals, {type(arrivals).__name__}"
        contestants[name] = lambda arrivals=arrivals: _arrivals(arrivals)
    for keys in KEYS:
        name = f"a million keys, {type(keys).__name__}"
        contestants[name] = lambda keys=keys: _keys(keys)
    contestants["a workload of a million requests"] = _workload
    samples = in_turn(contestants, N_ROUNDS)
    return [alone(name, "s", taken, REACH) for name, taken in samples.items()]


def _arrivals(arrivals: ArrivalProcess) -> float:
    began_s = time.perf_counter()
    arrivals.sample(N_REQUESTS, np.random.default_rng(0))
    return time.perf_counter() - began_s


def _keys(keys: KeySampler) -> float:
    began_s = time.perf_counter()
    keys.sample(N_REQUESTS, N_KEYS, np.random.default_rng(0))
    return time.perf_counter() - began_s


def _workload() -> float:
    began_s = time.perf_counter()
    Workload.generate(Poisson(2000), N_REQUESTS, keys=Zipf(1.1), n_keys=N_KEYS)
    return time.perf_counter() - began_s
