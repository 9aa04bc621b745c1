"""Kernel and reference agree request by request."""

from hypothesis import given, settings

from codomyrmex_lab.simulation.events.kernel import needs_line, run_kernel
from codomyrmex_lab.simulation.events.reference import run_reference

from .cases import assert_same, cases


@settings(max_examples=300, deadline=None)
@given(case=cases())
def test_kernel_and_reference_agree_on_every_request_and_batch(case):
    traffic, plan = case.traffic, case.plan
    expected = run_reference(traffic, plan, case.config)
    assert_same(run_kernel(traffic, plan, with_line=True), expected)
    if not needs_line(traffic, plan):
        assert_same(run_kernel(traffic, plan, with_line=False), expected)
