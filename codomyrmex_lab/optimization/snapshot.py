"""Results as the cache keeps them: independent of what callers do with theirs."""

from __future__ import annotations

import copy
from enum import Enum
from typing import Any

__all__ = ["snapshot"]

_IMMUTABLE = frozenset({type(None), bool, int, float, complex, str, bytes, range})


def snapshot(value: Any) -> Any:
    """Return a copy of a result that its producer can no longer change.

    Immutable values are returned as they are. A NumPy array is copied, so that a row does not keep
    its whole batch in memory, and made read-only, because later hits share it. Everything else is
    copied deeply.
    """
    kind = type(value)
    if kind in _IMMUTABLE or isinstance(value, Enum):
        return value
    if kind.__module__ == "numpy" and kind.__qualname__ == "ndarray" and not value.dtype.hasobject:
        stored = value.copy()
        stored.setflags(write=False)
        return stored
    return copy.deepcopy(value)
