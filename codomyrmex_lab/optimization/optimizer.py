"""The engine: batching, caching and a model's variants behind a few front doors."""

from __future__ import annotations

import asyncio
import operator
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Any

from codomyrmex_lab.errors import NotRunningError
from codomyrmex_lab.optimization.clock import Clock, SystemClock
from codomyrmex_lab.optimization.dispatcher import Dispatcher
from codomyrmex_lab.optimization.failures import no_answer_error
from codomyrmex_lab.optimization.futures import AnswerFuture, Audience
from codomyrmex_lab.optimization.intake import Intake
from codomyrmex_lab.optimization.lifetimes import register
from codomyrmex_lab.optimization.loop_answers import Mailboxes
from codomyrmex_lab.optimization.models import InferenceResult, InferenceStats, OptimizationConfig
from codomyrmex_lab.optimization.observer import EngineObserver, ObserverGroup
from codomyrmex_lab.optimization.request import PendingRequest
from codomyrmex_lab.optimization.variants import (
    Model,
    choose_variant,
    warn_if_cache_keeps_batch_mates,
)

__all__ = ["InferenceOptimizer", "Model"]


class InferenceOptimizer:
    """Runs a model on single inputs from many callers: batched, cached, in the chosen variant.

    Parameters
    ----------
    model_fn : Model
        Maps a list of inputs to as many outputs in the same order, plain or ``async``; or several
        such functions by ``QuantizationType``; or an object with a ``variant(quantization)``
        method.
    config : OptimizationConfig or None
        Settings; the defaults if None.
    observer : EngineObserver or None
        Told of every answered request; more can be attached.
    key_fn : callable or None
        Returns a hashable cache key for an input; by default keys are exact and any two inputs
        that differ have different keys (see :func:`codomyrmex_lab.optimization.keys.exact_key`).
    bucket_fn : callable or None
        Returns the bucket of an input, say of its length; only requests of one bucket share a
        batch. By default all do.
    clock : Clock or None
        Source of time; the system's by default.

    Raises
    ------
    SettingError
        The model does not have the variant that the config names.

    Notes
    -----
    Cached answers are shared by all who hit them: treat them as read-only (arrays are).

    A lone caller on an idle engine waits ``batch_timeout_ms`` under ``DYNAMIC``, by definition,
    and not at all under ``ADAPTIVE``.
    """

    def __init__(
        self,
        model_fn: Model,
        config: OptimizationConfig | None = None,
        *,
        observer: EngineObserver | None = None,
        key_fn: Callable[[Any], Hashable] | None = None,
        bucket_fn: Callable[[Any], Hashable] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._model = model_fn
        self._config = config or OptimizationConfig()
        self._variant = choose_variant(model_fn, self._config.quantization)
        warn_if_cache_keeps_batch_mates(self._variant, self._config)
        self._observers = ObserverGroup(observer)
        self._bucket_fn = bucket_fn
        self._intake = Intake(
            self._config, self._variant, self._observers, key_fn, clock or SystemClock()
        )
        self._mailboxes = Mailboxes()
        self._lifecycle = threading.Lock()  # never held while something is waited for
        self._dispatcher: Dispatcher | None = None
        self._ending: Dispatcher | None = None

    # -- life ---------------------------------------------------------------------------------

    @property
    def config(self) -> OptimizationConfig:
        """Settings in force."""
        return self._config

    @property
    def model(self) -> Model:
        """What it runs, as it was given."""
        return self._model

    @property
    def is_running(self) -> bool:
        """Whether requests of concurrent callers share batches."""
        return self._dispatcher is not None

    def start(self) -> None:
        """Start the workers, after a :meth:`stop` under way; does nothing where they run."""
        if self._ending is not None:
            self._ending.ended.wait()
        with self._lifecycle:
            if self._dispatcher is None:
                self._dispatcher = self._intake.dispatcher(self._bucket_fn)
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
            if self._dispatcher is None:
                self._variant.close()

    def __enter__(self) -> InferenceOptimizer:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def reconfigure(self, config: OptimizationConfig) -> None:
        """Follow other settings from now on, without losing a request or the cache.

        Requests that wait keep their place and follow the new settings; batches that run finish
        under the old ones. No batch mixes two variants, and no answer of one variant is ever
        given for another. The cache keeps as many of its most recent entries as now fit.

        Parameters
        ----------
        config : OptimizationConfig
            New settings, all of them.

        Raises
        ------
        SettingError
            The model does not have the variant; the old settings stay in force.
        """
        with self._lifecycle:
            variant = self._variant
            if config.quantization is not self._config.quantization:
                variant = choose_variant(self._model, config.quantization)
            if variant is not self._variant or not self._config.enable_caching:
                warn_if_cache_keeps_batch_mates(variant, config)
            self._intake.follow(config, variant)
            old, self._variant, self._config = self._variant, variant, config
            if self._dispatcher is not None:
                self._dispatcher.reconfigure(variant, config)
            if old is not variant:
                old.close()

    def attach(self, observer: EngineObserver) -> None:
        """Add an observer; it is told of every request answered from now on."""
        self._observers.attach(observer)

    def detach(self, observer: EngineObserver) -> None:
        """Remove an observer."""
        self._observers.detach(observer)

    # -- front doors --------------------------------------------------------------------------

    def infer(
        self,
        input_data: Any,
        use_cache: bool = True,
        *,
        priority: int = 0,
        timeout_ms: float | None = None,
    ) -> InferenceResult[Any]:
        """Answer one input.

        On a started engine the input shares a batch with those of concurrent callers, under the
        rule of the batching strategy; otherwise the model is called directly.

        Parameters
        ----------
        input_data : Any
            Input of the model.
        use_cache : bool
            Whether to look the input up in the cache, and store its output there.
        priority : int
            Larger leaves first.
        timeout_ms : float or None
            Deadline from now, in ms, above 0: a request that misses it fails, and is not computed
            if its batch has not begun. A direct call of the model is not cut short: it fails
            once the model has returned.

        Returns
        -------
        InferenceResult
            The output and how it came about.

        Raises
        ------
        DeadlineExceededError
            No answer within ``timeout_ms``.
        QueueFullError
            The queue is full and ``queue_full`` says to reject, or this request was shed.
        Exception
            Whatever the model raised, after it was logged with the request's id.
        """
        intake = self._intake
        now_ns = intake.now_ns()
        key = intake.key(input_data, use_cache)
        hit = intake.look_up(key, priority, now_ns)
        if hit is not None:
            return hit
        dispatcher = self._dispatcher
        request = intake.request(
            input_data, priority, now_ns, now_ns, key, timeout_ms, dispatcher, Audience()
        )
        intake.enter(request, dispatcher)
        try:
            result: InferenceResult[Any] = request.result(
                None if timeout_ms is None else intake.left_s(request)
            )
            return result
        except BaseException as error:
            if request.done():
                raise
            request.cancel()  # who gives up, or is interrupted, holds no place in a batch
            if not isinstance(error, TimeoutError):
                raise
            raise no_answer_error(timeout_ms) from None

    def submit(
        self,
        input_data: Any,
        *,
        priority: int = 0,
        use_cache: bool = True,
        timeout_ms: float | None = None,
        arrival_ns: int | None = None,
    ) -> Future[InferenceResult[Any]]:
        """Submit one input to a started engine without waiting for the answer.

        Parameters
        ----------
        input_data, priority, use_cache
            As for :meth:`infer`.
        timeout_ms : float or None
            Deadline from the arrival, in ms. The future of a request that misses it fails when a
            worker is next idle, or, where it joined an identical request, when that is answered.
        arrival_ns : int or None
            Whole ``time.perf_counter_ns`` tick at which the request was due, from which its
            latency counts; now if None.

        Returns
        -------
        concurrent.futures.Future
            Resolves to an ``InferenceResult``, or to the model's exception. Cancelling it frees
            the request's place unless its batch has begun.

        Raises
        ------
        NotRunningError
            The engine is not started, or is stopped.
        QueueFullError
            The queue is full and ``queue_full`` says to reject.
        """
        dispatcher = self._require_running()
        intake = self._intake
        now_ns = intake.now_ns()
        arrival_ns = now_ns if arrival_ns is None else operator.index(arrival_ns)
        key = intake.key(input_data, use_cache)
        hit = intake.look_up(key, priority, arrival_ns)
        if hit is not None:
            future: AnswerFuture[InferenceResult[Any]] = AnswerFuture()
            future.set_result(hit)
            return future
        request = intake.request(
            input_data, priority, arrival_ns, now_ns, key, timeout_ms, dispatcher
        )
        return intake.enter(request, dispatcher)

    async def ainfer(
        self,
        input_data: Any,
        use_cache: bool = True,
        *,
        priority: int = 0,
        timeout_ms: float | None = None,
    ) -> InferenceResult[Any]:
        """Answer one input, for a caller on any running event loop.

        Cancelling the awaiting task withdraws the request. The loop is never blocked: on an engine
        that is not started the model runs in another thread.

        Parameters
        ----------
        input_data, use_cache, priority, timeout_ms
            As for :meth:`infer`.

        Returns
        -------
        InferenceResult
            The output and how it came about.

        Raises
        ------
        DeadlineExceededError, QueueFullError, Exception
            As for :meth:`infer`.
        """
        intake = self._intake
        now_ns = intake.now_ns()
        key = intake.key(input_data, use_cache)
        hit = intake.look_up(key, priority, now_ns)
        if hit is not None:
            return hit
        dispatcher = self._dispatcher
        audience = self._mailboxes.audience()
        request = intake.request(
            input_data, priority, now_ns, now_ns, key, timeout_ms, dispatcher, audience
        )
        limit = None
        try:
            if timeout_ms is None and dispatcher is not None and not intake.blocks():
                intake.enter(request, dispatcher)
                return await audience.future  # type: ignore[no-any-return]
            limit = asyncio.timeout(None if timeout_ms is None else timeout_ms / 1e3)
            async with limit:
                await intake.enter_from_loop(request, dispatcher)
                return await audience.future  # type: ignore[no-any-return]
        except BaseException as error:
            audience.abandon(request)
            if limit is not None and limit.expired() and isinstance(error, TimeoutError):
                raise no_answer_error(timeout_ms) from None
            raise

    def infer_batch(
        self,
        inputs: Sequence[Any],
        use_cache: bool = True,
        *,
        priority: int = 0,
        timeout_ms: float | None = None,
    ) -> list[InferenceResult[Any]]:
        """Answer several inputs: from the cache where it has them, the rest in one model call.

        The call is made at once, in the caller's thread, and bypasses the queue; nothing cuts it
        short, ``processor_timeout_ms`` neither.

        Parameters
        ----------
        inputs : sequence
            Inputs of the model; any number.
        use_cache : bool
            Whether to look the inputs up in the cache, and store their outputs there.
        priority : int
            Recorded; nothing is waited for.
        timeout_ms : float or None
            Deadline from now, in ms; if the call ends later the whole batch fails.

        Returns
        -------
        list of InferenceResult
            In the order of the inputs.

        Raises
        ------
        DeadlineExceededError
            The model call ended after the deadline.
        Exception
            Whatever the model raised, after it was logged with the requests' ids.
        """
        intake = self._intake
        now_ns = intake.now_ns()
        epoch = intake.flights.epoch
        results: dict[int, InferenceResult[Any]] = {}
        missing: dict[int, PendingRequest] = {}
        for index, input_data in enumerate(inputs):
            key = intake.key(input_data, use_cache)
            hit = intake.look_up(key, priority, now_ns)
            if hit is not None:
                results[index] = hit
            else:
                missing[index] = intake.request(
                    input_data, priority, now_ns, now_ns, key, timeout_ms, None
                )
        if missing:
            intake.compute_at_once(list(missing.values()), epoch)
            results |= {index: request.result() for index, request in missing.items()}
        return [results[index] for index in range(len(inputs))]

    def flush(self) -> None:
        """Let the requests accepted so far leave without waiting for company."""
        self._require_running().flush()

    # -- cache and statistics -----------------------------------------------------------------

    def clear_cache(self) -> None:
        """Forget every cached result, those now being computed included."""
        self._intake.flights.clear()

    @property
    def stats(self) -> InferenceStats:
        """Consistent snapshot of the counts."""
        cache = self._intake.cache
        return self._intake.ledger.snapshot(cache.n_evicted, cache.size, cache.n_bytes)

    @property
    def queue_length(self) -> int:
        """Requests that wait for their batch; approximate while they come and go."""
        dispatcher = self._dispatcher
        return 0 if dispatcher is None else dispatcher.queue_length

    def _require_running(self) -> Dispatcher:
        dispatcher = self._dispatcher
        if dispatcher is None:
            raise NotRunningError("The engine is not running; call start() before submitting.")
        return dispatcher
