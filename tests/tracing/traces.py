"""Traces that the tests make up."""

import numpy as np
from numpy.typing import ArrayLike

from codomyrmex_lab.tracing import BatchColumns, RequestColumns, Trace

MS = 1_000_000


def trace_of(
    arrival_ms: ArrayLike,
    queue_ms: ArrayLike,
    service_ms: ArrayLike,
    batch: ArrayLike | None = None,
) -> Trace:
    """Requests with these times, each in a batch of its own unless told otherwise."""
    arrival_ns = np.rint(np.asarray(arrival_ms, dtype=np.float64) * MS).astype(np.int64)
    start_ns = arrival_ns + np.rint(np.asarray(queue_ms) * MS).astype(np.int64)
    end_ns = start_ns + np.rint(np.asarray(service_ms) * MS).astype(np.int64)
    rows = np.arange(len(arrival_ns)) if batch is None else np.asarray(batch)
    _, first = np.unique(rows, return_index=True)
    batches = BatchColumns.of(start_ns[first], end_ns[first], np.bincount(rows))
    return Trace(RequestColumns.of(arrival_ns, start_ns, end_ns, batch=rows), batches)


def queue_trace(n: int, load: float, seed: int) -> Trace:
    """A single server, Poisson arrivals, exponential service of 1 ms on average."""
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.exponential(1 / load, n))
    service = rng.exponential(1, n)
    total = np.cumsum(service)  # Lindley's recursion, in closed form
    end = total + np.maximum.accumulate(arrival - np.append(0, total[:-1]))
    return trace_of(arrival, end - service - arrival, service)
