"""What is drawn of a simulation equals what would be drawn of its trace."""

from dataclasses import replace

import numpy as np
import pytest

from codomyrmex_lab.dashboards.findings import findings_of_simulation, findings_of_trace
from codomyrmex_lab.optimization.models import BatchingStrategy, OptimizationConfig
from codomyrmex_lab.simulation import ServiceProfile, simulate_columns
from codomyrmex_lab.workloads import Workload


@pytest.mark.parametrize(
    "config",
    [
        OptimizationConfig(batch_timeout_ms=5.0),
        OptimizationConfig(enable_caching=False, max_batch_size=4, num_workers=1),
        OptimizationConfig(batching_strategy=BatchingStrategy.FIXED, max_batch_size=8),
    ],
    ids=["cache", "busy", "fixed"],
)
def test_findings_of_a_simulation_are_those_of_its_trace(
    profile: ServiceProfile, config: OptimizationConfig
) -> None:
    workload = Workload.poisson(2_000.0, 3_000, n_keys=500, seed=3)
    simulated = simulate_columns(workload, profile, config)
    quick = findings_of_simulation(simulated, config)
    whole = findings_of_trace(simulated.trace(), config)

    assert quick.summary.mean_ms == pytest.approx(whole.summary.mean_ms)
    assert replace(quick.summary, mean_ms=0.0) == replace(whole.summary, mean_ms=0.0)
    assert quick.distribution.percentiles == whole.distribution.percentiles
    assert quick.over_time.time_s == pytest.approx(whole.over_time.time_s, rel=1e-6)
    # a request that arrives on an edge may fall on either side of it
    near = {"rel": 0.05, "abs": 0.05, "nan_ok": True}
    assert quick.over_time.queue_length == pytest.approx(whole.over_time.queue_length, **near)
    assert quick.over_time.p95_ms[:-1] == pytest.approx(whole.over_time.p95_ms[:-1], **near)
    assert quick.batch_sizes.total.sum() == whole.batch_sizes.total.sum()
    assert set(quick.batch_sizes.counts) == set(whole.batch_sizes.counts)


def test_the_distribution_ends_at_one_and_rises(profile: ServiceProfile) -> None:
    workload = Workload.poisson(500.0, 400, n_keys=50, seed=0)
    config = OptimizationConfig()
    found = findings_of_simulation(simulate_columns(workload, profile, config), config)
    assert found.distribution.fraction[-1] == 1
    assert (np.diff(found.distribution.latency_ms) > 0).all()
    assert found.distribution.scope.origin == "simulated"
