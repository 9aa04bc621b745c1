import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.workloads import Zipf


@given(st.floats(0, 5), st.integers(1, 200), st.integers(1, 200), st.integers(0, 2**32))
def test_keys_are_in_range_and_repeat_with_their_seed(
    exponent: float, n_requests: int, n_keys: int, seed: int
) -> None:
    first, second = (
        Zipf(exponent).sample(n_requests, n_keys, np.random.default_rng(seed)) for _ in range(2)
    )

    assert first.shape == (n_requests,)
    assert first.dtype == np.int64
    assert first.min() >= 0
    assert first.max() < n_keys
    assert (first == second).all()


@pytest.mark.parametrize("exponent", [0.0, 0.8, 1.1, 2.0])
def test_popularity_follows_the_power_law(exponent: float) -> None:
    n_requests, n_keys = 400_000, 50
    weight = np.arange(1, n_keys + 1) ** -exponent
    expected = n_requests * weight / weight.sum()

    keys = Zipf(exponent).sample(n_requests, n_keys, np.random.default_rng(1))

    counts = np.bincount(keys, minlength=n_keys)
    chi_squared = float(((counts - expected) ** 2 / expected).sum())
    assert chi_squared < 85  # the 99.9th percentile with 49 degrees of freedom


@pytest.mark.parametrize("exponent", [-0.1, float("nan"), float("inf"), "1", True])
def test_exponent_outside_its_range_is_refused(exponent: float) -> None:
    with pytest.raises(SettingError, match=r"exponent is .*; expected a finite number of"):
        Zipf(exponent)
