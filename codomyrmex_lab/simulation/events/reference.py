"""The event simulation in plain Python, out of the engine's own parts.

It says what the kernel must do: requests wait in the engine's ``WaitingLine`` under its policies,
are looked up in its ``InferenceCache`` and join each other in its ``Flights``. What is added is
what threads, clocks and callers do in a running engine: events in the order of time, workers that
are busy for as long as the profile says, and callers who wait for a place in a full queue.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import numpy as np

from codomyrmex_lab.optimization.cache import InferenceCache
from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.optimization.flights import ABSENT, Flights
from codomyrmex_lab.optimization.models import NS_PER_MS, OptimizationConfig, QueueFullAction
from codomyrmex_lab.optimization.request import PendingRequest, Terms
from codomyrmex_lab.optimization.waiting import WaitingLine
from codomyrmex_lab.simulation.events.crew import IDLE_WEIGHT
from codomyrmex_lab.simulation.events.driver import SWITCH_NS
from codomyrmex_lab.simulation.events.failures import EXPIRED, LATE, NO_PLACE, REJECTED, SHED
from codomyrmex_lab.simulation.events.outcome import Calls, Outcome
from codomyrmex_lab.simulation.events.plan import Plan
from codomyrmex_lab.simulation.events.traffic import Traffic
from codomyrmex_lab.tracing.columns import NONE, REASONS

__all__ = ["ModelCall", "Processor", "run_reference"]

_AT_ONCE, _WOKEN, _TIMED = "at once", "woken", "timed"


def run_reference(traffic: Traffic, plan: Plan, config: OptimizationConfig) -> Outcome:
    """Simulate and return what came of each request and each batch.

    Parameters
    ----------
    traffic : Traffic
        The requests.
    plan : Plan
        Made of ``config``.
    config : OptimizationConfig
        Settings of the engine's parts.
    """
    return _Run(traffic, plan, config).outcome()


@dataclass
class ModelCall:
    """A model call that runs."""

    size: int
    cost: float
    factor: float
    extra_ns: float
    since_ns: int
    left: float = 1.0
    end_ns: int = 0


@dataclass
class Processor:
    """Cores that model calls share: with each that begins or ends, the others change their speed.

    Parameters
    ----------
    plan : Plan
        Its times are followed.
    """

    plan: Plan
    calls: list[ModelCall] = field(default_factory=list)
    last_end_ns: int | None = None
    idle_ns: float | None = None

    def begin(self, number: int, size: int, cost: float, now_ns: int) -> ModelCall:
        """Begin the call of the batch of a number."""
        plan = self.plan
        self.idle_ns = self._idle_now(now_ns)
        extra_ns = _interpolated(
            self.idle_ns, plan.idle_ns.tolist(), plan.extra_ns[:, size].tolist()
        )
        factors = plan.factors[len(self.calls)]
        factor = float(factors[number % len(factors)])
        call = ModelCall(size, cost, factor, extra_ns, now_ns)
        n_before = len(self.calls)
        self.calls.append(call)
        self._settle(n_before, now_ns)
        return call

    def _idle_now(self, now_ns: int) -> float:
        """Return how long no call ran, on average over the latest ones."""
        most_ns = float(self.plan.idle_ns[-1])
        before_ns = most_ns if self.idle_ns is None else self.idle_ns
        gap_ns = math.inf if self.last_end_ns is None else float(now_ns - self.last_end_ns)
        if self.calls:
            gap_ns = 0.0
        return before_ns + IDLE_WEIGHT * (min(gap_ns, most_ns) - before_ns)

    def end(self, call: ModelCall, now_ns: int) -> None:
        """End a call."""
        n_before = len(self.calls)
        self.calls.remove(call)
        self.last_end_ns = now_ns
        self._settle(n_before, now_ns)

    def _settle(self, n_before: int, now_ns: int) -> None:
        for call in self.calls:
            if call.since_ns < now_ns:
                done = (now_ns - call.since_ns) / self._service_ns(call, n_before)
                call.left = max(call.left - done, 0.0)
                call.since_ns = now_ns
            left_ns = call.left * self._service_ns(call, len(self.calls))
            call.end_ns = now_ns + math.floor(left_ns + 0.5)

    def _service_ns(self, call: ModelCall, n_calls: int) -> float:
        times_ns = self.plan.table[:, n_calls, call.size].tolist()
        time_ns = _interpolated(call.cost, self.plan.levels.tolist(), times_ns)
        return time_ns * call.factor + call.extra_ns


@dataclass
class _Worker:
    number: int
    requests: list[PendingRequest] = field(default_factory=list)
    batch: int = NONE
    starts_ns: int = FOREVER_NS
    call: ModelCall | None = None
    idle_ns: int = FOREVER_NS

    @property
    def is_idle(self) -> bool:
        return self.next_ns == FOREVER_NS

    @property
    def next_ns(self) -> int:
        ends_ns = FOREVER_NS if self.call is None else self.call.end_ns
        return min(self.starts_ns, ends_ns, self.idle_ns)


class _Run:
    """One simulation; it is the clock of the engine's parts."""

    def __init__(self, traffic: Traffic, plan: Plan, config: OptimizationConfig) -> None:
        n = len(traffic.arrival_ns)
        self._traffic, self._plan, self._config = traffic, plan, config
        self._now_ns = 0
        timeout_ms = (plan.timeout_ns + 0.5) / NS_PER_MS  # read back as whole ns, cut off
        self._line = WaitingLine(config.replace(batch_timeout_ms=timeout_ms))
        cache = InferenceCache(config.cache_max_size, ttl_s=config.cache_ttl_s, clock=self)
        self._flights = Flights(cache)
        self._processor = Processor(plan)
        self._workers = [_Worker(number) for number in range(plan.n_workers)]
        self._door: deque[PendingRequest] = deque()
        self._n_arrived, self._n_waiting, self._flushed = 0, 0, False
        self._enqueue_ns = [0] * n
        self._awake_until_ns, self._lock = -1, range(-1, -1)
        self._due_ns, self._cause = FOREVER_NS, _TIMED
        self._batch, self._joined, self._error = [NONE] * n, [False] * n, [NONE] * n
        self._failed_ns = [0] * n
        self._calls: list[list[int]] = []  # start, end, size, reason, worker

    def now_ns(self) -> int:
        return self._now_ns

    def get(self, queue: SimpleQueue[Any], due_ns: int) -> Any:
        raise NotImplementedError  # nobody waits on a queue here

    def outcome(self) -> Outcome:
        while self._happens():
            pass
        columns = np.array(self._calls, dtype=np.int64).reshape(-1, 5).T
        return Outcome(
            enqueue_ns=np.array(self._enqueue_ns, np.int64),
            batch=np.array(self._batch, np.int32),
            joined=np.array(self._joined, np.bool_),
            error=np.array(self._error, np.int8),
            failed_ns=np.array(self._failed_ns, np.int64),
            calls=Calls(
                columns[0],
                columns[1],
                columns[2].astype(np.int32),
                columns[3].astype(np.int8),
                columns[4].astype(np.int32),
            ),
        )

    def _happens(self) -> bool:
        """Let the next event happen; of those at one time, in the order of this list."""
        worker = min(self._workers, key=lambda one: (one.next_ns, one.batch))
        impatient = min(self._door, key=lambda one: one.deadline_ns, default=None)
        events: list[tuple[int, Callable[[], None]]] = [
            (worker.next_ns, lambda: self._advance(worker)),
            (self._next_submission_ns(), self._arrive),
            (FOREVER_NS if impatient is None else impatient.deadline_ns, self._give_up_at_door),
            (self._due_ns, self._release),
        ]
        when_ns, event = min(events, key=lambda pair: pair[0])
        if when_ns == FOREVER_NS:
            return False
        self._now_ns = when_ns
        event()
        return True

    # -- who runs Python ----------------------------------------------------------------------

    def _next_submission_ns(self) -> int:
        """Say when the driver submits the next request: not while a worker delivers."""
        traffic, i = self._traffic, self._n_arrived
        if i == len(traffic.arrival_ns):
            return FOREVER_NS
        when_ns = self._awake_until_ns
        if traffic.arrival_ns[i] > when_ns:
            when_ns = int(traffic.enqueue_ns[i])
        return self._lock.stop if when_ns in self._lock else when_ns

    def _take_lock(self, for_ns: int) -> int:
        """Let a worker run Python, after other workers, and once the driver sleeps.

        It looks for its next batch before it lets go, a ns later.
        """
        now_ns, interval_ns = self._now_ns, self._plan.submit_interval_ns
        asleep_ns, i = max(self._awake_until_ns, now_ns), self._n_arrived
        if asleep_ns > now_ns:
            due_ns = self._traffic.arrival_ns
            while i < len(due_ns) and due_ns[i] <= asleep_ns < now_ns + SWITCH_NS:
                asleep_ns += interval_ns
                i += 1
        begin_ns = max(self._lock.stop, min(asleep_ns, now_ns + SWITCH_NS))
        first_ns = self._lock.start if begin_ns == self._lock.stop else begin_ns
        self._lock = range(first_ns, begin_ns + for_ns + (for_ns > 0))
        return begin_ns

    # -- workers ------------------------------------------------------------------------------

    def _advance(self, worker: _Worker) -> None:
        woken_by = None
        if worker.starts_ns == self._now_ns:
            self._calls[worker.batch][0] = self._now_ns
            costs = self._traffic.cost
            cost = max(float(costs[one.id]) for one in worker.requests) if len(costs) else 0.0
            size = len(worker.requests)
            worker.call = self._processor.begin(worker.batch, size, cost, self._now_ns)
            worker.starts_ns = FOREVER_NS
            return
        if worker.call is not None:
            self._end(worker)
            woken_by = _WOKEN if self._line.learns else None
        if worker.idle_ns <= self._now_ns:
            worker.idle_ns = FOREVER_NS
            woken_by = _AT_ONCE
        if woken_by is not None:
            self._look(woken_by)

    def _end(self, worker: _Worker) -> None:
        """End a model call: its results are stored, and its requests answered."""
        requests, call = worker.requests, worker.call
        assert call is not None  # who computes has a call
        self._processor.end(call, self._now_ns)
        end_ns = self._take_lock(int(self._plan.deliver_ns[len(requests)]))
        self._calls[worker.batch][1] = end_ns
        for request in requests:
            if request.key is not None:
                self._flights.land(request, True)
            for one in request.everyone:
                self._batch[one.id] = worker.batch
                self._joined[one.id] = one is not request
                self._error[one.id] = LATE if end_ns > one.deadline_ns else NONE
        if self._line.learns:
            service_ns = end_ns - self._calls[worker.batch][0]
            worst_ns = end_ns - min(one.arrival_ns for one in requests)
            self._line.learn_batch(None, len(requests), service_ns, worst_ns)
        worker.call = None
        worker.idle_ns = end_ns + int(self._plan.deliver_ns[len(requests)])

    # -- arrivals -----------------------------------------------------------------------------

    def _arrive(self) -> None:
        request = self._next_request()
        if self._is_to_be_computed(request):
            self._enter(request)
        self._flush_if_all_are_in()

    def _next_request(self) -> PendingRequest:
        traffic, i = self._traffic, self._n_arrived
        self._n_arrived += 1
        self._enqueue_ns[i] = self._now_ns
        self._awake_until_ns = self._now_ns + self._plan.submit_interval_ns
        return PendingRequest(
            id=i,
            input_data=None,
            arrival_ns=int(traffic.arrival_ns[i]),
            enqueue_ns=self._now_ns,
            terms=Terms(
                priority=int(traffic.priority[i]) if len(traffic.priority) else 0,
                deadline_ns=(
                    int(traffic.deadline_ns[i]) if len(traffic.deadline_ns) else FOREVER_NS
                ),
                key=int(traffic.key[i]) if self._plan.use_cache else None,
            ),
        )

    def _is_to_be_computed(self, request: PendingRequest) -> bool:
        if request.key is None:
            return True
        if self._flights.look_up(request.key) is not ABSENT:
            return False
        leads, _ = self._flights.lead_or_join(request)
        return leads

    def _enter(self, request: PendingRequest) -> None:
        """Find a place for a request, or do what the config says where there is none."""
        if self._n_waiting == self._config.max_queue_size:
            if self._config.queue_full is QueueFullAction.REJECT:
                self._fail(request, REJECTED)
                return
            if self._config.queue_full is QueueFullAction.BLOCK:
                self._door.append(request)
                return
            oldest = self._line.take_oldest()
            assert oldest is not None  # a queue has at least one place
            self._n_waiting -= 1
            self._fail(oldest, SHED)
        self._wait(request)
        self._look(_WOKEN)

    def _wait(self, request: PendingRequest) -> None:
        self._line.add(request)
        self._n_waiting += 1

    def _give_up_at_door(self) -> None:
        request = min(self._door, key=lambda one: one.deadline_ns)
        self._door.remove(request)
        self._fail(request, NO_PLACE)
        self._flush_if_all_are_in()

    def _flush_if_all_are_in(self) -> None:
        if self._n_arrived == len(self._batch) and not self._door and not self._flushed:
            self._flushed = True
            self._line.flush()
            self._look(_WOKEN)

    def _fail(self, request: PendingRequest, error: int) -> None:
        """Fail a request that reached no model, and those who joined it."""
        if request.key is not None:
            self._flights.abort(request)
        for one in request.everyone:
            self._error[one.id], self._failed_ns[one.id] = error, self._now_ns

    # -- releases -----------------------------------------------------------------------------

    def _look(self, woken_by: str) -> None:
        """Let an idle worker see when a batch may leave."""
        if any(worker.is_idle for worker in self._workers):
            was_due = self._due_ns == self._now_ns
            decision = self._line.decide(self._now_ns)
            self._due_ns = max(decision.due_ns, self._now_ns)  # a deadline may have passed
            if not decision.size:
                self._cause = _TIMED
            elif not was_due:  # else whoever sleeps until now wakes by itself
                self._cause = woken_by

    def _release(self) -> None:
        """Let idle workers take what may leave, and those at the door take the places."""
        self._due_ns = FOREVER_NS
        for request in self._line.take_expired(self._now_ns):
            self._n_waiting -= 1
            self._fail(request, EXPIRED)
        self._let_in()
        for worker in self._workers:
            if not worker.is_idle:
                continue
            decision = self._line.decide(self._now_ns)
            if decision.reason is None:
                self._due_ns, self._cause = decision.due_ns, _TIMED
                break
            worker.requests = self._line.take(decision.size)
            self._n_waiting -= len(worker.requests)
            worker.batch = len(self._calls)
            reason = REASONS.index(decision.reason)
            self._calls.append([0, 0, len(worker.requests), reason, worker.number])
            worker.starts_ns = self._now_ns + self._delay_ns(len(worker.requests))
            self._let_in()

    def _delay_ns(self, size: int) -> int:
        plan = self._plan
        delay_ns = int(plan.dispatch_ns[size])
        if self._cause == _WOKEN:
            return delay_ns + plan.wake_ns
        return delay_ns + (plan.timer_ns if self._cause == _TIMED else 0)

    def _let_in(self) -> None:
        """Give free places to those at the door, first come first served."""
        while self._door and self._n_waiting < (self._config.max_queue_size or 0):
            self._wait(self._door.popleft())
        if self._n_arrived == len(self._batch) and not self._door and not self._flushed:
            self._flushed = True
            self._line.flush()


def _interpolated(x: float, xs: list[float], ys: list[float]) -> float:
    """Return the value at ``x`` of a line through points, constant outside of them."""
    if x <= xs[0]:
        return ys[0]
    if x >= xs[-1]:
        return ys[-1]
    row = max(row for row in range(len(xs)) if xs[row] <= x)
    if x == xs[row]:
        return ys[row]
    share = (x - xs[row]) / (xs[row + 1] - xs[row])
    return ys[row] + share * (ys[row + 1] - ys[row])
