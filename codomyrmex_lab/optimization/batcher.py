"""Turns single requests from many callers into batches for one processor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import count
from typing import Any, Generic, TypeVar

from codomyrmex_lab.errors import NotRunningError, RequestTimeoutError, SettingError
from codomyrmex_lab.optimization.clock import Clock, SystemClock
from codomyrmex_lab.optimization.dispatcher import Batch, BatchOwner, Dispatcher
from codomyrmex_lab.optimization.models import BatchingStrategy, OptimizationConfig
from codomyrmex_lab.optimization.observer import EngineObserver, ObserverGroup
from codomyrmex_lab.optimization.policy import make_policy
from codomyrmex_lab.optimization.waiting import PendingRequest

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
    latency_target_ms : float or None
        Latency that ``ADAPTIVE`` tries to hold.
    observer : EngineObserver or None
        Told of every batch.
    clock : Clock or None
        Source of time; the system's by default.

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
        latency_target_ms: float | None = None,
        observer: EngineObserver | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._config = OptimizationConfig(
            max_batch_size=max_batch_size,
            batch_timeout_ms=timeout_ms,
            batching_strategy=strategy,
            num_workers=num_workers,
            latency_target_ms=latency_target_ms,
        )
        self.processor = processor
        self._clock = clock or SystemClock()
        self._observers = ObserverGroup(observer)
        self._request_ids = count()
        self._batch_ids = count()
        self._lifecycle = threading.Lock()
        self._dispatcher: Dispatcher | None = None
        self._stats_lock = threading.Lock()
        self._n_requests = 0
        self._n_batches = 0
        self._n_batched = 0

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
        with self._stats_lock:
            n_requests, n_batches, n_batched = self._n_requests, self._n_batches, self._n_batched
        return {
            "total_requests": n_requests,
            "total_batches": n_batches,
            "avg_batch_size": n_batched / n_batches if n_batches else 0.0,
        }

    def start(self) -> None:
        """Start the workers; does nothing where they run.

        Raises
        ------
        SettingError
            There is no processor.
        """
        with self._lifecycle:
            if self._dispatcher is not None:
                return
            if self.processor is None:
                raise SettingError("processor is None; pass the function that computes a batch.")
            self._dispatcher = Dispatcher(
                self.processor,
                make_policy(self._config),
                self._config.num_workers,
                BatchOwner(_still_wanted, self._answer, self._reject),
                self._batch_ids,
                self._clock,
            )

    def stop(self, drain_timeout_s: float | None = 30.0) -> None:
        """Answer what was accepted, then end the workers; no future is pending afterwards.

        Parameters
        ----------
        drain_timeout_s : float or None
            Time to answer, in s; then the rest fails with ``DrainTimeoutError``. None waits for
            as long as it takes.
        """
        with self._lifecycle:
            dispatcher, self._dispatcher = self._dispatcher, None
            if dispatcher is not None:
                dispatcher.stop(drain_timeout_s)

    def __enter__(self) -> RequestBatcher[T]:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def flush(self) -> None:
        """Let the requests accepted so far leave without waiting for company."""
        self._require_running().flush()

    def submit_async(self, input_data: T) -> Future[Any]:
        """Submit one input.

        Parameters
        ----------
        input_data : T
            Input of the processor.

        Returns
        -------
        concurrent.futures.Future
            Resolves to the output, or to the processor's exception.

        Raises
        ------
        NotRunningError
            The batcher is not started, or is stopped.
        """
        dispatcher = self._require_running()
        now_ns = self._clock.now_ns()
        request = PendingRequest(next(self._request_ids), input_data, 0, now_ns, now_ns)
        with self._stats_lock:
            dispatcher.submit(request)
            self._n_requests += 1
        return request.future

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
        future = self.submit_async(input_data)
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

    def _answer(self, batch: Batch) -> None:
        with self._stats_lock:
            self._n_batches += 1
            self._n_batched += len(batch.requests)
        self._observers.on_batch(batch)
        if batch.error is not None:
            for request in batch.requests:
                request.future.set_exception(batch.error)
        else:
            for request, output in zip(batch.requests, batch.outputs, strict=True):
                request.future.set_result(output)

    def _reject(self, request: PendingRequest, error: BaseException) -> None:
        self._observers.on_unserved(request, self._clock.now_ns(), error)
        request.future.set_exception(error)

    def _require_running(self) -> Dispatcher:
        dispatcher = self._dispatcher
        if dispatcher is None:
            raise NotRunningError("The batcher is not running; call start() before submitting.")
        return dispatcher


def _still_wanted(request: PendingRequest) -> bool:
    return request.future.set_running_or_notify_cancel()
