import numpy as np
import pytest

from codomyrmex_lab.errors import ForeignProfileWarning, ProfileError, SettingError
from codomyrmex_lab.optimization import OptimizationConfig
from codomyrmex_lab.simulation import (
    fewest_workers,
    highest_rate_rps,
    miss_ratio_curve,
    simulate_summary,
    smallest_cache,
)
from codomyrmex_lab.workloads import Workload
from tests.simulation.profiles import linear_profile

PROFILE = linear_profile(contention=0.0)
CONFIG = OptimizationConfig(
    max_batch_size=8, batch_timeout_ms=2, num_workers=1, enable_caching=False
)
WORKLOAD = Workload.poisson(300, 3_000, n_keys=500, seed=2)


def p99_ms(rate_rps):
    scaled = WORKLOAD.scale_rate(rate_rps * WORKLOAD.duration_s / len(WORKLOAD))
    return simulate_summary(scaled, PROFILE, CONFIG).p99_ms


def test_highest_rate_meets_the_slo_and_a_little_more_does_not():
    rate_rps = highest_rate_rps(WORKLOAD, PROFILE, CONFIG, slo_latency_ms=10)
    assert p99_ms(0.99 * rate_rps) <= 10.2
    assert p99_ms(1.05 * rate_rps) > 10


def test_highest_rate_stays_below_what_the_workers_compute():
    rate_rps = highest_rate_rps(WORKLOAD, PROFILE, CONFIG, slo_latency_ms=1e6)
    assert 0.9 * 8 / 2.8e-3 < rate_rps < 8 / 2.8e-3


def test_highest_rate_is_0_where_even_one_request_takes_longer():
    assert highest_rate_rps(WORKLOAD, PROFILE, CONFIG, slo_latency_ms=1) == 0


def test_highest_rate_counts_what_a_faster_workload_finds_in_the_cache_before_it_expires():
    config = CONFIG.replace(enable_caching=True, cache_ttl_s=1.0)
    slow = Workload.poisson(20, 20_000, n_keys=500, seed=2)  # hardly anything lives long enough
    rate_rps = highest_rate_rps(slow, PROFILE, config, slo_latency_ms=30)
    p99_ms = [
        simulate_summary(slow, PROFILE, config, speed=factor * rate_rps / 20).p99_ms
        for factor in (0.98, 1.05)
    ]
    assert p99_ms[0] <= 30 < p99_ms[1]


def test_highest_rate_is_infinite_where_the_model_takes_no_time():
    assert np.isinf(highest_rate_rps(WORKLOAD, linear_profile(0, 0), CONFIG, slo_latency_ms=10))


def test_fewest_workers_meet_the_slo_and_one_less_does_not():
    busy = WORKLOAD.scale_rate(15)
    n_workers = fewest_workers(busy, PROFILE, CONFIG, slo_latency_ms=12)
    assert 1 < n_workers <= 4
    fewer = CONFIG.replace(num_workers=n_workers - 1)
    assert simulate_summary(busy, PROFILE, fewer).p99_ms > 12


def test_too_few_profiled_workers_are_said():
    with pytest.raises(SettingError, match="Even 4 workers"):
        fewest_workers(WORKLOAD.scale_rate(100), PROFILE, CONFIG, slo_latency_ms=12)


def test_smallest_cache_is_that_of_the_curve():
    assert smallest_cache(WORKLOAD, 0.5) == miss_ratio_curve(WORKLOAD).smallest_cache(0.5)


@pytest.mark.parametrize("slo_latency_ms", [0, -1, np.inf])
def test_slo_outside_its_range_is_refused(slo_latency_ms):
    with pytest.raises(SettingError, match="slo_latency_ms"):
        highest_rate_rps(WORKLOAD, PROFILE, CONFIG, slo_latency_ms=slo_latency_ms)


@pytest.mark.parametrize("arrival_s", [[0.0] * 10, [1.0, 1.0, 1.0], [5.0]])
def test_all_requests_at_once_have_no_rate(arrival_s):
    at_once = Workload(arrival_s)
    with pytest.raises(SettingError, match="due at once"):
        highest_rate_rps(at_once, PROFILE, CONFIG, slo_latency_ms=10)


def highest(profile, config, **settings):
    return highest_rate_rps(WORKLOAD, profile, config, slo_latency_ms=30, **settings)


def fewest(profile, config, **settings):
    return fewest_workers(WORKLOAD, profile, config, slo_latency_ms=30, **settings)


@pytest.mark.parametrize("ask", [highest, fewest])
def test_batches_beyond_the_profile_are_refused_unless_asked_for(ask):
    large = CONFIG.replace(max_batch_size=64)
    with pytest.raises(ProfileError, match="extrapolate=True"):
        ask(PROFILE, large)
    assert ask(PROFILE, large, extrapolate=True) > 0


@pytest.mark.parametrize("ask", [highest, fewest])
def test_profile_of_another_machine_is_warned_of(ask):
    foreign = linear_profile(contention=0.0, host={"processor": "another"})
    with pytest.warns(ForeignProfileWarning, match="another machine") as warned:
        ask(foreign, CONFIG)
    assert warned[0].filename == __file__
