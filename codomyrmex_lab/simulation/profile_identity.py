"""Which model a profile is of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codomyrmex_lab.tracing.provenance import json_ready

__all__ = ["has_identity", "model_identity"]


def model_identity(model: Any) -> str:
    """Return a model's ``identity``, or else the best name that there is for it."""
    if isinstance(model, Mapping):
        return ", ".join(f"{json_ready(key)}: {model_identity(one)}" for key, one in model.items())
    return str(json_ready(model))


def has_identity(model: Any) -> bool:
    """Tell whether equal names mean equal models: a function's name alone does not say so."""
    if isinstance(model, Mapping):
        return bool(model) and all(has_identity(one) for one in model.values())
    return isinstance(getattr(model, "identity", None), str)
