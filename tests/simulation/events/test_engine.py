"""Kernel, reference and the real engine agree request by request.

Events at one time have no order between threads, so arrivals are spread by single ns here. A
caller whom a full queue blocks until its deadline waits in real time, whatever the engine's clock
says, so these two together are held against the reference by the test of the kernel only.
"""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from codomyrmex_lab.optimization import CloseReason, QueueFullAction
from codomyrmex_lab.simulation.events.failures import messages
from codomyrmex_lab.simulation.events.kernel import run_kernel
from codomyrmex_lab.simulation.events.reference import run_reference
from codomyrmex_lab.tracing.columns import NONE, REASONS
from codomyrmex_lab.workloads import Workload

from .cases import COST, Case, assert_same, configs, profile_of, workloads
from .conductor import Conductor

RESIDUALS = tuple(np.random.default_rng(5).uniform(0.7, 1.6, 64))


@st.composite
def spread_cases(draw):
    config = draw(configs())
    blocks = config.queue_full is QueueFullAction.BLOCK
    workload = draw(workloads(timeouts=not blocks))
    n = len(workload)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    arrival_ns = np.sort(workload.arrival_ns + rng.choice(400_000, n, replace=False))
    workload = Workload(
        arrival_ns / 1e9, workload.keys, None, workload.priorities, workload.columns
    )
    base_ms, each_ms = draw(st.sampled_from([(0.3, 0.1), (1.0, 0.7), (4.0, 0.05)]))
    contention = draw(st.sampled_from([0.0, 0.6]))
    costly = draw(st.booleans())
    profile = profile_of(
        lambda calls, size, cost: (
            (base_ms + each_ms * size * (1 + cost / 20)) * (1 + contention * (calls - 1))
        ),
        costs=(0.0, 10.0, 30.0) if costly else (0.0,),
        cost=COST if costly else None,
        residuals=RESIDUALS,
        cold_ms=draw(st.sampled_from([None, {0.0: 0.0, 2.0: 0.4, 5.0: 0.5}])),
    )
    return Case(workload, profile, config, draw(st.integers(0, 3)))


@settings(max_examples=200, deadline=None)
@given(case=spread_cases())
def test_kernel_reference_and_engine_agree_on_every_request_and_batch(case):
    expected = run_reference(case.traffic, case.plan, case.config)
    assert_same(run_kernel(case.traffic, case.plan), expected)

    conductor = Conductor(case)
    conductor.run()
    assert conductor.calls == {
        number: (start_ns, end_ns, size, REASONS[reason])
        for number, (start_ns, end_ns, size, reason) in enumerate(
            zip(*(column.tolist() for column in expected.calls[:4]), strict=True)
        )
    }
    assert conductor.batch == expected.batch.tolist()
    assert conductor.joined == expected.joined.tolist()
    told = messages(case.config.max_queue_size)
    for i, arrival_ns in enumerate(case.traffic.arrival_ns.tolist()):
        error, computed = expected.error[i], expected.batch[i] != NONE
        hit = not computed and error == NONE
        assert conductor.hit_ns[i] == (arrival_ns if hit else None)
        failed_ns = None if computed else expected.failed_ns[i]
        assert conductor.error[i] == (None if error == NONE else (failed_ns, told[error]))
    recorded = conductor.recorder.trace().results["error"]
    assert [None if pd.isna(error) else error for error in recorded] == [
        None if error == NONE else told[error] for error in expected.error
    ]
    assert CloseReason.STOP not in {reason for *_, reason in conductor.calls.values()}
