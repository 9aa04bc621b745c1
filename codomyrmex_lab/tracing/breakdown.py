"""Where the time of requests goes: waiting or being computed, on average and in the tail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.optimization.models import check_integer
from codomyrmex_lab.tracing.percentiles import check_percent
from codomyrmex_lab.tracing.trace import Trace

__all__ = ["breakdown", "slowest"]

_NEIGHBOURHOOD = 0.005


def breakdown(trace: Trace, percents: Sequence[float] = (50, 95, 99)) -> pd.DataFrame:
    """Return how latency divides into queueing and service.

    Parameters
    ----------
    trace : Trace
        Requests that failed are left out.
    percents : sequence of float
        Above 0 and below 100. A percentile stands for the requests around it, half a percent of
        all to either side: one request alone would be chance.

    Returns
    -------
    pandas.DataFrame
        Rows ``mean`` and one per percentile; mean ``latency_ms``, ``queue_ms``, ``service_ms`` of
        the requests it stands for, ``queue_share`` of the latency (0 to 1), ``n_requests``.
    """
    frame = trace.frame(["latency_ms", "queue_ms", "service_ms", "error"])
    times = frame[frame["error"].isna()].drop(columns="error").sort_values("latency_ms")
    groups: dict[str, NDArray[np.int64]] = {"mean": np.arange(len(times))}
    for percent in percents:
        check_percent(percent)
        groups[f"p{percent:g}"] = _ranks_around(percent / 100, len(times))
    means: pd.DataFrame = pd.DataFrame(
        {name: times.iloc[ranks].mean() for name, ranks in groups.items()}
    ).T
    means["queue_share"] = means["queue_ms"] / means["latency_ms"]
    means["n_requests"] = [len(ranks) for ranks in groups.values()]
    means.index.name = "of"
    return means


def _ranks_around(quantile: float, n: int) -> NDArray[np.int64]:
    middle = min(int(quantile * n), n - 1)
    low, high = int((quantile - _NEIGHBOURHOOD) * n), int((quantile + _NEIGHBOURHOOD) * n)
    return np.arange(max(min(low, middle), 0), min(max(high, middle) + 1, n))


def slowest(trace: Trace, n: int = 10) -> pd.DataFrame:
    """Return the slowest requests, each with those that shared its batch.

    Parameters
    ----------
    trace : Trace
        Failed requests count as well.
    n : int
        How many, at least 1.

    Returns
    -------
    pandas.DataFrame
        The columns of :meth:`Trace.frame` behind ``slowest_id``, the request whose group it is;
        the slowest group first, in each the slow request first, then its mates by arrival.
    """
    check_integer("n", n, at_least=1)
    frame = trace.frame()
    groups: list[pd.DataFrame] = []
    for row in frame.nlargest(n, "latency_ms").index:
        one = frame.loc[[row]]
        mates = frame[(frame["batch_id"] == frame["batch_id"][row]).fillna(False)]
        group = pd.concat([one, mates.drop(index=row, errors="ignore")])
        group.insert(0, "slowest_id", one["id"].iloc[0])
        groups.append(group)
    if not groups:
        frame.insert(0, "slowest_id", frame["id"])
        return frame
    return pd.concat(groups, ignore_index=True)
