"""The distribution of latencies: its numbers, then what is drawn of them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from codomyrmex_lab.plots import (
    MarkedPercentile,
    latency_distribution,
    plot_latency_distribution,
)
from codomyrmex_lab.tracing import Trace
from tests.plots.traces import build_trace


def test_each_latency_has_the_share_answered_within_it(hundred: Trace) -> None:
    distribution = latency_distribution(hundred)
    assert_allclose(distribution.latency_ms, np.arange(1, 101))
    assert_allclose(distribution.fraction, np.arange(1, 101) / 100)


def test_percentiles_are_those_of_the_summary(hundred: Trace) -> None:
    summary = hundred.summary()
    marks = {mark.percent: mark for mark in latency_distribution(hundred).percentiles}
    assert list(marks) == [50, 95, 99]
    assert marks[95].value_ms == summary.p95_ms
    assert (marks[95].ci_low_ms, marks[95].ci_high_ms) == summary.intervals["p95_ms"]


def test_failed_requests_are_counted_but_have_no_latency() -> None:
    distribution = latency_distribution(build_trace([1, 2, 3], failed=[False, True, False]))
    assert_allclose(distribution.latency_ms, [1, 3])
    assert "n = 3, 1 failed" in distribution.scope.of_requests()


def test_many_points_are_thinned_but_not_in_the_tail() -> None:
    latency_ms = np.random.default_rng(0).gamma(2.0, size=20_000)
    distribution = latency_distribution(build_trace(list(latency_ms)))
    exact = np.sort(latency_ms)
    assert len(distribution.latency_ms) <= 2_000
    assert_allclose(distribution.latency_ms[-500:], exact[-500:], atol=1e-6)
    assert distribution.fraction[-1] == 1.0
    ranks = np.searchsorted(exact, distribution.latency_ms - 2e-6)
    assert_allclose(distribution.fraction, (ranks + 1) / len(exact), atol=2 / len(exact))


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(1.0, 3.0, "[1, 3]"), (1.0, np.inf, "[1, ∞)"), (-np.inf, 3.0, "[0, 3]")],
)
def test_an_interval_is_open_where_nothing_bounds_it(low: float, high: float, words: str) -> None:
    assert str(MarkedPercentile(99, 2.0, low, high)) == f"p99 2 ms {words}"


def test_the_drawing_holds_the_numbers(hundred: Trace) -> None:
    axes = plot_latency_distribution(hundred)
    assert axes.get_xscale() == "log"
    drawn = axes.lines[0].get_xydata()
    distribution = latency_distribution(hundred)
    assert_allclose(drawn, np.column_stack([distribution.latency_ms, distribution.fraction]))
    labels = axes.get_legend_handles_labels()[1]
    assert labels == [str(mark) for mark in distribution.percentiles]
    assert axes.get_title("right") == "measured, n = 100, 1.09 s"


def test_earlier_runs_are_drawn_fainter_and_behind(hundred: Trace) -> None:
    axes = plot_latency_distribution(hundred, earlier=[build_trace([5.0, 6.0])] * 2)
    faint, other, current = axes.lines[:3]
    assert_allclose(faint.get_xdata(), [5, 6])
    assert_allclose(other.get_xdata(), [5, 6])
    assert faint.get_alpha() < 0.5
    assert faint.get_zorder() < current.get_zorder()


def test_a_latency_of_zero_is_drawn_at_the_floor_of_the_axis() -> None:
    axes = plot_latency_distribution(build_trace([0.0, 1.0]))
    assert_allclose(axes.lines[0].get_xdata(), [1e-3, 1.0])


def test_nothing_answered_is_said(empty: Trace) -> None:
    axes = plot_latency_distribution(empty)
    assert [text.get_text() for text in axes.texts] == ["no request was answered"]
    assert axes.get_title("right") == "measured, n = 0, 0 s"


def test_a_simulated_trace_says_so() -> None:
    axes = plot_latency_distribution(build_trace([1.0], simulated=True))
    assert axes.get_title("right").startswith("simulated, n = 1")
