"""How much of what an engine can serve a workload asks for."""

from __future__ import annotations

import math

import numpy as np

from codomyrmex_lab.simulation.events.outcome import Outcome
from codomyrmex_lab.simulation.events.plan import Plan
from codomyrmex_lab.simulation.events.traffic import Traffic
from codomyrmex_lab.tracing.columns import NONE

__all__ = ["capacity_rps", "load_factor", "overload_warning"]


def capacity_rps(plan: Plan, cost: float = 0.0) -> float:
    """Return the requests per second that all workers compute in full batches, of one cost."""
    size, busy = plan.max_batch_size, plan.n_workers
    service_ns = float(np.interp(cost, plan.levels, plan.table[:, busy, size]))
    service_ns *= float(plan.factors[-1].mean())
    whole_ns = service_ns + float(plan.dispatch_ns[size] + plan.deliver_ns[size])
    return busy * size / whole_ns * 1e9 if whole_ns else math.inf


def load_factor(traffic: Traffic, plan: Plan, outcome: Outcome) -> float:
    """Return what the workload asks of the model, as a share of what the workers can compute.

    Answers from the cache, and those shared with an identical request, ask nothing of it. NaN
    where all requests are due at once, since no rate is known then.
    """
    n = len(traffic.arrival_ns)
    span_ns = int(traffic.arrival_ns[-1] - traffic.arrival_ns[0])
    if span_ns == 0:
        return math.nan
    hits = (outcome.batch == NONE) & (outcome.error == NONE)
    n_asked = n - int(hits.sum()) - int(outcome.joined.sum())
    rate_rps = n_asked / n * (n - 1) / span_ns * 1e9
    cost = float(traffic.cost.mean()) if len(traffic.cost) else 0.0
    return rate_rps / capacity_rps(plan, cost)


def overload_warning(factor: float) -> tuple[str, ...]:
    """Return a sentence where the workload is more than can be served."""
    if not factor > 1:
        return ()
    return (
        f"The workload asks for {factor:.3g} times what these settings can serve: whatever "
        "waits grows until its end, and latencies tell how long it lasted; add workers, raise "
        "max_batch_size, or send less.",
    )
