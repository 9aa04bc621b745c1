"""A thread-safe cache of results that evicts the least recently accessed key."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from codomyrmex_lab.optimization.models import check_integer

__all__ = ["InferenceCache"]

_ABSENT = object()


class InferenceCache:
    """Least-recently-used cache.

    Any value may be stored: a stored ``None``, ``False`` or ``0`` is a hit like any other.

    Parameters
    ----------
    max_size : int
        Entries kept, at least 1.

    Raises
    ------
    SettingError
        ``max_size`` is not a whole number of at least 1.
    """

    def __init__(self, max_size: int = 1000) -> None:
        check_integer("max_size", max_size, at_least=1)
        self._max_size = max_size
        self._entries: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def max_size(self) -> int:
        """Entries kept at most."""
        return self._max_size

    @property
    def size(self) -> int:
        """Entries now in the cache."""
        with self._lock:
            return len(self._entries)

    def get(self, key: Hashable, default: Any = None) -> Any:
        """Return the value stored under ``key`` and make it the most recent one.

        Parameters
        ----------
        key : Hashable
            As given to :meth:`put`.
        default : Any
            Returned where nothing is stored; a sentinel tells an absent key from a stored ``None``.
        """
        with self._lock:
            value = self._entries.get(key, _ABSENT)
            if value is _ABSENT:
                return default
            self._entries.move_to_end(key)
            return value

    def put(self, key: Hashable, value: Any) -> None:
        """Store ``value`` as the most recent entry; evict the least recent one if need be."""
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            if len(self._entries) > self._max_size:
                self._entries.popitem(last=False)

    def contains(self, key: Hashable) -> bool:
        """Tell whether ``key`` is stored; does not count as an access."""
        with self._lock:
            return key in self._entries

    def clear(self) -> None:
        """Forget every entry."""
        with self._lock:
            self._entries.clear()
