import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.workloads import KeySampler, Scan, TemporalLocality, Uniform, Zipf


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


samplers = st.one_of(
    st.builds(Uniform),
    st.builds(Scan),
    st.builds(TemporalLocality, st.floats(0, 1), st.integers(1, 50), st.builds(Zipf)),
)


@given(samplers, st.integers(1, 200), st.integers(1, 200), st.integers(0, 2**32))
def test_every_sampler_stays_in_range_and_repeats_with_its_seed(
    sampler: KeySampler, n_requests: int, n_keys: int, seed: int
) -> None:
    first, second = (
        sampler.sample(n_requests, n_keys, np.random.default_rng(seed)) for _ in range(2)
    )

    assert first.dtype == np.int64
    assert first.shape == (n_requests,)
    assert first.min() >= 0
    assert first.max() < n_keys
    assert (first == second).all()


def test_uniform_keys_are_equally_popular() -> None:
    counts = np.bincount(Uniform().sample(100_000, 50, np.random.default_rng(1)))

    assert ((counts - 2000) ** 2 / 2000).sum() < 85


def test_scan_goes_round() -> None:
    assert Scan().sample(7, 3, np.random.default_rng()).tolist() == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize(("share", "window"), [(0.0, 5), (0.3, 5), (0.9, 40)])
def test_share_of_requests_repeats_one_within_the_window(share: float, window: int) -> None:
    n, n_keys = 40_000, 10**9  # fresh keys all differ
    keys = TemporalLocality(share, window).sample(n, n_keys, np.random.default_rng(1))

    last_seen: dict[int, int] = {}
    repeats = 0
    for position, key in enumerate(keys.tolist()):
        if key in last_seen:
            repeats += 1
            assert position - last_seen[key] <= window
        last_seen[key] = position
    assert repeats / n == pytest.approx(share, abs=0.01)


def test_each_of_the_last_requests_is_repeated_equally_often() -> None:
    class Counting:
        def sample(self, n_requests: int, n_keys: int, rng: np.random.Generator) -> np.ndarray:
            return np.arange(n_requests)

    keys = TemporalLocality(0.02, 4, Counting()).sample(400_000, 1, np.random.default_rng(1))
    position = np.arange(len(keys))

    back = (position - keys)[keys != position]

    counts = np.bincount(back[back <= 4], minlength=5)[1:]
    assert counts.min() / counts.max() > 0.9


def test_temporal_locality_outside_its_range_is_refused() -> None:
    with pytest.raises(SettingError, match=r"repeat_share is 1.5; expected a number from 0 to 1"):
        TemporalLocality(1.5, 3)
    with pytest.raises(SettingError, match="window is 0"):
        TemporalLocality(0.5, 0)
