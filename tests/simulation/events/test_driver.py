import numpy as np
import pytest

from codomyrmex_lab.optimization import BatchingStrategy, OptimizationConfig
from codomyrmex_lab.simulation import Overheads
from codomyrmex_lab.simulation.events.driver import submitted_ns
from codomyrmex_lab.simulation.events.kernel import run_kernel
from codomyrmex_lab.simulation.events.plan import make_plan
from codomyrmex_lab.simulation.events.reference import run_reference
from codomyrmex_lab.simulation.events.traffic import make_traffic
from codomyrmex_lab.workloads import Workload

from .cases import profile_of

ONE_BY_ONE = OptimizationConfig(max_batch_size=1, num_workers=1, enable_caching=False)


def submitted(arrival_ns, late_ns, interval_ns):
    ticks = (np.array(values, np.int64) for values in (arrival_ns, late_ns))
    return submitted_ns(*ticks, interval_ns).tolist()


def test_driver_that_adds_nothing_submits_each_request_when_it_is_due():
    assert submitted([0, 0, 5, 9], [0], 0) == [0, 0, 5, 9]


def test_driver_that_slept_is_late_by_one_draw_after_the_other():
    assert submitted([100, 200, 300], [10, 20], 1) == [110, 220, 310]


def test_request_that_is_due_while_the_driver_is_awake_follows_at_once():
    assert submitted([100, 104, 111, 115], [10], 5) == [110, 115, 120, 125]


def test_driver_that_fell_behind_catches_up_at_its_own_pace():
    assert submitted([0, 0, 0, 30], [2], 7) == [2, 9, 16, 32]


@pytest.fixture(params=["kernel", "reference"])
def simulated(request):
    """Run one-by-one service of 1 ms in both simulations; times in and out are in ms."""

    def run(arrival_ms, **overheads):
        added = Overheads(**{name: 1e6 * value for name, value in overheads.items()})
        profile = profile_of(lambda calls, size, cost: 1.0, overheads=added)
        plan = make_plan(profile, ONE_BY_ONE)
        traffic = make_traffic(Workload(np.array(arrival_ms) / 1e3), plan)
        if request.param == "kernel":
            return run_kernel(traffic, plan)
        return run_reference(traffic, plan, ONE_BY_ONE)

    return run


def test_nothing_is_submitted_while_a_worker_delivers(simulated):
    found = simulated([0.0, 0.9, 1.5, 1.6, 3.5], deliver_ns=1.0)
    np.testing.assert_allclose(found.enqueue_ns / 1e6, [0.0, 0.9, 2.0, 2.0, 4.0], atol=1e-5)
    np.testing.assert_allclose(found.calls.end_ns[:2] / 1e6, [1.0, 3.0])


def test_worker_whose_call_has_ended_waits_until_the_driver_sleeps(simulated):
    found = simulated([0.0, 0.9, 0.9, 0.9], submit_interval_ns=0.3)
    np.testing.assert_allclose(found.enqueue_ns / 1e6, [0.0, 0.9, 1.2, 1.5])
    np.testing.assert_allclose(found.calls.end_ns[0] / 1e6, 1.8)


def test_driver_that_never_sleeps_lets_a_worker_go_on_after_5_ms(simulated):
    found = simulated([0.0] + [0.9] * 100, submit_interval_ns=0.3)
    np.testing.assert_allclose(found.calls.end_ns[0] / 1e6, 6.0)


@pytest.mark.parametrize(
    ("strategy", "added_ns"), [("dynamic", [0, 0, 0]), ("adaptive", [0, 5, 10])]
)
def test_requests_are_learned_from_under_adaptive_alone(strategy, added_ns):
    profile = profile_of(lambda calls, size, cost: 1.0, overheads=Overheads(learn_request_ns=5))
    config = ONE_BY_ONE.replace(max_batch_size=2, batching_strategy=BatchingStrategy(strategy))
    assert make_plan(profile, config).dispatch_ns.tolist() == added_ns
