"""What repeated runs say, from runs with known figures."""

import math

import numpy as np
import pytest

from codomyrmex_lab.tuning import Constraint, Held, Objective, Standing
from codomyrmex_lab.tuning.verdict import Verdict, judge

P99 = Objective.named("p99")
SLO = [Constraint.parse("p99_ms <= 50")]


def runs(mean: float, spread: float, n: int = 5, shift: float = 0.0) -> list[dict[str, float]]:
    noise = np.linspace(-spread, spread, n) if n > 1 else np.zeros(1)
    return [{"p99_ms": mean + one + shift} for one in noise]


def verdict(*of_each: list[dict[str, float]], tolerance: float = 0.01) -> Verdict:
    return judge(of_each, P99, SLO, tolerance, confidence=0.95)


def test_a_clear_order_is_settled() -> None:
    found = verdict(runs(20, 1), runs(30, 1), runs(90, 1))
    assert found.held == (Held.YES, Held.YES, Held.NO)
    assert found.standing == (Standing.BEST, Standing.WORSE, Standing.OUT)
    assert found.best == 0
    assert found.settled


def test_what_disturbs_a_round_disturbs_all_alike() -> None:
    """The rounds differ by far more than the configs do, and the order is clear all the same."""
    assert verdict(runs(20, 15), runs(21, 15), tolerance=0.0).settled


def test_a_difference_within_the_noise_is_not_settled() -> None:
    disturbed = runs(20.2, 5)[::-1]
    found = verdict(runs(20, 5), disturbed)
    assert found.standing == (Standing.BEST, Standing.UNKNOWN)
    assert not found.settled


def test_equal_within_the_tolerance_is_settled_as_equal() -> None:
    found = verdict(runs(20, 0.01), runs(20.05, 0.01))
    assert found.standing == (Standing.BEST, Standing.EQUAL)
    assert found.settled


@pytest.mark.parametrize(("mean", "spread"), [(49, 8), (51, 8), (20, 60)])
def test_what_may_miss_its_constraint_is_not_among_the_best(mean: float, spread: float) -> None:
    found = verdict(runs(mean, spread), runs(30, 1))
    assert found.held == (Held.UNKNOWN, Held.YES)
    assert found.standing == (Standing.OUT, Standing.BEST)
    assert not found.settled


def test_a_single_run_decides_nothing() -> None:
    assert verdict(runs(20, 0, n=1)).held == (Held.UNKNOWN,)


def test_without_a_config_that_holds_there_is_no_best() -> None:
    found = verdict(runs(80, 1), runs(90, 1))
    assert found.best is None
    assert found.standing == (Standing.OUT, Standing.OUT)
    assert found.settled


def test_what_fails_too_many_requests_misses_and_is_never_the_best() -> None:
    failing = [{"p99_ms": math.inf}] * 5
    assert verdict(failing, runs(30, 1)).held == (Held.NO, Held.YES)
    unbounded = judge([failing], P99, [], 0.01, confidence=0.95)
    assert unbounded.best is None
    assert unbounded.standing == (Standing.OUT,)
    assert verdict([*failing[:1], *runs(20, 1, n=4)]).held == (Held.UNKNOWN,)
