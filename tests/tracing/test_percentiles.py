import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tracing.percentiles import percentiles, rank_interval

percents = st.sampled_from([1.0, 25.0, 50.0, 90.0, 95.0, 99.0, 99.9])
latencies = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)


def at_most(k: int, n: int, p: float) -> float:
    """P(X <= k) for X ~ Binomial(n, p), term by term."""
    return math.fsum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))


@given(latencies, percents)
def test_value_agrees_with_numpy(samples: list[float], percent: float) -> None:
    (found,) = percentiles(samples, [percent])

    assert found.value == np.percentile(samples, percent)
    assert found.n_samples == len(samples)


@given(latencies, percents, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_interval_holds_the_value(samples: list[float], percent: float, confidence: float) -> None:
    (found,) = percentiles(samples, [percent], confidence)

    assert found.ci_low <= found.value <= found.ci_high


@given(st.integers(1, 300), percents, st.sampled_from([0.9, 0.95, 0.99]))
def test_ranks_are_the_tightest_that_keep_the_confidence(
    n: int, percent: float, confidence: float
) -> None:
    low, high = rank_interval(n, percent, confidence)
    p, miss, rounding = percent / 100, (1 - confidence) / 2, 1e-9

    assert 0 <= low < high <= n + 1
    assert at_most(low - 1, n, p) <= miss + rounding
    assert at_most(low, n, p) >= miss - rounding
    assert at_most(high - 1, n, p) >= 1 - miss - rounding
    assert high == 1 or at_most(high - 2, n, p) <= 1 - miss + rounding


def test_median_of_a_hundred_has_the_ranks_of_the_printed_tables() -> None:
    assert rank_interval(100, 50) == (40, 61)


def test_many_samples_agree_with_the_normal_approximation() -> None:
    n, p = 1_000_000, 0.99
    half_width = 1.959964 * math.sqrt(n * p * (1 - p))

    low, high = rank_interval(n, 100 * p)

    assert low == pytest.approx(n * p - half_width, abs=2)
    assert high == pytest.approx(n * p + half_width, abs=2)


def test_interval_holds_the_true_percentile_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    truth = -math.log(1 - 0.9)  # p90 of the unit exponential

    intervals = [percentiles(rng.exponential(size=150), [90])[0] for _ in range(2000)]

    covered = np.mean([found.ci_low <= truth <= found.ci_high for found in intervals])
    assert 0.94 < covered < 0.985


def test_too_few_samples_leave_an_end_open() -> None:
    (found,) = percentiles(np.arange(100.0), [99])

    assert found.ci_low > 90
    assert found.ci_high == math.inf


def test_no_samples_give_nan() -> None:
    (found,) = percentiles([], [50])

    assert math.isnan(found.value)
    assert math.isnan(found.ci_low)
    assert found.n_samples == 0


@pytest.mark.parametrize(
    ("n", "percent", "confidence"), [(0, 50, 0.95), (1, 0, 0.95), (1, 100, 0.95), (1, 50, 1)]
)
def test_settings_outside_their_range_are_refused(
    n: int, percent: float, confidence: float
) -> None:
    with pytest.raises(SettingError, match="expected"):
        rank_interval(n, percent, confidence)
