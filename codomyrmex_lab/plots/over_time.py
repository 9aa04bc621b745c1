"""How latency, queue and hit rate go over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
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
from codomyrmex_lab.tracing import Trace

__all__ = ["TraceOverTime", "plot_hit_rate", "plot_latency_over_time", "trace_over_time"]

_MOST_BINS = 40
_REQUESTS_PER_BIN = 20
_TIME = "time since the first arrival (s)"


@dataclass(frozen=True, slots=True)
class TraceOverTime:
    """Figures of a trace per equal stretch of time.

    Parameters
    ----------
    time_s : float64, shape (n_bins,)
        Middle of each stretch, in s since the first arrival.
    p50_ms, p95_ms : float64, shape (n_bins,)
        Latency of the requests that arrived in it; NaN where none did.
    queue_length : float64, shape (n_bins,)
        Requests waiting, on average over the stretch.
    hit_rate : float64, shape (n_bins,)
        Look-ups answered from the cache, 0 to 1; NaN where there was none.
    overall_hit_rate : float
        The same over the whole trace; NaN where the cache was never asked.
    scope : Scope
        What it rests on.
    """

    time_s: NDArray[np.float64]
    p50_ms: NDArray[np.float64]
    p95_ms: NDArray[np.float64]
    queue_length: NDArray[np.float64]
    hit_rate: NDArray[np.float64]
    overall_hit_rate: float
    scope: Scope


def trace_over_time(trace: Trace) -> TraceOverTime:
    """Cut a trace into stretches of about 20 requests each, at most 40."""
    scope = scope_of(trace)
    n_bins = int(np.clip(scope.n_requests // _REQUESTS_PER_BIN, 1, _MOST_BINS))
    width_s = max(scope.duration_s, 1e-6) / n_bins
    frame = trace.over_time(width_s)

    def column(name: str) -> NDArray[np.float64]:
        return frame[name].to_numpy(dtype=np.float64)

    hit_rate = column("hit_rate")
    return TraceOverTime(
        time_s=np.arange(0.5, len(frame), dtype=np.float64) * width_s,
        p50_ms=column("p50_ms"),
        p95_ms=column("p95_ms"),
        queue_length=column("queue_length"),
        hit_rate=hit_rate,
        overall_hit_rate=(
            trace.summary().cache_hit_rate if np.isfinite(hit_rate).any() else float("nan")
        ),
        scope=scope,
    )


def plot_latency_over_time(
    trace: Trace, ax: Axes | None = None, *, earlier: Sequence[Trace] = ()
) -> Axes:
    """Draw p50 and p95 latency by arrival, and the number of requests waiting behind them.

    Parameters
    ----------
    trace : Trace
        Run to show.
    ax : matplotlib.axes.Axes or None
        Where to draw; a new figure if None.
    earlier : sequence of Trace
        Runs whose p95 latency is drawn faintly.

    Returns
    -------
    matplotlib.axes.Axes
        The axes of the latency, logarithmic; those of the queue share their time axis.
    """
    axes = axes_or_new(ax)
    axes.set_yscale("log")
    axes.margins(x=0, y=0.3)  # the legend stands above the lines
    for other in map(trace_over_time, earlier):
        axes.plot(other.time_s, _on_log_axis(other.p95_ms), **EARLIER)
    shown = trace_over_time(trace)
    if np.isfinite(shown.p50_ms).any():
        marker = _marker(shown.p50_ms)
        axes.plot(
            shown.time_s,
            _on_log_axis(shown.p95_ms),
            color=VERMILLION,
            marker=marker,
            label="latency p95",
            **LINE,
        )
        axes.plot(
            shown.time_s,
            _on_log_axis(shown.p50_ms),
            color=BLUE,
            linestyle="--",
            marker=marker,
            label="latency p50",
            **LINE,
        )
        _draw_queue(axes, shown)
    else:
        say_empty(axes, "no request was answered")
    number_log_axis(axes.yaxis)
    label_axes(
        axes,
        "Latency and queue",
        shown.scope.of_requests(),
        _TIME,
        "latency (ms)",
        legend="upper right",
    )
    return axes


def plot_hit_rate(trace: Trace, ax: Axes | None = None, *, earlier: Sequence[Trace] = ()) -> Axes:
    """Draw the cache's hit rate over time.

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
        The axes.
    """
    axes = axes_or_new(ax)
    for other in map(trace_over_time, earlier):
        axes.plot(other.time_s, other.hit_rate, **EARLIER)
    shown = trace_over_time(trace)
    if np.isfinite(shown.overall_hit_rate):
        axes.plot(
            shown.time_s,
            shown.hit_rate,
            color=GREEN,
            marker=_marker(shown.hit_rate),
            label=f"{shown.overall_hit_rate:.1%} overall",
            **LINE,
        )
    else:
        say_empty(axes, "the cache was not asked")
    axes.margins(x=0)
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    label_axes(
        axes,
        "Cache hit rate",
        shown.scope.of_requests(),
        _TIME,
        "look-ups answered from cache",
        legend="lower right",
    )
    return axes


def _draw_queue(axes: Axes, shown: TraceOverTime) -> None:
    """Fill the queue length behind the lines, against an axis at the right."""
    right = axes.twinx()
    right.fill_between(
        shown.time_s, shown.queue_length, color=ORANGE, alpha=0.25, linewidth=0, step="mid"
    )
    right.set_ylim(bottom=0)
    right.yaxis.set_major_locator(MaxNLocator(nbins=5))
    right.set_ylabel("requests waiting (filled)", fontsize=7.5, labelpad=2)
    right.tick_params(labelsize=7.5)
    right.spines["top"].set_visible(False)
    axes.set_zorder(right.get_zorder() + 1)
    axes.patch.set_visible(False)


def _on_log_axis(latency_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(latency_ms, FLOOR_MS)


def _marker(values: NDArray[np.float64]) -> str:
    """Return a marker for a line of one point, which would not be seen."""
    return "o" if np.isfinite(values).sum() == 1 else ""
