"""Runs a case on the real engine, threads and all, in virtual time.

The conductor plays the callers and the model. It moves the engine's clock to the next event, lets
it happen, and waits until every worker either computes or sleeps. Model calls end when the
processor of the reference says so; when batches leave, and what is in them, the engine alone
decides.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import numpy as np
import pandas as pd

from codomyrmex_lab.errors import QueueFullError
from codomyrmex_lab.optimization import CloseReason, InferenceOptimizer, QueueFullAction
from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.simulation.events.reference import ModelCall, Processor
from codomyrmex_lab.tracing import TraceRecorder
from codomyrmex_lab.tracing.columns import NONE
from codomyrmex_lab.workloads.request_numbers import TIMEOUT_COLUMN

from .cases import Case

PATIENCE_S = 20.0


class SteppedClock:
    """Stands still until it is set; knows who sleeps and until when."""

    def __init__(self) -> None:
        self.time_ns = 0
        self.changed = threading.Condition()
        self.bell: SimpleQueue[Any] | None = None
        self.due_ns = FOREVER_NS
        self.n_sleeps = 0

    def now_ns(self) -> int:
        return self.time_ns

    def get(self, queue: SimpleQueue[Any], due_ns: int) -> Any:
        with self.changed:
            if due_ns <= self.time_ns:
                return queue.get_nowait()
            self.bell, self.due_ns = queue, due_ns
            self.n_sleeps += 1
            self.changed.notify_all()
        item = queue.get()
        with self.changed:
            self.bell, self.due_ns = None, FOREVER_NS
        return item


class NotedLoop(asyncio.SelectorEventLoop):
    """An event loop that knows whether another thread has told it anything."""

    told = False

    def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> asyncio.Handle:
        self.told = True
        return super().call_soon_threadsafe(*args, **kwargs)


@dataclass
class Running:
    """A model call that has not ended: the requests it computes, and what lets it end."""

    members: list[int]
    may_end: threading.Event = field(default_factory=threading.Event)
    call: ModelCall | None = None


class Conductor:
    """Runs one case, and takes down what became of each request and each batch.

    Callers whom a full queue may block are tasks of an event loop, because a blocked thread would
    be the conductor itself; all others submit and go.
    """

    def __init__(self, case: Case) -> None:
        self.case, self.clock = case, SteppedClock()
        self.arrivals_ns = case.traffic.arrival_ns.tolist()
        self.keys = [int(key) for key in case.workload.keys]
        self.processor = Processor(case.plan)
        self.running: list[Running] = []
        self.n_begun = self.n_members = 0
        self.leader_of: dict[int, int] = {}  # by key
        self.leaders: set[int] = set()
        self.unserved: set[int] = set()
        self.n_blocked = 0
        self.shares: dict[int, list[int]] = {}  # who gets the answer of a leader
        self.answers: dict[int, Any] = {}

        n = len(self.arrivals_ns)
        self.batch, self.joined = [NONE] * n, [False] * n
        self.hit_ns: list[int | None] = [None] * n
        self.error: list[tuple[int | None, str] | None] = [None] * n
        self.calls: dict[int, tuple[int, int, int, CloseReason]] = {}

        self.loop = NotedLoop()
        self.engine = InferenceOptimizer(
            self._model,
            case.config,
            observer=self,
            clock=self.clock,
            key_fn=self.keys.__getitem__,
        )
        self.recorder = TraceRecorder()
        self.engine.attach(self.recorder)

    # -- the engine calls ---------------------------------------------------------------------

    def _model(self, inputs: list[int]) -> list[int]:
        entered = Running(list(inputs))
        with self.clock.changed:
            self.running.append(entered)
            self.n_members += len(inputs)
            self.clock.changed.notify_all()
        assert entered.may_end.wait(PATIENCE_S)
        return inputs

    def on_batch(self, batch: Any) -> None:
        self.calls[batch.id] = (batch.start_ns, batch.end_ns, len(batch.requests), batch.reason)
        for leader in batch.requests:
            for one in (leader, *leader.joined):
                i = self._number(one.arrival_ns)
                self.batch[i], self.joined[i] = batch.id, one is not leader

    def on_cache_hit(
        self, request_id: int, priority: int, key: Any, arrival_ns: int, end_ns: int
    ) -> None:
        self.hit_ns[self._number(arrival_ns)] = end_ns

    def on_unserved(self, request: Any, end_ns: int, error: BaseException) -> None:
        i = self._number(request.arrival_ns)
        with self.clock.changed:
            self.error[i] = (end_ns, _told(error))
            self.unserved.add(i)
            self.clock.changed.notify_all()

    def _number(self, arrival_ns: int) -> int:
        return self.arrivals_ns.index(arrival_ns)

    # -- the run ------------------------------------------------------------------------------

    def run(self) -> None:
        try:
            with self.engine:
                self._conduct()
            self._pump()
            for i, answer in self.answers.items():
                error = answer.exception()
                if error is not None and self.error[i] is None:
                    self.error[i] = (None, _told(error))
        finally:
            self.loop.close()

    def _conduct(self) -> None:
        n, n_arrived, flushed = len(self.arrivals_ns), 0, False
        self._settle()
        while True:
            arrival_ns = self.arrivals_ns[n_arrived] if n_arrived < n else FOREVER_NS
            first = min(self.running, key=_end_ns, default=None)
            end_ns = FOREVER_NS if first is None else _end_ns(first)
            now_ns = min(end_ns, arrival_ns, self.clock.due_ns)
            if now_ns == FOREVER_NS:
                return
            self.clock.time_ns = now_ns
            if first is not None and end_ns == now_ns:
                self._end(first)
            elif arrival_ns == now_ns:
                self._submit(n_arrived)
                n_arrived += 1
            self._settle()
            if n_arrived == n and not self.n_blocked and not flushed:
                flushed = True
                self.engine.flush()
                self._settle()

    def _submit(self, i: int) -> None:
        workload, key = self.case.workload, self.keys[i]
        timeouts = workload.columns.get(TIMEOUT_COLUMN, pd.Series(np.nan, range(len(workload))))
        full = self._n_waiting == self.case.config.max_queue_size
        priority = int(workload.priorities[i])
        if self.case.config.queue_full is QueueFullAction.BLOCK:
            self.answers[i] = self.loop.create_task(self.engine.ainfer(i, priority=priority))
            self._pump()
        else:
            with suppress(QueueFullError):  # told to the observer as well
                self.answers[i] = self.engine.submit(
                    i,
                    priority=priority,
                    timeout_ms=None if np.isnan(timeouts[i]) else float(timeouts[i]),
                    arrival_ns=self.arrivals_ns[i],
                )
        if self.hit_ns[i] is not None or i not in self.answers:
            return
        leader = self.leader_of.get(key, NONE)
        if self.case.config.enable_caching and leader in self.shares:
            self.shares[leader].append(i)
            return
        self.leader_of[key], self.shares[i] = i, [i]
        self.leaders.add(i)
        self.n_blocked += full and self.case.config.queue_full is QueueFullAction.BLOCK

    def _end(self, ended: Running) -> None:
        assert ended.call is not None
        self.processor.end(ended.call, self.clock.time_ns)
        with self.clock.changed:
            self.running.remove(ended)
        ended.may_end.set()
        for leader in ended.members:
            for i in self.shares.pop(leader):
                self._wait_for(self.answers[i])

    def _wait_for(self, answer: Any) -> None:
        if isinstance(answer, asyncio.Task):
            self.loop.run_until_complete(asyncio.wait([answer], timeout=PATIENCE_S))
            assert answer.done()
        else:
            answer.exception(PATIENCE_S)

    # -- rest ---------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Wait until every worker computes, or has looked at everything; admit who was blocked."""
        self._wait_until_all_rest()
        while self.loop.told:
            places = (self.case.config.max_queue_size or 0) - self._n_waiting
            self.n_blocked -= min(self.n_blocked, max(places, 0))
            self._pump()
            self._wait_until_all_rest()
        for leader in self.unserved & self.shares.keys():
            del self.shares[leader]
        self._begin_calls()

    def _wait_until_all_rest(self) -> None:
        clock = self.clock
        with clock.changed:
            self._await(lambda: self._all_compute() or clock.bell is not None)
            if clock.bell is not None:
                seen = clock.n_sleeps
                clock.bell.put(None)
                self._await(
                    lambda: (
                        self._all_compute()
                        or (clock.n_sleeps > seen and clock.bell is not None and clock.bell.empty())
                    )
                )
            # whoever left the queue has reached the model, or the observer
            self._await(lambda: self._all_compute() or self._n_waiting == self.engine.queue_length)

    @property
    def _n_waiting(self) -> int:
        n_gone = self.n_blocked + self.n_members + len(self.unserved & self.leaders)
        return len(self.leaders) - n_gone

    def _all_compute(self) -> bool:
        return len(self.running) == self.case.config.num_workers

    def _await(self, holds: Any) -> None:
        assert self.clock.changed.wait_for(holds, PATIENCE_S)

    def _pump(self) -> None:
        """Let the callers on the event loop go as far as they can."""
        self.loop.told = False
        for _ in range(8):
            self.loop.run_until_complete(asyncio.sleep(0))

    def _begin_calls(self) -> None:
        """Begin the model calls of this moment in the order in which their batches left."""
        new = sorted((one for one in self.running if one.call is None), key=self._turn)
        for entered in new:
            costs = self.case.traffic.cost
            cost = max(float(costs[i]) for i in entered.members) if len(costs) else 0.0
            entered.call = self.processor.begin(
                self.n_begun, len(entered.members), cost, self.clock.time_ns
            )
            self.n_begun += 1

    def _turn(self, entered: Running) -> tuple[float, int, int]:
        """Return what decides who leaves first: priority and arrival, with ageing."""
        priorities, ageing_ns = self.case.workload.priorities, self.case.plan.ageing_ns
        return min(
            (self.arrivals_ns[i] - int(priorities[i]) * ageing_ns, -int(priorities[i]), i)
            for i in entered.members
        )


def _end_ns(running: Running) -> int:
    assert running.call is not None
    return running.call.end_ns


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
