"""How the latencies of a trace are distributed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from codomyrmex_lab.plots.scope import Scope, scope_of
from codomyrmex_lab.plots.style import (
    BLUE,
    EARLIER,
    FLOOR_MS,
    GREEN,
    LINE,
    ORANGE,
    VERMILLION,
    axes_or_new,
    label_axes,
    number_log_axis,
    say_empty,
)
from codomyrmex_lab.tracing import Trace, TraceSummary

__all__ = [
    "LatencyDistribution",
    "MarkedPercentile",
    "latency_distribution",
    "marked_percentile",
    "plot_latency_distribution",
]

_MOST_POINTS = 2_000
_TAIL_POINTS = 500
_MARKS = ((50, "o", GREEN), (95, "s", ORANGE), (99, "D", VERMILLION))


@dataclass(frozen=True, slots=True)
class MarkedPercentile:
    """One percentile with its 95% confidence interval, in ms; an end may be infinite."""

    percent: int
    value_ms: float
    ci_low_ms: float
    ci_high_ms: float

    def __str__(self) -> str:
        return f"p{self.percent} {self.value_ms:.3g} ms {self.interval}"

    @property
    def interval(self) -> str:
        """The interval in brackets, open where too few samples bound it."""
        low = f"[{self.ci_low_ms:.3g}" if math.isfinite(self.ci_low_ms) else "[0"
        high = f"{self.ci_high_ms:.3g}]" if math.isfinite(self.ci_high_ms) else "∞)"
        return f"{low}, {high}"


@dataclass(frozen=True, slots=True)
class LatencyDistribution:
    """Empirical distribution function of the latencies of answered requests.

    Parameters
    ----------
    latency_ms : float64, shape (n_points,)
        Ascending latencies; thinned in the body where there are many, never in the tail.
    fraction : float64, shape (n_points,)
        Share of requests answered within that latency, 0 to 1.
    percentiles : tuple of MarkedPercentile
        p50, p95 and p99, over all requests.
    scope : Scope
        What it rests on.
    """

    latency_ms: NDArray[np.float64]
    fraction: NDArray[np.float64]
    percentiles: tuple[MarkedPercentile, ...]
    scope: Scope


def marked_percentile(summary: TraceSummary, percent: int) -> MarkedPercentile:
    """Return one percentile of a summary: 50, 90, 95 or 99."""
    name = f"p{percent}_ms"
    return MarkedPercentile(percent, getattr(summary, name), *summary.intervals[name])


def latency_distribution(trace: Trace) -> LatencyDistribution:
    """Return the distribution of the latencies of requests answered without error."""
    results = trace.results
    answered = results.loc[results["error"].isna(), "latency_ms"]
    latency_ms = np.sort(answered.to_numpy(dtype=np.float64))
    n = len(latency_ms)
    ranks = np.arange(n)
    if n > _MOST_POINTS:
        body = np.linspace(0, n - 1, _MOST_POINTS - _TAIL_POINTS).round().astype(np.int64)
        ranks = np.union1d(body, ranks[-_TAIL_POINTS:])
    summary = trace.summary()
    marked = tuple(marked_percentile(summary, percent) for percent, _, _ in _MARKS if n)
    return LatencyDistribution(latency_ms[ranks], (ranks + 1) / max(n, 1), marked, scope_of(trace))


def plot_latency_distribution(
    trace: Trace, ax: Axes | None = None, *, earlier: Sequence[Trace] = ()
) -> Axes:
    """Draw the share of requests answered within each latency, with p50, p95 and p99.

    Parameters
    ----------
    trace : Trace
        Run to show.
    ax : matplotlib.axes.Axes or None
        Where to draw; a new figure if None.
    earlier : sequence of Trace
        Runs to compare with, drawn faintly.

    Returns
    -------
    matplotlib.axes.Axes
        The axes, with a logarithmic latency axis in ms.
    """
    axes = axes_or_new(ax)
    axes.set_xscale("log")
    for other in map(latency_distribution, earlier):
        axes.step(*_visible(other), where="post", **EARLIER)
    shown = latency_distribution(trace)
    if len(shown.latency_ms):
        axes.step(*_visible(shown), where="post", color=BLUE, **LINE)
        for mark, (_, marker, colour) in zip(shown.percentiles, _MARKS, strict=True):
            _draw_mark(axes, mark, marker, colour, max(shown.latency_ms[-1], FLOOR_MS))
    else:
        say_empty(axes, "no request was answered")
    axes.set_ylim(0, 1.02)
    number_log_axis(axes.xaxis)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    label_axes(
        axes,
        "Latency distribution",
        shown.scope.of_requests(),
        "latency (ms)",
        "requests answered within",
        legend="lower right",
    )
    return axes


def _visible(
    distribution: LatencyDistribution,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.maximum(distribution.latency_ms, FLOOR_MS), distribution.fraction


def _draw_mark(
    axes: Axes, mark: MarkedPercentile, marker: str, colour: str, longest_ms: float
) -> None:
    height = mark.percent / 100
    low, high = np.clip([mark.ci_low_ms, mark.ci_high_ms], FLOOR_MS, longest_ms)
    axes.plot([low, high], [height, height], color=colour, linewidth=3, alpha=0.5)
    axes.plot(
        [max(mark.value_ms, FLOOR_MS)],
        [height],
        marker=marker,
        color=colour,
        markeredgecolor="black",
        markeredgewidth=0.5,
        linestyle="none",
        label=str(mark),
    )
