"""The way of a request into the engine: key, cache, flights in progress, then a batch."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError
from functools import partial
from itertools import count
from typing import Any

from codomyrmex_lab.errors import QueueFullError, UnkeyableInputError
from codomyrmex_lab.optimization.answers import Answers, inference_result
from codomyrmex_lab.optimization.batch import DIRECT_WORKER, Batch
from codomyrmex_lab.optimization.cache import InferenceCache
from codomyrmex_lab.optimization.clock import Clock
from codomyrmex_lab.optimization.dispatcher import Dispatcher
from codomyrmex_lab.optimization.flights import ABSENT, Flights
from codomyrmex_lab.optimization.futures import Audience
from codomyrmex_lab.optimization.keys import exact_key
from codomyrmex_lab.optimization.ledger import Ledger
from codomyrmex_lab.optimization.models import (
    NS_PER_MS,
    CloseReason,
    InferenceResult,
    OptimizationConfig,
    QueueFullAction,
)
from codomyrmex_lab.optimization.observer import ObserverGroup
from codomyrmex_lab.optimization.request import ORDINARY, PendingRequest, asked_terms
from codomyrmex_lab.optimization.variants import Variant

__all__ = ["Intake"]


class Intake:
    """Takes requests in, for all front doors of one engine.

    Parameters
    ----------
    config : OptimizationConfig
        Settings in force.
    variant : Variant
        The model in force.
    observers : ObserverGroup
        Told of every answer.
    key_fn : callable or None
        Returns the cache key of an input; exact keys if None.
    clock : Clock
        Source of time.
    """

    def __init__(
        self,
        config: OptimizationConfig,
        variant: Variant,
        observers: ObserverGroup,
        key_fn: Callable[[Any], Hashable] | None,
        clock: Clock,
    ) -> None:
        self._config = config
        self._variant = variant
        self._observers = observers
        self._key_fn = exact_key if key_fn is None else _checked(key_fn)
        self._clock = clock
        self._request_ids = count()
        self._batch_ids = count()
        self.cache = InferenceCache(
            config.cache_max_size,
            ttl_s=config.cache_ttl_s,
            max_bytes=config.cache_max_bytes,
            clock=clock,
        )
        self.flights = Flights(self.cache)
        self.ledger = Ledger()
        self.answers = Answers(inference_result, self.ledger, observers, clock, self.flights)
        self.now_ns = clock.now_ns

    def follow(self, config: OptimizationConfig, variant: Variant) -> None:
        """Follow other settings, and another model, from now on."""
        self.cache.resize(
            config.cache_max_size, ttl_s=config.cache_ttl_s, max_bytes=config.cache_max_bytes
        )
        self._config, self._variant = config, variant

    def dispatcher(self, bucket_fn: Callable[[Any], Hashable] | None) -> Dispatcher:
        """Return a new, running dispatcher that answers through this intake."""
        return Dispatcher(
            self._variant,
            self._config,
            self.answers.owner,
            self._batch_ids,
            self._clock,
            bucket_fn,
        )

    def key(self, input_data: Any, use_cache: bool) -> tuple[str, Hashable] | None:
        """Return the cache key of an input, or None where the cache is not to be asked."""
        if not (use_cache and self._config.enable_caching):
            return None
        return (self._variant.name, self._key_fn(input_data))

    def look_up(
        self, key: Hashable | None, priority: int, arrival_ns: int
    ) -> InferenceResult[Any] | None:
        """Return the answer that the cache holds, if it does."""
        if key is None:
            return None
        value = self.flights.look_up(key)
        if value is ABSENT:
            return None
        return self._hit(value, priority, key, arrival_ns)

    def request(
        self,
        input_data: Any,
        priority: int,
        arrival_ns: int,
        now_ns: int,
        key: Hashable | None,
        timeout_ms: float | None,
        dispatcher: Dispatcher | None,
        audience: Audience | None = None,
    ) -> PendingRequest:
        """Return a new request, whose deadline counts from its arrival."""
        if key is not None or priority or timeout_ms is not None:
            terms = asked_terms(priority, arrival_ns, timeout_ms, key)
        else:
            terms = ORDINARY if dispatcher is None else dispatcher.ordinary_terms
        return PendingRequest(
            next(self._request_ids), input_data, arrival_ns, now_ns, terms, audience
        )

    def enter(self, request: PendingRequest, dispatcher: Dispatcher | None) -> PendingRequest:
        """Take a request in whose key was not in the cache; without dispatcher, compute it."""
        # One try around all of it: a signal may interrupt the caller after any call in here.
        try:
            if request.terms.key is not None and self._settled_without_batch(request):
                return request
            if dispatcher is not None:
                dispatcher.submit(request)
            else:
                self._compute(request)
        except BaseException as error:
            self._leave(request, dispatcher, error)
            raise
        return request

    def left_s(self, request: PendingRequest) -> float:
        """Return the time until a request's deadline, in s, at least 0."""
        return max(request.terms.deadline_ns - self.now_ns(), 0) / 1e9

    def blocks(self) -> bool:
        """Tell whether :meth:`enter` may wait, for a place in a full queue."""
        config = self._config
        return config.max_queue_size is not None and config.queue_full is QueueFullAction.BLOCK

    async def enter_from_loop(self, request: PendingRequest, dispatcher: Dispatcher | None) -> None:
        """Do as :meth:`enter`, but wait and compute without blocking the event loop."""
        if dispatcher is None:
            await asyncio.get_running_loop().run_in_executor(None, self.enter, request, None)
            return
        try:
            if request.terms.key is None or not self._settled_without_batch(request):
                await _submit_from_loop(request, dispatcher)
        except BaseException as error:
            self._leave(request, dispatcher, error)
            raise

    def compute_at_once(self, requests: list[PendingRequest], epoch: int) -> None:
        """Compute some requests in one direct call, beside all flights, and answer them."""
        self.ledger.miss(sum(request.terms.key is not None for request in requests))
        batch = self.run_directly(requests)
        if batch.error is None:
            for request, output in zip(batch.requests, batch.outputs, strict=True):
                if request.terms.key is not None and request.terms.key[0] == batch.variant.name:
                    self.flights.store(request.terms.key, output, epoch)
        self.answers.deliver(batch)

    def run_directly(self, requests: list[PendingRequest]) -> Batch:
        """Return the batch of some requests, run in the caller's thread."""
        for request in requests:
            request.set_running_or_notify_cancel()
        batch_id = next(self._batch_ids)
        batch = Batch(batch_id, requests, CloseReason.DIRECT, DIRECT_WORKER, self._variant)
        batch.run(self._clock)
        return batch

    def _hit(
        self, value: Any, priority: int, key: Hashable, arrival_ns: int
    ) -> InferenceResult[Any]:
        request_id = next(self._request_ids)
        end_ns = self.now_ns()
        self.ledger.hit(end_ns - arrival_ns)
        if self._observers:
            self._observers.on_cache_hit(request_id, priority, key, arrival_ns, end_ns)
        latency_ms = (end_ns - arrival_ns) / NS_PER_MS
        return InferenceResult(request_id, value, latency_ms, True, 1, latency_ms)

    def _settled_without_batch(self, request: PendingRequest) -> bool:
        """Look up again, join, or lead; only a leader needs a batch."""
        leads, value = self.flights.lead_or_join(request)
        if value is not ABSENT:
            result = self._hit(value, request.terms.priority, request.terms.key, request.arrival_ns)
            request.set_result(result)
            return True
        self.ledger.miss()
        return not leads

    def _compute(self, request: PendingRequest) -> None:
        batch = self.run_directly([request])
        if batch.error is not None and not isinstance(batch.error, Exception):
            raise batch.error  # the caller was interrupted; nobody else was
        self.answers.answer(batch)

    def _leave(
        self, request: PendingRequest, dispatcher: Dispatcher | None, error: BaseException
    ) -> None:
        """Undo, as far as it came, the entry of a request whose caller is told the error."""
        terms = request.terms
        if terms.ordinary and dispatcher is not None:
            return  # nobody knows it; if it is in the queue, it is computed for nobody
        if request.done() and not request.cancelled():
            return
        if terms.owner is not None or (terms.key is not None and terms.cache_epoch < 0):
            request.cancel()  # it waits in the queue, or has joined another
            return
        if isinstance(error, QueueFullError):
            self.answers.turn_away(request, error)
            return
        heir = None
        if not isinstance(error, Exception) or isinstance(error, TimeoutError):
            heir = self.flights.hand_over(request)
        request.set_running_or_notify_cancel()
        told = error if isinstance(error, Exception) else CancelledError()
        self.answers.reject(request, told)
        if heir is not None:
            self._enter_instead(heir, dispatcher)

    def _enter_instead(self, heir: PendingRequest, dispatcher: Dispatcher | None) -> None:
        """Let a request that leads now enter, in a thread of its own: it may have to wait."""

        def enter() -> None:
            try:
                if dispatcher is None:
                    self._compute(heir)
                else:
                    dispatcher.submit(heir)
                    if heir.cancelled():  # before it had an owner to tell
                        heir.withdrawn()
            except BaseException as error:  # told to those who wait
                self._leave(heir, dispatcher, error)

        try:
            threading.Thread(target=enter, name="batch-heir", daemon=True).start()
        except RuntimeError as error:  # the interpreter exits, or has no more threads
            self.answers.reject(heir, error)


async def _submit_from_loop(request: PendingRequest, dispatcher: Dispatcher) -> None:
    loop = asyncio.get_running_loop()
    while True:
        free = asyncio.Event()
        wake = partial(loop.call_soon_threadsafe, free.set)
        if dispatcher.submit_or_call(request, wake):
            return
        try:
            await free.wait()
        except BaseException:
            dispatcher.forget(wake)
            raise


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
