"""Estimated memory of a key or a result."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

__all__ = ["size_bytes"]


def size_bytes(value: Any) -> int:
    """Return the estimated memory of a value, in bytes.

    Containers and dataclasses are entered; an array that views another's memory counts its own
    elements. Shared parts count each time, so the estimate errs on the large side; a value that
    contains itself, or is nested too deeply, is larger than any bound.
    """
    try:
        return _size_bytes(value)
    except RecursionError:
        return sys.maxsize


def _size_bytes(value: Any) -> int:
    if isinstance(value, str | bytes | bytearray | int | float | bool) or value is None:
        return sys.getsizeof(value)
    n_bytes = getattr(value, "nbytes", None)
    if isinstance(n_bytes, int):
        return sys.getsizeof(value) if getattr(value, "base", 0) is None else 112 + n_bytes
    own = sys.getsizeof(value, 64)
    if isinstance(value, Mapping):
        return own + sum(_size_bytes(k) + _size_bytes(v) for k, v in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return own + sum(map(_size_bytes, value))
    if is_dataclass(value) and not isinstance(value, type):
        return own + sum(_size_bytes(getattr(value, field.name)) for field in fields(value))
    return own
