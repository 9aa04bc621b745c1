"""What a workload is like: how requests arrive, and which inputs they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from codomyrmex_lab.plots.style import (
    BLUE,
    GREEN,
    LINE,
    ORANGE,
    VERMILLION,
    NotebookFigure,
    label_axes,
    number_log_axis,
    say_empty,
)
from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.reuse import reuse_distances

__all__ = ["WorkloadPatterns", "plot_workload", "workload_patterns"]

_MOST_BINS = 100
_REQUESTS_PER_BIN = 20
_MOST_POINTS = 500
_REUSE_SAMPLES = 20_000
_AT_ONCE = "all requests arrive at once"
_REFERENCE: dict[str, Any] = {"color": ORANGE, "linestyle": "--", "linewidth": 1.2}


@dataclass(frozen=True, slots=True)
class WorkloadPatterns:
    """Numbers behind the picture of a workload.

    Parameters
    ----------
    edge_s : float64, shape (n_bins + 1,)
        Limits of equal stretches of time, in s.
    rate_rps : float64, shape (n_bins,)
        Requests per s in each stretch.
    gap_ms : float64, shape (n_points,)
        Ascending gaps between arrivals above 0, in ms.
    gap_fraction : float64, shape (n_points,)
        Share of all gaps that are no longer, 0 to 1.
    popularity : int64, shape (n_points,)
        Requests per key, by rank.
    rank : int64, shape (n_points,)
        Rank of that key, 1 the most popular; thinned where there are many.
    reuse_distance : float64, shape (n_distances,)
        Ascending numbers of other keys requested since the same key.
    reuse_fraction : float64, shape (n_distances,)
        Share of all requests with no larger distance, 0 to 1.
    figures : dict of str to float
        Of :meth:`Workload.describe`.
    """

    edge_s: NDArray[np.float64]
    rate_rps: NDArray[np.float64]
    gap_ms: NDArray[np.float64]
    gap_fraction: NDArray[np.float64]
    popularity: NDArray[np.int64]
    rank: NDArray[np.int64]
    reuse_distance: NDArray[np.float64]
    reuse_fraction: NDArray[np.float64]
    figures: dict[str, float]

    @property
    def scope(self) -> str:
        """What the picture rests on, in words."""
        n, duration_s = self.figures["n_requests"], self.figures["duration_s"]
        return f"workload, n = {n:,.0f}, {duration_s:,.4g} s"


def workload_patterns(workload: Workload) -> WorkloadPatterns:
    """Return how a workload's requests are spread over time and over keys."""
    arrival_s = workload.arrival_s
    n_bins = int(np.clip(len(workload) // _REQUESTS_PER_BIN, 1, _MOST_BINS))
    counts, edge_s = np.histogram(arrival_s, n_bins, range=(0, max(workload.duration_s, 1e-6)))
    gap_ms, gap_fraction = _distribution(np.diff(arrival_s) * 1e3)
    popularity = np.sort(pd.Series(workload.keys).value_counts(sort=False).to_numpy())[::-1]
    shown = _thinned(len(popularity))
    distance = reuse_distances(workload.keys, _REUSE_SAMPLES)
    finite, fraction = _distribution(distance)
    return WorkloadPatterns(
        edge_s=edge_s,
        rate_rps=counts / np.diff(edge_s),
        gap_ms=gap_ms[gap_ms > 0],
        gap_fraction=gap_fraction[gap_ms > 0],
        popularity=popularity[shown].astype(np.int64),
        rank=shown + 1,
        reuse_distance=finite[np.isfinite(finite)],
        reuse_fraction=fraction[np.isfinite(finite)],
        figures={str(name): value for name, value in workload.describe()["value"].items()},
    )


def plot_workload(
    workload: Workload, *, width_in: float = 9.4, height_in: float = 5.6
) -> NotebookFigure:
    """Draw rate over time, gaps between arrivals, popularity of keys and their reuse.

    The gaps stand beside those of Poisson arrivals of the same rate. The last panel is also the
    hit rate of a cache of each size that keeps the keys used last.

    Parameters
    ----------
    workload : Workload
        Requests to show.
    width_in, height_in : float
        Size of the figure, in inches.

    Returns
    -------
    NotebookFigure
        A figure that a notebook shows as it is.
    """
    shown = workload_patterns(workload)
    figure = NotebookFigure(width_in, height_in)
    grid = figure.subplots(2, 2)
    _draw_rate(grid[0, 0], shown)
    _draw_gaps(grid[0, 1], shown)
    _draw_popularity(grid[1, 0], shown)
    _draw_reuse(grid[1, 1], shown)
    figure.subplots_adjust(left=0.075, right=0.98, top=0.95, bottom=0.075, wspace=0.2, hspace=0.34)
    return figure


def _draw_rate(axes: Axes, shown: WorkloadPatterns) -> None:
    mean, peak = shown.figures["mean_rate_rps"], shown.figures["peak_rate_rps"]
    if np.isfinite(mean):
        bin_s = shown.edge_s[1] - shown.edge_s[0]
        label = f"per {bin_s:,.3g} s"
        axes.stairs(shown.rate_rps, shown.edge_s, color=BLUE, label=label, baseline=None, **LINE)
        axes.axhline(mean, label=f"mean {mean:,.4g}, busiest second {peak:,.4g}", **_REFERENCE)
        axes.set_ylim(0, 1.3 * shown.rate_rps.max())  # the legend stands above the lines
        axes.margins(x=0)
    else:
        say_empty(axes, _AT_ONCE)
    label_axes(
        axes, "Arrival rate", shown.scope, "time (s)", "requests per s", legend="upper right"
    )


def _draw_gaps(axes: Axes, shown: WorkloadPatterns) -> None:
    if len(shown.gap_ms):
        cv, mean_ms = shown.figures["inter_arrival_cv"], 1e3 / shown.figures["mean_rate_rps"]
        _show_decades(axes.xaxis, shown.gap_ms[0], shown.gap_ms[-1])
        axes.step(
            shown.gap_ms,
            shown.gap_fraction,
            where="post",
            color=BLUE,
            label=f"CV {cv:.3g}",
            **LINE,
        )
        poisson_ms = np.geomspace(shown.gap_ms[0], shown.gap_ms[-1], 200)
        axes.plot(
            poisson_ms,
            -np.expm1(-poisson_ms / mean_ms),
            label="Poisson of this rate, CV 1",
            **_REFERENCE,
        )
    else:
        say_empty(axes, _AT_ONCE)
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    label_axes(
        axes,
        "Gaps between arrivals",
        shown.scope,
        "gap (ms)",
        "gaps no longer than",
        legend="lower right",
    )


def _draw_popularity(axes: Axes, shown: WorkloadPatterns) -> None:
    n_keys, top = shown.figures["n_keys"], shown.figures["top_10_share"]
    _show_decades(axes.xaxis, 1, shown.rank[-1])
    _show_decades(axes.yaxis, 1, 3 * shown.popularity[0])  # the legend stands above the line
    axes.plot(
        shown.rank,
        shown.popularity,
        color=VERMILLION,
        marker=".",
        markersize=4,
        label=f"{n_keys:,.0f} keys, the first ten {top:.1%}",
        **LINE,
    )
    label_axes(
        axes, "Popularity of keys", shown.scope, "rank of the key", "requests", legend="upper right"
    )


def _draw_reuse(axes: Axes, shown: WorkloadPatterns) -> None:
    if len(shown.reuse_distance):
        repeats, median = shown.figures["repeat_share"], shown.figures["median_reuse_distance"]
        _show_decades(axes.xaxis, 1, shown.reuse_distance[-1] + 1)
        axes.step(
            shown.reuse_distance + 1,
            shown.reuse_fraction,
            where="post",
            color=GREEN,
            label=f"repeats {repeats:.1%}, median distance {median:,.4g}",
            **LINE,
        )
    else:
        say_empty(axes, "no key is requested twice")
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    label_axes(
        axes,
        "Reuse of keys",
        shown.scope,
        "latest keys that a cache keeps",
        "requests it answers",
        legend="lower right",
    )


def _show_decades(axis: Axis, low: float, high: float) -> None:
    """Make an axis logarithmic, with a decade or more, so that numbers stand at it."""
    axes = axis.axes
    is_x = axis is axes.xaxis
    (axes.set_xscale if is_x else axes.set_yscale)("log")
    (axes.set_xlim if is_x else axes.set_ylim)(0.8 * low, 1.2 * max(high, 10 * low))
    number_log_axis(axis)


def _distribution(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ascending values, thinned, and the share of all that are no larger."""
    ascending = np.sort(values)
    shown = np.linspace(0, len(values) - 1, min(len(values), _MOST_POINTS)).astype(np.int64)
    return ascending[shown], (shown + 1) / max(len(values), 1)


def _thinned(n: int) -> NDArray[np.int64]:
    """Return positions from 0 to ``n - 1``, evenly spread on a logarithmic axis."""
    if n <= _MOST_POINTS:
        return np.arange(n)
    return np.unique(np.geomspace(1, n, _MOST_POINTS).round().astype(np.int64)) - 1
