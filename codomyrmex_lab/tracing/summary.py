"""The figures of a trace in one row."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from codomyrmex_lab.tracing.columns import NONE, BatchColumns, RequestColumns
from codomyrmex_lab.tracing.percentiles import percentiles

__all__ = ["TraceSummary", "summarize"]

_PERCENTS = (50, 90, 95, 99)


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """Figures of a trace. Latencies are those of requests answered without error.

    Parameters
    ----------
    n_requests : int
        Requests with an answer or an error.
    n_errors : int
        Requests that failed.
    duration_s : float
        From the first arrival to the last answer.
    throughput_rps : float
        Requests answered without error per second of that time.
    cache_hit_rate : float
        Answers from the cache among all look-ups, 0 to 1; 0 where the cache was never asked.
    mean_batch_size : float
        Requests computed per model call; 0 where there was none.
    mean_ms, p50_ms, p90_ms, p95_ms, p99_ms : float
        Latency; NaN where no request was answered.
    intervals : dict of str to (float, float)
        95% confidence interval of each percentile, by its name; an end is infinite where there
        are too few samples to bound it.
    """

    n_requests: int
    n_errors: int
    duration_s: float
    throughput_rps: float
    cache_hit_rate: float
    mean_batch_size: float
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    intervals: dict[str, tuple[float, float]]

    def frame(self) -> pd.DataFrame:
        """Return one row per figure with columns ``value``, ``ci_low`` and ``ci_high``."""
        names = [field.name for field in fields(self) if field.name != "intervals"]
        without = (np.nan, np.nan)
        rows = [(getattr(self, name), *self.intervals.get(name, without)) for name in names]
        return pd.DataFrame(
            rows, index=pd.Index(names, name="figure"), columns=["value", "ci_low", "ci_high"]
        ).astype(np.float64)

    def _repr_html_(self) -> str:
        shown = self.frame()
        text = shown.map(lambda value: "" if np.isnan(value) else f"{value:,.4g}")
        for name in ("n_requests", "n_errors"):
            text.loc[name, "value"] = f"{getattr(self, name):,}"
        html: str = text.to_html()
        return html


def summarize(requests: RequestColumns, batches: BatchColumns) -> TraceSummary:
    """Return the figures of some requests and their batches."""
    n = len(requests)
    answered = requests.error == NONE
    duration_s = float(requests.end_ns.max() - requests.arrival_ns.min()) / 1e9 if n else 0.0
    latency_ms = (requests.end_ns[answered] - requests.arrival_ns[answered]) / 1e6
    n_answered = len(latency_ms)
    n_lookups = int(requests.has_key.sum())
    found = {f"p{p.percent}_ms": p for p in percentiles(latency_ms, _PERCENTS)}
    return TraceSummary(
        n_requests=n,
        n_errors=n - n_answered,
        duration_s=duration_s,
        throughput_rps=n_answered / duration_s if duration_s > 0 else 0.0,
        cache_hit_rate=int(requests.from_cache.sum()) / n_lookups if n_lookups else 0.0,
        mean_batch_size=float(batches.size.mean()) if len(batches) else 0.0,
        mean_ms=float(latency_ms.mean()) if n_answered else np.nan,
        **{name: percentile.value for name, percentile in found.items()},
        intervals={name: (p.ci_low, p.ci_high) for name, p in found.items()},
    )
