"""The engine: batching, caching and a model's variants behind one call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from itertools import count
from typing import Any

from codomyrmex_lab.errors import NotRunningError, SettingError, UnkeyableInputError
from codomyrmex_lab.optimization.clock import Clock, SystemClock
from codomyrmex_lab.optimization.dispatcher import (
    DIRECT_WORKER,
    Batch,
    BatchOwner,
    Dispatcher,
    run_batch,
)
from codomyrmex_lab.optimization.flights import ABSENT, Flights
from codomyrmex_lab.optimization.keys import exact_key
from codomyrmex_lab.optimization.models import (
    NS_PER_MS,
    BatchFunction,
    CloseReason,
    InferenceResult,
    InferenceStats,
    OptimizationConfig,
    QuantizationType,
    SupportsVariants,
)
from codomyrmex_lab.optimization.observer import EngineObserver, ObserverGroup
from codomyrmex_lab.optimization.policy import make_policy
from codomyrmex_lab.optimization.waiting import PendingRequest

__all__ = ["InferenceOptimizer", "Model"]

Model = BatchFunction | Mapping[QuantizationType, BatchFunction] | SupportsVariants
"""What an engine runs: a batch function, one per variant, or an object that has variants."""


class InferenceOptimizer:
    """Runs a model on single inputs from many callers: batched, cached, in the chosen variant.

    Parameters
    ----------
    model_fn : Model
        Maps a list of inputs to as many outputs in the same order; or several such functions by
        ``QuantizationType``; or an object with a ``variant(quantization)`` method.
    config : OptimizationConfig or None
        Settings; the defaults if None.
    observer : EngineObserver or None
        Told of every answered request; more can be attached.
    key_fn : callable or None
        Returns a hashable cache key for an input; by default keys are exact and any two inputs
        that differ have different keys (see :func:`codomyrmex_lab.optimization.keys.exact_key`).
    clock : Clock or None
        Source of time; the system's by default.

    Raises
    ------
    SettingError
        The model does not have the variant that the config names.

    Notes
    -----
    Cached answers are shared by all who hit them: treat them as read-only (arrays are).
    """

    def __init__(
        self,
        model_fn: Model,
        config: OptimizationConfig | None = None,
        *,
        observer: EngineObserver | None = None,
        key_fn: Callable[[Any], Hashable] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._config = config or OptimizationConfig()
        self._batch_fn = _variant_of(model_fn, self._config.quantization)
        self._key_fn = exact_key if key_fn is None else _checked(key_fn)
        self._clock = clock or SystemClock()
        self._observers = ObserverGroup(observer)
        self._flights = Flights(self._config.cache_max_size)
        self._request_ids = count()
        self._batch_ids = count()
        self._lifecycle = threading.Lock()
        self._dispatcher: Dispatcher | None = None
        self._stats_lock = threading.Lock()
        self._stats = InferenceStats()
        self._n_batched = 0
        self._latency_sum_ns = 0

    # -- life ---------------------------------------------------------------------------------

    @property
    def config(self) -> OptimizationConfig:
        """Settings in force."""
        return self._config

    @property
    def is_running(self) -> bool:
        """Whether requests of concurrent callers share batches."""
        return self._dispatcher is not None

    def start(self) -> None:
        """Start the workers; does nothing where they run."""
        with self._lifecycle:
            if self._dispatcher is None:
                self._dispatcher = Dispatcher(
                    self._batch_fn,
                    make_policy(self._config),
                    self._config.num_workers,
                    BatchOwner(self._claim, self._answer, self._reject),
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

    def __enter__(self) -> InferenceOptimizer:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def attach(self, observer: EngineObserver) -> None:
        """Add an observer; it is told of every request answered from now on."""
        self._observers.attach(observer)

    def detach(self, observer: EngineObserver) -> None:
        """Remove an observer."""
        self._observers.detach(observer)

    # -- front doors --------------------------------------------------------------------------

    def infer(self, input_data: Any, use_cache: bool = True) -> InferenceResult[Any]:
        """Answer one input.

        On a started engine the input shares a batch with those of concurrent callers, under the
        rule of the batching strategy; otherwise the model is called directly.

        Parameters
        ----------
        input_data : Any
            Input of the model.
        use_cache : bool
            Whether to look the input up in the cache, and store its output there.

        Returns
        -------
        InferenceResult
            The output and how it came about.

        Raises
        ------
        Exception
            Whatever the model raised, after it was logged with the request's id.
        """
        now_ns = self._clock.now_ns()
        key = self._key(input_data, use_cache)
        if key is not None:
            value = self._flights.look_up(key)
            if value is not ABSENT:
                return self._hit(value, 0, key, now_ns)
        request = self._request(input_data, 0, now_ns, now_ns, key)
        future = self._enter(request, self._dispatcher)
        try:
            result: InferenceResult[Any] = future.result()
        except BaseException:
            future.cancel()  # an interrupted caller holds no place in a batch
            raise
        return result

    def submit(
        self,
        input_data: Any,
        *,
        priority: int = 0,
        use_cache: bool = True,
        arrival_ns: int | None = None,
    ) -> Future[InferenceResult[Any]]:
        """Submit one input to a started engine without waiting for the answer.

        Parameters
        ----------
        input_data : Any
            Input of the model.
        priority : int
            Larger leaves first.
        use_cache : bool
            Whether to look the input up in the cache, and store its output there.
        arrival_ns : int or None
            ``time.perf_counter_ns`` tick at which the request was due, from which its latency
            counts; now if None.

        Returns
        -------
        concurrent.futures.Future
            Resolves to an ``InferenceResult``, or to the model's exception.

        Raises
        ------
        NotRunningError
            The engine is not started, or is stopped.
        """
        dispatcher = self._require_running()
        now_ns = self._clock.now_ns()
        if arrival_ns is None:
            arrival_ns = now_ns
        key = self._key(input_data, use_cache)
        if key is not None:
            value = self._flights.look_up(key)
            if value is not ABSENT:
                future: Future[InferenceResult[Any]] = Future()
                future.set_result(self._hit(value, priority, key, arrival_ns))
                return future
        request = self._request(input_data, priority, arrival_ns, now_ns, key)
        return self._enter(request, dispatcher)

    def infer_batch(self, inputs: Sequence[Any]) -> list[InferenceResult[Any]]:
        """Answer several inputs: from the cache where it has them, the rest in one model call.

        Parameters
        ----------
        inputs : sequence
            Inputs of the model; any number.

        Returns
        -------
        list of InferenceResult
            In the order of the inputs.

        Raises
        ------
        Exception
            Whatever the model raised, after it was logged with the requests' ids.
        """
        now_ns = self._clock.now_ns()
        keys = [self._key(input_data, True) for input_data in inputs]
        results: dict[int, InferenceResult[Any]] = {}
        missing: dict[int, PendingRequest] = {}
        epoch = self._flights.epoch
        for index, (input_data, key) in enumerate(zip(inputs, keys, strict=True)):
            value = ABSENT if key is None else self._flights.look_up(key)
            if value is not ABSENT:
                results[index] = self._hit(value, 0, key, now_ns)
            else:
                missing[index] = self._request(input_data, 0, now_ns, now_ns, key)
        if missing:
            self._count_misses(sum(request.key is not None for request in missing.values()))
            batch = self._direct_batch(list(missing.values()))
            run_batch(batch, self._batch_fn, self._clock)
            if batch.error is None:
                for request, output in zip(batch.requests, batch.outputs, strict=True):
                    if request.key is not None:
                        self._flights.store(request.key, output, epoch)
            self._resolve(batch)
            results |= {index: request.future.result() for index, request in missing.items()}
        return [results[index] for index in range(len(inputs))]

    def flush(self) -> None:
        """Let the requests accepted so far leave without waiting for company."""
        self._require_running().flush()

    # -- cache and statistics -----------------------------------------------------------------

    def clear_cache(self) -> None:
        """Forget every cached result, those now being computed included."""
        self._flights.clear()

    @property
    def stats(self) -> InferenceStats:
        """Consistent snapshot of the counts; ``total_requests`` counts answered requests."""
        with self._stats_lock:
            stats = self._stats
            return InferenceStats(
                total_requests=stats.total_requests,
                total_batches=stats.total_batches,
                avg_batch_size=_ratio(self._n_batched, stats.total_batches),
                avg_latency_ms=_ratio(self._latency_sum_ns / NS_PER_MS, stats.total_requests),
                cache_hits=stats.cache_hits,
                cache_misses=stats.cache_misses,
            )

    # -- the way of a request -----------------------------------------------------------------

    def _key(self, input_data: Any, use_cache: bool) -> Hashable | None:
        if not (use_cache and self._config.enable_caching):
            return None
        return (self._key_fn(input_data),)

    def _request(
        self, input_data: Any, priority: int, arrival_ns: int, now_ns: int, key: Hashable | None
    ) -> PendingRequest:
        return PendingRequest(
            next(self._request_ids), input_data, priority, arrival_ns, now_ns, key
        )

    def _hit(
        self, value: Any, priority: int, key: Hashable, arrival_ns: int
    ) -> InferenceResult[Any]:
        request_id = next(self._request_ids)
        end_ns = self._clock.now_ns()
        latency_ns = end_ns - arrival_ns
        with self._stats_lock:
            self._stats.cache_hits += 1
            self._stats.total_requests += 1
            self._latency_sum_ns += latency_ns
        if self._observers:
            self._observers.on_cache_hit(request_id, priority, key, arrival_ns, end_ns)
        latency_ms = latency_ns / NS_PER_MS
        return InferenceResult(request_id, value, latency_ms, True, queue_ms=latency_ms)

    def _enter(
        self, request: PendingRequest, dispatcher: Dispatcher | None
    ) -> Future[InferenceResult[Any]]:
        if request.key is not None:
            leads, value = self._flights.lead_or_join(request)
            if value is not ABSENT:
                result = self._hit(value, request.priority, request.key, request.arrival_ns)
                request.future.set_result(result)
                return request.future
            self._count_misses(1)
            if not leads:
                return request.future
        if dispatcher is None:
            batch = self._direct_batch([request])
            run_batch(batch, self._batch_fn, self._clock)
            self._answer(batch)
        else:
            self._dispatch(request, dispatcher)
        return request.future

    def _dispatch(self, request: PendingRequest, dispatcher: Dispatcher) -> None:
        try:
            dispatcher.submit(request)
        except NotRunningError as error:
            # stopped since the look-up: whoever joined meanwhile fails with it
            if self._claim(request):
                self._reject(request, error)
            raise

    def _direct_batch(self, requests: list[PendingRequest]) -> Batch:
        for request in requests:
            request.future.set_running_or_notify_cancel()
        return Batch(next(self._batch_ids), requests, CloseReason.DIRECT, DIRECT_WORKER)

    def _claim(self, request: PendingRequest) -> bool:
        if request.future.set_running_or_notify_cancel():
            return True
        return request.key is not None and not self._flights.abort_unless_joined(request)

    def _answer(self, batch: Batch) -> None:
        for index, request in enumerate(batch.requests):
            if request.key is None:
                continue
            if batch.error is None:
                self._flights.land(request, batch.outputs[index])
            else:
                self._flights.abort(request)
        self._resolve(batch)

    def _resolve(self, batch: Batch) -> None:
        everyone = [request for leader in batch.requests for request in leader.everyone]
        with self._stats_lock:
            self._stats.total_batches += 1
            self._n_batched += len(batch.requests)
            self._stats.total_requests += len(everyone)
            self._latency_sum_ns += sum(batch.end_ns - request.arrival_ns for request in everyone)
        self._observers.on_batch(batch)
        for index, leader in enumerate(batch.requests):
            for request in leader.everyone:
                if request is not leader and not request.future.set_running_or_notify_cancel():
                    continue
                if request.future.cancelled():
                    continue  # a leader that was computed for those who joined it
                if batch.error is not None:
                    request.future.set_exception(batch.error)
                else:
                    output = batch.outputs[index]
                    request.future.set_result(
                        _result(request, output, batch, request is not leader)
                    )

    def _reject(self, request: PendingRequest, error: BaseException) -> None:
        if request.key is not None:
            self._flights.abort(request)
        end_ns = self._clock.now_ns()
        with self._stats_lock:
            self._stats.total_requests += len(request.everyone)
            self._latency_sum_ns += sum(end_ns - one.arrival_ns for one in request.everyone)
        for one in request.everyone:
            self._observers.on_unserved(one, end_ns, error)
            if one is request or one.future.set_running_or_notify_cancel():
                one.future.set_exception(error)

    def _count_misses(self, n_misses: int) -> None:
        with self._stats_lock:
            self._stats.cache_misses += n_misses

    def _require_running(self) -> Dispatcher:
        dispatcher = self._dispatcher
        if dispatcher is None:
            raise NotRunningError("The engine is not running; call start() before submitting.")
        return dispatcher


def _result(
    request: PendingRequest, output: Any, batch: Batch, joined: bool
) -> InferenceResult[Any]:
    start_ns = max(batch.start_ns, request.arrival_ns)
    return InferenceResult(
        request_id=request.id,
        output=output,
        latency_ms=(batch.end_ns - request.arrival_ns) / NS_PER_MS,
        batch_size=len(batch.requests),
        queue_ms=(start_ns - request.arrival_ns) / NS_PER_MS,
        service_ms=(batch.end_ns - start_ns) / NS_PER_MS,
        batch_id=batch.id,
        joined=joined,
    )


def _checked(key_fn: Callable[[Any], Hashable]) -> Callable[[Any], Hashable]:
    def checked_key(input_data: Any) -> Hashable:
        key = key_fn(input_data)
        try:
            hash(key)
        except TypeError:
            raise UnkeyableInputError(
                f"key_fn returned a {type(key).__name__} for an input of type "
                f"{type(input_data).__name__}; expected something hashable."
            ) from None
        return key

    return checked_key


def _variant_of(model: Model, quantization: QuantizationType) -> BatchFunction:
    if isinstance(model, Mapping):
        if quantization not in model:
            present = ", ".join(sorted(q.name for q in model)) or "none"
            raise SettingError(
                f"quantization is {quantization.name}, but the model was given for {present}; "
                "choose one of these, or add a function for it."
            )
        return model[quantization]
    if isinstance(model, SupportsVariants):
        return model.variant(quantization)
    if not callable(model):
        raise SettingError(
            f"The model is a {type(model).__name__}; expected a callable that maps a list of "
            "inputs to a list of outputs, a dict of them by QuantizationType, or an object with "
            "a variant() method."
        )
    if quantization is not QuantizationType.FP32:
        raise SettingError(
            f"quantization is {quantization.name}, but a plain callable has no quantized variants; "
            "use FP32, or give a dict of callables by QuantizationType, or an OnnxModel."
        )
    return model


def _ratio(total: float, n: int) -> float:
    return total / n if n else 0.0
