import numpy as np
import pandas as pd
import pytest

from codomyrmex_lab.plots import plot_fidelity, plot_miss_ratio_curve, plot_service_profile
from codomyrmex_lab.plots.style import NotebookFigure
from codomyrmex_lab.simulation import (
    FIGURES,
    FidelityReport,
    ServiceProfile,
    miss_ratio_curve,
)
from tests.simulation.profiles import SIZES, linear_profile

KEYS = [1, 2, 1, 2, 3, 3, 4]


def labels(axes):
    return axes.get_legend_handles_labels()[1]


def test_service_profile_has_one_line_per_variant_and_number_of_calls_at_once():
    axes = plot_service_profile(linear_profile(workers=(1, 2)))
    assert labels(axes) == ["FP32, 1 at once", "FP32, 2 at once"]
    x, y = axes.containers[0].lines[0].get_data()
    np.testing.assert_array_equal(x, SIZES)
    np.testing.assert_allclose(np.asarray(y, float), [2 + 0.1 * size for size in SIZES])


def test_intervals_that_are_not_bounded_are_drawn_without_an_end():
    profile = linear_profile()
    points = profile.points.assign(ci_low_ms=-np.inf, ci_high_ms=np.inf)
    axes = plot_service_profile(type(profile)(points, np.ones(1)))
    assert np.isfinite(axes.get_ylim()).all()


def test_miss_ratio_curve_steps_through_its_capacities():
    axes = plot_miss_ratio_curve(miss_ratio_curve(KEYS))
    line = axes.get_lines()[0]
    np.testing.assert_array_equal(line.get_xdata()[:2], [1, 2])
    np.testing.assert_allclose(line.get_ydata()[:2], [1 / 7, 3 / 7])


def test_chosen_cache_size_is_marked_with_its_hit_rate():
    axes = plot_miss_ratio_curve(miss_ratio_curve(KEYS), chosen=2)
    assert labels(axes) == ["any size", "2 results: 42.9%"]
    mark = axes.get_lines()[-1]
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (2, pytest.approx(3 / 7))


def test_sampled_curve_says_so_and_shows_its_interval():
    keys = np.random.default_rng(0).integers(0, 3000, 20_000)
    axes = plot_miss_ratio_curve(miss_ratio_curve(keys, sampling_rate=0.3))
    assert "from 0.3 of the keys" in axes.get_title(loc="right")
    assert len(axes.collections) == 1


def test_workload_without_repetition_says_that_no_cache_helps():
    axes = plot_miss_ratio_curve(miss_ratio_curve(np.arange(10)), chosen=5)
    assert "no key is requested twice" in [text.get_text() for text in axes.texts]


def test_fidelity_has_one_panel_per_figure_and_one_point_per_case():
    rows = [
        {"case": case, "kind": kind, "n_requests": 9, **dict.fromkeys(FIGURES, value)}
        for case, scale in (("a", 1.0), ("b", 2.0))
        for kind, value in (("predicted", scale), ("measured", 1.1 * scale), ("measured", scale))
    ]
    figure = plot_fidelity(FidelityReport(pd.DataFrame(rows), {}))
    assert isinstance(figure, NotebookFigure)
    assert len(figure.axes) == len(FIGURES)
    points = figure.axes[0].get_lines()[1]
    np.testing.assert_allclose(points.get_xdata(), [1.05, 2.1])
    np.testing.assert_allclose(points.get_ydata(), [1.0, 2.0])
    assert figure.png().startswith(b"\x89PNG")


def report_of(**case_figures):
    """Return a report of two cases, of which each figure is predicted as it is measured."""
    rows = [
        {"case": case, "kind": kind, "n_requests": 9}
        | {name: values[case] for name, values in case_figures.items()}
        for case in (0, 1)
        for kind in ("predicted", "measured", "measured")
    ]
    return FidelityReport(pd.DataFrame(rows), {})


def small_profile(service_ms):
    points = linear_profile(service_ms, 0.01, workers=(1,)).points
    return ServiceProfile(points.assign(ci_low_ms=-np.inf, ci_high_ms=np.inf), np.ones(1))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot_service_profile(small_profile(2.0)).figure,
        lambda: plot_service_profile(small_profile(5.1)).figure,
        lambda: plot_service_profile(linear_profile()).figure,
        lambda: plot_miss_ratio_curve(miss_ratio_curve(KEYS)).figure,
        lambda: plot_fidelity(
            report_of(
                p50_ms=(2.0, 2.5),
                p95_ms=(5.0, 5.0),
                p99_ms=(6.0, 600.0),
                mean_batch_size=(2.0, 3.0),
                throughput_rps=(799.0, 800.5),
                cache_hit_rate=(0.0, 0.5),
            )
        ),
    ],
)
def test_every_axis_is_numbered_however_little_it_spans(draw):
    figure = draw()
    figure.canvas.draw()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            assert len(set(shown_numbers(axis))) >= 2, (axes.get_title("left"), axis.axis_name)


def shown_numbers(axis):
    low, high = sorted(axis.get_view_interval())
    labels = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
    return [label.get_text() for place, label in labels if low <= place <= high]
