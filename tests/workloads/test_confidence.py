import math

import numpy as np
import pytest
from numpy.typing import NDArray

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tracing import percentiles
from codomyrmex_lab.workloads.confidence import (
    Confidence,
    ConfidenceWatch,
    dependent_percentile,
)


def latencies_of_a_queue(n: int, seed: int, load: float = 0.7) -> NDArray[np.float64]:
    """Waiting times of a single server with Poisson arrivals (Lindley's recursion), and service."""
    rng = np.random.default_rng(seed)
    service = rng.exponential(load, n)
    walk = np.concatenate([[0], np.cumsum(service[:-1] - rng.exponential(1.0, n - 1))])
    waiting: NDArray[np.float64] = walk - np.minimum.accumulate(walk)
    return waiting + service


def coverage(n: int, percent: float, load: float, *, naive: bool) -> float:
    """How often the interval holds the true percentile: latency is exponential in this queue."""
    true = -math.log(1 - percent / 100) * load / (1 - load)
    hits = 0
    for seed in range(200):
        samples = latencies_of_a_queue(n, seed, load)
        found = (
            percentiles(samples, [percent])[0] if naive else dependent_percentile(samples, percent)
        )
        hits += found.ci_low <= true <= found.ci_high
    return hits / 200


def test_interval_holds_the_percentile_of_a_queue_where_the_plain_one_does_not() -> None:
    assert coverage(20_000, 90, 0.7, naive=False) > 0.88
    assert coverage(20_000, 90, 0.7, naive=True) < 0.7


def test_independent_samples_are_worth_nearly_their_number() -> None:
    samples = np.random.default_rng(0).exponential(size=20_000)
    found = dependent_percentile(samples, 99)
    plain = percentiles(samples, [99])[0]
    assert 10_000 < found.n_samples <= 20_000
    assert found.value == plain.value
    assert found.ci_low <= plain.ci_low
    assert found.ci_high >= plain.ci_high


def test_few_samples_have_no_end_above() -> None:
    assert dependent_percentile(np.arange(1.0, 101.0), 99).ci_high == math.inf
    assert math.isnan(dependent_percentile([], 99).value)
    assert dependent_percentile([5.0], 50).value == 5.0


def test_samples_that_are_all_equal_are_known_at_once() -> None:
    wanted = Confidence(percent=99)
    assert wanted.reached(wanted.estimate(np.full(1000, 2.0)))
    assert not wanted.reached(wanted.estimate(np.full(100, 2.0)))
    assert not wanted.reached(wanted.estimate([]))


def test_watch_ends_the_run_once_it_is_confident() -> None:
    samples = np.full(1000, 2.0)
    with ConfidenceWatch(Confidence(within_s=20), lambda: samples) as watch:
        assert watch.over.wait(20)
    verdict = watch.verdict()
    assert verdict["reached"] is True
    assert (verdict["ci_low_ms"], verdict["value_ms"], verdict["ci_high_ms"]) == (2, 2, 2)


def test_watch_ends_the_run_when_its_time_is_up() -> None:
    with ConfidenceWatch(Confidence(within_s=0.05), lambda: np.arange(10.0)) as watch:
        assert watch.over.wait(20)
    assert watch.verdict()["reached"] is False
    assert watch.verdict()["ci_high_ms"] == math.inf


def test_watch_without_a_wish_does_nothing() -> None:
    with ConfidenceWatch(None, lambda: np.zeros(0)) as watch:
        pass
    assert not watch.over.is_set()
    assert watch.verdict() == {}


@pytest.mark.parametrize(
    "wish",
    [
        {"percent": 100},
        {"percent": 0},
        {"relative_width": 0},
        {"confidence": 1},
        {"within_s": math.inf},
    ],
)
def test_wish_outside_its_range_is_refused(wish: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(wish))):
        Confidence(**wish)
