"""What one run under one config came to, simulated or measured, ready to be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.optimization.models import CloseReason, OptimizationConfig
from codomyrmex_lab.plots.batch_sizes import BatchSizes, batch_sizes
from codomyrmex_lab.plots.latency_distribution import (
    LatencyDistribution,
    latency_distribution,
    marked_percentile,
)
from codomyrmex_lab.plots.over_time import TraceOverTime, trace_over_time
from codomyrmex_lab.plots.scope import Scope
from codomyrmex_lab.tracing import Trace, TraceSummary
from codomyrmex_lab.tracing.columns import NONE, REASONS

if TYPE_CHECKING:  # its compiler takes a second to import
    from codomyrmex_lab.simulation.events.outcome import Outcome
    from codomyrmex_lab.simulation.simulated import Simulated

__all__ = ["Findings", "findings_of_simulation", "findings_of_trace"]

_MOST_BINS = 40
_REQUESTS_PER_BIN = 20


@dataclass(frozen=True, slots=True)
class Findings:
    """Figures of one run and what is drawn of them.

    Parameters
    ----------
    config : OptimizationConfig
        Settings of it.
    summary : TraceSummary
        Its figures.
    distribution, over_time, batch_sizes
        What the panels draw.
    load_factor : float
        Demand as a share of what the settings can serve; NaN where it is not known.
    caveats : tuple of str
        Sentences that belong beside the figures.
    """

    config: OptimizationConfig
    summary: TraceSummary
    distribution: LatencyDistribution
    over_time: TraceOverTime
    batch_sizes: BatchSizes
    load_factor: float = float("nan")
    caveats: tuple[str, ...] = ()


def findings_of_trace(trace: Trace, config: OptimizationConfig) -> Findings:
    """Return the findings of a trace."""
    return Findings(
        config,
        trace.summary(),
        latency_distribution(trace),
        trace_over_time(trace),
        batch_sizes(trace),
    )


def findings_of_simulation(simulated: Simulated, config: OptimizationConfig) -> Findings:
    """Return the findings of a simulation, without making its frames."""
    summary = simulated.summary()
    calls = simulated.outcome.calls
    scope = Scope(
        "simulated", summary.n_requests, summary.n_errors, len(calls.size), summary.duration_s
    )
    latency_ms, share = simulated.distribution()
    marks = tuple(marked_percentile(summary, p) for p in (50, 95, 99) if len(latency_ms))
    return Findings(
        config,
        summary,
        LatencyDistribution(latency_ms, share, marks, scope),
        _over_time(simulated, scope),
        BatchSizes(*_size_counts(calls.size, calls.reason), scope),
        simulated.load_factor,
        simulated.warnings,
    )


def _over_time(simulated: Simulated, scope: Scope) -> TraceOverTime:
    outcome, came_ns = simulated.outcome, simulated.traffic.arrival_ns
    origin_ns = int(came_ns[0])
    n_bins = int(np.clip(scope.n_requests // _REQUESTS_PER_BIN, 1, _MOST_BINS))
    width_ns = max(scope.duration_s, 1e-6) * 1e9 / n_bins
    since_ns = np.arange(n_bins + 1, dtype=np.float64) * width_ns
    edges = np.searchsorted(came_ns, np.ceil(origin_ns + since_ns).astype(np.int64))
    p50, p95 = _percentiles_between(
        simulated.latency_ns,
        edges if scope.n_errors == 0 else _sums_before(outcome.error == NONE, edges),
    )
    batched = outcome.batch != NONE
    n_came = _sums_before(batched, edges)
    came_sum_ns = _sums_before(np.where(batched, came_ns - origin_ns, 0), edges)
    waiting_ns = n_came * since_ns - came_sum_ns - _time_since_left(outcome, origin_ns, since_ns)
    hit_rate = simulated.summary().cache_hit_rate if simulated.plan.use_cache else float("nan")
    return TraceOverTime(
        time_s=np.arange(0.5, n_bins, dtype=np.float64) * width_ns / 1e9,
        p50_ms=p50,
        p95_ms=p95,
        queue_length=np.diff(waiting_ns).clip(min=0) / width_ns,
        hit_rate=np.full(n_bins, np.nan),
        overall_hit_rate=hit_rate,
        scope=scope,
    )


def _percentiles_between(
    latency_ns: NDArray[np.int64], cuts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return p50 and p95 of the latencies between neighbouring positions, in ms; NaN of none."""
    found = np.full((2, len(cuts) - 1), np.nan)
    for column, (first, last) in enumerate(pairwise(cuts.tolist())):
        if last > first:
            found[:, column] = _percentiles(latency_ns[first:last])
    return found[0] / 1e6, found[1] / 1e6


def _percentiles(values: NDArray[np.int64]) -> list[float]:
    """Return p50 and p95, between neighbours in a straight line."""
    places = [share * (len(values) - 1) for share in (0.50, 0.95)]
    ends = [(int(place), min(int(place) + 1, len(values) - 1)) for place in places]
    ordered = np.partition(values, sorted({rank for pair in ends for rank in pair}))
    return [
        float(ordered[low] + (place - low) * (ordered[high] - ordered[low]))
        for place, (low, high) in zip(places, ends, strict=True)
    ]


def _sums_before(values: NDArray[Any], positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of all values before each position, of which the first is 0."""
    parts = [int(values[first:last].sum()) for first, last in pairwise(positions.tolist())]
    return np.append(0, np.cumsum(parts, dtype=np.int64))


def _time_since_left(
    outcome: Outcome, origin_ns: int, since_ns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sum over the requests whose model call began before each edge of the time since then."""
    calls, n_bins = outcome.calls, len(since_ns) - 1
    began_ns = calls.start_ns - origin_ns
    joined = np.flatnonzero(outcome.joined)
    n_requests = calls.size + np.bincount(outcome.batch[joined], minlength=len(began_ns))
    place = np.minimum((began_ns / since_ns[1]).astype(np.int64) + 1, n_bins + 1)
    number = np.bincount(place, weights=n_requests, minlength=n_bins + 2)
    total = np.bincount(place, weights=n_requests * began_ns, minlength=n_bins + 2)
    passed: NDArray[np.float64] = np.cumsum(number) * np.append(since_ns, 0) - np.cumsum(total)
    return passed[: n_bins + 1]


def _size_counts(
    size: NDArray[np.int32], reason: NDArray[np.int8]
) -> tuple[NDArray[np.float64], dict[CloseReason, NDArray[np.int64]]]:
    """Return edges of bars, a size each, and the batches of each by reason."""
    largest = int(size.max(initial=1))
    counts = np.bincount(
        reason.astype(np.int64) * (largest + 1) + size, minlength=len(REASONS) * (largest + 1)
    ).reshape(len(REASONS), largest + 1)[:, 1:]
    edges = np.arange(0.5, largest + 1)
    return edges, {REASONS[code]: row for code, row in enumerate(counts) if row.any()}
