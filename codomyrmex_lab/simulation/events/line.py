"""Waiting requests of the kernel where arrival alone does not decide their order, or their fate.

The compiled twin of :class:`~codomyrmex_lab.optimization.waiting.WaitingLine` and of
:class:`~codomyrmex_lab.optimization.admission.Admission`: priorities with ageing, deadlines, a
bound on how many wait, and a door at which blocked callers wait for a place.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.simulation.compiling import part
from codomyrmex_lab.simulation.events.plan import NO_BOUND, Plan
from codomyrmex_lab.simulation.events.traffic import Traffic

__all__ = [
    "Line",
    "add",
    "empty_line",
    "give_up_at_door",
    "next_deadline_ns",
    "next_door_deadline_ns",
    "oldest",
    "take",
    "take_expired",
    "take_from_door",
    "take_oldest",
    "wait_at_door",
]

AWAY, WAITING, AT_DOOR = range(3)
_NOBODY = -1
_REQUEST = np.dtype(
    [("expires_ns", np.int64), ("lane", np.int32), ("behind", np.int32), ("place", np.int8)]
)
_LANE = np.dtype([("priority", np.int64), ("head", np.int64), ("tail", np.int64)])
_ALARM = np.dtype([("due_ns", np.int64), ("request", np.int64)])
_COUNTS = np.dtype(
    [
        (name, np.int64)
        for name in (
            "oldest",
            "n_added",
            "n_alarms",
            "door_front",
            "door_back",
            "n_door_alarms",
        )
    ]
)


class Line(NamedTuple):
    """Who waits.

    ``lanes`` are lists of the requests of one priority, linked by ``behind``. ``order`` holds the
    requests as they were added, ``door`` those that came to the door. ``alarms`` and
    ``door_alarms`` are heaps of deadlines. Whoever has left is passed over when met.
    """

    requests: NDArray[Any]
    lanes: NDArray[Any]
    order: NDArray[np.int32]
    alarms: NDArray[Any]
    door: NDArray[np.int32]
    door_alarms: NDArray[Any]
    counts: NDArray[Any]


def empty_line(traffic: Traffic, plan: Plan) -> Line:
    """Return a line in which nobody waits yet."""
    n = len(traffic.arrival_ns)
    priorities, lane = np.zeros(1, np.int64), np.zeros(n, np.int64)
    if len(traffic.priority):
        priorities, lane = np.unique(traffic.priority, return_inverse=True)
    requests = np.zeros(n, _REQUEST)
    requests["lane"] = lane
    requests["expires_ns"] = traffic.deadline_ns if len(traffic.deadline_ns) else FOREVER_NS
    lanes = np.zeros(len(priorities), _LANE)
    lanes["priority"], lanes["head"], lanes["tail"] = priorities, _NOBODY, _NOBODY
    n_alarms = n if len(traffic.deadline_ns) else 0
    n_at_door = n if plan.max_queue_size < NO_BOUND else 0
    return Line(
        requests,
        lanes,
        np.empty(n, np.int32),
        np.empty(n_alarms, _ALARM),
        np.empty(n_at_door, np.int32),
        np.empty(min(n_alarms, n_at_door), _ALARM),
        np.zeros(1, _COUNTS),
    )


@part
def add(line: Line, i: int) -> None:
    """Let a request wait."""
    counts, request = line.counts[0], line.requests[i]
    lane = line.lanes[request.lane]
    request.place, request.behind = WAITING, _NOBODY
    if lane.head == _NOBODY:
        lane.head = i
    else:
        line.requests[lane.tail].behind = i
    lane.tail = i
    line.order[counts.n_added] = i
    counts.n_added += 1
    if request.expires_ns < FOREVER_NS:
        _push(line.alarms, counts.n_alarms, request.expires_ns, i)
        counts.n_alarms += 1


@part
def oldest(line: Line) -> int:
    """Return who has waited longest; somebody waits."""
    counts = line.counts[0]
    while line.requests[line.order[counts.oldest]].place != WAITING:
        counts.oldest += 1
    return int(line.order[counts.oldest])


@part
def take_oldest(line: Line) -> int:
    """Remove and return who has waited longest; somebody waits."""
    i = oldest(line)
    line.requests[i].place = AWAY
    return int(i)


@part
def take(line: Line, enqueue_ns: NDArray[np.int64], ageing_ns: int) -> int:
    """Remove and return the first of those who wait: by priority, then arrival, with ageing."""
    best, best_turn_ns = _NOBODY, FOREVER_NS
    for number in range(len(line.lanes)):
        lane = line.lanes[number]
        while lane.head != _NOBODY and line.requests[lane.head].place != WAITING:
            lane.head = line.requests[lane.head].behind
        if lane.head == _NOBODY:
            continue
        turn_ns = enqueue_ns[lane.head] - lane.priority * ageing_ns
        if turn_ns <= best_turn_ns:  # lanes come by priority: of equal turns the last is first
            best, best_turn_ns = lane.head, turn_ns
    line.requests[best].place = AWAY
    return best


@part
def take_expired(line: Line, now_ns: int) -> int:
    """Remove and return somebody who waits and whose deadline has come, or -1."""
    counts = line.counts[0]
    while counts.n_alarms and line.alarms[0].due_ns <= now_ns:
        i = line.alarms[0].request
        _pop(line.alarms, counts.n_alarms)
        counts.n_alarms -= 1
        request = line.requests[i]
        if request.place == WAITING and request.expires_ns <= now_ns:
            request.place = AWAY
            return int(i)
        if request.place == WAITING and request.expires_ns < FOREVER_NS:
            # somebody with more time has joined it
            _push(line.alarms, counts.n_alarms, request.expires_ns, i)
            counts.n_alarms += 1
    return _NOBODY


@part
def next_deadline_ns(line: Line) -> int:
    """Return when somebody who waits is to be looked at."""
    counts = line.counts[0]
    while counts.n_alarms and line.requests[line.alarms[0].request].place != WAITING:
        _pop(line.alarms, counts.n_alarms)
        counts.n_alarms -= 1
    return int(line.alarms[0].due_ns) if counts.n_alarms else FOREVER_NS


@part
def wait_at_door(line: Line, i: int, deadlines_ns: NDArray[np.int64]) -> None:
    """Let a blocked caller wait for a place."""
    counts = line.counts[0]
    line.requests[i].place = AT_DOOR
    line.door[counts.door_back] = i
    counts.door_back += 1
    if len(deadlines_ns) and deadlines_ns[i] < FOREVER_NS:
        _push(line.door_alarms, counts.n_door_alarms, deadlines_ns[i], i)
        counts.n_door_alarms += 1


@part
def take_from_door(line: Line) -> int:
    """Remove and return who came to the door first; somebody is there."""
    counts = line.counts[0]
    while line.requests[line.door[counts.door_front]].place != AT_DOOR:
        counts.door_front += 1
    i = line.door[counts.door_front]
    line.requests[i].place = AWAY
    return int(i)


@part
def give_up_at_door(line: Line) -> int:
    """Remove and return the one at the door whose deadline comes first."""
    i = line.door_alarms[0].request
    line.requests[i].place = AWAY
    return int(i)


@part
def next_door_deadline_ns(line: Line) -> int:
    """Return the first deadline of those at the door."""
    counts = line.counts[0]
    while counts.n_door_alarms and line.requests[line.door_alarms[0].request].place != AT_DOOR:
        _pop(line.door_alarms, counts.n_door_alarms)
        counts.n_door_alarms -= 1
    return int(line.door_alarms[0].due_ns) if counts.n_door_alarms else FOREVER_NS


@part
def _push(heap: NDArray[Any], size: int, due_ns: int, i: int) -> None:
    child = size
    while child > 0:
        parent = (child - 1) // 2
        if heap[parent].due_ns <= due_ns:
            break
        heap[child].due_ns, heap[child].request = heap[parent].due_ns, heap[parent].request
        child = parent
    heap[child].due_ns, heap[child].request = due_ns, i


@part
def _pop(heap: NDArray[Any], size: int) -> None:
    due_ns, i = heap[size - 1].due_ns, heap[size - 1].request
    last, parent = size - 1, 0
    while True:
        child = 2 * parent + 1
        if child >= last:
            break
        if child + 1 < last and heap[child + 1].due_ns < heap[child].due_ns:
            child += 1
        if heap[child].due_ns >= due_ns:
            break
        heap[parent].due_ns, heap[parent].request = heap[child].due_ns, heap[child].request
        parent = child
    heap[parent].due_ns, heap[parent].request = due_ns, i
