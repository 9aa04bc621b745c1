"""The picture of a workload: its numbers, then what is drawn of them."""

import matplotlib as mpl
import numpy as np
import pytest
from numpy.testing import assert_allclose

from codomyrmex_lab.plots import plot_workload, workload_patterns
from codomyrmex_lab.workloads import Constant, Poisson, Scan, Step, Workload


@pytest.fixture(scope="module")
def traffic() -> Workload:
    return Workload.generate(Step((10, 100), at_s=(50,)), 5_000, n_keys=800, seed=2)


def test_every_request_is_in_a_stretch_of_time(traffic: Workload) -> None:
    patterns = workload_patterns(traffic)

    assert (patterns.rate_rps * np.diff(patterns.edge_s)).sum() == pytest.approx(5_000)
    assert len(patterns.rate_rps) == 100
    assert patterns.edge_s[-1] == traffic.duration_s


def test_gaps_are_a_distribution(traffic: Workload) -> None:
    patterns = workload_patterns(traffic)
    gaps_ms = np.diff(traffic.arrival_s) * 1e3

    shares = [(gaps_ms <= gap).mean() for gap in patterns.gap_ms]
    assert_allclose(patterns.gap_fraction, shares)
    assert patterns.gap_fraction[-1] == 1


def test_popularity_falls_with_rank(traffic: Workload) -> None:
    patterns = workload_patterns(traffic)

    counts = np.sort(np.unique(traffic.keys, return_counts=True)[1])[::-1]
    assert patterns.rank[0] == 1
    assert patterns.rank[-1] == traffic.n_keys
    assert (patterns.popularity == counts[patterns.rank - 1]).all()


def test_reuse_is_the_hit_rate_of_each_cache_size() -> None:
    patterns = workload_patterns(Workload.generate(Constant(5), 60, keys=Scan(), n_keys=6))

    assert set(patterns.reuse_distance) == {5}
    assert patterns.reuse_fraction[-1] == pytest.approx(0.9)


def test_four_panels_state_what_they_rest_on(traffic: Workload) -> None:
    figure = plot_workload(traffic)

    assert [axes.get_title("left") for axes in figure.axes] == [
        "Arrival rate",
        "Gaps between arrivals",
        "Popularity of keys",
        "Reuse of keys",
    ]
    for axes in figure.axes:
        assert axes.get_title("right").startswith("workload, n = 5,000, ")
        assert axes.get_xlabel()
        assert axes.get_ylabel()
        assert axes.get_legend() is not None
    assert figure.png().startswith(b"\x89PNG")


def test_the_drawing_holds_the_numbers(traffic: Workload) -> None:
    patterns = workload_patterns(traffic)
    rate, gaps, popularity, reuse = plot_workload(traffic).axes

    values, edges, _ = rate.patches[0].get_data()
    assert_allclose(values, patterns.rate_rps)
    assert_allclose(edges, patterns.edge_s)
    assert_allclose(gaps.lines[0].get_xdata(), patterns.gap_ms)
    assert_allclose(popularity.lines[0].get_ydata(), patterns.popularity)
    assert_allclose(reuse.lines[0].get_ydata(), patterns.reuse_fraction)


def test_poisson_traffic_lies_on_its_reference() -> None:
    gaps = plot_workload(Workload.generate(Poisson(50), 20_000)).axes[1]

    measured, reference = gaps.lines
    at = np.interp(reference.get_xdata(), measured.get_xdata(), measured.get_ydata())
    assert np.abs(at - reference.get_ydata()).max() < 0.02


@pytest.mark.parametrize(
    "workload", [Workload([0]), Workload([0, 0]), Workload([3, 3.5], keys=[1, 1])], ids=repr
)
def test_tiny_workloads_are_drawn(workload: Workload) -> None:
    assert plot_workload(workload).png()


def test_global_settings_stay_as_they_are(traffic: Workload) -> None:
    before = dict(mpl.rcParams)
    plot_workload(traffic).png()
    assert dict(mpl.rcParams) == before


def test_what_cannot_be_drawn_is_said() -> None:
    words = [
        text.get_text() for axes in plot_workload(Workload([0, 0])).axes for text in axes.texts
    ]

    assert words == [
        "all requests arrive at once",
        "all requests arrive at once",
        "no key is requested twice",
    ]
