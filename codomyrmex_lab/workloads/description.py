"""The figures that describe a workload."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.workloads.reuse import reuse_distances

__all__ = ["describe_requests"]

_SECOND = 1.0
_FEWEST_WINDOWS = 100
_REUSE_SAMPLES = 20_000


def describe_requests(arrival_s: NDArray[np.float64], keys: NDArray[Any]) -> dict[str, float]:
    """Return the figures of a workload by name; NaN where there are too few requests.

    Returns
    -------
    dict of str to float
        ``n_requests``; ``duration_s``, when the last one is due; ``mean_rate_rps``;
        ``peak_rate_rps``, requests in the busiest second; ``inter_arrival_cv``, standard
        deviation over mean of the gaps: 0 for a constant rate, 1 for Poisson arrivals, more for
        bursts; ``burstiness``, ``(cv - 1) / (cv + 1)``, from -1 over 0 for Poisson to 1;
        ``index_of_dispersion``, variance over mean of the requests per second, or per hundredth
        of the time if that is shorter: 1 for Poisson, more if the rate changes; ``n_keys``,
        different keys; ``top_10_share``, share of the requests that ask for the ten most popular;
        ``repeat_share``, share that asks for a key requested before: no cache can answer more;
        ``median_reuse_distance``, different keys requested since the last request of the same
        key: a cache that keeps more keys than that answers half of the repeats.

    References
    ----------
    K.-I. Goh and A.-L. Barabasi, Burstiness and memory in complex systems, EPL 81, 2008.
    """
    return {
        "n_requests": len(arrival_s),
        "duration_s": float(arrival_s[-1]),
        **_of_arrivals(arrival_s),
        **_of_keys(keys),
    }


def _of_arrivals(arrival_s: NDArray[np.float64]) -> dict[str, float]:
    gaps_s = np.diff(arrival_s)
    mean_gap_s = float(gaps_s.mean()) if len(gaps_s) else 0.0
    varies = len(gaps_s) > 1 and mean_gap_s > 0
    cv = float(gaps_s.std()) / mean_gap_s if varies else np.nan
    return {
        "mean_rate_rps": 1 / mean_gap_s if mean_gap_s else np.nan,
        "peak_rate_rps": _peak_rate_rps(arrival_s),
        "inter_arrival_cv": cv,
        "burstiness": (cv - 1) / (cv + 1),
        "index_of_dispersion": _index_of_dispersion(arrival_s),
    }


def _peak_rate_rps(arrival_s: NDArray[np.float64]) -> float:
    width_s = min(_SECOND, float(arrival_s[-1] - arrival_s[0]))
    if width_s == 0:
        return np.nan
    until = np.searchsorted(arrival_s, arrival_s + width_s)
    return float((until - np.arange(len(arrival_s))).max()) / width_s


def _index_of_dispersion(arrival_s: NDArray[np.float64]) -> float:
    since_first_s = arrival_s - arrival_s[0]
    duration_s = float(since_first_s[-1])
    n_windows = max(int(duration_s // _SECOND), _FEWEST_WINDOWS)
    edges_s = np.arange(n_windows + 1) * min(_SECOND, duration_s / _FEWEST_WINDOWS)
    counts = np.diff(np.searchsorted(since_first_s, edges_s))
    return float(counts.var() / counts.mean()) if counts.any() else np.nan


def _of_keys(keys: NDArray[Any]) -> dict[str, float]:
    counts = np.sort(pd.Series(keys).value_counts(sort=False).to_numpy())[::-1]
    distances = reuse_distances(keys, _REUSE_SAMPLES)
    repeats = distances[np.isfinite(distances)]
    return {
        "n_keys": len(counts),
        "top_10_share": float(counts[:10].sum() / len(keys)),
        "repeat_share": 1 - len(counts) / len(keys),
        "median_reuse_distance": float(np.median(repeats)) if len(repeats) else np.nan,
    }
