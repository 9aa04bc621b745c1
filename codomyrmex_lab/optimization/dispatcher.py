"""Worker threads that collect waiting requests into batches and run them.

A request passes the guards (is the engine open, which bucket, is there a place) into the inbox,
from which the workers take it in a batch. A dispatcher lives once: from its start to its stop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from functools import partial
from itertools import count
from typing import Any

from codomyrmex_lab.errors import NotRunningError, SettingError
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.optimization.admission import Admission
from codomyrmex_lab.optimization.batch import Batch, BatchOwner
from codomyrmex_lab.optimization.buckets import BucketedLine
from codomyrmex_lab.optimization.clock import Clock
from codomyrmex_lab.optimization.crew import Crew
from codomyrmex_lab.optimization.failures import crash_error, drain_error, hang_error
from codomyrmex_lab.optimization.inbox import Inbox, Line
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.optimization.request import PendingRequest
from codomyrmex_lab.optimization.variants import Variant
from codomyrmex_lab.optimization.waiting import WaitingLine
from codomyrmex_lab.optimization.watchdog import Watchdog

__all__ = ["Dispatcher"]

_log = get_logger(__name__)


class Dispatcher:
    """Runs batches on worker threads until stopped.

    Parameters
    ----------
    variant : Variant
        The model.
    config : OptimizationConfig
        Batching strategy, workers, bound of the queue and time-outs are followed.
    owner : BatchOwner
        Answers the requests.
    batch_ids : count
        Source of batch ids.
    clock : Clock
        Source of time.
    bucket_fn : callable or None
        Returns the bucket of an input; only requests of one bucket share a batch.
    """

    def __init__(
        self,
        variant: Variant,
        config: OptimizationConfig,
        owner: BatchOwner,
        batch_ids: count[int],
        clock: Clock,
        bucket_fn: Callable[[Any], Hashable] | None = None,
    ) -> None:
        self._variant = variant
        self._owner = owner
        self._batch_ids = batch_ids
        self._clock = clock
        self._bucket_fn = bucket_fn
        line = WaitingLine(config) if bucket_fn is None else BucketedLine(config)
        self._admission = Admission(config.max_queue_size, config.queue_full, clock)
        self._inbox = Inbox(line, self._admission, owner, clock)
        self.ordinary_terms = self._inbox.ordinary_terms
        self._running: dict[int, Batch] = {}
        self._closed = False
        self.ended = threading.Event()
        self._guard()
        self._why_closed = "The engine is stopped; call start() before submitting."
        self._crew = Crew(self._work)
        self._watchdog = Watchdog(self._running, clock, self._give_up)
        self._watchdog.watch(config.processor_timeout_ms)
        self._crew.resize(config.num_workers)

    # -- called by any thread -----------------------------------------------------------------

    def submit(self, request: PendingRequest) -> None:
        """Accept a request, waiting for a place where the queue is full and ``BLOCK`` is set.

        Raises
        ------
        NotRunningError
            The dispatcher is stopped, or being stopped.
        QueueFullError
            The queue is full under ``REJECT``.
        DeadlineExceededError
            The request's deadline came before a place.
        """
        if self._guarded:
            self._pass_guards(request)
        else:
            self._inbox.accept(request)

    def submit_or_call(self, request: PendingRequest, callback: Callable[[], object]) -> bool:
        """Do as :meth:`submit`, but where that would wait call back when a new try is worth it.

        Returns
        -------
        bool
            Whether the request was accepted.
        """
        if self._guarded:
            return self._pass_guards(request, callback)
        self._inbox.accept(request)
        return True

    def forget(self, callback: Callable[[], object]) -> None:
        """Forget a callback of :meth:`submit_or_call` whose caller gave up."""
        self._admission.forget(callback)

    def flush(self) -> None:
        """Let the requests accepted so far leave without waiting for company."""
        self._inbox.send(_flush)

    def reconfigure(self, variant: Variant, config: OptimizationConfig) -> None:
        """Follow other settings from here on; requests that wait stay where they are."""
        self._admission.resize(config.max_queue_size, config.queue_full)
        self._guard()
        self._watchdog.watch(config.processor_timeout_ms)
        self._inbox.send(partial(self._follow, variant, config))
        self._inbox.tidy()

    @property
    def queue_length(self) -> int:
        """Requests that wait for their batch; approximate while they come and go."""
        return len(self._inbox)

    def forked(self) -> None:
        """Note, in a forked child process, that the workers exist in the parent only."""
        self._why_closed = (
            "The engine was started in another process, of which this one is a fork; make a new "
            "engine here."
        )
        self._closed = True
        self._guard()
        self.ended.set()

    def stop(self, drain_timeout_s: float | None) -> None:
        """Accept nothing more, answer what was accepted, and end the workers.

        Several threads may ask for it; each returns when all is answered. Where the wait is
        interrupted the drain time is over.

        Parameters
        ----------
        drain_timeout_s : float or None
            Time to answer, in s; then the rest fails with ``DrainTimeoutError``. None waits
            for as long as it takes.
        """
        if self._closed and self.ended.is_set():
            return
        due_ns = None if drain_timeout_s is None else self._clock.now_ns() + drain_timeout_s * 1e9
        self._closed = True
        try:
            self._guard()
            self._admission.close()
            self._inbox.send(_close)
            self._crew.join(due_ns, self._clock)
        finally:
            self._end()

    def _end(self) -> None:
        """Fail what is not answered yet."""
        self._crew.resize(0)
        self._watchdog.stop()
        self._inbox.abandon()
        for batch_id in list(self._running):
            batch = self._running.pop(batch_id, None)
            if batch is not None:
                batch.fail(drain_error(), self._clock)
                batch.variant.give_up(batch.thread)
                self._owner.answer(batch)
        self.ended.set()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise NotRunningError(self._why_closed)

    def _pass_guards(
        self, request: PendingRequest, callback: Callable[[], object] | None = None
    ) -> bool:
        """Accept a request that needs a bucket or a place; False where it must wait."""
        terms = request.own_terms()
        self._refuse_if_closed()
        self._choose_bucket(request)
        if not self._admission.bounded:
            self._inbox.accept(request)
            return True
        try:
            if callback is None:
                self._admission.enter(terms)
            elif not self._admission.enter_or_call(terms, callback):
                return False
            if terms.placed:
                self._inbox.accept(request)
            else:
                self._inbox.accept_for_oldest(request)
        except BaseException:
            if terms.owner is None:  # interrupted between place and queue
                self._admission.leave(terms.placed)
                terms.placed = False
            raise
        return True

    def _choose_bucket(self, request: PendingRequest) -> None:
        if self._bucket_fn is None:
            return
        bucket = self._bucket_fn(request.input_data)
        try:
            hash(bucket)
        except TypeError:
            raise SettingError(
                f"bucket_fn returned a {type(bucket).__name__} for an input of type "
                f"{type(request.input_data).__name__}; expected something hashable."
            ) from None
        request.own_terms().bucket = bucket

    def _guard(self) -> None:
        """Note whether a request has more to pass than to be put into the inbox."""
        self._guarded = self._closed or self._admission.bounded or self._bucket_fn is not None

    # -- workers ------------------------------------------------------------------------------

    def _work(self, worker: int) -> None:
        batch: Batch | None = None
        try:
            while self._crew.employs_me(worker):
                with self._inbox.turn:
                    batch = self._collect(worker)
                self._inbox.reject_turned_away()
                if batch is not None:
                    self._run(batch)
                    batch = None
        except BaseException as error:
            _log.exception("Worker %d died; another takes its place", worker)
            if batch is not None and self._running.pop(batch.id, None) is not None:
                batch.fail(crash_error(error), self._clock)
                self._owner.answer(batch)
            self._crew.replace(worker, threading.current_thread())

    def _collect(self, worker: int) -> Batch | None:
        """Wait for a batch; return early, without one, when there is something else to do."""
        collected = self._inbox.collect(partial(self._crew.employs_me, worker))
        if collected is None:
            if self._inbox.finished:
                self._crew.leave(worker)
            return None
        requests, reason = collected
        batch = Batch(next(self._batch_ids), requests, reason, worker, self._variant)
        self._running[batch.id] = batch
        return batch

    def _follow(self, variant: Variant, config: OptimizationConfig, line: Line) -> None:
        self._variant = variant
        line.follow(config)
        self._crew.resize(config.num_workers)

    def _run(self, batch: Batch) -> None:
        self._watchdog.look()
        batch.run(self._clock)
        if self._inbox.line_learns and batch.id in self._running:
            self._inbox.send(
                partial(
                    _learn,
                    batch.requests[0].terms.bucket,
                    len(batch.requests),
                    batch.end_ns - batch.start_ns,
                    batch.end_ns - min(request.arrival_ns for request in batch.requests),
                )
            )
        if self._running.pop(batch.id, None) is not None:
            self._owner.answer(batch)
        # else it was answered already: it ran too long, or the drain time ran out

    def _give_up(self, batch: Batch, timeout_ns: int) -> None:
        """Answer a batch that runs too long, and replace its worker."""
        if self._running.pop(batch.id, None) is None:
            return
        batch.fail(hang_error(timeout_ns), self._clock)
        batch.variant.give_up(batch.thread)
        self._crew.replace(batch.worker, batch.thread)
        self._owner.answer(batch)


def _flush(line: Line) -> None:
    line.flush()


def _close(line: Line) -> None:
    line.close()


def _learn(bucket: Hashable, size: int, service_ns: int, worst_latency_ns: int, line: Line) -> None:
    line.learn_batch(bucket, size, service_ns, worst_latency_ns)
