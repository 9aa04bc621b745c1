"""The search on screen: what it asks, what it draws, and what picking a point does."""

import threading
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from codomyrmex_lab.dashboards.page import PointerDrag
from codomyrmex_lab.dashboards.pareto_panel import ParetoPanel
from codomyrmex_lab.dashboards.pareto_picture import ParetoPicture
from codomyrmex_lab.dashboards.pareto_words import sentence_in_words
from codomyrmex_lab.optimization.models import OptimizationConfig, QuantizationType
from codomyrmex_lab.plots.theme import LIGHT
from codomyrmex_lab.tuning import config_of
from tests.tuning.cases import affine_profile, traffic

QUALITY = pd.DataFrame({"accuracy": [0.97, 0.9]}, index=["fp32", "int8"])
Work = Callable[[threading.Event], None]


def panel(quality: pd.DataFrame | None = None) -> tuple[ParetoPanel, list[OptimizationConfig]]:
    picked: list[OptimizationConfig] = []

    def run(work: Work) -> None:
        work(threading.Event())

    made = ParetoPanel(LIGHT, run, picked.append)
    made.ready(lambda: traffic(n_requests=300), affine_profile(), quality)
    return made, picked


@pytest.fixture(scope="module")
def searched() -> tuple[ParetoPanel, list[OptimizationConfig]]:
    made, picked = panel()
    made.search()
    return made, picked


def test_a_search_draws_the_front_and_says_what_it_found(searched) -> None:
    found, _ = searched
    assert found.result is not None
    said = found.words.value
    assert "settings hold p99 ≤ 50 ms; among them the best worker time is" in said
    assert f"{found.front['worker_s_per_1k'].min():.4g} s per 1,000 requests" in said
    assert "p99_ms" not in said
    assert "worker_s_per_1k" not in said
    assert bytes(found.picture.png).startswith(b"\x89PNG")
    assert len(found.points.options) == len(found.front) + 1
    assert len(found.front) > 1
    assert not found.search_button.disabled
    assert found.front["p99_ms"].is_monotonic_increasing
    assert found.front["worker_s_per_1k"].is_monotonic_decreasing


def test_a_picked_point_hands_its_config_on(searched) -> None:
    found, picked = searched
    before = found.picture.png
    place = len(found.front) - 1
    found.points.value = place
    row = found.front.iloc[place]
    assert picked[-1] == config_of(row)
    assert f"p99 {row['p99_ms']:.4g} ms" in found.chosen.value
    assert f"worker time {row['worker_s_per_1k']:.4g} s per 1,000 requests" in found.chosen.value
    assert found.picture.png != before
    found.points.value = -1
    assert found.chosen.value == ""
    assert found.picture.png == before


def test_a_press_on_the_picture_picks_the_nearest_point(searched) -> None:
    found, picked = searched
    found.points.value = -1
    found.follow(PointerDrag(0.0, 1.0, 0.0, 1.0))  # far left, far above: fast and dear
    assert found.points.value == 0
    assert picked[-1] == config_of(found.front.iloc[0])


def test_a_limit_that_nothing_holds_is_said_with_the_nearest() -> None:
    made, picked = panel()
    made.limit.value = 0.01
    made.search()
    assert "No settings hold p99 ≤ 0.01 ms" in made.words.value
    assert "The nearest of" in made.words.value
    assert not made.search_button.disabled
    assert not picked


def test_quality_is_asked_for_where_it_is_known() -> None:
    without, _ = panel()
    assert without.quality.disabled
    made, _ = panel(QUALITY)
    made.quality.value = 0.95
    made.search()
    assert made.result is not None
    assert [str(one) for one in made.result.constraints] == ["p99_ms <= 50", "quality >= 0.95"]
    assert made.result.config.quantization is QuantizationType.FP32


def test_points_are_coloured_by_quantization_and_the_limit_is_a_line() -> None:
    trials = pd.DataFrame(
        {
            "quantization": ["fp32", "int8", "int8"],
            "p99_ms": [4.0, 2.0, np.inf],
            "worker_s_per_1k": [1.0, 3.0, 9.0],
        }
    )
    axes_names = ("p99_ms", "p99 latency (ms)"), ("worker_s_per_1k", "cost")
    picture = ParetoPicture(LIGHT, trials, trials.iloc[[1, 0]], *axes_names, limit=5.0)
    drawn = picture.axes.get_lines()
    by_data = {tuple(one.get_xdata()): one for one in drawn}
    of_fp32, of_int8 = by_data[(4.0,)], by_data[(2.0, np.inf)]
    assert of_fp32.get_color() != of_int8.get_color()
    assert of_fp32.get_marker() != of_int8.get_marker()
    assert (5.0, 5.0) in by_data
    assert picture.png(0) != picture.png(-1)
    for place, point in enumerate([(2.0, 3.0), (4.0, 1.0)]):
        x, y = picture.axes.transData.transform(point) / picture.axes.figure.bbox.size
        assert picture.nearest(x + 0.01, y + 0.01) == place


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("p99_ms <= 50 and quality >= 0.95;", "p99 ≤ 50 ms and quality ≥ 0.95;"),
        ("the best throughput_rps is 1006,", "the best throughput is 1006 requests/s,"),
        ("with worker_s_per_1k 0.9945, p99_ms 3.917.",
         "with worker time 0.9945 s per 1,000 requests, p99 3.917 ms."),
        ("reaches p99_ms 1.2e+03, error_rate 0.01", "reaches p99 1.2e+03 ms, error rate 0.01"),
        ("reaches p99_ms inf, with", "reaches p99 inf ms, with"),
        ("the quality data", "the quality data"),
    ],
)  # fmt: skip
def test_columns_are_said_in_words_with_units(said: str, words: str) -> None:
    assert sentence_in_words(said) == words
