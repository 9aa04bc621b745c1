"""When a driver, one thread that sleeps until a request is due, submits each request.

Driver and workers run Python, and only one of them at a time: who has begun goes on until he
sleeps or computes, or, where others wait, for ``SWITCH_NS``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.simulation.compiling import compiled, part

__all__ = ["SWITCH_NS", "asleep_ns", "submitted_ns"]

SWITCH_NS = 5_000_000
"""After so long a thread has to let another one go on; see ``sys.getswitchinterval``."""


@compiled
def submitted_ns(
    arrival_ns: NDArray[np.int64], late_ns: NDArray[np.int64], interval_ns: int
) -> NDArray[np.int64]:
    """Return the ticks at which requests reach the engine, if no worker ever holds the driver up.

    Parameters
    ----------
    arrival_ns : int64, shape (n_requests,)
        When each is due, ascending.
    late_ns : int64, shape (n_late,)
        How late the driver wakes, one after the other and round again. A request that is due
        while the driver is awake follows the one before it at once.
    interval_ns : int
        What each submission takes.
    """
    submitted = np.empty_like(arrival_ns)
    free_ns = np.int64(-1)
    n_late = len(late_ns)
    for i in range(len(arrival_ns)):
        due_ns = arrival_ns[i]
        submitted[i] = due_ns + late_ns[i % n_late] if due_ns > free_ns else free_ns
        free_ns = submitted[i] + interval_ns
    return submitted


@part
def asleep_ns(
    arrival_ns: NDArray[np.int64],
    n_submitted: int,
    awake_until_ns: int,
    interval_ns: int,
    now_ns: int,
) -> int:
    """Return when the driver sleeps next, or is made to pause: now, where it sleeps already."""
    if awake_until_ns <= now_ns:
        return now_ns
    latest_ns = now_ns + SWITCH_NS
    i, n = n_submitted, len(arrival_ns)
    while i < n and arrival_ns[i] <= awake_until_ns < latest_ns:
        awake_until_ns += interval_ns
        i += 1
    return min(awake_until_ns, latest_ns)
