"""Worker threads that collect waiting requests into batches and run them.

Callers put requests into one queue. The idle workers take turns in holding ``_collecting``: the
holder moves requests from the queue into the waiting line, asks the line's policy, and leaves
with a batch; then the next idle worker collects. Requests that arrive while all workers are busy
stay in the queue. What else the collecting worker must know (flush, stop, a completed batch)
travels through the same queue, so that one order of events holds for all.

A dispatcher lives once: from its start to its stop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any

from codomyrmex_lab.errors import DrainTimeoutError, NotRunningError, OutputCountError
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.optimization.clock import Clock
from codomyrmex_lab.optimization.models import BatchFunction, CloseReason
from codomyrmex_lab.optimization.policy import BatchPolicy
from codomyrmex_lab.optimization.waiting import PendingRequest, WaitingLine

__all__ = ["DIRECT_WORKER", "Batch", "BatchOwner", "Dispatcher", "run_batch"]

DIRECT_WORKER = -1
_Message = PendingRequest | Callable[[WaitingLine], None]
_log = get_logger(__name__)


class Batch:
    """Requests that one model call answers; an ``ObservedBatch``."""

    __slots__ = ("end_ns", "error", "id", "outputs", "reason", "requests", "start_ns", "worker")

    def __init__(
        self, id: int, requests: list[PendingRequest], reason: CloseReason, worker: int
    ) -> None:
        self.id = id
        self.requests = requests
        self.reason = reason
        self.worker = worker
        self.start_ns = 0
        self.end_ns = 0
        self.outputs: Sequence[Any] = ()
        self.error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class BatchOwner:
    """What is owed to those whose requests were accepted.

    Parameters
    ----------
    claim : callable
        Tells, once, when its batch closes, whether a request is still wanted.
    answer : callable
        Answers every request of a batch that has ended.
    reject : callable
        Fails a request that reached no model.
    """

    claim: Callable[[PendingRequest], bool]
    answer: Callable[[Batch], None]
    reject: Callable[[PendingRequest, BaseException], None]


def run_batch(batch: Batch, processor: BatchFunction, clock: Clock) -> None:
    """Call the model on a batch and note times, outputs or the error, which is logged."""
    batch.start_ns = clock.now_ns()
    try:
        outputs = processor([request.input_data for request in batch.requests])
        batch.outputs = _checked_outputs(outputs, len(batch.requests))
    except BaseException as error:  # a batch owes an answer to every caller, whatever was raised
        batch.error = error
        ids = ", ".join(str(request.id) for request in batch.requests)
        _log.error("Batch %d failed; request ids %s", batch.id, ids, exc_info=error)
    batch.end_ns = clock.now_ns()


def _checked_outputs(outputs: Any, n_inputs: int) -> Sequence[Any]:
    if isinstance(outputs, str | bytes | Mapping | Set) or not hasattr(outputs, "__len__"):
        raise OutputCountError(
            f"The batch function returned a {type(outputs).__name__} for {n_inputs} inputs; "
            f"expected a sequence of {n_inputs} outputs."
        )
    if len(outputs) != n_inputs:
        raise OutputCountError(
            f"The batch function returned {len(outputs)} outputs for {n_inputs} inputs; expected "
            "one output for each input, in the same order."
        )
    return outputs  # type: ignore[no-any-return]


class Dispatcher:
    """Runs batches on worker threads until stopped.

    Parameters
    ----------
    processor : BatchFunction
        The model.
    policy : BatchPolicy
        When a batch leaves.
    n_workers : int
        Batches that may run at once.
    owner : BatchOwner
        Answers the requests.
    batch_ids : count
        Source of batch ids.
    clock : Clock
        Source of time.
    """

    def __init__(
        self,
        processor: BatchFunction,
        policy: BatchPolicy,
        n_workers: int,
        owner: BatchOwner,
        batch_ids: count[int],
        clock: Clock,
    ) -> None:
        self._processor = processor
        self._learns = policy.learns
        self._owner = owner
        self._batch_ids = batch_ids
        self._clock = clock
        self._queue: SimpleQueue[_Message] = SimpleQueue()
        self._line = WaitingLine(policy)
        self._collecting = threading.Lock()
        self._running: dict[int, Batch] = {}
        self._closed = False
        self._abandoned = False
        self._workers = [
            threading.Thread(target=self._work, args=(i,), name=f"batch-worker-{i}", daemon=True)
            for i in range(n_workers)
        ]
        for worker in self._workers:
            worker.start()

    def submit(self, request: PendingRequest) -> None:
        """Accept a request.

        Raises
        ------
        NotRunningError
            The dispatcher is stopped, or being stopped.
        """
        if self._closed:
            raise NotRunningError("The engine is stopped; call start() before submitting.")
        self._queue.put(request)
        if self._abandoned:
            # stop() may have looked for left-overs before this request was in the queue
            with self._collecting:
                self._reject_waiting()

    def flush(self) -> None:
        """Let the requests accepted so far leave without waiting for company."""
        self._queue.put(WaitingLine.flush)

    def stop(self, drain_timeout_s: float | None) -> None:
        """Accept nothing more, answer what was accepted, and end the workers.

        Parameters
        ----------
        drain_timeout_s : float or None
            Time to answer, in s; then the rest fails with ``DrainTimeoutError``. None waits
            for as long as it takes.
        """
        self._closed = True
        self._queue.put(WaitingLine.close)
        due_ns = None if drain_timeout_s is None else self._clock.now_ns() + drain_timeout_s * 1e9
        for worker in self._workers:
            if worker is not threading.current_thread():
                left_s = None if due_ns is None else (due_ns - self._clock.now_ns()) / 1e9
                worker.join(None if left_s is None else max(left_s, 0.0))
        self._abandoned = True
        with self._collecting:
            self._reject_waiting()
        for batch_id in list(self._running):
            batch = self._running.pop(batch_id, None)
            if batch is not None:
                batch.error = _drain_error()
                batch.end_ns = self._clock.now_ns()
                batch.start_ns = batch.start_ns or batch.end_ns
                self._owner.answer(batch)

    def _reject_waiting(self) -> None:
        while True:
            try:
                self._accept(self._queue.get_nowait())
            except Empty:
                break
        for request in self._line.take(len(self._line)):
            if self._owner.claim(request):
                self._owner.reject(request, _drain_error())

    def _accept(self, message: _Message) -> None:
        if isinstance(message, PendingRequest):
            self._line.add(message)
        else:
            message(self._line)

    def _work(self, worker: int) -> None:
        while True:
            with self._collecting:
                batch = self._collect(worker)
            if batch is None:
                return
            self._run(batch)

    def _collect(self, worker: int) -> Batch | None:
        line, queue, clock = self._line, self._queue, self._clock
        while not self._abandoned:
            while not queue.empty():
                self._accept(queue.get_nowait())
            decision = line.decide(clock.now_ns())
            if decision.size and decision.reason is not None:
                requests = [r for r in line.take(decision.size) if self._owner.claim(r)]
                if requests:
                    batch = Batch(next(self._batch_ids), requests, decision.reason, worker)
                    self._running[batch.id] = batch
                    return batch
            elif line.closed:
                return None
            else:
                try:
                    self._accept(clock.get(queue, decision.due_ns))
                except Empty:
                    continue
        return None

    def _run(self, batch: Batch) -> None:
        run_batch(batch, self._processor, self._clock)
        if self._running.pop(batch.id, None) is None:
            return  # stop() has answered it when the drain time ran out
        if self._learns:
            worst_ns = batch.end_ns - min(request.arrival_ns for request in batch.requests)
            service_ns = batch.end_ns - batch.start_ns
            learn = partial(
                WaitingLine.learn_batch,
                size=len(batch.requests),
                service_ns=service_ns,
                worst_latency_ns=worst_ns,
            )
            self._queue.put(learn)
        self._owner.answer(batch)


def _drain_error() -> DrainTimeoutError:
    return DrainTimeoutError(
        "The engine was stopped and the request was not answered within the drain time; give "
        "stop() a longer drain_timeout_s, or submit again after start()."
    )
