"""From single measured times to points: medians with their intervals, and what is left over."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.tracing import percentiles

__all__ = ["MOST_RESIDUALS", "OUTLIER", "POINT_KEY", "points_of", "residuals_of"]

POINT_KEY = ["quantization", "busy_workers", "batch_size", "cost"]
MOST_RESIDUALS = 4096
OUTLIER = 10.0
"""Medians: what takes longer is an accident of the machine, not a property of the model."""


def points_of(samples: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Return one point per combination of ``POINT_KEY``.

    Parameters
    ----------
    samples : pandas.DataFrame
        One row per measured batch, with ``service_ms``.
    confidence : float
        Of the interval of the median, above 0 and below 1.

    Returns
    -------
    pandas.DataFrame
        ``POINT_KEY``, median ``service_ms``, ``ci_low_ms``, ``ci_high_ms``, ``n_samples``.
    """
    rows = []
    for key, group in samples.groupby(POINT_KEY, sort=True):
        (median,) = percentiles(group["service_ms"].to_numpy(), [50], confidence)
        rows.append((*key, median.value, median.ci_low, median.ci_high, median.n_samples))
    columns = [*POINT_KEY, "service_ms", "ci_low_ms", "ci_high_ms", "n_samples"]
    return pd.DataFrame(rows, columns=columns)


def residuals_of(
    samples: pd.DataFrame, points: pd.DataFrame
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the ratios of measured times to the medians of their points, outliers cut off.

    A time above ten medians is an accident of the machine, not a property of the model: it would
    come again in every simulation, so it is left out.

    Returns
    -------
    residuals : float64, shape (n_residuals,)
        As many of each number of workers and batch size, or fewer where fewer were measured.
    sources : int64, shape (n_residuals, 2)
        The ``busy_workers`` and the ``batch_size`` of each.
    """
    known = samples.merge(
        points[[*POINT_KEY, "service_ms"]], on=POINT_KEY, suffixes=("", "_median")
    )
    known["ratio"] = known["service_ms"] / known["service_ms_median"].clip(lower=1e-9)
    known = known[(known["ratio"] < OUTLIER) & (known["ratio"] > 0)]
    if known.empty:
        return np.ones(1), np.ones((0, 2), dtype=np.int64)
    by = known.groupby(["busy_workers", "batch_size"])["ratio"]
    most = max(MOST_RESIDUALS // by.ngroups, 1)
    kept = {source: _thinned(ratios.to_numpy(), most) for source, ratios in by}
    sources = np.repeat(np.array(list(kept)), [len(one) for one in kept.values()], axis=0)
    return np.concatenate(list(kept.values())), sources


def _thinned(ratios: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Return some order statistics, evenly spaced, in place of too many ratios."""
    if len(ratios) <= most:
        return ratios
    return np.sort(ratios)[np.linspace(0, len(ratios) - 1, most).astype(np.int64)]
