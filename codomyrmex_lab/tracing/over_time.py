"""A trace cut into equal stretches of time."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tracing.columns import MISSING_TICK, NONE, RequestColumns

__all__ = ["figures_over_time"]

_MOST_BINS = 1_000_000


def figures_over_time(requests: RequestColumns, origin_ns: int, bin_s: float) -> pd.DataFrame:
    """Return the figures of each stretch of time; see :meth:`Trace.over_time`."""
    if not (isinstance(bin_s, int | float) and math.isfinite(bin_s) and bin_s > 0):
        raise SettingError(f"bin_s is {bin_s!r}; expected a finite number of seconds above 0.")
    width_ns = max(round(bin_s * 1e9), 1)
    span_ns = int(requests.end_ns.max()) - origin_ns if len(requests) else -1
    n_bins = span_ns // width_ns + 1
    if n_bins > _MOST_BINS:
        raise SettingError(
            f"bin_s is {bin_s!r}, which cuts {span_ns / 1e9:.0f} s into {n_bins:,} bins; "
            f"expected at most {_MOST_BINS:,}: choose a longer bin."
        )
    arrival_bin = (requests.arrival_ns - origin_ns) // width_ns
    end_bin = (requests.end_ns - origin_ns) // width_ns
    answered = requests.error == NONE
    started = requests.start_ns != MISSING_TICK
    width_s = width_ns / 1e9
    latency_ms = pd.Series((requests.end_ns - requests.arrival_ns)[answered] / 1e6)
    latency = latency_ms.groupby(arrival_bin[answered])
    queue_ms = pd.Series((requests.start_ns - requests.arrival_ns)[started] / 1e6)
    queue = queue_ms.groupby(arrival_bin[started])
    index = pd.timedelta_range(0, periods=n_bins, freq=pd.Timedelta(width_ns, "ns"), name="time")
    left_ns = np.where(started, requests.start_ns, requests.end_ns)
    every = range(n_bins)
    with np.errstate(invalid="ignore"):
        hit_rate = np.divide(
            _count(arrival_bin[requests.from_cache], n_bins),
            _count(arrival_bin[requests.has_key], n_bins),
        )
    return pd.DataFrame(
        {
            "offered_load_rps": _count(arrival_bin, n_bins) / width_s,
            "throughput_rps": _count(end_bin[answered], n_bins) / width_s,
            "p50_ms": latency.quantile(0.50).reindex(every).to_numpy(),
            "p95_ms": latency.quantile(0.95).reindex(every).to_numpy(),
            "queue_ms": queue.mean().reindex(every).to_numpy(),
            "hit_rate": hit_rate,
            "queue_length": _mean_level(
                requests.arrival_ns - origin_ns, left_ns - origin_ns, n_bins, width_ns
            ),
        },
        index=index,
    )


def _count(bins: NDArray[np.int64], n_bins: int) -> NDArray[np.float64]:
    return np.bincount(bins, minlength=n_bins).astype(np.float64)


def _mean_level(
    came_ns: NDArray[np.int64], left_ns: NDArray[np.int64], n_bins: int, width_ns: int
) -> NDArray[np.float64]:
    """Mean number present in each bin, of those who came and left at the given times."""
    edges = np.arange(n_bins + 1, dtype=np.int64) * width_ns
    present_ns = _time_since(came_ns, edges) - _time_since(left_ns, edges)
    return (present_ns[1:] - present_ns[:-1]) / width_ns


def _time_since(events_ns: NDArray[np.int64], edges_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum over the events before each edge of the time that has passed since."""
    ordered = np.sort(events_ns)
    total = np.concatenate(([0.0], np.cumsum(ordered, dtype=np.float64)))
    n_before = np.searchsorted(ordered, edges_ns)
    return edges_ns.astype(np.float64) * n_before - total[n_before]
