"""Kernel and reference agree request by request."""

import pytest
from hypothesis import given, settings

from codomyrmex_lab.optimization import OptimizationConfig
from codomyrmex_lab.simulation import Overheads
from codomyrmex_lab.simulation.events.kernel import needs_line, run_kernel
from codomyrmex_lab.simulation.events.reference import run_reference
from codomyrmex_lab.tracing.columns import NONE
from codomyrmex_lab.workloads import Workload

from .cases import Case, assert_same, cases, profile_of


@settings(max_examples=300, deadline=None)
@given(case=cases())
def test_kernel_and_reference_agree_on_every_request_and_batch(case):
    traffic, plan = case.traffic, case.plan
    expected = run_reference(traffic, plan, case.config)
    assert_same(run_kernel(traffic, plan, with_line=True), expected)
    if not needs_line(traffic, plan):
        assert_same(run_kernel(traffic, plan, with_line=False), expected)


@pytest.mark.parametrize("with_line", [False, True])
@pytest.mark.parametrize(("second_s", "start_ns"), [(0.0009, 1_040_500), (0.001, 1_000_500)])
def test_an_arrival_at_the_due_time_of_a_batch_wakes_nobody(with_line, second_s, start_ns):
    config = OptimizationConfig(
        max_batch_size=2 if second_s < 0.001 else 3, batch_timeout_ms=0.5, num_workers=1
    )
    overheads = Overheads(wake_ns=140_000 if second_s < 0.001 else 40_000, dispatch_request_ns=250)
    case = Case(
        Workload([0.0005, second_s, 0.0015]),
        profile_of(lambda calls, size, cost: 0.1, overheads=overheads),
        config,
        seed=0,
    )
    outcome = run_kernel(case.traffic, case.plan, with_line=with_line)
    assert_same(outcome, run_reference(case.traffic, case.plan, case.config))
    assert outcome.calls.start_ns[0] == start_ns


@pytest.mark.parametrize(("arrival_s", "hit"), [(0.005099999, True), (0.0051, False)])
def test_result_expires_at_the_very_end_of_its_time_to_live(arrival_s, hit):
    case = Case(
        Workload([0.0, arrival_s], keys=[7, 7]),
        profile_of(lambda calls, size, cost: 1.1),
        OptimizationConfig(max_batch_size=1, num_workers=1, cache_ttl_s=0.004),
        seed=0,
    )
    outcome = run_kernel(case.traffic, case.plan)
    assert_same(outcome, run_reference(case.traffic, case.plan, case.config))
    assert outcome.batch.tolist() == [0, NONE if hit else 1]
