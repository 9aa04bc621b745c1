"""The event simulation, compiled: requests arrive, wait, leave in batches, and fill the cache.

Events come in the order of time; at equal times workers' first (a model call ends, or begins, or
its worker is idle again; that of the earlier batch first), then arrivals, then deadlines of
blocked callers, then releases.

Most settings need no more than a line in which arrival decides: without a ``Line`` the kernel is
compiled without all that one is needed for.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.optimization.models import QueueFullAction
from codomyrmex_lab.simulation.compiling import compiled, index, part
from codomyrmex_lab.simulation.events import line as waiting
from codomyrmex_lab.simulation.events.cache import ABSENT, FLIGHT, evict, note_access
from codomyrmex_lab.simulation.events.crew import (
    COMPUTING,
    DELIVERING,
    DISPATCHING,
    IDLE,
    begin_call,
    idle_crew,
    idle_now,
    next_worker,
    settle,
)
from codomyrmex_lab.simulation.events.driver import asleep_ns
from codomyrmex_lab.simulation.events.failures import EXPIRED, LATE, NO_PLACE, REJECTED, SHED
from codomyrmex_lab.simulation.events.line import Line, empty_line
from codomyrmex_lab.simulation.events.outcome import Calls, Outcome
from codomyrmex_lab.simulation.events.plan import ACTIONS, NO_BOUND, Plan
from codomyrmex_lab.simulation.events.rules import (
    ADAPTIVE,
    decide,
    learn_arrival,
    learn_batch,
    nothing_learned,
)
from codomyrmex_lab.simulation.events.traffic import Traffic
from codomyrmex_lab.tracing.columns import NONE

__all__ = ["needs_line", "run_kernel"]

NOBODY, AT_ONCE, WOKEN, TIMED = range(4)
# as numba's integers: for a literal, what it is passed to would be compiled once more
NEVER, ZERO = cast("tuple[int, int]", (np.int64(-1), np.int64(0)))
REJECT = ACTIONS.index(QueueFullAction.REJECT)
SHED_OLDEST = ACTIONS.index(QueueFullAction.SHED_OLDEST)


class Space(NamedTuple):
    """Working memory.

    ``seen`` and ``log`` are the cache's; ``stored_ns`` is when each key was stored. ``members`` are
    the requests of all batches, one after another; without a line, those who wait follow.
    """

    seen: NDArray[np.int32]
    log: NDArray[np.int32]
    stored_ns: NDArray[np.int64]
    members: NDArray[np.int32]


def needs_line(traffic: Traffic, plan: Plan) -> bool:
    """Tell whether anything but arrival decides who leaves when, or some requests fail."""
    return (
        len(traffic.priority) > 0
        or len(traffic.deadline_ns) > 0
        or plan.max_queue_size < NO_BOUND
        or plan.ttl_ns < FOREVER_NS
    )


def run_kernel(traffic: Traffic, plan: Plan, *, with_line: bool | None = None) -> Outcome:
    """Simulate and return what came of each request and each batch.

    Parameters
    ----------
    traffic : Traffic
        The requests.
    plan : Plan
        The settings.
    with_line : bool or None
        Whether to run the kernel that can do everything; where it is needed if None.
    """
    with_line = needs_line(traffic, plan) if with_line is None else with_line
    n = len(traffic.arrival_ns)
    if not plan.use_cache:  # as if no two inputs were equal
        traffic = traffic._replace(key=np.arange(n, dtype=np.int32), n_keys=n)
    outcome = Outcome.empty(n, fails=with_line)
    n_batches = _run(
        traffic,
        plan,
        idle_crew(plan.n_workers),
        nothing_learned(plan),
        outcome.enqueue_ns,
        outcome.batch,
        outcome.joined,
        outcome.error,
        outcome.failed_ns,
        outcome.calls,
        empty_line(traffic, plan) if with_line else None,
        Space(
            seen=np.full(traffic.n_keys, ABSENT, np.int32),
            log=np.empty(n, np.int32),
            stored_ns=np.empty(traffic.n_keys if with_line else 0, np.int64),
            members=np.empty(n, np.int32),
        ),
    )
    return outcome.cut(n_batches)


@compiled
def _run(  # noqa: PLR0912, PLR0915 (see its first comment)
    traffic: Traffic,
    plan: Plan,
    crew: NDArray[Any],
    learned: NDArray[Any],
    enqueue_ns: NDArray[np.int64],
    batch: NDArray[np.int32],
    joined: NDArray[np.bool_],
    error: NDArray[np.int8],
    failed_ns: NDArray[np.int64],
    calls: Calls,
    line: Line | None,
    space: Space,
) -> int:
    # One function, and every number in a variable of its own: what several functions would share
    # would lie in memory, and that makes each request take three times as long.
    due_at_ns, keys, deadline_ns = traffic.arrival_ns, traffic.key, traffic.deadline_ns
    interval_ns = plan.submit_interval_ns
    learns = plan.strategy == ADAPTIVE
    asks_always = learns or line is not None  # else only the first and the last of a batch matter
    n = len(due_at_ns)
    seen, log, stored_ns, members = space.seen, space.log, space.stored_ns, space.members
    log_start = log_end = n_cached = ZERO
    n_left = n_waiting = n_at_door = ZERO
    n_arrived, n_batches, n_calls, n_idle = ZERO, ZERO, ZERO, plan.n_workers
    worker_ns = door_ns = due_ns = FOREVER_NS
    last_end_ns, cause, flushed = NEVER, TIMED, False
    average_ns = plan.idle_ns[len(plan.idle_ns) - 1]  # as after a long rest
    awake_until_ns = lock_from_ns = lock_until_ns = NEVER

    while True:
        arrival_ns = FOREVER_NS
        if n_arrived < n:
            arrival_ns = awake_until_ns
            if due_at_ns[index(n_arrived)] > awake_until_ns:
                arrival_ns = traffic.enqueue_ns[index(n_arrived)]
            if lock_from_ns <= arrival_ns < lock_until_ns:
                arrival_ns = lock_until_ns
        # of two at a time numba makes no function that takes long to compile
        now_ns = min(min(worker_ns, arrival_ns), min(door_ns, due_ns))  # noqa: PLW3301
        if now_ns == FOREVER_NS:
            break
        woken_by, releases = NOBODY, False

        if worker_ns == now_ns:
            worker = crew[index(next_worker(crew))]
            n_calls_before = n_calls
            if worker.phase == DISPATCHING:
                calls.start_ns[index(worker.batch)] = now_ns
                gap_ns = 0.0
                if n_calls == 0:
                    gap_ns = np.inf if last_end_ns == NEVER else float(now_ns - last_end_ns)
                average_ns = idle_now(average_ns, gap_ns, plan.idle_ns)
                begin_call(worker, plan.levels, plan.idle_ns, plan.extra_ns, average_ns)
                place = index(worker.batch) % index(plan.factors.shape[1])
                worker.factor = plan.factors[index(n_calls), place]
                n_calls += 1
            elif worker.phase == COMPUTING:
                last_end_ns = now_ns
                end_ns = max(
                    lock_until_ns,
                    asleep_ns(due_at_ns, n_arrived, awake_until_ns, interval_ns, now_ns),
                )
                if end_ns != lock_until_ns:
                    lock_from_ns = end_ns
                calls.end_ns[index(worker.batch)] = end_ns
                worker.phase = DELIVERING
                worker.next_ns = lock_until_ns = end_ns + plan.deliver_ns[index(worker.size)]
                if lock_until_ns > end_ns:  # it looks for its next batch before it lets go
                    lock_until_ns += 1
                n_calls -= 1
                for position in range(worker.first, worker.first + worker.size):
                    key = index(keys[index(members[index(position)])])
                    log_end = note_access(seen, log, log_end, key)
                    if line is not None:
                        stored_ns[key] = now_ns
                    n_cached += 1
                    if n_cached > plan.cache_size:
                        log_start = evict(seen, log, log_start)
                        n_cached -= 1
                if learns:
                    oldest_ns = end_ns
                    for position in range(worker.first, worker.first + worker.size):
                        first = index(members[index(position)])
                        oldest_ns = min(oldest_ns, traffic.arrival_ns[first])
                    service_ns = end_ns - calls.start_ns[index(worker.batch)]
                    learn_batch(learned, worker.size, service_ns, end_ns - oldest_ns)
                    woken_by = WOKEN
            if worker.phase == DELIVERING and worker.next_ns <= now_ns:
                worker.phase, worker.next_ns = IDLE, FOREVER_NS
                n_idle += 1
                woken_by = AT_ONCE
            if n_calls != n_calls_before:
                settle(plan.table, crew, n_calls_before, n_calls, now_ns)
            worker_ns = crew[index(next_worker(crew))].next_ns

        elif arrival_ns == now_ns:
            until_ns = min(min(due_ns, door_ns), worker_ns - 1)  # noqa: PLW3301
            while n_arrived < n:
                i = index(n_arrived)
                now_ns = awake_until_ns
                if due_at_ns[i] > awake_until_ns:
                    now_ns = traffic.enqueue_ns[i]
                if lock_from_ns <= now_ns < lock_until_ns:
                    now_ns = lock_until_ns
                if now_ns > until_ns:
                    break
                n_arrived += 1
                enqueue_ns[i] = now_ns
                awake_until_ns = now_ns + interval_ns
                key = index(keys[i])
                at = seen[key]
                if line is not None and at >= 0 and now_ns - stored_ns[key] >= plan.ttl_ns:
                    at = seen[key] = ABSENT
                    n_cached -= 1
                if at >= 0:
                    log_end = note_access(seen, log, log_end, key)
                    continue
                if at != ABSENT:
                    joined[i] = True
                    batch[i] = FLIGHT - at
                    if line is not None and len(deadline_ns):
                        leader = line.requests[FLIGHT - at]
                        leader.expires_ns = max(leader.expires_ns, deadline_ns[i])
                    continue
                seen[key] = FLIGHT - i
                if line is None:
                    members[index(n_left + n_waiting)] = i
                else:
                    if n_waiting == plan.max_queue_size:
                        if plan.queue_full == REJECT:
                            error[i], failed_ns[i] = REJECTED, now_ns
                            seen[key] = ABSENT
                            continue
                        if plan.queue_full != SHED_OLDEST:
                            waiting.wait_at_door(line, n_arrived - 1, deadline_ns)
                            n_at_door += 1
                            door_ns = waiting.next_door_deadline_ns(line)
                            until_ns = min(until_ns, door_ns)
                            continue
                        oldest = waiting.take_oldest(line)
                        error[oldest], failed_ns[oldest] = SHED, now_ns
                        seen[keys[oldest]] = ABSENT
                        n_waiting -= 1
                    waiting.add(line, n_arrived - 1)
                n_waiting += 1
                if learns:
                    learn_arrival(learned, now_ns)
                if n_idle and (asks_always or n_waiting == 1 or n_waiting >= plan.max_batch_size):
                    woken_by = WOKEN
                    break

        elif door_ns == now_ns:
            if line is not None:
                i = waiting.give_up_at_door(line)
                n_at_door -= 1
                error[i], failed_ns[i] = NO_PLACE, now_ns
                seen[keys[i]] = ABSENT
                door_ns = waiting.next_door_deadline_ns(line)

        else:
            due_ns, releases = FOREVER_NS, True
            woken_by = cause
            if line is not None:
                i = waiting.take_expired(line, now_ns)
                while i >= 0:
                    error[i], failed_ns[i] = EXPIRED, now_ns
                    seen[keys[i]] = ABSENT
                    n_waiting -= 1
                    i = waiting.take_expired(line, now_ns)

        while True:
            if line is not None:
                while n_at_door and n_waiting < plan.max_queue_size:
                    i = waiting.take_from_door(line)
                    waiting.add(line, i)
                    n_at_door -= 1
                    n_waiting += 1
                    door_ns = waiting.next_door_deadline_ns(line)
                    if learns:
                        learn_arrival(learned, enqueue_ns[i])
            if not flushed and n_arrived == n and n_at_door == 0:
                flushed = True
                if woken_by == NOBODY:
                    woken_by = WOKEN
            if not n_idle or woken_by == NOBODY:
                break
            if n_waiting == 0:
                due_ns = FOREVER_NS
                break
            was_due = due_ns == now_ns
            oldest = members[index(n_left)] if line is None else waiting.oldest(line)
            size, reason, due_ns = decide(
                plan.strategy, learned, n_waiting, enqueue_ns[index(oldest)], now_ns, flushed
            )
            if size == 0:
                cause = TIMED
                if line is not None:
                    # one that came while all workers were busy is late already
                    due_ns = max(min(due_ns, waiting.next_deadline_ns(line)), now_ns)
                break
            if not releases:  # at now_ns, after all that arrives then
                if not was_due:  # else whoever sleeps until now wakes by itself
                    cause = woken_by
                break
            due_ns = FOREVER_NS
            who = 0
            while crew[index(who)].phase != IDLE:
                who += 1
            worker, number = crew[index(who)], index(n_batches)
            calls.size[number], calls.reason[number] = size, reason
            calls.worker[number] = who
            worker.batch, worker.first, worker.size = n_batches, n_left, size
            worker.cost = 0.0
            for position in range(n_left, n_left + size):
                if line is not None:
                    members[index(position)] = waiting.take(line, enqueue_ns, plan.ageing_ns)
                i = index(members[index(position)])
                batch[i] = n_batches
                if len(traffic.cost):
                    worker.cost = max(worker.cost, traffic.cost[i])
            worker.phase = DISPATCHING
            worker.next_ns = now_ns + plan.dispatch_ns[index(size)]
            if woken_by == WOKEN:
                worker.next_ns += plan.wake_ns
            elif woken_by == TIMED:
                worker.next_ns += plan.timer_ns
            worker_ns = min(worker_ns, worker.next_ns)
            n_left += size
            n_waiting -= size
            n_batches += 1
            n_idle -= 1

    _resolve(batch, joined, error, failed_ns, deadline_ns, calls, line)
    return n_batches


@part
def _resolve(
    batch: NDArray[np.int32],
    joined: NDArray[np.bool_],
    error: NDArray[np.int8],
    failed_ns: NDArray[np.int64],
    deadline_ns: NDArray[np.int64],
    calls: Calls,
    line: Line | None,
) -> None:
    """Let those who joined share what came of whom they joined; say who was answered too late."""
    for i in range(len(batch)):
        if joined[i]:
            leader = batch[i]
            batch[i] = batch[leader]
            if line is not None and batch[leader] == NONE:
                joined[i] = False
                error[i], failed_ns[i] = error[leader], failed_ns[leader]
        if line is not None and len(deadline_ns) and batch[i] != NONE:
            error[i] = LATE if calls.end_ns[batch[i]] > deadline_ns[i] else NONE
