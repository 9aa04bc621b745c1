"""Which part of a workload a verification replays."""

import math

import numpy as np
import pytest

from codomyrmex_lab.dashboards.load import first_seconds
from codomyrmex_lab.workloads import Workload


def test_it_takes_what_arrives_within_the_seconds_of_the_replay() -> None:
    workload = Workload(np.arange(10_000) / 100.0)
    load = first_seconds(workload, 2.0, 5.0)
    assert len(load.workload) == 1001
    assert load.rate_rps == pytest.approx(200, rel=0.01)
    assert str(load).startswith("the first 1,001 of 10,000 requests at 2× their own pace: 200")


def test_it_takes_fifty_requests_of_a_slow_workload() -> None:
    assert len(first_seconds(Workload(np.arange(80) * 100.0), 1.0, 5.0).workload) == 50
    load = first_seconds(Workload([0.0, 100.0]), 1.0, 5.0)
    assert len(load.workload) == 2
    assert str(load).startswith("all 2 requests")


def test_it_takes_no_more_than_fifty_thousand() -> None:
    load = first_seconds(Workload(np.zeros(60_000)), 1.0, 5.0)
    assert len(load.workload) == 50_000
    assert math.isinf(load.rate_rps)
    assert str(load).endswith("all at once")
