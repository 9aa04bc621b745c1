"""Worker threads that collect waiting requests into batches and run them.

Callers put requests into one inbox. The idle workers take turns in holding ``_collecting``: the
holder moves requests from the inbox into the waiting line, asks the line's policy, and leaves
with a batch; then the next idle worker collects. Requests that arrive while all workers are busy
stay in the inbox. What else the collecting worker must know (flush, stop, new settings, a
cancelled request, a completed batch) travels through the same inbox as a function of the line, so
that one order of events holds for all.

While no batch may leave, the holder sleeps until something is due or a bell rings. A request
rings only when it is the one that the policy waits for: waking a thread for each of 64 requests
costs more than computing them. The holder says how many it wants, then looks into the inbox once
more; a caller puts its request in, then looks how many are wanted. One of them sees the other.

A dispatcher lives once: from its start to its stop.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any

from codomyrmex_lab.errors import NotRunningError, SettingError
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.optimization.admission import Admission
from codomyrmex_lab.optimization.batch import Batch, BatchOwner
from codomyrmex_lab.optimization.buckets import BucketedLine
from codomyrmex_lab.optimization.clock import FOREVER_NS, Clock
from codomyrmex_lab.optimization.crew import Crew
from codomyrmex_lab.optimization.failures import (
    crash_error,
    deadline_error,
    drain_error,
    hang_error,
    shed_error,
)
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.optimization.policy import Decision
from codomyrmex_lab.optimization.request import PendingRequest, Terms, begin_all
from codomyrmex_lab.optimization.variants import Variant
from codomyrmex_lab.optimization.waiting import WaitingLine
from codomyrmex_lab.optimization.watchdog import Watchdog

__all__ = ["Dispatcher"]

_Line = WaitingLine | BucketedLine
_Message = PendingRequest | Callable[[_Line], None]
_NOBODY_SLEEPS = sys.maxsize
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
        self._inbox: deque[_Message] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._arrivals_wanted = _NOBODY_SLEEPS
        self._line: _Line = WaitingLine(config) if bucket_fn is None else BucketedLine(config)
        self._admission = Admission(config.max_queue_size, config.queue_full, clock)
        self._collecting = threading.Lock()
        self._turned_away: list[tuple[PendingRequest, BaseException]] = []
        self._running: dict[int, Batch] = {}
        self._closed = False
        self.ended = threading.Event()
        self._guard()
        self.ordinary_terms = Terms(self, ordinary=True)
        self._abandoned = False
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
            self._accept(request)

    def submit_or_call(self, request: PendingRequest, callback: Callable[[], object]) -> bool:
        """Do as :meth:`submit`, but where that would wait call back when a new try is worth it.

        Returns
        -------
        bool
            Whether the request was accepted.
        """
        if self._guarded:
            return self._pass_guards(request, callback)
        self._accept(request)
        return True

    def withdraw(self, request: PendingRequest) -> None:
        """Let go of a cancelled request, unless others joined it; its place is free at once."""
        self._send(partial(self._discard, request))
        if self._admission.bounded:
            self._tidy()

    def forget(self, callback: Callable[[], object]) -> None:
        """Forget a callback of :meth:`submit_or_call` whose caller gave up."""
        self._admission.forget(callback)

    def flush(self) -> None:
        """Let the requests accepted so far leave without waiting for company."""
        self._send(_flush)

    def reconfigure(self, variant: Variant, config: OptimizationConfig) -> None:
        """Follow other settings from here on; requests that wait stay where they are."""
        self._admission.resize(config.max_queue_size, config.queue_full)
        self._guard()
        self._watchdog.watch(config.processor_timeout_ms)
        self._send(partial(self._follow, variant, config))
        self._tidy()

    @property
    def queue_length(self) -> int:
        """Requests that wait for their batch; approximate while they come and go."""
        return len(self._line) + len(self._inbox)

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
            self._send(_close)
            self._crew.join(due_ns, self._clock)
        finally:
            self._end()

    def _end(self) -> None:
        """Fail what is not answered yet."""
        self._abandoned = True
        self._crew.resize(0)
        self._bell.put(None)  # no worker may sleep on
        self._watchdog.stop()
        with self._collecting:
            self._turn_away_all()
        self._reject_turned_away()
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
            self._accept(request)
            return True
        try:
            if callback is None:
                self._admission.enter(terms)
            elif not self._admission.enter_or_call(terms, callback):
                return False
            if terms.placed:
                self._accept(request)
            else:
                self._accept_for_oldest(request)
        except BaseException:
            if terms.owner is None:  # interrupted between place and queue
                self._admission.leave(terms.placed)
                terms.placed = False
            raise
        return True

    def _accept(self, request: PendingRequest) -> None:
        terms, inbox = request.terms, self._inbox
        if terms.ordinary:
            inbox.append(request)
        else:
            terms.owner = self  # in one step with the next: signals are handled after calls
            inbox.append(request)
            if terms.deadline_ns < FOREVER_NS and self._arrivals_wanted != _NOBODY_SLEEPS:
                self._bell.put(None)
        if len(inbox) >= self._arrivals_wanted:
            self._bell.put(None)
        if self._abandoned:
            self._accepted_too_late()

    def _accept_for_oldest(self, request: PendingRequest) -> None:
        inbox, message = self._inbox, partial(self._shed_for, request)
        request.terms.owner = self
        inbox.append(message)
        self._bell.put(None)
        self._tidy()
        if self._abandoned:
            self._accepted_too_late()

    def _accepted_too_late(self) -> None:
        """Fail what came after stop() had looked for left-overs."""
        with self._collecting:
            self._turn_away_all()
        self._reject_turned_away()

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

    def _send(self, message: _Message) -> None:
        self._inbox.append(message)
        self._bell.put(None)

    # -- called while holding _collecting -----------------------------------------------------

    def _empty_inbox(self) -> None:
        inbox, line = self._inbox, self._line
        while inbox:
            message = inbox.popleft()
            if isinstance(message, PendingRequest):
                try:
                    if message.terms.ordinary:
                        line.add_ordinary(message)
                    else:
                        line.add(message)
                except BaseException as error:
                    self._turned_away.append((message, crash_error(error)))
                    raise
            else:
                message(line)

    def _turn_away_all(self) -> None:
        self._empty_inbox()
        self._turned_away += [(request, drain_error()) for request in self._line.take_all()]

    def _shed_for(self, newcomer: PendingRequest, line: _Line) -> None:
        oldest = line.take_oldest()
        if oldest is not None:
            newcomer.terms.placed, oldest.terms.placed = oldest.terms.placed, False
            self._turned_away.append((oldest, shed_error()))
        self._inbox.appendleft(newcomer)  # the next to be taken in

    def _discard(self, request: PendingRequest, line: _Line) -> None:
        terms = request.terms
        waits = request.cancel_unnoticed and not terms.left
        if waits and not self._wanted(request):
            line.discard(request)
            self._turned_away.append((request, CancelledError()))

    def _follow(self, variant: Variant, config: OptimizationConfig, line: _Line) -> None:
        self._variant = variant
        line.follow(config)
        self._crew.resize(config.num_workers)

    def _collect(self, worker: int) -> Batch | None:
        """Wait for a batch; return early, without one, when there is something else to do."""
        line, clock = self._line, self._clock
        while self._crew.employs_me(worker):
            while not self._bell.empty():
                self._bell.get_nowait()
            self._empty_inbox()
            now_ns = clock.now_ns()
            expired = line.take_expired(now_ns)
            self._turned_away += [(request, deadline_error()) for request in expired]
            if self._turned_away:
                return None
            decision = line.decide(now_ns)
            if decision.size and decision.reason is not None:
                requests = self._begin(line.take(decision.size))
                if not requests:
                    return None
                batch = Batch(
                    next(self._batch_ids), requests, decision.reason, worker, self._variant
                )
                self._running[batch.id] = batch
                return batch
            elif line.closed:
                self._crew.leave(worker)
            else:
                self._sleep(decision)
        return None

    def _begin(self, taken: list[PendingRequest]) -> list[PendingRequest]:
        """Free the places of some requests, and return those that are still wanted."""
        cancelled = begin_all(taken)
        if cancelled:
            unwanted = {request for request in cancelled if not self._owner.still_wanted(request)}
            self._turned_away += [(request, CancelledError()) for request in unwanted]
            taken = [request for request in taken if request not in unwanted]
        if self._admission.any_taken:
            self._admission.leave(sum(request.terms.placed for request in taken))
        return taken

    def _sleep(self, decision: Decision) -> None:
        """Sleep until a batch may leave, or there is a message; wake without cause at times."""
        self._arrivals_wanted = decision.wanted
        try:
            if not self._inbox:  # else something came since we looked
                self._clock.get(self._bell, decision.due_ns)
        except Empty:
            pass  # due
        finally:
            self._arrivals_wanted = _NOBODY_SLEEPS

    # -- workers ------------------------------------------------------------------------------

    def _work(self, worker: int) -> None:
        batch: Batch | None = None
        try:
            while self._crew.employs_me(worker):
                with self._collecting:
                    batch = self._collect(worker)
                self._reject_turned_away()
                if batch is not None:
                    self._run(batch)
                    batch = None
        except BaseException as error:
            _log.exception("Worker %d died; another takes its place", worker)
            if batch is not None and self._running.pop(batch.id, None) is not None:
                batch.fail(crash_error(error), self._clock)
                self._owner.answer(batch)
            self._crew.replace(worker, threading.current_thread())

    def _run(self, batch: Batch) -> None:
        self._watchdog.look()
        batch.run(self._clock)
        if self._line.learns and batch.id in self._running:
            self._send(
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

    def _tidy(self) -> None:
        """Take in what is queued where no worker is idle to do it."""
        if self._collecting.acquire(blocking=False):
            try:
                self._empty_inbox()
            finally:
                self._collecting.release()
            self._reject_turned_away()

    def _reject_turned_away(self) -> None:
        while self._turned_away:
            try:
                request, error = self._turned_away.pop()
            except IndexError:  # another thread was quicker
                return
            self._admission.leave(request.terms.placed)
            wanted = self._wanted(request)
            self._owner.reject(request, error if wanted else CancelledError())

    def _wanted(self, request: PendingRequest) -> bool:
        return request.set_running_or_notify_cancel() or self._owner.still_wanted(request)


def _flush(line: _Line) -> None:
    line.flush()


def _close(line: _Line) -> None:
    line.close()


def _learn(
    bucket: Hashable, size: int, service_ns: int, worst_latency_ns: int, line: _Line
) -> None:
    line.learn_batch(bucket, size, service_ns, worst_latency_ns)
