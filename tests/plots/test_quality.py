"""Quality against latency: the numbers, then what is drawn of them."""

from dataclasses import replace

import numpy as np
import pytest

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.plots import plot_quality, quality_points
from codomyrmex_lab.runtimes import QualityReport, accuracy, quality_report

FP32, _, INT8, INT4 = QuantizationType
ROWS = list(np.random.default_rng(0).normal(size=(60, 4)))
LABELS = np.stack(ROWS).argmax(axis=1)


def mixed_up(inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Wrong for some inputs, and dependent on batch mates."""
    return [-x if x[0] > 0.8 else x for x in np.stack(inputs) + 0.1 * np.mean(inputs, axis=0)]


@pytest.fixture(scope="module")
def report() -> QualityReport:
    model = {FP32: list, INT8: mixed_up}
    return quality_report(
        model, ROWS, LABELS, quality=accuracy, batch_sizes=(1, 8), n_resamples=100
    )


def test_each_available_variant_is_a_point(report: QualityReport) -> None:
    fp32, int8 = quality_points(report, batch_size=8)
    assert (fp32.quantization, int8.quantization) == (FP32, INT8)
    assert (fp32.label, fp32.quality_low, fp32.quality, fp32.quality_high) == ("FP32", 1, 1, 1)
    assert int8.quality == report[INT8].quality.value < 1
    assert int8.quality_low < int8.quality < int8.quality_high < 1
    assert int8.latency_ms == report[INT8].latency[1].median_ms
    assert int8.depends_on_batch
    assert not fp32.depends_on_batch


def test_variants_of_one_kind_are_drawn_once(report: QualityReport) -> None:
    assert len(quality_points(report, report, batch_size=1)) == 2


def test_report_of_a_slower_hour_is_scaled_to_the_first(report: QualityReport) -> None:
    slower = tuple(
        replace(
            variant,
            status=replace(variant.status, method="static"),
            latency=tuple(
                replace(time, median_ms=3 * time.median_ms, ci_high_ms=3 * time.ci_high_ms)
                for time in variant.latency
            ),
        )
        for variant in report.available
    )
    _, first, _, later = quality_points(report, replace(report, available=slower), batch_size=8)
    assert later.label == "INT8 (static, depends on batch)"
    assert later.latency_ms == pytest.approx(first.latency_ms)
    assert later.latency_high_ms == pytest.approx(first.latency_high_ms)


def test_batch_size_that_was_not_timed_is_refused(report: QualityReport) -> None:
    with pytest.raises(SettingError, match=r"batch_size is 32; .* timed: 1, 8"):
        plot_quality(report)


def test_the_drawing_has_the_points_and_says_what_they_are(report: QualityReport) -> None:
    axes = plot_quality(report, batch_size=8)
    points = quality_points(report, batch_size=8)
    drawn = [container.lines[0].get_xydata()[0].tolist() for container in axes.containers]
    assert drawn == [[point.latency_ms, point.quality] for point in points]
    assert "accuracy" in axes.get_ylabel()
    assert "with 8 inputs" in axes.get_xlabel()
    assert axes.get_title("right") == "measured, n = 60 examples"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["FP32", "INT8 (depends on batch)"]
