from collections import Counter

import numpy as np
import pytest

from codomyrmex_lab.optimization import QuantizationType
from codomyrmex_lab.simulation.profile_inputs import Inputs
from codomyrmex_lab.simulation.profile_measurement import Point, measure_points

STEADY, NOISY = (Point(QuantizationType.FP32, 1, size, 0.0) for size in (1, 2))


@pytest.fixture
def measured():
    """Measure two points by a given visit; return how often each was visited, and what was told."""

    def run(visit, *, budget_s=60.0):
        visits, told = Counter(), []

        def counted(point):
            visits[point] += 1
            return visit(point)

        samples = measure_points(
            counted,
            [STEADY, NOISY],
            Inputs([1.0], None, seed=0),
            confidence=0.95,
            precision=0.05,
            budget_s=budget_s,
            show=lambda *counts: told.append(counts),
        )
        return samples, visits, told

    return run


def test_points_that_do_not_vary_are_visited_eight_times(measured):
    _, visits, _ = measured(lambda point: [1.0, 1.0])
    assert visits == {STEADY: 8, NOISY: 8}


def test_point_that_varies_is_visited_until_its_interval_is_narrow_enough_and_no_other(measured):
    rng = np.random.default_rng(0)
    samples, visits, _ = measured(
        lambda point: rng.normal(1.0, 0.2 if point is NOISY else 0.0, 4).tolist()
    )
    assert visits[STEADY] == 8
    assert visits[NOISY] > 8
    half_width = 1.96 * 0.2 * np.sqrt(np.pi / 2 / len(samples[NOISY]))  # of a normal's median
    assert 0.02 < half_width < 0.08


def test_each_point_is_visited_once_however_small_the_budget(measured):
    samples, visits, _ = measured(lambda point: [1.0], budget_s=1e-9)
    assert visits == {STEADY: 1, NOISY: 1}
    assert samples == {STEADY: [1.0], NOISY: [1.0]}


def test_progress_is_told_after_each_visit_and_never_goes_back(measured):
    _, visits, told = measured(lambda point: [1.0])
    assert len(told) == visits.total()
    assert told == sorted(told)
    assert {total for _, total in told} == {2}


def test_spent_budget_counts_as_progress(measured):
    *_, told = measured(lambda point: [1.0], budget_s=1e-9)
    assert told[-1] == (2, 2)
