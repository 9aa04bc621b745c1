"""A thread-safe cache of results that evicts the least recently accessed key.

A hit takes no lock: it reads a dict and appends the key to a buffer of recent accesses, which are
applied to the order under the lock before any eviction is decided. The order is therefore exact,
and threads that hit at the same time do not queue up for the lock. The idea is Caffeine's
(B. Manes, "Design of a modern cache", 2015).
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from contextlib import suppress
from types import EllipsisType
from typing import Any

from codomyrmex_lab.optimization.clock import FOREVER_NS, Clock, SystemClock
from codomyrmex_lab.optimization.models import check_duration, check_integer
from codomyrmex_lab.optimization.sizes import size_bytes

__all__ = ["InferenceCache"]

_ABSENT: Any = object()
_BUFFER = 256


class _Entry:
    __slots__ = ("n_bytes", "since_ns")

    def __init__(self, n_bytes: int, since_ns: int) -> None:
        self.n_bytes = n_bytes
        self.since_ns = since_ns


class InferenceCache:
    """Least-recently-used cache.

    Any value may be stored: a stored ``None``, ``False`` or ``0`` is a hit like any other.

    Parameters
    ----------
    max_size : int
        Entries kept, at least 1.
    ttl_s : float or None
        Age at which an entry is no longer used, in s, above 0; never if None.
    max_bytes : int or None
        Bound of the estimated size of keys and values, in bytes, at least 1; none if None. A
        value that is larger alone is not stored. What is counted is said at
        :func:`codomyrmex_lab.optimization.sizes.size_bytes`.
    clock : Clock or None
        Source of time for ``ttl_s``; the system's by default.

    Raises
    ------
    SettingError
        A setting outside its range.
    """

    def __init__(
        self,
        max_size: int = 1000,
        *,
        ttl_s: float | None = None,
        max_bytes: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._values: dict[Hashable, Any] = {}
        self._order: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._recent: list[Hashable] = []
        self._apply_beyond = _BUFFER
        self._lock = threading.Lock()
        self._n_bytes = 0
        self._n_evicted = 0
        self.resize(max_size, ttl_s=ttl_s, max_bytes=max_bytes)

    @property
    def max_size(self) -> int:
        """Entries kept at most."""
        return self._max_size

    @property
    def size(self) -> int:
        """Entries now in the cache."""
        with self._lock:
            return len(self._values)

    @property
    def n_bytes(self) -> int:
        """Estimated size of keys and values, in bytes; counted only with ``max_bytes`` set."""
        with self._lock:
            return self._n_bytes

    @property
    def n_evicted(self) -> int:
        """Entries that made room for others, or outlived ``ttl_s``."""
        with self._lock:
            return self._n_evicted

    def get(self, key: Hashable, default: Any = None) -> Any:
        """Return the value stored under ``key`` and make it the most recent one.

        Parameters
        ----------
        key : Hashable
            As given to :meth:`put`.
        default : Any
            Returned where nothing is stored; a sentinel tells an absent key from a stored ``None``.
        """
        value = self._values.get(key, _ABSENT)
        if value is _ABSENT or (self._entries_age and self._drop_if_stale(key)):
            return default
        recent = self._recent
        recent.append(key)
        if len(recent) > self._apply_beyond:
            self._try_to_apply_recent()
        return value

    def put(self, key: Hashable, value: Any) -> None:
        """Store ``value`` as the most recent entry; evict the least recent ones if need be."""
        n_bytes = 0 if self._max_bytes is None else size_bytes(key) + size_bytes(value)
        now_ns = self._clock.now_ns() if self._entries_age else 0
        with self._lock:
            self._apply_recent()
            self._remove(key)
            if self._max_bytes is not None and n_bytes > self._max_bytes:
                return
            self._values[key] = value
            self._order[key] = _Entry(n_bytes, now_ns)
            self._n_bytes += n_bytes
            self._evict()

    def contains(self, key: Hashable) -> bool:
        """Tell whether ``key`` is stored; does not count as an access."""
        if key not in self._values:
            return False
        return not (self._entries_age and self._drop_if_stale(key))

    def clear(self) -> None:
        """Forget every entry."""
        with self._lock:
            self._values.clear()
            self._order.clear()
            self._recent.clear()
            self._n_bytes = 0

    def resize(
        self,
        max_size: int | EllipsisType = ...,
        *,
        ttl_s: float | EllipsisType | None = ...,
        max_bytes: int | EllipsisType | None = ...,
    ) -> None:
        """Change bounds; what has expired goes, then the least recent entries beyond the bounds.

        Parameters
        ----------
        max_size, ttl_s, max_bytes
            As for the constructor; a bound that is not given stays as it is.
        """
        if max_size is not ...:
            check_integer("max_size", max_size, at_least=1)
        if ttl_s is not ... and ttl_s is not None:
            check_duration("ttl_s", ttl_s, above_zero=True)
        if max_bytes is not ... and max_bytes is not None:
            check_integer("max_bytes", max_bytes, at_least=1)
        with self._lock:
            if max_size is not ...:
                self._max_size = max_size
            if max_bytes is not ...:
                self._max_bytes = max_bytes
            if ttl_s is not ...:
                self._ttl_ns = FOREVER_NS if ttl_s is None else int(ttl_s * 1e9)
                self._entries_age = ttl_s is not None
            self._apply_recent()
            self._drop_what_no_longer_fits()
            self._evict()

    def _drop_what_no_longer_fits(self) -> None:
        """Drop what has expired, and what is too large alone and no reason to evict others."""
        now_ns, max_bytes = self._clock.now_ns(), self._max_bytes
        for key, entry in list(self._order.items()):
            self._n_bytes -= entry.n_bytes
            if max_bytes is None:
                entry.n_bytes = 0
            elif not entry.n_bytes:  # stored while no bytes were counted
                entry.n_bytes = size_bytes(key) + size_bytes(self._values[key])
            self._n_bytes += entry.n_bytes
            if self._entries_age:
                entry.since_ns = entry.since_ns or now_ns  # stored while entries did not age
            expired = self._entries_age and now_ns - entry.since_ns >= self._ttl_ns
            if expired or (max_bytes is not None and entry.n_bytes > max_bytes):
                self._remove(key)
                self._n_evicted += 1

    def _try_to_apply_recent(self) -> None:
        if not self._lock.acquire(blocking=False):
            # another thread is at it, and may have been put to sleep: do not ask with every hit
            self._apply_beyond = len(self._recent) + _BUFFER
            return
        try:
            self._apply_recent()
        finally:
            self._lock.release()

    def _apply_recent(self) -> None:
        n_recent = len(self._recent)
        keys = iter(self._recent[:n_recent])
        del self._recent[:n_recent]  # what other threads append meanwhile stays
        self._apply_beyond = _BUFFER
        move_to_end = self._order.move_to_end
        applied = False
        while not applied:
            with suppress(KeyError):  # of an entry that is gone; go on with the next
                deque(map(move_to_end, keys), maxlen=0)  # a loop without a line of Python
                applied = True

    def _evict(self) -> None:
        while len(self._order) > self._max_size or (
            self._max_bytes is not None and self._n_bytes > self._max_bytes
        ):
            self._remove(next(iter(self._order)))
            self._n_evicted += 1

    def _remove(self, key: Hashable) -> None:
        entry = self._order.pop(key, None)
        if entry is not None:
            del self._values[key]
            self._n_bytes -= entry.n_bytes

    def _drop_if_stale(self, key: Hashable) -> bool:
        with self._lock:
            entry = self._order.get(key)
            if entry is not None and self._clock.now_ns() - entry.since_ns < self._ttl_ns:
                return False
            if entry is not None:
                self._remove(key)
                self._n_evicted += 1
            return True
