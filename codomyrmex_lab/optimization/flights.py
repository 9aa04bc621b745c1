"""Cache look-ups of the engine: hits, misses, and identical requests in flight.

An input that is neither in the cache nor being computed becomes the *leader* of its key; identical
inputs that arrive before its answer *join* it and share the answer, or the error. Where the
leader's caller leaves before it is in the queue, the first who joined leads on.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable
from typing import Any
from weakref import WeakSet

from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.optimization.cache import InferenceCache
from codomyrmex_lab.optimization.request import PendingRequest
from codomyrmex_lab.optimization.snapshot import snapshot

__all__ = ["ABSENT", "Flights"]

_log = get_logger(__name__)
ABSENT = object()
"""Stands for a value that the cache does not hold."""
_everywhere: WeakSet[Flights] = WeakSet()  # the hook below is process-wide


class Flights:
    """The cache together with the computations that will fill it.

    Parameters
    ----------
    cache : InferenceCache
        Keeps the results.
    """

    def __init__(self, cache: InferenceCache) -> None:
        self._cache = cache
        self._leaders: dict[Hashable, PendingRequest] = {}
        self._epoch = 0
        self._lock = threading.Lock()
        _everywhere.add(self)

    def look_up(self, key: Hashable) -> Any:
        """Return the stored value, or ``ABSENT``."""
        return self._cache.get(key, ABSENT)

    def lead_or_join(self, request: PendingRequest) -> tuple[bool, Any]:
        """Enter a request whose key was not in the cache.

        Returns
        -------
        leads : bool
            Whether the request must be computed; otherwise it shares what is in flight.
        value : Any
            The stored value where it has come in the meantime, else ``ABSENT``.
        """
        with self._lock:
            leader = self._leaders.get(request.terms.key)
            if leader is not None:
                leader.join(request)
                return False, ABSENT
            value = self._cache.get(request.terms.key, ABSENT)
            if value is ABSENT:
                request.terms.cache_epoch = self._epoch
                self._leaders[request.terms.key] = request
            return value is ABSENT, value

    def land(self, request: PendingRequest, output: Any) -> None:
        """End a leader's flight with its output, which is stored; from here on none joins it."""
        stored = _storable(output)
        with self._lock:
            self._forget(request)  # first: whatever the cache makes of it, none may join any more
            if request.terms.cache_epoch == self._epoch and stored is not ABSENT:
                self._cache.put(request.terms.key, stored)

    def abort(self, request: PendingRequest) -> None:
        """End a leader's flight without output; from here on none joins it."""
        with self._lock:
            self._forget(request)

    def abort_unless_joined(self, request: PendingRequest) -> bool:
        """End the flight of a leader that was cancelled, unless others still wait for it.

        Returns
        -------
        bool
            Whether the flight has ended.
        """
        with self._lock:
            if any(not other.cancelled() for other in request.terms.joined):
                return False
            self._forget(request)
            return True

    def hand_over(self, request: PendingRequest) -> PendingRequest | None:
        """End the part of a leader that is in no batch; those who joined it do not end with it.

        Returns
        -------
        PendingRequest or None
            The new leader, joined by all others; None where nobody waits any more.
        """
        with self._lock:
            joined = request.terms.joined
            heir = next((other for other in joined if not other.cancelled()), None)
            if heir is None:
                self._forget(request)
                return None
            for other in joined:
                if other is not heir:
                    heir.join(other)
            request.terms.joined = ()
            heir.terms.cache_epoch = request.terms.cache_epoch
            if self._leaders.get(request.terms.key) is request:
                self._leaders[request.terms.key] = heir
            return heir

    def store(self, key: Hashable, output: Any, epoch: int) -> None:
        """Store an output that was computed outside any flight, begun in the given epoch."""
        stored = _storable(output)
        with self._lock:
            if epoch == self._epoch and stored is not ABSENT:
                self._cache.put(key, stored)

    @property
    def epoch(self) -> int:
        """Number of times the cache was cleared; marks results that were begun before."""
        return self._epoch

    def clear(self) -> None:
        """Forget every entry; what is in flight answers its callers but is not stored."""
        with self._lock:
            self._epoch += 1
            self._leaders.clear()
            self._cache.clear()

    def forked(self) -> None:
        """Forget, in a forked child process, what only threads of the parent compute."""
        self._lock = threading.Lock()  # another thread may have held it
        self._leaders.clear()

    def _forget(self, request: PendingRequest) -> None:
        if self._leaders.get(request.terms.key) is request:
            del self._leaders[request.terms.key]


def _storable(output: Any) -> Any:
    try:
        return snapshot(output)
    except Exception:
        _log.exception(
            "An output of type %s cannot be copied and is not cached; return plain data, or "
            "use_cache=False",
            type(output).__qualname__,
        )
        return ABSENT


def _in_forked_child() -> None:
    for flights in list(_everywhere):
        flights.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
