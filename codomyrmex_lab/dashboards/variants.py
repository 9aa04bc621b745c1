"""Which number formats a model offers, and why not the others."""

from __future__ import annotations

from collections.abc import Mapping

from codomyrmex_lab.optimization.models import QuantizationType, SupportsVariants
from codomyrmex_lab.optimization.optimizer import Model

__all__ = ["is_plain_callable", "missing_variants"]


def is_plain_callable(model: Model) -> bool:
    """Whether the model is one function, without variants."""
    return not isinstance(model, Mapping) and not isinstance(model, SupportsVariants)


def missing_variants(model: Model) -> dict[QuantizationType, str]:
    """Return the number formats that the model does not offer, each with the reason."""
    if isinstance(model, Mapping):
        return {q: "no function was given for it" for q in QuantizationType if q not in model}
    if is_plain_callable(model):
        return {
            q: "a plain callable runs as it is"
            for q in QuantizationType
            if q is not QuantizationType.FP32
        }
    return {}
