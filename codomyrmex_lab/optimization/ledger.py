"""Counts of an engine, kept under one lock so that a snapshot is consistent."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

from codomyrmex_lab.errors import DeadlineExceededError, QueueFullError
from codomyrmex_lab.optimization.batch import Batch
from codomyrmex_lab.optimization.models import NS_PER_MS, InferenceStats
from codomyrmex_lab.optimization.request import PendingRequest

__all__ = ["Ledger"]


class Ledger:
    """Adds up what happened to the requests of one engine.

    Parameters
    ----------
    sums_latencies : bool
        Whether anybody asks for the mean latency. It takes a look at every request of a batch, at
        the moment when its worker should begin the next one.
    """

    def __init__(self, *, sums_latencies: bool = True) -> None:
        self._sums_latencies = sums_latencies
        self._lock = threading.Lock()
        self._stats = InferenceStats()
        self._n_batched = 0
        self._latency_sum_ns = 0

    def hit(self, latency_ns: int) -> None:
        """Count an answer from the cache."""
        with self._lock:
            self._stats.cache_hits += 1
            self._stats.total_requests += 1
            self._latency_sum_ns += latency_ns

    def miss(self, n: int = 1) -> None:
        """Count look-ups that found nothing."""
        with self._lock:
            self._stats.cache_misses += n

    def batch(self, batch: Batch) -> None:
        """Count a batch and all whom it answers."""
        stats = self._stats
        everyone, n_late, n_cancelled = batch.requests, 0, 0
        if not batch.ordinary:
            everyone = batch.everyone
            n_cancelled = sum([request.cancelled() for request in batch.requests])
            n_late = sum(
                [batch.end_ns > r.terms.deadline_ns and not r.cancelled() for r in everyone]
            )
        n_everyone = len(everyone)
        latency_sum_ns = 0
        if self._sums_latencies:
            latency_sum_ns = batch.end_ns * n_everyone - sum([r.arrival_ns for r in everyone])
        with self._lock:
            stats.total_batches += 1
            self._n_batched += len(batch.requests)
            stats.close_reasons[batch.reason] = stats.close_reasons.get(batch.reason, 0) + 1
            stats.total_requests += n_everyone
            stats.joined_requests += n_everyone - len(batch.requests)
            stats.failed_requests += n_late + n_cancelled if batch.error is None else n_everyone
            stats.expired_requests += n_late if batch.error is None else 0
            stats.cancelled_requests += n_cancelled
            self._latency_sum_ns += latency_sum_ns

    def unserved(self, request: PendingRequest, end_ns: int, error: BaseException) -> None:
        """Count a request that failed without reaching the model."""
        stats = self._stats
        with self._lock:
            stats.total_requests += 1
            stats.failed_requests += 1
            stats.expired_requests += isinstance(error, DeadlineExceededError)
            stats.shed_requests += isinstance(error, QueueFullError)
            stats.cancelled_requests += isinstance(error, CancelledError)
            self._latency_sum_ns += end_ns - request.arrival_ns

    def turned_away(self) -> None:
        """Count a request that found the queue full."""
        with self._lock:
            self._stats.rejected_requests += 1

    def snapshot(self, cache_evictions: int, cache_size: int, cache_bytes: int) -> InferenceStats:
        """Return the counts so far, with those of the cache."""
        with self._lock:
            stats = self._stats
            return InferenceStats(
                total_requests=stats.total_requests,
                total_batches=stats.total_batches,
                avg_batch_size=_ratio(self._n_batched, stats.total_batches),
                avg_latency_ms=_ratio(self._latency_sum_ns / NS_PER_MS, stats.total_requests),
                cache_hits=stats.cache_hits,
                cache_misses=stats.cache_misses,
                joined_requests=stats.joined_requests,
                failed_requests=stats.failed_requests,
                expired_requests=stats.expired_requests,
                shed_requests=stats.shed_requests,
                cancelled_requests=stats.cancelled_requests,
                rejected_requests=stats.rejected_requests,
                cache_evictions=cache_evictions,
                cache_size=cache_size,
                cache_bytes=cache_bytes,
                close_reasons=dict(stats.close_reasons),
            )


def _ratio(total: float, n: int) -> float:
    return total / n if n else 0.0
