import math

import numpy as np
import pytest
from numpy.typing import NDArray

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tracing.dependence import (
    bootstrap_mean,
    dependent_percentiles,
    variance_inflation,
)
from codomyrmex_lab.tracing.percentiles import percentiles


def correlated(n: int, rho: float, seed: int) -> np.ndarray:
    """A stationary autoregressive process with standard normal values."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=n) * math.sqrt(1 - rho**2)
    values = np.empty(n)
    values[0] = rng.normal()
    for i in range(1, n):
        values[i] = rho * values[i - 1] + noise[i]
    return values


def test_independent_samples_are_not_inflated() -> None:
    inflations = [variance_inflation(correlated(2500, 0, seed)) for seed in range(20)]

    assert np.mean(inflations) == pytest.approx(1.05, abs=0.15)


def test_inflation_of_an_autoregressive_process_is_the_known_one() -> None:
    rho = 0.8  # the mean varies (1 + rho) / (1 - rho) = 9 times more

    inflations = [variance_inflation(correlated(10_000, rho, seed)) for seed in range(10)]

    assert np.mean(inflations) == pytest.approx(9, rel=0.2)


def test_constant_or_few_samples_are_not_inflated() -> None:
    assert variance_inflation(np.ones(1000)) == 1
    assert variance_inflation([1.0, 2.0]) == variance_inflation([]) == 1


def test_intervals_hold_the_truth_although_neighbours_depend_on_each_other() -> None:
    held, held_naively, held_mean = 0, 0, 0
    for seed in range(200):
        values = correlated(2500, 0.8, seed)
        (found,) = dependent_percentiles(values, [90])
        (naive,) = percentiles(values, [90])
        mean = bootstrap_mean(values, n_resamples=200)
        held += found.ci_low <= 1.2815516 <= found.ci_high
        held_naively += naive.ci_low <= 1.2815516 <= naive.ci_high
        held_mean += mean.ci_low <= 0 <= mean.ci_high

    assert held / 200 > 0.9
    assert held_mean / 200 > 0.87
    assert held_naively / 200 < 0.75


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
            percentiles(samples, [percent])[0]
            if naive
            else dependent_percentiles(samples, [percent])[0]
        )
        hits += found.ci_low <= true <= found.ci_high
    return hits / 200


def test_interval_holds_the_percentile_of_a_queue_where_the_plain_one_does_not() -> None:
    assert coverage(20_000, 90, 0.7, naive=False) > 0.88
    assert coverage(20_000, 90, 0.7, naive=True) < 0.7


def test_independent_samples_are_worth_nearly_their_number() -> None:
    samples = np.random.default_rng(0).exponential(size=20_000)
    found = dependent_percentiles(samples, [99])[0]
    plain = percentiles(samples, [99])[0]
    assert 10_000 < found.n_samples <= 20_000
    assert found.value == plain.value
    assert found.ci_low <= plain.ci_low
    assert found.ci_high >= plain.ci_high


def test_few_samples_have_no_end_above() -> None:
    assert dependent_percentiles(np.arange(1.0, 101.0), [99])[0].ci_high == math.inf


def test_no_samples_give_nan() -> None:
    assert math.isnan(bootstrap_mean([]).value)
    (found,) = dependent_percentiles([], [50])
    assert math.isnan(found.value)
    assert math.isnan(found.ci_low)


def test_few_samples_bound_nothing() -> None:
    few = bootstrap_mean([3.0] * 9)
    assert (few.value, few.ci_low, few.ci_high) == (3, -math.inf, math.inf)
    (found,) = dependent_percentiles([3.0], [50])
    assert (found.ci_low, found.ci_high) == (-math.inf, math.inf)


def test_same_seed_gives_the_same_interval() -> None:
    values = correlated(500, 0.3, 1)

    assert bootstrap_mean(values, seed=4) == bootstrap_mean(values, seed=4)
    with pytest.raises(SettingError, match="confidence is 1"):
        bootstrap_mean(values, 1)
    with pytest.raises(SettingError, match="n_resamples is 0"):
        bootstrap_mean(values, n_resamples=0)


def test_percentile_that_is_none_is_refused() -> None:
    with pytest.raises(SettingError, match="percent is 500; expected a number above 0 and below"):
        dependent_percentiles([1.0, 2.0], [500])
