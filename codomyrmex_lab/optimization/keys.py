"""Exact cache keys: equal only for inputs equal in type, shape, dtype and content.

A key is built from immutable copies, so an input that its owner changes afterwards leaves the key
as it was, and nothing is abbreviated or hashed, so no two different inputs share one. Every key
but a plain ``str`` or ``bytes`` is a tuple that begins with a type; two keys can therefore be
equal only where types agree at every level.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from enum import Enum, Flag
from functools import lru_cache
from typing import Any

from codomyrmex_lab.errors import UnkeyableInputError

__all__ = ["exact_key"]

_MADE_BY_CLASS_STATEMENT = 1 << 9  # Py_TPFLAGS_HEAPTYPE


def exact_key(value: Any) -> Hashable:
    """Return the exact key of an input.

    Supported are ``None``, ``bool``, ``int``, ``float`` (by bits: ``0.0`` and ``-0.0`` differ),
    ``complex``, ``str``, ``bytes``, ``bytearray``, ``range``, ``tuple`` and named tuples, ``list``,
    ``dict`` (in its order), ``set``, ``frozenset``, enum members, dataclasses, NumPy arrays and
    scalars, nested to any depth.

    Parameters
    ----------
    value : Any
        The input.

    Returns
    -------
    Hashable
        Its key.

    Raises
    ------
    UnkeyableInputError
        The input, or something within it, is of another type or contains itself.
    """
    kind = type(value)
    if kind is str or kind is bytes:
        return value  # type: ignore[no-any-return]
    try:
        return _keyer(kind)(value)  # type: ignore[arg-type]
    except RecursionError:
        raise UnkeyableInputError(
            f"The input of type {kind.__qualname__} contains itself or is nested too deeply for an "
            "exact cache key; pass key_fn=..., or use_cache=False."
        ) from None


@lru_cache(maxsize=512)
def _keyer(kind: type) -> Callable[[Any], Hashable]:
    keyer = _BUILTIN.get(kind) or _derived_keyer(kind)
    if keyer is None:
        raise UnkeyableInputError(
            f"No exact cache key is known for an input of type {kind.__module__}."
            f"{kind.__qualname__}; pass key_fn=..., which returns a hashable key for an input, "
            "or use_cache=False."
        )
    return keyer


def _derived_keyer(kind: type) -> Callable[[Any], Hashable] | None:
    if issubclass(kind, Enum):
        return _enum_key
    if is_dataclass(kind) and _holds_nothing_but_fields(kind):
        return _dataclass_keyer(kind)
    if issubclass(kind, tuple) and hasattr(kind, "_fields") and kind.__dictoffset__ == 0:
        return lambda value: (kind, *map(exact_key, value))
    if kind.__module__ == "numpy" and kind.__qualname__ == "ndarray":
        return _array_key
    is_scalar = any(
        base.__module__ == "numpy" and base.__qualname__ == "generic" for base in kind.__mro__
    )
    if is_scalar and kind.__dictoffset__ == 0 and "__slots__" not in vars(kind):
        return _scalar_key
    return None


def _enum_key(value: Any) -> Hashable:
    kind, name = type(value), value._name_
    if kind.__members__.get(name) is value:
        return (kind, name)
    if isinstance(value, Flag):  # a combination, or bits that have no name
        return (kind, value._value_)
    raise UnkeyableInputError(
        f"An input of the enum {kind.__qualname__} is none of its members and has no exact cache "
        "key; pass key_fn=..., or use_cache=False."
    )


def _holds_nothing_but_fields(kind: type) -> bool:
    """Tell whether a dataclass has no built-in base with content, and no slot beside its fields."""
    names = {field.name for field in fields(kind)}
    for base in kind.__mro__[:-1]:
        if not base.__flags__ & _MADE_BY_CLASS_STATEMENT:
            return False
        slots = vars(base).get("__slots__", ())
        slots = {slots} if isinstance(slots, str) else {*slots}
        if slots - names - {"__dict__", "__weakref__"}:
            return False
    return True


def _dataclass_keyer(kind: type) -> Callable[[Any], Hashable]:
    names = tuple(field.name for field in fields(kind))

    def key(value: Any) -> Hashable:
        extra = set(getattr(value, "__dict__", ())) - set(names)
        if extra:
            raise UnkeyableInputError(
                f"An input of the dataclass {kind.__qualname__} carries {sorted(extra)[0]!r}, "
                "which is not one of its fields; pass key_fn=..., or use_cache=False."
            )
        try:
            contents = [getattr(value, name) for name in names]
        except AttributeError as error:
            raise UnkeyableInputError(
                f"An input of the dataclass {kind.__qualname__} has no value for "
                f"{error.name!r}; set the field, pass key_fn=..., or use_cache=False."
            ) from error
        return (kind, *map(exact_key, contents))

    return key


def _array_key(value: Any) -> Hashable:
    if value.dtype.hasobject:
        raise UnkeyableInputError(
            f"A NumPy array of dtype {value.dtype} holds Python objects and has no exact cache "
            "key; pass key_fn=..., or use_cache=False."
        )
    return (type(value), value.dtype, value.shape, value.tobytes())


def _scalar_key(value: Any) -> Hashable:
    if value.dtype.hasobject:
        raise UnkeyableInputError(
            f"A NumPy scalar of dtype {value.dtype} holds Python objects and has no exact cache "
            "key; pass key_fn=..., or use_cache=False."
        )
    return (type(value), value.dtype, value.tobytes())


def _as_is(value: Any) -> Hashable:
    return (type(value), value)


def _set_key(value: Any) -> Hashable:
    return (type(value), frozenset(map(exact_key, value)))


_float_bits = struct.Struct("<d").pack
_complex_bits = struct.Struct("<dd").pack

_BUILTIN: dict[type, Callable[[Any], Hashable]] = {
    type(None): lambda value: (type(None),),
    bool: _as_is,
    int: _as_is,
    float: lambda value: (float, _float_bits(value)),
    complex: lambda value: (complex, _complex_bits(value.real, value.imag)),
    str: lambda value: value,
    bytes: lambda value: value,
    bytearray: lambda value: (bytearray, bytes(value)),
    range: lambda value: (range, value.start, value.stop, value.step),
    tuple: lambda value: (tuple, *map(exact_key, value)),
    list: lambda value: (list, *map(exact_key, value)),
    dict: lambda value: (dict, *[(exact_key(k), exact_key(v)) for k, v in value.items()]),
    set: _set_key,
    frozenset: _set_key,
}
