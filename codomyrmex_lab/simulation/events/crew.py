"""Workers of the kernel: what each is at, and how model calls that run at once share the cores.

A call progresses at the speed that was measured with as many calls running; whenever one begins
or ends, what is left of the others is carried over to their new speed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.simulation.compiling import index, part

__all__ = [
    "COMPUTING",
    "DELIVERING",
    "DISPATCHING",
    "IDLE",
    "IDLE_WEIGHT",
    "begin_call",
    "idle_crew",
    "idle_now",
    "next_worker",
    "settle",
]

Times = NDArray[np.float64]
IDLE, DISPATCHING, COMPUTING, DELIVERING = range(4)
IDLE_WEIGHT = 0.2
"""Of the latest time without a call, in how idle the processor was. What a call takes longer
follows this average more closely than the latest time: a processor that rests half of the time is
slow after short rests too, and needs some calls after a long one until it is as fast as before."""
_WORKER = np.dtype(
    [
        ("phase", np.int64),
        ("next_ns", np.int64),
        ("batch", np.int64),
        ("first", np.int64),
        ("size", np.int64),
        ("cost", np.float64),
        ("since_ns", np.int64),
        ("left", np.float64),
        ("level", np.int64),
        ("share", np.float64),
        ("factor", np.float64),
        ("extra_ns", np.float64),
    ]
)


def idle_crew(n_workers: int) -> NDArray[Any]:
    """Return that many idle workers."""
    crew = np.zeros(n_workers, _WORKER)
    crew["next_ns"] = FOREVER_NS
    return crew


@part
def next_worker(crew: NDArray[Any]) -> int:
    """Return whose turn comes next; at equal times that of the batch that left first."""
    first = 0
    for worker in range(1, len(crew)):
        one, best = crew[index(worker)], crew[index(first)]
        if one.next_ns < best.next_ns or (one.next_ns == best.next_ns and one.batch < best.batch):
            first = worker
    return first


@part
def idle_now(average_ns: float, gap_ns: float, idle_ns: Times) -> float:
    """Return how long no call ran, on average, the latest time being ``gap_ns``."""
    most_ns: float = idle_ns[len(idle_ns) - 1]
    return average_ns + IDLE_WEIGHT * (min(gap_ns, most_ns) - average_ns)


@part
def begin_call(
    worker: Any, levels: Times, idle_ns: Times, extra_ns: Times, average_ns: float
) -> None:
    """Begin the model call of a batch, the average time without one being ``average_ns``."""
    worker.level, worker.share = _between(worker.cost, levels)
    row, share = _between(average_ns, idle_ns)
    worker.extra_ns = extra_ns[row, worker.size]
    if share > 0:
        worker.extra_ns += share * (extra_ns[row + 1, worker.size] - extra_ns[row, worker.size])
    worker.phase = COMPUTING
    worker.since_ns = worker.next_ns
    worker.left = 1.0


@part
def _between(x: float, points: Times) -> tuple[int, float]:
    """Return the last point that is not above ``x``, and how far ``x`` is on the way to the next.

    Outside of all points that is the nearest one.
    """
    row, last = 0, len(points) - 1
    while row < last and x >= points[row + 1]:
        row += 1
    share = 0.0
    if row < last and x > points[row]:
        share = (x - points[row]) / (points[row + 1] - points[row])
    return row, share


@part
def settle(table: Times, crew: NDArray[Any], n_before: int, n_calls: int, now_ns: int) -> None:
    """Carry model calls over from one number of calls at once to another."""
    for who in range(len(crew)):
        worker = crew[index(who)]
        if worker.phase == COMPUTING:
            if worker.since_ns < now_ns:
                done = (now_ns - worker.since_ns) / _service_ns(table, worker, n_before)
                worker.left = max(worker.left - done, 0.0)
                worker.since_ns = now_ns
            left_ns = worker.left * _service_ns(table, worker, n_calls)
            worker.next_ns = now_ns + math.floor(left_ns + 0.5)


@part
def _service_ns(table: Times, worker: Any, n_calls: int) -> Any:
    level, n, size = index(worker.level), index(n_calls), index(worker.size)
    time_ns = table[level, n, size]
    if worker.share > 0:
        above_ns = table[index(worker.level + 1), n, size]
        time_ns += worker.share * (above_ns - time_ns)
    return time_ns * worker.factor + worker.extra_ns
