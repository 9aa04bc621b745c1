"""The load factor is demand over what is served: the simulation itself says what that is."""

import numpy as np
import pandas as pd
import pytest

from codomyrmex_lab.optimization import BatchingStrategy, OptimizationConfig
from codomyrmex_lab.simulation import (
    Overheads,
    ServiceProfile,
    highest_rate_rps,
    simulate_columns,
)
from codomyrmex_lab.workloads import Workload
from tests.simulation.profiles import linear_profile

FULL = OptimizationConfig(
    max_batch_size=16, batch_timeout_ms=2, num_workers=1, enable_caching=False
)


def profile_by_cost():
    """A batch of n takes 1 ms, and 0.01 ms · n · the cost of its costliest request."""
    rows = [
        {
            "quantization": "fp32",
            "busy_workers": 1,
            "batch_size": size,
            "cost": cost,
            "service_ms": 1 + 0.01 * size * cost,
            "ci_low_ms": 0.0,
            "ci_high_ms": 99.0,
            "n_samples": 9,
        }
        for size in (1, 16)
        for cost in (1.0, 100.0)
    ]
    return ServiceProfile(pd.DataFrame(rows), np.ones(1), cost="tokens")


def with_some_costly(rate_rps, n=20_000):
    """One request in ten costs 100, the others 1."""
    tokens = np.where(np.random.default_rng(0).random(n) < 0.1, 100.0, 1.0)
    return Workload.poisson(rate_rps, n, n_keys=10**6).with_costs(tokens, "tokens")


def served_rps(simulated):
    """Return what is served while there is always enough to do."""
    return simulated.summary(intervals=False).throughput_rps


def offered_rps(workload):
    return len(workload) / workload.duration_s


def test_batch_takes_the_time_of_its_costliest_request_and_overload_shows_it():
    workload = with_some_costly(1500)
    simulated = simulate_columns(workload, profile_by_cost(), FULL)
    overload = offered_rps(workload) / served_rps(simulated)
    assert overload > 1.3
    assert simulated.load_factor == pytest.approx(overload, rel=0.02)
    assert "asks for 1.35 times" in simulated.warnings[-1]


def test_costliest_of_a_batch_counts_before_any_batch_is_full():
    workload = with_some_costly(15)
    share_with_costly = 1 - 0.9**16
    batch_s = (1.16 + share_with_costly * (17 - 1.16)) / 1e3
    simulated = simulate_columns(workload, profile_by_cost(), FULL)
    assert simulated.load_factor == pytest.approx(offered_rps(workload) * batch_s / 16, rel=0.05)


@pytest.mark.parametrize("slo_latency_ms", [1e4, 1e9])
def test_highest_rate_of_a_lax_slo_is_what_batches_with_costly_requests_serve(slo_latency_ms):
    workload = with_some_costly(1500)
    most_rps = served_rps(simulate_columns(workload, profile_by_cost(), FULL))
    rate_rps = highest_rate_rps(workload, profile_by_cost(), FULL, slo_latency_ms=slo_latency_ms)
    assert rate_rps == pytest.approx(most_rps, rel=0.02)


def test_workers_who_wait_for_the_interpreter_serve_less():
    profile = linear_profile(
        0.001,
        0.0,
        contention=0.0,
        workers=(1, 2),
        overheads=Overheads(
            submit_ns=90_000.0,
            submit_interval_ns=5_650.0,
            dispatch_request_ns=13_900.0,
            deliver_ns=17_750.0,
        ),
    )
    config = FULL.replace(max_batch_size=32, batch_timeout_ms=1, num_workers=2)
    workload = Workload.poisson(130_000, 50_000, n_keys=10**6)
    simulated = simulate_columns(workload, profile, config)
    overload = offered_rps(workload) / served_rps(simulated)
    assert overload > 1.1
    assert simulated.load_factor == pytest.approx(overload, rel=0.05)


def test_driver_that_needs_longer_than_requests_are_apart_is_overload():
    profile = linear_profile(0.001, 0.0, overheads=Overheads(submit_interval_ns=10_000.0))
    simulated = simulate_columns(Workload.poisson(150_000, 20_000), profile, FULL)
    assert simulated.load_factor == pytest.approx(1.5, rel=0.02)


def test_batches_that_a_latency_target_keeps_small_serve_less():
    config = FULL.replace(
        max_batch_size=8,
        num_workers=2,
        batching_strategy=BatchingStrategy.ADAPTIVE,
        latency_target_ms=2.5,
    )
    workload = Workload.poisson(4000, 20_000, n_keys=10**6)
    simulated = simulate_columns(workload, linear_profile(contention=0.0), config)
    overload = offered_rps(workload) / served_rps(simulated)
    assert overload > 1.1
    assert simulated.load_factor == pytest.approx(overload, rel=0.02)
