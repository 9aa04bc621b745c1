"""Which model a profile is of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["has_identity"]


def has_identity(model: Any) -> bool:
    """Tell whether equal names mean equal models: a function's name alone does not say so."""
    if isinstance(model, Mapping):
        return bool(model) and all(has_identity(one) for one in model.values())
    return isinstance(getattr(model, "identity", None), str)
