"""The rules of :mod:`codomyrmex_lab.optimization.policy`, compiled; tests hold them together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.optimization.models import BatchingStrategy, CloseReason
from codomyrmex_lab.optimization.policy import AdaptivePolicy
from codomyrmex_lab.simulation.compiling import part
from codomyrmex_lab.simulation.events.plan import STRATEGIES, Plan
from codomyrmex_lab.tracing.columns import REASONS

__all__ = ["decide", "learn_arrival", "learn_batch", "nothing_learned"]

FIXED = STRATEGIES.index(BatchingStrategy.FIXED)
ADAPTIVE = STRATEGIES.index(BatchingStrategy.ADAPTIVE)
FULL, TIMEOUT, TARGET, FLUSH = (
    REASONS.index(reason)
    for reason in (CloseReason.FULL, CloseReason.TIMEOUT, CloseReason.TARGET, CloseReason.FLUSH)
)
_LEARNED = np.dtype(
    [
        ("max_batch_size", np.int64),
        ("timeout_ns", np.int64),
        ("n_workers", np.int64),
        ("latency_target_ns", np.int64),
        ("last_arrival_ns", np.int64),
        ("gap_ns", np.float64),
        ("latency_ns", np.float64),
        ("weight", np.float64),
        ("size", np.float64),
        ("time", np.float64),
        ("size_size", np.float64),
        ("size_time", np.float64),
        ("size_limit", np.float64),
        ("wait_share", np.float64),
        ("target_size", np.int64),
        ("target_wait_ns", np.int64),
        ("utilization", np.float64),
        ("average_weight", np.float64),
        ("forget", np.float64),
        ("back_off", np.float64),
        ("wait_step", np.float64),
    ]
)


def nothing_learned(plan: Plan) -> NDArray[Any]:
    """Return what an ``AdaptivePolicy`` is told, and knows at first: one record."""
    learned = np.zeros(1, _LEARNED)
    for name in ("max_batch_size", "timeout_ns", "n_workers", "latency_target_ns"):
        learned[name] = getattr(plan, name)
    learned["last_arrival_ns"] = FOREVER_NS
    learned["size_limit"] = plan.max_batch_size
    learned["wait_share"] = 1.0
    learned["target_size"] = 1
    learned["utilization"] = AdaptivePolicy.TARGET_UTILIZATION
    learned["average_weight"] = AdaptivePolicy.AVERAGE_WEIGHT
    learned["forget"] = AdaptivePolicy.FORGET
    learned["back_off"] = AdaptivePolicy.BACK_OFF
    learned["wait_step"] = AdaptivePolicy.WAIT_STEP
    return learned


@part
def decide(
    strategy: int, learned: NDArray[Any], n_waiting: int, oldest_ns: int, now_ns: int, flushed: bool
) -> tuple[int, int, int]:
    """Return how many of at least 1 request leave now and why, or 0 and when to ask again."""
    known = learned[0]
    limit = known.max_batch_size
    if strategy == ADAPTIVE:
        limit = int(known.size_limit)
    if n_waiting >= known.max_batch_size:
        return limit, FULL, now_ns
    due_ns = FOREVER_NS
    if strategy == ADAPTIVE:
        if n_waiting >= known.target_size:
            return min(n_waiting, limit), TARGET, now_ns
        due_ns = oldest_ns + known.target_wait_ns
    elif strategy != FIXED:
        due_ns = oldest_ns + known.timeout_ns
    if now_ns >= due_ns:
        return min(n_waiting, limit), TIMEOUT, now_ns
    if flushed:
        return min(n_waiting, limit), FLUSH, now_ns
    return 0, 0, due_ns


@part
def learn_arrival(learned: NDArray[Any], arrival_ns: int) -> None:
    """Update the arrival rate."""
    known = learned[0]
    last_ns = known.last_arrival_ns
    known.last_arrival_ns = arrival_ns
    if last_ns == FOREVER_NS:
        return
    gap_ns = max(arrival_ns - last_ns, 0)
    weight = known.average_weight if known.gap_ns != 0 else 1.0
    known.gap_ns += weight * (gap_ns - known.gap_ns)
    _retarget(learned)


@part
def learn_batch(learned: NDArray[Any], size: int, service_ns: int, worst_latency_ns: int) -> None:
    """Update service time and latency; back off or recover against the latency target."""
    known = learned[0]
    keep = known.forget
    known.weight = keep * known.weight + 1
    known.size = keep * known.size + size
    known.time = keep * known.time + service_ns
    known.size_size = keep * known.size_size + size * size
    known.size_time = keep * known.size_time + size * service_ns
    weight = known.average_weight if known.latency_ns != 0 else 1.0
    known.latency_ns += weight * (worst_latency_ns - known.latency_ns)
    target_ns = known.latency_target_ns
    if target_ns != FOREVER_NS:
        if worst_latency_ns > target_ns:
            known.wait_share *= known.back_off
        else:
            known.wait_share = min(1.0, known.wait_share + known.wait_step)
        if service_ns > target_ns:
            known.size_limit = max(1.0, min(known.size_limit, float(size)) * known.back_off)
        else:
            known.size_limit = min(float(known.max_batch_size), known.size_limit + 1.0)
    _retarget(learned)


@part
def _retarget(learned: NDArray[Any]) -> None:
    known = learned[0]
    if known.gap_ns == 0 or known.weight <= 0:
        return
    if known.latency_ns * known.utilization <= known.n_workers * known.gap_ns:
        known.target_size, known.target_wait_ns = 1, 0
        return
    fixed_ns, per_request_ns = _line(learned)
    limit = int(known.size_limit)
    spare_ns = known.utilization * known.n_workers * known.gap_ns - per_request_ns
    size = limit
    if spare_ns > 0 and fixed_ns / spare_ns < limit:
        size = math.ceil(fixed_ns / spare_ns)
    known.target_size = max(size, 1)
    wait_ns = min((known.target_size - 1) * known.gap_ns, float(known.timeout_ns))
    if known.latency_target_ns != FOREVER_NS:
        service_ns = fixed_ns + per_request_ns * known.target_size
        wait_ns = min(wait_ns, max(known.latency_target_ns - service_ns, 0.0))
    known.target_wait_ns = int(wait_ns * known.wait_share)


@part
def _line(learned: NDArray[Any]) -> tuple[float, float]:
    known = learned[0]
    spread = known.weight * known.size_size - known.size * known.size
    mean_size, mean_time = known.size / known.weight, known.time / known.weight
    if spread <= 1e-9 * known.weight * known.size_size:
        return mean_time, 0.0
    slope = (known.weight * known.size_time - known.size * known.time) / spread
    slope = min(max(slope, 0.0), mean_time / mean_size)
    return mean_time - slope * mean_size, slope
