"""A workload as the plain arrays that an event simulation runs on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import WorkloadError
from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.optimization.models import NS_PER_MS
from codomyrmex_lab.simulation.events.driver import submitted_ns
from codomyrmex_lab.simulation.events.plan import Plan
from codomyrmex_lab.simulation.request_columns import costs_of
from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.request_numbers import timeouts_ms

__all__ = ["Traffic", "make_traffic"]


class Traffic(NamedTuple):
    """The requests of one simulation, in the order of arrival.

    ``arrival_ns`` is when each is due, ``enqueue_ns`` when it reaches the engine. ``key`` numbers
    equal inputs from 0 on. ``cost`` is empty where the profile knows of none; ``deadline_ns`` and
    ``priority`` are empty where there is no deadline, or only one priority.
    """

    arrival_ns: NDArray[np.int64]
    enqueue_ns: NDArray[np.int64]
    key: NDArray[np.int32]
    n_keys: int
    cost: NDArray[np.float64]
    deadline_ns: NDArray[np.int64]
    priority: NDArray[np.int32]


def make_traffic(
    workload: Workload, plan: Plan, cost: str | None = None, speed: float = 1.0
) -> Traffic:
    """Return the arrays of a workload.

    Parameters
    ----------
    workload : Workload
        What arrives. A column ``timeout_ms`` of it gives deadlines, in ms, NaN for none.
    plan : Plan
        Its submission times are applied.
    cost : str or None
        Column of the workload with the requests' costs.
    speed : float
        How many times faster than the workload's own times, above 0.

    Raises
    ------
    WorkloadError
        A column is missing, or holds what it must not.
    """
    arrival_ns, key = workload.arrival_ns, workload.key_codes
    if speed != 1:
        arrival_ns = np.rint(workload.arrival_s * (1e9 / speed)).astype(np.int64)
    priority = workload.priorities
    one_priority = bool((priority == priority[0]).all())
    return Traffic(
        arrival_ns=arrival_ns,
        enqueue_ns=submitted_ns(arrival_ns, plan.submit_ns, plan.submit_interval_ns),
        key=key,
        n_keys=int(key.max()) + 1,
        cost=_EMPTY if cost is None else _costs(workload, cost),
        deadline_ns=_deadlines(workload, arrival_ns),
        priority=priority[:0] if one_priority else priority,
    )


_EMPTY = np.empty(0)


def _costs(workload: Workload, name: str) -> NDArray[np.float64]:
    if name not in workload.columns:
        raise WorkloadError(
            f"The profile depends on the column {name!r}, which the workload does not have; give "
            "it one, or measure a profile without cost."
        )
    return costs_of(workload, name)


def _deadlines(workload: Workload, arrival_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    timeout_ms = timeouts_ms(workload)
    if timeout_ms is None:
        return arrival_ns[:0]
    given = ~np.isnan(timeout_ms)
    deadline_ns = np.full(len(arrival_ns), FOREVER_NS)
    deadline_ns[given] = arrival_ns[given] + (timeout_ms[given] * NS_PER_MS).astype(np.int64)
    return deadline_ns
