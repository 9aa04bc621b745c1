"""How much of what an engine can serve a workload asks for."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.simulation.events.outcome import Outcome
from codomyrmex_lab.simulation.events.plan import Plan
from codomyrmex_lab.simulation.events.traffic import Traffic
from codomyrmex_lab.tracing.columns import NONE

__all__ = ["load_factor", "overload_warning"]


def load_factor(traffic: Traffic, plan: Plan, outcome: Outcome) -> float:
    """Return what the workload asks for, as a share of what can be served of it.

    That is bounded by the workers, in batches as full as they may be, and by the one interpreter
    in which all requests are submitted and answered. Answers from the cache, and those shared with
    an identical request, ask nothing of the workers. NaN where all requests are due at once, since
    no rate is known then.
    """
    n = len(traffic.arrival_ns)
    span_ns = int(traffic.arrival_ns[-1] - traffic.arrival_ns[0])
    if span_ns == 0:
        return math.nan
    hits = (outcome.batch == NONE) & (outcome.error == NONE)
    asks = ~(hits | outcome.joined)
    share_asking = np.count_nonzero(asks) / n
    worker_ns, share = _under_pressure(plan, outcome, span_ns)
    if share < 1:
        full_ns = _of_full_batches(plan, traffic.cost[asks] if len(traffic.cost) else traffic.cost)
        worker_ns = share * worker_ns + (1 - share) * full_ns
    size = _fullest(plan)
    python_ns = plan.submit_interval_ns + share_asking * float(plan.deliver_ns[size]) / size
    every_ns = span_ns / (n - 1)
    return max(share_asking * worker_ns / plan.n_workers, python_ns) / every_ns


def _fullest(plan: Plan) -> int:
    return min(plan.max_batch_size, plan.max_queue_size)


def _of_full_batches(plan: Plan, costs: NDArray[np.float64]) -> float:
    """Return the time of a worker, in ns, that each request of a full batch takes by the profile.

    A batch takes the time of its costliest request. Of ``size`` requests none is above a cost with
    a probability of ``share ** size``, where that share of all requests is not above it.
    """
    size = _fullest(plan)
    service_ns = plan.table[:, plan.n_workers, size]
    expected_ns = float(service_ns[0])
    if len(costs):
        levels, counts = np.unique(costs, return_counts=True)
        none_above = (np.cumsum(counts) / len(costs)) ** size
        is_costliest = np.diff(none_above, prepend=0.0)
        expected_ns = float(is_costliest @ np.interp(levels, plan.levels, service_ns))
    expected_ns *= float(plan.factors[-1].mean())
    return (expected_ns + float(plan.dispatch_ns[size] + plan.deliver_ns[size])) / size


def _under_pressure(plan: Plan, outcome: Outcome, span_ns: int) -> tuple[float, float]:
    """Return what each request took of a worker while others waited, and the share of such time.

    Nothing but the run itself knows how large batches become under a latency target, and how long
    workers wait for their turn to answer.

    Returns
    -------
    worker_ns : float
        0 where nobody ever waited.
    share : float
        Of the time of all workers, 0 to 1.
    """
    calls = outcome.calls
    entered_ns = outcome.enqueue_ns[(outcome.batch != NONE) & ~outcome.joined]
    dispatch_ns, taken = plan.dispatch_ns[calls.size], np.cumsum(calls.size)
    next_ns = np.append(entered_ns, np.iinfo(np.int64).max)[np.minimum(taken, len(entered_ns))]
    pressed = next_ns <= calls.start_ns - dispatch_ns
    if not pressed.any():
        return 0.0, 0.0
    busy_ns = calls.end_ns - calls.start_ns + dispatch_ns + plan.deliver_ns[calls.size]
    pressed_ns = float(busy_ns[pressed].sum())
    lasted_ns = max(span_ns, int((calls.end_ns[pressed] - calls.start_ns[0]).max()))
    share = min(pressed_ns / (plan.n_workers * lasted_ns), 1.0)
    return pressed_ns / int(calls.size[pressed].sum()), share


def overload_warning(factor: float) -> tuple[str, ...]:
    """Return a sentence where the workload is more than can be served."""
    if not factor > 1:
        return ()
    return (
        f"The workload asks for {factor:.3g} times what these settings can serve: whatever "
        "waits grows until its end, and latencies tell how long it lasted; add workers, raise "
        "max_batch_size, or send less.",
    )
