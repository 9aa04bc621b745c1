"""The small protocol through which the engine tells what happened, request by request."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Protocol

from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.optimization.models import CloseReason

__all__ = ["EngineObserver", "ObservedBatch", "ObservedRequest", "ObservedTerms", "ObserverGroup"]

_log = get_logger(__name__)


class ObservedTerms(Protocol):
    """What sets a request apart from others: its own, or shared by all that nothing sets apart."""

    @property
    def priority(self) -> int:
        """Larger leaves first."""
        ...

    @property
    def key(self) -> Any:
        """The exact cache key, or None where the cache was not asked."""
        ...

    @property
    def deadline_ns(self) -> int:
        """Tick after which an answer is too late; ``FOREVER_NS`` where it never is."""
        ...

    @property
    def joined(self) -> Sequence[ObservedRequest]:
        """Identical requests that arrived later and share this one's computation."""
        ...


class ObservedRequest(ObservedTerms, Protocol):
    """One accepted request, as the observer sees it. All times are ``perf_counter_ns`` ticks."""

    @property
    def id(self) -> int:
        """Number of the request, unique within its engine."""
        ...

    @property
    def input_data(self) -> Any:
        """Input of the model."""
        ...

    @property
    def arrival_ns(self) -> int:
        """When the request was due."""
        ...

    @property
    def enqueue_ns(self) -> int:
        """When the engine accepted it."""
        ...

    @property
    def terms(self) -> ObservedTerms:
        """Priority, key and joined requests, for those who read them often."""
        ...


class ObservedBatch(Protocol):
    """One model call that has ended."""

    @property
    def id(self) -> int:
        """Number of the batch, unique within its engine."""
        ...

    @property
    def requests(self) -> Sequence[ObservedRequest]:
        """Requests that it computed; others may have joined each of them."""
        ...

    @property
    def ordinary(self) -> bool:
        """Whether no request has a priority, key or deadline, nor anybody who joined it."""
        ...

    @property
    def reason(self) -> CloseReason:
        """Why it left."""
        ...

    @property
    def start_ns(self) -> int:
        """When the model call began."""
        ...

    @property
    def end_ns(self) -> int:
        """When the model call ended."""
        ...

    @property
    def worker(self) -> int:
        """Index of the worker that ran it, or -1 for a direct call."""
        ...

    @property
    def error(self) -> BaseException | None:
        """What the model raised, if it did."""
        ...


class EngineObserver(Protocol):
    """Told of every answered request exactly once, before its caller is.

    The methods are called from the engine's threads, several at a time, and delay the answer for
    as long as they take. An exception in them is logged and does not reach the callers.
    """

    def on_cache_hit(
        self, request_id: int, priority: int, key: Any, arrival_ns: int, end_ns: int
    ) -> None:
        """Take note of a request that was answered from the cache."""
        ...

    def on_batch(self, batch: ObservedBatch) -> None:
        """Take note of a batch: each of its requests, and all that joined them, is answered.

        One whose deadline is before the end is answered by an error.
        """
        ...

    def on_unserved(self, request: ObservedRequest, end_ns: int, error: BaseException) -> None:
        """Take note of a request that failed without reaching the model."""
        ...


class ObserverGroup(list[EngineObserver]):
    """Passes every event on to any number of observers, which come and go while events pass.

    A list, so that the engine's test whether anybody observes costs next to nothing. An observer's
    exception is logged and goes no further.
    """

    def __init__(self, first: EngineObserver | None = None) -> None:
        super().__init__(() if first is None else (first,))
        self._lock = threading.Lock()

    def attach(self, observer: EngineObserver) -> None:
        """Add an observer."""
        with self._lock:
            self.append(observer)

    def detach(self, observer: EngineObserver) -> None:
        """Remove an observer; one that is not attached is let be."""
        with self._lock:
            self[:] = [one for one in self if one is not observer]

    def on_cache_hit(
        self, request_id: int, priority: int, key: Any, arrival_ns: int, end_ns: int
    ) -> None:
        """Pass on a request that was answered from the cache."""
        for observer in tuple(self):
            try:
                observer.on_cache_hit(request_id, priority, key, arrival_ns, end_ns)
            except Exception:
                _log.exception("Observer %r failed on cache hit %d", observer, request_id)

    def on_batch(self, batch: ObservedBatch) -> None:
        """Pass on a batch that has ended."""
        for observer in tuple(self):
            try:
                observer.on_batch(batch)
            except Exception:
                _log.exception("Observer %r failed on batch %d", observer, batch.id)

    def on_unserved(self, request: ObservedRequest, end_ns: int, error: BaseException) -> None:
        """Pass on a request that failed without reaching the model."""
        for observer in tuple(self):
            try:
                observer.on_unserved(request, end_ns, error)
            except Exception:
                _log.exception("Observer %r failed on request %d", observer, request.id)
