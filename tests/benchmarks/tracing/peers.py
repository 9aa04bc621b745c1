"""What a service writes to record requests: a histogram of counts, or a list of records."""

from __future__ import annotations

from dataclasses import dataclass

from hdrh.histogram import HdrHistogram
from prometheus_client import CollectorRegistry, Histogram

from codomyrmex_lab.optimization.batch import Batch

__all__ = ["DataclassList", "HdrLatency", "PrometheusLatency"]


@dataclass
class _Record:
    id: int
    arrival_ns: int
    start_ns: int
    end_ns: int
    priority: int
    key: int | None
    from_cache: bool
    joined: bool
    batch_id: int
    batch_size: int
    error: str | None


class DataclassList:
    """Everything about each request, as an object in a list."""

    def __init__(self) -> None:
        self.records: list[_Record] = []

    def on_batch(self, batch: Batch) -> None:
        """Record each request."""
        size = len(batch.requests)
        for request in batch.requests:
            key = None if request.key is None else hash(request.key)
            self.records.append(
                _Record(
                    request.id, request.arrival_ns, batch.start_ns, batch.end_ns,
                    request.priority, key, False, False, batch.id, size, None,
                )
            )  # fmt: skip


class HdrLatency:
    """The latency alone, 1 µs to 60 s with 3 digits."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, 60_000_000, 3)

    def on_batch(self, batch: Batch) -> None:
        """Count the latency of each request."""
        for request in batch.requests:
            self._histogram.record_value((batch.end_ns - request.arrival_ns) // 1000)


class PrometheusLatency:
    """The latency alone, in the 15 buckets that come with the client."""

    def __init__(self) -> None:
        self._histogram = Histogram("latency_s", "Latency", registry=CollectorRegistry())

    def on_batch(self, batch: Batch) -> None:
        """Count the latency of each request."""
        for request in batch.requests:
            self._histogram.observe((batch.end_ns - request.arrival_ns) / 1e9)
