"""What each variant of a model costs in answers, against what it saves in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.plots.style import BLUE, GREEN, VERMILLION, axes_or_new, label_axes

if TYPE_CHECKING:  # a figure of something else need not load a runtime
    from codomyrmex_lab.runtimes import QualityReport, ServiceLatency, VariantQuality

__all__ = ["QualityPoint", "plot_quality", "quality_points"]

_MARKS = {
    QuantizationType.FP32: ("black", "o"),
    QuantizationType.FP16: (BLUE, "s"),
    QuantizationType.INT8: (VERMILLION, "^"),
    QuantizationType.INT4: (GREEN, "D"),
}
_LARGEST_LEGEND = 0.6  # of the height


@dataclass(frozen=True, slots=True)
class QualityPoint:
    """One variant in the figure.

    Parameters
    ----------
    quantization : QuantizationType
        Its number format.
    label : str
        Format, conversion, size of the file, and whether outputs depend on batch mates.
    latency_ms, latency_low_ms, latency_high_ms : float
        Median time of a model call and its 95% interval, in ms.
    quality, quality_low, quality_high : float
        Value of the task metric, and what it is at the ends of the 95% interval of its difference
        from FP32 on the same examples.
    depends_on_batch : bool
        Whether its outputs depend on batch mates.
    """

    quantization: QuantizationType
    label: str
    latency_ms: float
    latency_low_ms: float
    latency_high_ms: float
    quality: float
    quality_low: float
    quality_high: float
    depends_on_batch: bool


def quality_points(*reports: QualityReport, batch_size: int) -> list[QualityPoint]:
    """Return the available variants of some reports on one model; equal ones once.

    Times of later reports are scaled by what FP32 took in them and in the first one: each report
    ran its variants in turn with FP32, and the machine may have been slower meanwhile.

    Parameters
    ----------
    *reports : QualityReport
        For example one with dynamic and one with static INT8.
    batch_size : int
        Batch size whose latency is taken.

    Returns
    -------
    list of QualityPoint
        In the order of the reports.

    Raises
    ------
    SettingError
        A report did not time this batch size.
    """
    points: dict[str, QualityPoint] = {}
    for report in reports:
        fp32 = report[QuantizationType.FP32].quality.value
        scale = _fp32_ms(reports[0], batch_size) / _fp32_ms(report, batch_size)
        for variant in report.available:
            point = _point(variant, fp32, _timed(variant, batch_size), scale)
            points.setdefault(point.label, point)
    return list(points.values())


def plot_quality(*reports: QualityReport, batch_size: int = 32, ax: Axes | None = None) -> Axes:
    """Draw the quality of each variant against the time of a model call.

    Parameters
    ----------
    *reports : QualityReport
        At least one, all on the same model, data and metric.
    batch_size : int
        Batch size whose latency is drawn.
    ax : matplotlib.axes.Axes or None
        Where to draw; a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    points = quality_points(*reports, batch_size=batch_size)
    axes = axes_or_new(ax)
    for point in points:
        colour, marker = _MARKS[point.quantization]
        axes.errorbar(
            point.latency_ms,
            point.quality,
            xerr=_arms(point.latency_ms, point.latency_low_ms, point.latency_high_ms),
            yerr=_arms(point.quality, point.quality_low, point.quality_high),
            color=colour,
            marker=marker,
            markersize=7,
            markerfacecolor="white" if point.depends_on_batch else colour,
            elinewidth=1.0,
            capsize=2.5,
            linestyle="none",
            label=point.label,
        )
    axes.axhline(points[0].quality, color="black", linewidth=0.8, linestyle=":")
    axes.set_xlim(left=0)
    axes.margins(y=0.15)
    first = reports[0]
    label_axes(
        axes,
        "Quality against latency",
        f"measured, n = {first.n_examples:,} examples",
        f"time of a model call with {batch_size} inputs, ms",
        f"{first.metric}; bars: 95% of its difference from FP32",
        legend="lower right",
    )
    _legend_below_the_points(axes)
    return axes


def _legend_below_the_points(axes: Axes) -> None:
    """Stretch the y-axis downwards until the legend covers no point and no error bar."""
    legend = axes.legend(fontsize=7.5, loc="lower left")
    share = legend.get_window_extent().height / axes.get_window_extent().height
    low, high = axes.get_ylim()
    axes.set_ylim(high - (high - low) / (1 - min(share, _LARGEST_LEGEND)), high)


def _fp32_ms(report: QualityReport, batch_size: int) -> float:
    return _timed(report[QuantizationType.FP32], batch_size).median_ms


def _timed(variant: VariantQuality, batch_size: int) -> ServiceLatency:
    timed = {latency.batch_size: latency for latency in variant.latency}
    if batch_size not in timed:
        sizes = ", ".join(map(str, timed)) or "none"
        raise SettingError(
            f"batch_size is {batch_size}; expected one that the report timed: {sizes}."
        )
    return timed[batch_size]


def _point(
    variant: VariantQuality, fp32: float, latency: ServiceLatency, scale: float
) -> QualityPoint:
    status, change = variant.status, variant.change
    size = "" if status.file_bytes is None else f"{status.file_bytes / 1e6:.3g} MB"
    depends = variant.batch_dependence.depends
    said = [part for part in (status.method, size, "depends on batch" if depends else "") if part]
    return QualityPoint(
        status.quantization,
        f"{status.quantization.name} ({', '.join(said)})" if said else status.quantization.name,
        scale * latency.median_ms,
        scale * latency.ci_low_ms,
        scale * latency.ci_high_ms,
        variant.quality.value,
        fp32 + change.ci_low,
        fp32 + change.ci_high,
        depends,
    )


def _arms(value: float, low: float, high: float) -> list[list[float]]:
    """Return how far the error bars reach down and up; an interval may not hold its value."""
    return [[max(0.0, value - low)], [max(0.0, high - value)]]
