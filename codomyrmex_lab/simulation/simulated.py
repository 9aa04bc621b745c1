"""The result of a simulation: arrays at once, figures in milliseconds, frames on demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.simulation.caveats import caveats
from codomyrmex_lab.simulation.events.failures import messages
from codomyrmex_lab.simulation.events.outcome import Outcome
from codomyrmex_lab.simulation.events.plan import Plan
from codomyrmex_lab.simulation.events.traffic import Traffic
from codomyrmex_lab.simulation.figures import N_BINS, bin_ends_ns, latencies_ns, ranked
from codomyrmex_lab.simulation.load import load_factor, overload_warning
from codomyrmex_lab.simulation.service_profile import ServiceProfile
from codomyrmex_lab.tracing import Trace, TraceSummary
from codomyrmex_lab.tracing.columns import MISSING_TICK, NONE, BatchColumns, RequestColumns
from codomyrmex_lab.tracing.percentiles import rank_interval

__all__ = ["Simulated"]

_PERCENTS = (50, 90, 95, 99)
_Percentiles = dict[str, tuple[float, tuple[float, float]]]
_ranks = lru_cache(rank_interval)  # the same for all configs of one workload


@dataclass(frozen=True, eq=False, repr=False)
class Simulated:
    """What a workload would have seen under a config.

    Parameters
    ----------
    profile : ServiceProfile
        Of the model.
    config : OptimizationConfig
        Settings.
    traffic : Traffic
        The requests.
    plan : Plan
        The settings as numbers.
    outcome : Outcome
        What came of each request and each batch.
    about : mapping of str to Any
        How else it came about; becomes part of the trace's metadata.
    """

    profile: ServiceProfile
    config: OptimizationConfig
    traffic: Traffic
    plan: Plan
    outcome: Outcome
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.traffic.arrival_ns)

    def __repr__(self) -> str:
        return f"<Simulated: {len(self):,} requests in {len(self.outcome.calls.size):,} batches>"

    @cached_property
    def load_factor(self) -> float:
        """What is asked for, as a share of what these settings can serve.

        NaN where all requests are due at once.
        """
        return load_factor(self.traffic, self.plan, self.outcome)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """Sentences that belong beside the figures."""
        return (*caveats(self.profile, self.config), *overload_warning(self.load_factor))

    @property
    def from_cache(self) -> NDArray[np.bool_]:
        """Whether the cache answered, shape (n_requests,)."""
        hits: NDArray[np.bool_] = (self.outcome.batch == NONE) & (self.outcome.error == NONE)
        return hits

    @property
    def latency_ns(self) -> NDArray[np.int64]:
        """Latencies of the requests that were answered without error, in the order of arrival."""
        return self._latencies.values_ns

    @property
    def latency_ms(self) -> NDArray[np.float64]:
        """The same in ms."""
        return self._latencies.values_ns / 1e6

    @property
    def ordered_ms(self) -> NDArray[np.float64]:
        """The same latencies, ascending."""
        return np.sort(self._latencies.values_ns) / 1e6

    def distribution(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return latencies and the shares of answers that took no longer, for drawing.

        Returns
        -------
        latency_ms, share : float64, shape (n_points,)
            Ascending; up to 64 points for each doubling of the latency. Shares are exact, at
            latencies of which each is at most 1.6% above one that was seen.
        """
        found = self._latencies
        bins = np.flatnonzero(found.counts)
        return bin_ends_ns(bins) / 1e6, np.cumsum(found.counts[bins]) / max(found.n, 1)

    def summary(self, *, intervals: bool = True) -> TraceSummary:
        """Return the figures of the trace, without making it; percentiles are exact.

        Parameters
        ----------
        intervals : bool
            Whether confidence intervals are asked for, which take time; NaN if not.
        """
        return self._summary if intervals else self._summarized(_percentiles(self._latencies, {}))

    @cached_property
    def _latencies(self) -> _Latencies:
        traffic, outcome = self.traffic, self.outcome
        values_ns, bins = np.empty(len(self), np.int64), np.empty(len(self), np.uint16)
        counts = np.zeros(N_BINS, np.int64)
        n, n_hits, sum_ns, last_ns = latencies_ns(
            traffic.arrival_ns,
            outcome.enqueue_ns,
            self.plan.hit_ns,
            outcome.batch,
            outcome.error,
            outcome.calls.end_ns,
            values_ns,
            bins,
            counts,
        )
        return _Latencies(values_ns[:n], bins[:n], counts, n_hits, sum_ns, last_ns)

    @cached_property
    def _summary(self) -> TraceSummary:
        n = self._latencies.n
        intervals = {percent: _ranks(n, percent) for percent in _PERCENTS} if n else {}
        return self._summarized(_percentiles(self._latencies, intervals))

    def _summarized(self, percentiles: _Percentiles) -> TraceSummary:
        found, outcome, n = self._latencies, self.outcome, len(self)
        calls = outcome.calls
        last_ns = found.last_ns
        if found.n < n:  # some failed, by themselves or together with their batch
            failed_ns = outcome.failed_ns[outcome.batch == NONE].max(initial=0)
            last_ns = max(last_ns, int(failed_ns), int(calls.end_ns.max(initial=0)))
        duration_s = float(last_ns - self.traffic.arrival_ns[0]) / 1e9
        return TraceSummary(
            n_requests=n,
            n_errors=n - found.n,
            duration_s=duration_s,
            throughput_rps=found.n / duration_s if duration_s > 0 else 0.0,
            cache_hit_rate=found.n_hits / n if self.plan.use_cache else 0.0,
            mean_batch_size=float(calls.size.mean()) if len(calls.size) else 0.0,
            mean_ms=found.sum_ns / found.n / 1e6 if found.n else np.nan,
            **{name: value for name, (value, _) in percentiles.items()},
            intervals={name: interval for name, (_, interval) in percentiles.items()},
        )

    def trace(self) -> Trace:
        """Return the run as a trace, of the same shape as that of a measured one."""
        calls = self.outcome.calls
        batches = BatchColumns.of(
            calls.start_ns, calls.end_ns, calls.size, reason=calls.reason, worker=calls.worker
        )
        failed = bool((self.outcome.error != NONE).any())
        return Trace(
            self._requests(),
            batches,
            errors=messages(self.config.max_queue_size) if failed else (),
            metadata={
                "simulated": True,
                **self.about,
                "config": self.config,
                "profile": {"model": self.profile.model, "host": dict(self.profile.host)},
                "load_factor": self.load_factor,
                "warnings": list(self.warnings),
            },
        )

    def _requests(self) -> RequestColumns:
        traffic, outcome, calls = self.traffic, self.outcome, self.outcome.calls
        hit, computed = self.from_cache, outcome.batch != NONE
        end_ns = np.where(hit, outcome.enqueue_ns + self.plan.hit_ns, outcome.failed_ns)
        start_ns = np.where(hit, end_ns, MISSING_TICK)
        row = outcome.batch[computed]
        end_ns[computed] = calls.end_ns[row]
        start_ns[computed] = np.maximum(calls.start_ns[row], traffic.arrival_ns[computed])
        return RequestColumns.of(
            traffic.arrival_ns,
            start_ns,
            end_ns,
            priority=traffic.priority if len(traffic.priority) else 0,
            key=traffic.key,
            has_key=self.plan.use_cache,
            from_cache=hit,
            joined=outcome.joined,
            batch=outcome.batch,
            error=outcome.error,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Latencies:
    values_ns: NDArray[np.int64]
    bins: NDArray[np.uint16]
    counts: NDArray[np.int64]
    n_hits: int
    sum_ns: float
    last_ns: int

    @property
    def n(self) -> int:
        return len(self.values_ns)


def _percentiles(found: _Latencies, intervals: Mapping[int, tuple[int, int]]) -> _Percentiles:
    """Return percentiles and intervals, as ``tracing.percentiles`` defines them.

    Parameters
    ----------
    found : _Latencies
        Of the answered requests.
    intervals : mapping of int to (int, int)
        Ranks, counted from 1, of the ends of each percentile's interval; NaN where it is left out.
    """
    n = found.n
    if n == 0:
        return {f"p{percent}_ms": (np.nan, (np.nan, np.nan)) for percent in _PERCENTS}
    places = {percent: (n - 1) * (percent / 100) for percent in _PERCENTS}
    ranks = {int(place) + more for place in places.values() for more in (0, 1)}
    ranks |= {rank - 1 for interval in intervals.values() for rank in interval}
    ranks = {rank for rank in ranks if 0 <= rank < n}
    value_ns = ranked(found.values_ns, found.bins, found.counts, ranks)
    value_ms = {rank: value / 1e6 for rank, value in value_ns.items()} | {-1: -np.inf, n: np.inf}
    figures = {}
    for percent, place in places.items():
        below = int(place)
        above_ms = value_ms[below + 1] if below + 1 < n else value_ms[below]
        value = _between(value_ms[below], above_ms, place - below)
        interval = (np.nan, np.nan)
        if percent in intervals:
            low, high = (value_ms[rank - 1] for rank in intervals[percent])
            interval = (min(low, value), max(high, value))
        figures[f"p{percent}_ms"] = (value, interval)
    return figures


def _between(low: float, high: float, share: float) -> float:
    """Interpolate as ``numpy.percentile`` does, to the last bit."""
    if share >= 0.5:
        return high - (high - low) * (1 - share)
    return low + (high - low) * share
