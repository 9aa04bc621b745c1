import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomyrmex_lab.workloads.reuse import reuse_distances


def counted(keys: list[int]) -> list[float]:
    """Follow the definition word by word."""
    distances = []
    for position, key in enumerate(keys):
        before = keys[:position]
        if key in before:
            previous = position - 1 - before[::-1].index(key)
            distances.append(float(len(set(keys[previous + 1 : position]))))
        else:
            distances.append(np.inf)
    return distances


@settings(deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=80))
def test_distance_is_the_number_of_other_keys_in_between(keys: list[int]) -> None:
    assert reuse_distances(np.array(keys)).tolist() == counted(keys)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(1, 10))
def test_cache_of_recent_keys_answers_what_is_nearer_than_its_capacity(
    keys: list[int], capacity: int
) -> None:
    cache: list[int] = []
    hits = []
    for key in keys:
        hits.append(key in cache)
        cache = [key, *(other for other in cache if other != key)][:capacity]

    assert (reuse_distances(np.array(keys)) < capacity).tolist() == hits


def test_sampled_distances_are_exact() -> None:
    keys = np.random.default_rng(1).integers(0, 40, 1000)

    sampled = reuse_distances(keys, most_samples=100)

    positions = np.linspace(0, 999, 100).astype(int)
    assert (sampled == reuse_distances(keys)[positions]).all()


@pytest.mark.parametrize("keys", [np.array(["b", "a", "b"]), np.array(["b", 1, "b"], dtype=object)])
def test_keys_of_any_kind_have_distances(keys: np.ndarray) -> None:
    assert reuse_distances(keys).tolist() == [np.inf, np.inf, 1]
