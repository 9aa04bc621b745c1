"""Traces whose figures are known."""

import numpy as np

from codomyrmex_lab.optimization.models import CloseReason
from codomyrmex_lab.tracing import BatchColumns, RequestColumns, Trace

MS = 1_000_000
REASONS = list(CloseReason)


def build_trace(
    latency_ms: list[float],
    *,
    gap_ms: float = 10.0,
    from_cache: list[bool] | None = None,
    keyed: bool = True,
    failed: list[bool] | None = None,
    simulated: bool = False,
) -> Trace:
    """One request every ``gap_ms``; every one that is no hit is a batch of its own."""
    n = len(latency_ms)
    arrival = (np.arange(n) * gap_ms * MS).astype(np.int64)
    end = arrival + (np.asarray(latency_ms) * MS).astype(np.int64)
    hit = np.array(from_cache or [False] * n, dtype=bool)
    error = np.where(np.array(failed or [False] * n, dtype=bool), 0, -1)
    batch = np.where(hit, -1, np.cumsum(~hit) - 1)
    start = np.where(hit, end, (arrival + end) // 2)
    return Trace(
        RequestColumns.of(
            arrival,
            start,
            end,
            key=np.arange(n) if keyed else None,
            from_cache=hit,
            batch=batch,
            error=error,
        ),
        BatchColumns.of(start[~hit], end[~hit], np.ones(int((~hit).sum())), error=error[~hit]),
        errors=["ValueError: no"],
        metadata={"simulated": simulated},
    )


def trace_of_batches(sizes: dict[CloseReason, list[int]]) -> Trace:
    """A trace with batches of these sizes, and no requests."""
    size = [n for group in sizes.values() for n in group]
    reason = [REASONS.index(r) for r, group in sizes.items() for _ in group]
    ticks = np.arange(len(size)) * MS
    return Trace(RequestColumns.of([], [], []), BatchColumns.of(ticks, ticks, size, reason=reason))
