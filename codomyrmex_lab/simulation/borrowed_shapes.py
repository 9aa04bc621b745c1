"""What a trace saw too seldom is told from what it saw often.

A trace of an engine that is hardly busy holds many calls that ran alone, and few beside others.
How their time grows with the batch is that of the calls that were seen most often; how much longer
they take, their own tells.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from codomyrmex_lab.simulation.variant_times import line_through

__all__ = ["few_calls", "with_borrowed_shapes"]

_ENOUGH_CALLS, _ENOUGH_OF_SIZE = 30, 8


def few_calls(points: pd.DataFrame) -> list[list[int]]:
    """Return each number of calls at once that was seen too seldom, and how often it was seen."""
    n_calls = points.groupby("busy_workers")["n_samples"].sum()
    few = n_calls[n_calls < _ENOUGH_CALLS]
    return few.reset_index().to_numpy(np.int64).tolist()


def with_borrowed_shapes(points: pd.DataFrame) -> pd.DataFrame:
    """Return points in which each number of calls at once has times of small and large batches.

    Parameters
    ----------
    points : pandas.DataFrame
        Of one variant, one row per ``busy_workers`` and ``batch_size``.

    Returns
    -------
    pandas.DataFrame
        The same without sizes seen too seldom. Where a number of calls at once was seen too seldom,
        or in batches of one size, its rows are those of the number seen most often, scaled: their
        ``n_samples`` is 0, and their interval has no bound.
    """
    n_calls = points.groupby("busy_workers")["n_samples"].sum()
    most_seen = n_calls.idxmax()
    lender = _without_rare_sizes(points[points["busy_workers"] == most_seen])
    parts = []
    for busy, rows in points.groupby("busy_workers"):
        kept = _without_rare_sizes(rows)
        enough = n_calls[busy] >= _ENOUGH_CALLS and len(kept) > 1
        parts.append(kept if enough or busy == most_seen else _scaled(lender, rows))
    return pd.concat(parts, ignore_index=True)


def _without_rare_sizes(points: pd.DataFrame) -> pd.DataFrame:
    """Leave out sizes seen too seldom, except the smallest and the largest."""
    sizes = points["batch_size"]
    kept = (sizes == sizes.min()) | (sizes == sizes.max())
    kept |= points["n_samples"] >= _ENOUGH_OF_SIZE
    left: pd.DataFrame = points[kept]
    return left


def _scaled(lender: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Return the lender's rows, as much longer as the few own calls are in the median."""
    sizes, times_ms = (lender[name].to_numpy(np.float64) for name in ("batch_size", "service_ms"))
    expected_ms = line_through(own["batch_size"].to_numpy(np.float64), sizes, times_ms)
    ratios = own["service_ms"].to_numpy() / np.maximum(expected_ms, 1e-9)
    longer = float(np.median(np.repeat(ratios, own["n_samples"])))
    return lender.assign(
        busy_workers=own["busy_workers"].iloc[0],
        service_ms=longer * times_ms,
        ci_low_ms=-np.inf,
        ci_high_ms=np.inf,
        n_samples=0,
    )
