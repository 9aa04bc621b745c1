"""How long a model takes for a batch, by its size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from codomyrmex_lab.plots.style import (
    BLUE,
    GREEN,
    ORANGE,
    VERMILLION,
    axes_or_new,
    label_axes,
    number_log_axis,
)
from codomyrmex_lab.simulation import ServiceProfile

__all__ = ["plot_service_profile"]

_COLOURS = {"fp32": BLUE, "fp16": ORANGE, "int8": GREEN, "int4": VERMILLION}
_DASHES = ("-", "--", ":", "-.")


def plot_service_profile(profile: ServiceProfile, ax: Axes | None = None) -> Axes:
    """Draw service time over batch size: a colour per variant, a dash per number of calls at once.

    The bars are confidence intervals of the medians. Where cost was measured, the lines are those
    of the cost in the middle.

    Parameters
    ----------
    profile : ServiceProfile
        What to show.
    ax : matplotlib.axes.Axes or None
        Where to draw; a new figure if None.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.
    """
    axes = axes_or_new(ax)
    costs = profile.costs
    middle = costs[len(costs) // 2]
    points = profile.points[profile.points["cost"] == middle]
    busy_counts = sorted(points["busy_workers"].unique())
    for (quantization, busy), rows in points.groupby(["quantization", "busy_workers"], sort=False):
        axes.errorbar(
            rows["batch_size"],
            rows["service_ms"],
            yerr=_bars(rows),
            color=_COLOURS[quantization],
            linestyle=_DASHES[busy_counts.index(busy) % len(_DASHES)],
            marker=".",
            markersize=4,
            linewidth=1.4,
            elinewidth=0.8,
            capsize=1.5,
            label=f"{quantization.upper()}, {busy} at once",
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    number_log_axis(axes.xaxis, base=2)
    number_log_axis(axes.yaxis)
    at_cost = f", {profile.cost} {middle:g}" if len(costs) > 1 else ""
    label_axes(
        axes,
        "Service time",
        f"measured, n = {points['n_samples'].sum():,} calls{at_cost}",
        "requests per batch",
        "median (ms)",
        legend="lower right",
    )
    return axes


def _bars(rows: pd.DataFrame) -> Any:
    """Return how far the intervals reach; an end that is not bounded is not drawn."""
    reach = [rows["service_ms"] - rows["ci_low_ms"], rows["ci_high_ms"] - rows["service_ms"]]
    return np.where(np.isfinite(reach), np.maximum(reach, 0), 0)
