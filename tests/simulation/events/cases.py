"""Random workloads and settings, on which kernel, reference and engine must agree."""

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from codomyrmex_lab.optimization import BatchingStrategy, OptimizationConfig, QueueFullAction
from codomyrmex_lab.simulation import Overheads, ServiceProfile
from codomyrmex_lab.simulation.events.plan import Plan, make_plan
from codomyrmex_lab.simulation.events.traffic import Traffic, make_traffic
from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.request_numbers import TIMEOUT_COLUMN

MAX_BATCH_SIZE, MAX_WORKERS = 5, 3
STEP_S = 0.5e-3
COST = "tokens"


@dataclass(frozen=True)
class Case:
    workload: Workload
    profile: ServiceProfile
    config: OptimizationConfig
    seed: int

    @cached_property
    def plan(self) -> Plan:
        return make_plan(self.profile, self.config, seed=self.seed)

    @cached_property
    def traffic(self) -> Traffic:
        return make_traffic(self.workload, self.plan, self.profile.cost)


def profile_of(
    service_ms, *, costs=(0.0,), residuals=(1.0,), cost=None, overheads=None, cold_ms=None
):
    """Return a profile whose times ``service_ms(calls, size, cost)`` says."""
    points = [
        {
            "quantization": "fp32",
            "busy_workers": calls,
            "batch_size": size,
            "cost": one,
            "service_ms": service_ms(calls, size, one),
            "ci_low_ms": 0.0,
            "ci_high_ms": 0.0,
            "n_samples": 1,
        }
        for calls in range(1, MAX_WORKERS + 1)
        for size in range(1, MAX_BATCH_SIZE + 1)
        for one in costs
    ]
    colds = [
        {"quantization": "fp32", "n_workers": 1, "idle_ms": idle_ms, "extra_ms": extra_ms}
        for idle_ms, extra_ms in (cold_ms or {}).items()
    ]
    return ServiceProfile(
        pd.DataFrame(points),
        np.array(residuals),
        cost=cost,
        overheads=overheads or Overheads(),
        **({"cold_starts": pd.DataFrame(colds)} if colds else {}),
    )


@st.composite
def configs(draw):
    strategy = draw(st.sampled_from(BatchingStrategy))
    max_batch_size = draw(st.integers(1, MAX_BATCH_SIZE))
    queue_full = draw(st.sampled_from(QueueFullAction))
    places = draw(st.none() | st.integers(1, 6))
    if strategy is BatchingStrategy.FIXED and queue_full is QueueFullAction.BLOCK and places:
        places = max(places, max_batch_size)
    return OptimizationConfig(
        batching_strategy=strategy,
        max_batch_size=max_batch_size,
        batch_timeout_ms=draw(st.sampled_from([0.0, 0.5, 3.0, 20.0])),
        num_workers=draw(st.integers(1, MAX_WORKERS)),
        enable_caching=draw(st.booleans()),
        cache_max_size=draw(st.integers(1, 4)),
        cache_ttl_s=draw(st.sampled_from([None, None, 0.004, 0.03])),
        priority_ageing_ms=draw(st.sampled_from([1.0, 1000.0])),
        max_queue_size=places,
        queue_full=queue_full,
        latency_target_ms=draw(st.sampled_from([None, None, 2.0, 8.0])),
    )


@st.composite
def workloads(draw, *, timeouts=True):
    n = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    steps = rng.integers(0, draw(st.sampled_from([1, 3, 10])) + 1, n).cumsum()
    if draw(st.booleans()):
        steps[n // 2 :] += 100
    arrival_s = steps * STEP_S
    keys = rng.integers(0, draw(st.sampled_from([2, 6, 100])), n)
    priorities = rng.integers(0, draw(st.sampled_from([1, 1, 3])), n)
    columns = pd.DataFrame({COST: rng.integers(0, 40, n).astype(float)})
    if timeouts and draw(st.booleans()):
        timeout_ms = rng.choice([np.nan, 1.0, 4.0, 15.0], n)
        columns[TIMEOUT_COLUMN] = timeout_ms
    return Workload(arrival_s, keys=keys, priorities=priorities, columns=columns)


@st.composite
def profiles(draw):
    base_ms = draw(st.sampled_from([0.0, 0.5, 2.0]))
    each_ms = draw(st.sampled_from([0.1, 0.5, 1.37]))
    contention = draw(st.sampled_from([0.0, 0.3, 1.0]))
    costly = draw(st.booleans())
    added = Overheads()
    if draw(st.booleans()):
        added = Overheads(
            submit_ns=draw(st.sampled_from([0, 1_500])),
            submit_interval_ns=draw(st.sampled_from([0, 300_000])),
            hit_ns=700,
            wake_ns=draw(st.sampled_from([0, 40_000])),
            timer_ns=draw(st.sampled_from([0, 500_000])),
            dispatch_ns=draw(st.sampled_from([0, 500_000])),
            dispatch_request_ns=250,
            deliver_ns=draw(st.sampled_from([0, 500_000])),
            deliver_request_ns=draw(st.sampled_from([0, 3_000])),
            learn_request_ns=draw(st.sampled_from([0, 2_000])),
        )
    return profile_of(
        lambda calls, size, cost: (
            (base_ms + each_ms * size * (1 + cost / 20)) * (1 + contention * (calls - 1))
        ),
        costs=(0.0, 10.0, 30.0) if costly else (0.0,),
        cost=COST if costly else None,
        residuals=draw(st.sampled_from([(1.0,), (0.8, 1.0, 1.3, 2.0)])),
        overheads=added,
        cold_ms=draw(st.sampled_from([None, {0.0: 0.0, 2.0: 0.4, 5.0: 0.5}])),
    )


@st.composite
def cases(draw):
    return Case(draw(workloads()), draw(profiles()), draw(configs()), draw(st.integers(0, 3)))


def assert_same(one, other):
    """Assert that two outcomes do not differ in anything."""
    for field in fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name == "calls":
            for name in mine._fields:
                np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name), name)
        else:
            np.testing.assert_array_equal(mine, theirs, field.name)
