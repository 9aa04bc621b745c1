"""What a cache of each size answers."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from codomyrmex_lab.plots.style import (
    GREEN,
    LINE,
    VERMILLION,
    axes_or_new,
    label_axes,
    number_log_axis,
    say_empty,
)
from codomyrmex_lab.simulation import MissRatioCurve

__all__ = ["plot_miss_ratio_curve"]


def plot_miss_ratio_curve(
    curve: MissRatioCurve, chosen: int | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the hit rate of a cache by its size, and mark the chosen size.

    Parameters
    ----------
    curve : MissRatioCurve
        What to show; the band of a sampled one is its confidence interval.
    chosen : int or None
        Size of the cache to mark.
    ax : matplotlib.axes.Axes or None
        Where to draw; a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    axes = axes_or_new(ax)
    frame = curve.frame().iloc[1:]
    if len(frame):
        axes.set_xscale("log")
        number_log_axis(axes.xaxis)
        largest = max(int(frame["capacity"].iloc[-1]), chosen or 1, 10)
        capacity = np.append(frame["capacity"], largest)
        ratio = np.append(frame["hit_ratio"], curve.largest_hit_ratio)
        axes.step(capacity, ratio, where="post", color=GREEN, label="any size", **LINE)
        if curve.sampling_rate < 1:
            axes.fill_between(
                frame["capacity"],
                frame["ci_low"],
                frame["ci_high"],
                step="post",
                color=GREEN,
                alpha=0.2,
                linewidth=0,
            )
        axes.set_xlim(0.8, 1.2 * largest)
    else:
        say_empty(axes, "no key is requested twice")
    if chosen is not None:
        hit_ratio = float(curve.hit_ratio(chosen))
        axes.axvline(chosen, color=VERMILLION, linestyle="--", linewidth=1.0)
        axes.plot(
            [chosen],
            [hit_ratio],
            color=VERMILLION,
            marker="o",
            markersize=4,
            linestyle="",
            label=f"{chosen:,} results: {hit_ratio:.1%}",
        )
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    kind = "exact" if curve.sampling_rate == 1 else f"from {curve.sampling_rate:.3g} of the keys"
    label_axes(
        axes,
        "Hit rate by cache size",
        f"{kind}, n = {curve.n_requests:,}",
        "results in the cache",
        "requests answered",
        legend="lower right",
    )
    return axes
