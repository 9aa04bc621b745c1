from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.simulation.miss_ratio import miss_ratio_curve
from codomyrmex_lab.workloads import Uniform, Workload, Zipf
from codomyrmex_lab.workloads.reuse import reuse_distances


def replayed_hits(keys, capacity):
    cache, hits = OrderedDict(), 0
    for key in keys:
        if key in cache:
            hits += 1
            cache.move_to_end(key)
        elif capacity:
            cache[key] = None
            if len(cache) > capacity:
                cache.popitem(last=False)
    return hits


@given(st.lists(st.integers(0, 12), min_size=1, max_size=300))
@settings(max_examples=60, deadline=None)
def test_every_capacity_has_the_hits_of_a_replay_through_a_cache_of_that_size(keys):
    curve = miss_ratio_curve(keys)
    for capacity in range(15):
        assert curve.hit_ratio(capacity) == replayed_hits(keys, capacity) / len(keys)


def test_long_sequences_agree_with_a_replay():
    keys = Zipf(0.8).sample(20_000, 3_000, np.random.default_rng(1))
    curve = miss_ratio_curve(keys)
    for capacity in (1, 2, 10, 64, 300, 2_999):
        assert curve.hit_ratio(capacity) == replayed_hits(keys, capacity) / len(keys)


def test_curve_counts_the_reuse_distances_of_the_workload():
    keys = Zipf(1.0).sample(5_000, 700, np.random.default_rng(2))
    distances = reuse_distances(keys)
    curve = miss_ratio_curve(keys)
    for capacity in (1, 7, 50, 400):
        assert curve.hit_ratio(capacity) == pytest.approx((distances < capacity).mean())


def test_keys_of_any_type_are_told_apart():
    keys = ["a", 1, "1", "a", 1, ("t",)] * 3
    requests = Workload(np.arange(len(keys)), [str(type(key)) + str(key) for key in keys])
    assert miss_ratio_curve(requests).hit_ratio(100) == 14 / 18


def test_nothing_repeated_is_never_hit():
    curve = miss_ratio_curve(np.arange(100))
    assert curve.largest_hit_ratio == 0
    assert curve.miss_ratio(1_000) == 1
    with pytest.raises(SettingError, match=r"only 0 of the requests repeat"):
        curve.smallest_cache(0.1)


def test_smallest_cache_reaches_the_hit_ratio_and_one_less_does_not():
    curve = miss_ratio_curve(Zipf(1.0).sample(5_000, 700, np.random.default_rng(3)))
    for wanted in (0.1, 0.4, 0.7, curve.largest_hit_ratio):
        capacity = curve.smallest_cache(wanted)
        assert curve.hit_ratio(capacity) >= wanted > curve.hit_ratio(capacity - 1)


def test_frame_has_one_row_per_step():
    frame = miss_ratio_curve([1, 2, 1, 2, 3, 3]).frame()
    assert frame["capacity"].tolist() == [0, 1, 2]
    np.testing.assert_allclose(frame["hit_ratio"], [0, 1 / 6, 3 / 6])
    assert (frame["ci_low"] == frame["hit_ratio"]).all()


@pytest.mark.parametrize("sampler", [Zipf(0.7), Uniform()])
def test_sampled_curve_lies_within_the_error_that_it_states(sampler):
    keys = sampler.sample(200_000, 50_000, np.random.default_rng(4))
    exact = miss_ratio_curve(keys)
    capacities = np.geomspace(100, 50_000, 40).astype(int)
    inside = []
    for seed in range(10):
        sampled = miss_ratio_curve(keys, sampling_rate=0.1, seed=seed)
        off = np.abs(sampled.hit_ratio(capacities) - exact.hit_ratio(capacities))
        inside.append((off <= sampled.error(capacities)).mean())
        assert off.max() < 0.1
    assert np.mean(inside) > 0.9


@pytest.mark.parametrize("exponent", [0.8, 1.1, 1.5])
def test_small_caches_too_lie_within_the_error_that_a_sample_states(exponent):
    keys = Zipf(exponent).sample(50_000, 20_000, np.random.default_rng(4))
    capacities = np.array([1, 3, 10, 30, 100, 300, 1000])
    exact = miss_ratio_curve(keys).hit_ratio(capacities)
    inside = []
    for seed in range(100):
        sampled = miss_ratio_curve(keys, sampling_rate=0.1, seed=seed)
        inside.append(np.abs(sampled.hit_ratio(capacities) - exact) <= sampled.error(capacities))
    assert np.mean(inside) >= 0.95
    assert np.mean(inside, axis=0).min() >= 0.88


def test_no_cache_answers_nothing_in_any_sample():
    keys = Zipf(1.1).sample(20_000, 5_000, np.random.default_rng(5))
    sampled = miss_ratio_curve(keys, sampling_rate=0.2)
    assert sampled.capacities[:2].tolist() == [0, 1]
    assert (sampled.hit_ratio(0), sampled.error(0)) == (0, 0)
    assert sampled.error(1) > 0


def test_sample_is_the_same_for_equal_seeds():
    keys = Uniform().sample(20_000, 5_000, np.random.default_rng(5))
    one, two = (miss_ratio_curve(keys, sampling_rate=0.2, seed=9) for _ in range(2))
    np.testing.assert_array_equal(one.hit_ratios, two.hit_ratios)


def test_sample_of_too_few_keys_is_refused():
    with pytest.raises(SettingError, match="take a rate at which"):
        miss_ratio_curve(np.zeros(1000, int), sampling_rate=0.01)


@pytest.mark.parametrize("rate", [0, -0.1, 1.5, np.nan])
def test_sampling_rate_outside_its_range_is_refused(rate):
    with pytest.raises(SettingError, match="sampling_rate"):
        miss_ratio_curve([1, 2], sampling_rate=rate)


def test_capacity_must_be_a_whole_number():
    with pytest.raises(SettingError, match="capacity"):
        miss_ratio_curve([1, 2]).hit_ratio(1.5)


def test_no_requests_are_refused():
    with pytest.raises(SettingError, match="shape"):
        miss_ratio_curve([])
