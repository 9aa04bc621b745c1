import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tracing.early_stopping import (
    early_stopping,
    early_stopping_estimate,
    early_stopping_samples,
    required_samples,
)


@pytest.mark.parametrize(
    ("percent", "n"), [(90, 23_886), (95, 50_425), (97, 85_811), (99, 262_742)]
)
def test_required_samples_are_those_of_loadgen(percent: float, n: int) -> None:
    assert required_samples(percent) == n


def test_wider_margin_needs_fewer_samples() -> None:
    assert required_samples(99, margin=0.001) < required_samples(99)
    assert required_samples(99, confidence=0.95) < required_samples(99)


@pytest.mark.parametrize(("percent", "totals"), [(90, [44, 64, 81]), (99, [459, 662, 838])])
def test_early_stopping_totals_are_those_of_loadgen(percent: float, totals: list[int]) -> None:
    assert [early_stopping_samples(percent, t) for t in range(3)] == totals


@settings(max_examples=50, deadline=None)
@given(st.floats(1, 99.9), st.integers(0, 40), st.floats(0.5, 0.999))
def test_total_is_the_smallest_that_is_enough(percent: float, n_over: int, c: float) -> None:
    def probability_of_at_most(n: int) -> float:
        p = 1 - percent / 100
        return math.fsum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n_over + 1))

    n = early_stopping_samples(percent, n_over, confidence=c)
    assert probability_of_at_most(n) <= (1 - c) * (1 + 1e-9)
    assert n - 1 == n_over or probability_of_at_most(n - 1) >= (1 - c) * (1 - 1e-9)


def test_run_with_few_over_the_target_may_stop() -> None:
    latency_ms = np.full(662, 5.0)
    latency_ms[7] = 50.0

    verdict = early_stopping(latency_ms, target_ms=10, percent=99)

    assert verdict.met
    assert (verdict.n_over_target, verdict.n_required, verdict.n_missing) == (1, 662, 0)
    assert not early_stopping(latency_ms[:-1], target_ms=10, percent=99).met
    assert early_stopping(latency_ms[:-1], target_ms=10, percent=99).n_missing == 1


def test_request_without_latency_is_over_every_target() -> None:
    assert early_stopping([1.0, math.nan], target_ms=10, percent=90).n_over_target == 1


def test_missing_samples_are_as_many_as_loadgen_asks_for() -> None:
    latency_ms = np.repeat([5.0, 50.0], [290, 10])
    assert early_stopping(latency_ms, target_ms=10, percent=99).n_missing == 1710


def test_estimate_discards_as_many_as_loadgen_does() -> None:
    """LoadGen said of 369 requests: would discard the 22 highest."""
    assert early_stopping_estimate(np.arange(369.0), 90) == 369 - 23


def test_estimate_lies_above_the_plain_percentile() -> None:
    latency_ms = np.random.default_rng(0).exponential(size=5000)
    for percent in (50, 90, 99):
        assert early_stopping_estimate(latency_ms, percent) > np.percentile(latency_ms, percent)


def test_too_few_samples_have_no_estimate() -> None:
    assert math.isnan(early_stopping_estimate(np.ones(661), 99))
    assert early_stopping_estimate(np.ones(662), 99) == 1
    assert math.isnan(early_stopping_estimate([], 90))


@pytest.mark.parametrize("percent", [0, 100, -1, math.nan])
def test_percentile_outside_its_range_is_refused(percent: float) -> None:
    with pytest.raises(SettingError, match="percent is"):
        required_samples(percent)
    with pytest.raises(SettingError, match="percent is"):
        early_stopping_samples(percent)


def test_other_settings_outside_their_range_are_refused() -> None:
    with pytest.raises(SettingError, match="margin is"):
        required_samples(99, margin=0)
    with pytest.raises(SettingError, match="confidence is"):
        early_stopping_samples(99, confidence=1)
    with pytest.raises(SettingError, match="tolerance is"):
        early_stopping_samples(99, tolerance=0.995)
    with pytest.raises(SettingError, match="n_over_target is"):
        early_stopping_samples(99, -1)
