"""Turns single requests from many callers into batches for one processor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from itertools import count
from typing import Any, Generic, TypeVar

from codomyrmex_lab.errors import (
    NotRunningError,
    QueueFullError,
    RequestTimeoutError,
    SettingError,
)
from codomyrmex_lab.optimization.answers import Answers
from codomyrmex_lab.optimization.clock import Clock, SystemClock
from codomyrmex_lab.optimization.dispatcher import Dispatcher
from codomyrmex_lab.optimization.futures import Audience
from codomyrmex_lab.optimization.ledger import Ledger
from codomyrmex_lab.optimization.lifetimes import register
from codomyrmex_lab.optimization.models import (
    BatchingStrategy,
    OptimizationConfig,
    QuantizationType,
)
from codomyrmex_lab.optimization.observer import EngineObserver, ObserverGroup
from codomyrmex_lab.optimization.request import PendingRequest, asked_terms
from codomyrmex_lab.optimization.variants import Variant, choose_variant

__all__ = ["RequestBatcher"]

T = TypeVar("T")


class RequestBatcher(Generic[T]):
    """Batches requests and runs them on daemon threads, from :meth:`start` to :meth:`stop`.

    Parameters
    ----------
    max_batch_size : int
        Largest batch, at least 1.
    timeout_ms : float
        Longest wait of the oldest request for company, in ms, at least 0.
    processor : callable or None
        Maps a list of inputs to as many outputs in the same order; needed by :meth:`start`.
    strategy : BatchingStrategy
        When a batch leaves; see :mod:`codomyrmex_lab.optimization.policy`.
    num_workers : int
        Batches that may run at once, at least 1.
    bucket_fn : callable or None
        Returns the bucket of an input; only requests of one bucket share a batch.
    observer : EngineObserver or None
        Told of every batch.
    clock : Clock or None
        Source of time; the system's by default.
    **settings
        Further fields of :class:`OptimizationConfig`: ``latency_target_ms``, ``max_queue_size``,
        ``queue_full``, ``priority_ageing_ms``, ``processor_timeout_ms``.

    Raises
    ------
    SettingError
        A ``ValueError`` that names setting, value and allowed range.
    """

    def __init__(
        self,
        max_batch_size: int = 32,
        timeout_ms: float = 100.0,
        processor: Callable[[list[T]], Sequence[Any]] | None = None,
        *,
        strategy: BatchingStrategy = BatchingStrategy.DYNAMIC,
        num_workers: int = 1,
        bucket_fn: Callable[[T], Hashable] | None = None,
        observer: EngineObserver | None = None,
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        self._config = OptimizationConfig().replace(
            max_batch_size=max_batch_size,
            batch_timeout_ms=timeout_ms,
            batching_strategy=strategy,
            num_workers=num_workers,
            enable_caching=False,
            **settings,
        )
        self.processor = processor
        self._bucket_fn = bucket_fn
        self._clock = clock or SystemClock()
        self._now_ns = self._clock.now_ns
        self._ledger = Ledger(sums_latencies=False)
        self._answers = Answers(None, self._ledger, ObserverGroup(observer), self._clock)
        self._request_ids = count()
        self._n_reads = count()
        self._batch_ids = count()
        self._lifecycle = threading.Lock()  # never held while something is waited for
        self._variant: Variant | None = None
        self._dispatcher: Dispatcher | None = None
        self._ending: Dispatcher | None = None

    @property
    def max_batch_size(self) -> int:
        """Largest batch."""
        return self._config.max_batch_size

    @property
    def timeout_ms(self) -> float:
        """Longest wait of the oldest request for company, in ms."""
        return self._config.batch_timeout_ms

    @property
    def is_running(self) -> bool:
        """Whether requests are accepted."""
        return self._dispatcher is not None

    @property
    def stats(self) -> dict[str, Any]:
        """Consistent snapshot: ``total_requests total_batches avg_batch_size``.

        ``total_requests`` counts accepted requests, ``total_batches`` completed batches.
        """
        stats = self._ledger.snapshot(0, 0, 0)
        with self._lifecycle:
            # ids are given out without a lock; what reading takes from them is taken off again
            n_requests = next(self._request_ids) - next(self._n_reads)
        return {
            "total_requests": n_requests,
            "total_batches": stats.total_batches,
            "avg_batch_size": stats.avg_batch_size,
            "close_reasons": stats.close_reasons,
        }

    def start(self) -> None:
        """Start the workers, after a :meth:`stop` under way; does nothing where they run.

        Raises
        ------
        SettingError
            There is no processor.
        """
        if self._ending is not None:
            self._ending.ended.wait()
        with self._lifecycle:
            if self._dispatcher is not None:
                return
            if self.processor is None:
                raise SettingError("processor is None; pass the function that computes a batch.")
            self._variant = choose_variant(self.processor, QuantizationType.FP32)
            self._dispatcher = Dispatcher(
                self._variant,
                self._config,
                self._answers.owner,
                self._batch_ids,
                self._clock,
                self._bucket_fn,
            )
            register(self._dispatcher)

    def stop(self, drain_timeout_s: float | None = 30.0) -> None:
        """Answer what was accepted, then end the workers; no future is pending afterwards.

        Parameters
        ----------
        drain_timeout_s : float or None
            Time to answer, in s; then the rest fails with ``DrainTimeoutError``. None waits for
            as long as it takes.
        """
        with self._lifecycle:
            self._ending = ending = self._dispatcher or self._ending
            self._dispatcher = None
        if ending is not None:
            ending.stop(drain_timeout_s)
        with self._lifecycle:
            if self._dispatcher is None and self._variant is not None:
                self._variant.close()

    def __enter__(self) -> RequestBatcher[T]:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def flush(self) -> None:
        """Let the requests accepted so far leave without waiting for company."""
        self._require_running().flush()

    def submit_async(
        self, input_data: T, *, priority: int = 0, timeout_ms: float | None = None
    ) -> Future[Any]:
        """Submit one input.

        Parameters
        ----------
        input_data : T
            Input of the processor.
        priority : int
            Larger leaves first.
        timeout_ms : float or None
            Deadline from now, in ms, above 0: a request that misses it fails.

        Returns
        -------
        concurrent.futures.Future
            Resolves to the output, or to the processor's exception. Cancelling it frees the
            request's place unless its batch has begun.

        Raises
        ------
        NotRunningError
            The batcher is not started, or is stopped.
        QueueFullError
            The queue is full and ``queue_full`` says to reject.
        """
        return self._submit(input_data, priority, timeout_ms, None)

    def submit_sync(self, input_data: T, timeout: float = 30.0) -> Any:
        """Submit one input and wait for its output.

        Parameters
        ----------
        input_data : T
            Input of the processor.
        timeout : float
            Longest wait, in s.

        Raises
        ------
        RequestTimeoutError
            No output within ``timeout``; the request is withdrawn unless it runs already.
        """
        future = self._submit(input_data, 0, None, Audience())
        try:
            return future.result(timeout)
        except BaseException as error:
            if future.done():
                raise
            future.cancel()  # who gives up, or is interrupted, holds no place in a batch
            if not isinstance(error, TimeoutError):
                raise
            raise RequestTimeoutError(
                f"No answer within {timeout} s; pass a longer timeout, or look at stats."
            ) from None

    def _submit(
        self, input_data: T, priority: int, timeout_ms: float | None, audience: Audience | None
    ) -> PendingRequest:
        dispatcher = self._dispatcher or self._require_running()
        now_ns = self._now_ns()
        if priority or timeout_ms is not None:
            terms = asked_terms(priority, now_ns, timeout_ms)
        else:
            terms = dispatcher.ordinary_terms
        request_id = next(self._request_ids)
        request = PendingRequest(request_id, input_data, now_ns, now_ns, terms, audience)
        try:
            dispatcher.submit(request)
        except QueueFullError as error:
            self._answers.turn_away(request, error)
            raise
        return request

    def _require_running(self) -> Dispatcher:
        dispatcher = self._dispatcher
        if dispatcher is None:
            raise NotRunningError("The batcher is not running; call start() before submitting.")
        return dispatcher
