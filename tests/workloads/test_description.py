import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomyrmex_lab.workloads import Constant, Gamma, Poisson, Scan, Step, Workload, Zipf


def figures(workload: Workload) -> "pd.Series[float]":
    return workload.describe()["value"]


def test_metronome_has_no_variation() -> None:
    told = figures(Workload.generate(Constant(50), 5_000))

    assert told["mean_rate_rps"] == pytest.approx(50)
    assert told["peak_rate_rps"] in (50, 51)
    assert told["inter_arrival_cv"] == pytest.approx(0, abs=1e-9)
    assert told["burstiness"] == pytest.approx(-1)
    assert told["index_of_dispersion"] < 0.01


def test_independent_users_are_neither_even_nor_in_bursts() -> None:
    told = figures(Workload.generate(Poisson(50), 100_000))

    assert told["inter_arrival_cv"] == pytest.approx(1, abs=0.02)
    assert told["burstiness"] == pytest.approx(0, abs=0.01)
    assert told["index_of_dispersion"] == pytest.approx(1, abs=0.1)


def test_bursts_are_seen() -> None:
    told = figures(Workload.generate(Gamma(50, cv=4), 100_000))

    assert told["burstiness"] == pytest.approx(0.6, abs=0.02)
    assert told["index_of_dispersion"] > 5


def test_change_of_rate_is_seen_in_the_peak_and_the_dispersion() -> None:
    told = figures(Workload.generate(Step((10, 300, 10), at_s=(60, 70)), 5_000))

    assert told["peak_rate_rps"] == pytest.approx(330, rel=0.1)
    assert told["index_of_dispersion"] > 50


def test_figures_of_keys() -> None:
    told = figures(Workload.generate(Constant(1), 400, keys=Scan(), n_keys=40))

    assert told["n_keys"] == 40
    assert told["top_10_share"] == 0.25
    assert told["repeat_share"] == 0.9
    assert told["median_reuse_distance"] == 39


def test_popular_keys_come_again_soon() -> None:
    even, skewed = (
        figures(Workload.poisson(50, 20_000, n_keys=500, zipf_exponent=s)) for s in (0.0, 1.3)
    )

    assert skewed["top_10_share"] > 10 * even["top_10_share"]
    assert skewed["median_reuse_distance"] < even["median_reuse_distance"] / 10


def test_peak_of_less_than_a_second_is_no_lower_than_the_mean() -> None:
    told = figures(Workload([0, 0.1, 0.2, 0.21]))

    assert told["peak_rate_rps"] >= told["mean_rate_rps"]


@settings(deadline=None)
@given(st.lists(st.floats(0, 30), min_size=1, max_size=30).map(sorted))
def test_any_workload_is_described(arrival_s: list[float]) -> None:
    told = figures(Workload(arrival_s, keys=np.arange(len(arrival_s)) // 2))

    assert told["n_requests"] == len(arrival_s)
    assert told["duration_s"] == arrival_s[-1]
    assert 0 <= told["repeat_share"] < 1
    assert 0 < told["top_10_share"] <= 1


def test_requests_without_repetition_have_no_reuse_distance() -> None:
    told = figures(Workload([0, 1, 2]))

    assert told["repeat_share"] == 0
    assert np.isnan(told["median_reuse_distance"])


def test_description_does_not_depend_on_what_keys_are() -> None:
    numbers = Workload.generate(Poisson(50), 2_000, keys=Zipf(1.0), n_keys=60, seed=4)
    words = Workload(numbers.arrival_s, keys=[f"key {key}" for key in numbers.keys])

    pd.testing.assert_frame_equal(numbers.describe(), words.describe())
