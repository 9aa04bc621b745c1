"""Estimated memory of a key or a result."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any

__all__ = ["MAX_PARTS", "size_bytes"]

MAX_PARTS = 100_000
"""Containers and objects that are entered for one value."""

_LEAVES = (str, bytes, bytearray, int, float, complex, type(None))
_BELONGS_TO_THE_PROGRAM = (
    type,
    ModuleType,
    FunctionType,
    BuiltinFunctionType,
    CodeType,
    FrameType,
)


def size_bytes(value: Any) -> int:
    """Return the estimated memory of a value, in bytes.

    Counted is all that the value holds: what is in containers, in the attributes and slots of any
    object, and in what those hold in turn. A container or object that is held in several places
    counts once, a string or number each time; an array counts its elements, also where it views
    another's memory. Classes, functions and modules are not counted. What other values hold too,
    say a model that every result refers to, counts for each of them. An object whose class defines
    ``__sizeof__`` in Python is taken at its word and not entered.

    A value of more than ``MAX_PARTS`` containers and objects is larger than any bound.
    """
    n_bytes = 0
    entered: set[int] = set()
    parts = [value]
    while parts:
        part = parts.pop()
        if isinstance(part, _LEAVES):
            n_bytes += sys.getsizeof(part)
        elif id(part) not in entered and not isinstance(part, _BELONGS_TO_THE_PROGRAM):
            if len(entered) == MAX_PARTS:
                return sys.maxsize
            entered.add(id(part))
            own_bytes, held = _entered(part)
            n_bytes += own_bytes
            parts.extend(held)
    return n_bytes


def _entered(part: Any) -> tuple[int, Iterable[Any]]:
    """Return the size of a container or object without what it holds, and what it holds."""
    n_bytes = getattr(part, "nbytes", None)
    if isinstance(n_bytes, int):
        owns = getattr(part, "base", 0) is None
        return (sys.getsizeof(part) if owns else 112 + n_bytes), ()
    own_bytes = sys.getsizeof(part, 64)
    if isinstance(type(part).__sizeof__, FunctionType):
        return own_bytes, ()
    if isinstance(part, dict):
        return own_bytes, [*dict.keys(part), *dict.values(part)]  # the next line may leave out keys
    return own_bytes, gc.get_referents(part)
