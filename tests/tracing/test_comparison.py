import math

import numpy as np
import pytest

from codomyrmex_lab.tracing import BatchColumns, RequestColumns, Trace, compare

from .traces import queue_trace, trace_of


def test_slower_run_is_told_from_a_faster_one() -> None:
    before, after = queue_trace(20_000, 0.5, seed=1), queue_trace(20_000, 0.8, seed=2)

    comparison = compare(before, after)

    assert comparison.differs
    assert (comparison.n_before, comparison.n_after) == (20_000, 20_000)
    frame = comparison.frame()
    assert frame.index.tolist() == ["mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms"]
    assert frame["distinguishable"].all()
    truth = {"mean_ms": 5 - 2, "p50_ms": 3 * math.log(2), "p95_ms": 3 * math.log(20)}
    for figure, difference in truth.items():  # of the M/M/1 queue
        assert frame.loc[figure, "ci_low"] < difference < frame.loc[figure, "ci_high"]
    backwards = compare(after, before).frame()
    assert backwards["difference"].tolist() == (-frame["difference"]).tolist()


def test_runs_of_one_system_seldom_look_different() -> None:
    false_alarms = [
        compare(queue_trace(4000, 0.6, seed), queue_trace(4000, 0.6, seed + 1000), [95])
        .frame()["distinguishable"]
        .tolist()
        for seed in range(40)
    ]

    assert np.mean(false_alarms) < 0.15


def test_trace_does_not_differ_from_itself() -> None:
    trace = queue_trace(3000, 0.7, seed=3)

    comparison = compare(trace, trace)

    assert not comparison.differs
    assert (comparison.frame()["difference"] == 0).all()


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_requests_are_never_called_different(n: int) -> None:
    few = trace_of(np.arange(n), np.zeros(n), np.full(n, 500.0))
    many = queue_trace(500, 0.5, seed=1)

    frame = compare(few, many).frame()

    assert not frame["distinguishable"].any()


def test_failed_requests_do_not_count() -> None:
    requests = RequestColumns.of([0, 1], [1, 2], [2, 9_000_000], error=[-1, 0])
    trace = Trace(requests, BatchColumns.of(), errors=["ValueError: x"])

    assert compare(trace, trace).n_before == 1
