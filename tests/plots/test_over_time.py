"""Figures over time: their numbers, then what is drawn of them."""

import numpy as np
from numpy.testing import assert_allclose

from codomyrmex_lab.plots import plot_hit_rate, plot_latency_over_time, trace_over_time
from codomyrmex_lab.tracing import Trace
from tests.plots.traces import build_trace


def test_time_is_cut_into_stretches_of_about_twenty_requests(hundred: Trace) -> None:
    over_time = trace_over_time(hundred)
    width_s = hundred.summary().duration_s / 5
    assert_allclose(over_time.time_s[:5], (np.arange(5) + 0.5) * width_s)
    assert len(over_time.time_s) in (5, 6)  # the last answer may begin a stretch of its own
    expected = hundred.over_time(width_s)
    assert_allclose(over_time.p95_ms, expected["p95_ms"])
    assert_allclose(over_time.queue_length, expected["queue_length"])


def test_hit_rate_follows_the_stretches(hundred: Trace) -> None:
    over_time = trace_over_time(hundred)
    assert over_time.overall_hit_rate == 0.5
    assert over_time.hit_rate[0] == 0.0
    assert over_time.hit_rate[4] == 1.0


def test_a_long_trace_has_at_most_forty_stretches() -> None:
    over_time = trace_over_time(build_trace([1.0] * 5_000, gap_ms=1.0))
    assert len(over_time.time_s) in (40, 41)


def test_the_latency_drawing_holds_the_numbers(hundred: Trace) -> None:
    axes = plot_latency_over_time(hundred)
    over_time = trace_over_time(hundred)
    p95, p50 = axes.lines
    assert_allclose(p95.get_ydata(), over_time.p95_ms)
    assert_allclose(p50.get_ydata(), over_time.p50_ms)
    assert p95.get_linestyle() != p50.get_linestyle()
    (queue,) = [other for other in axes.figure.axes if other is not axes]
    assert "waiting" in queue.get_ylabel()
    tallest = queue.collections[0].get_paths()[0].vertices[:, 1].max()
    assert_allclose(tallest, np.nanmax(over_time.queue_length))


def test_the_hit_rate_drawing_holds_the_numbers(hundred: Trace) -> None:
    axes = plot_hit_rate(hundred, earlier=[build_trace([1.0] * 40)])
    faint, current = axes.lines
    assert_allclose(np.nan_to_num(faint.get_ydata()), 0.0)
    assert_allclose(current.get_ydata(), trace_over_time(hundred).hit_rate)
    assert axes.get_legend_handles_labels()[1] == ["50.0% overall"]


def test_a_cache_that_is_off_is_said() -> None:
    axes = plot_hit_rate(build_trace([1.0, 2.0], keyed=False))
    assert not axes.lines
    assert [text.get_text() for text in axes.texts] == ["the cache was not asked"]


def test_nothing_answered_is_said(empty: Trace) -> None:
    axes = plot_latency_over_time(empty)
    assert [text.get_text() for text in axes.texts] == ["no request was answered"]
    assert [text.get_text() for text in plot_hit_rate(empty).texts] == ["the cache was not asked"]


def test_a_single_stretch_is_drawn_as_a_point() -> None:
    axes = plot_latency_over_time(build_trace([1.0, 2.0]))
    assert {line.get_marker() for line in axes.lines} == {"o"}
