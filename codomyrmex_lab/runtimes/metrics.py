"""Metrics of outputs by references, for ``quality=``."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from codomyrmex_lab.runtimes.outputs import cosine_similarity

__all__ = ["accuracy", "mean_cosine", "top1_agreement"]


def accuracy(outputs: NDArray[Any], references: NDArray[Any]) -> float:
    """Return the fraction of outputs whose largest element is the right class's."""
    return float((outputs.argmax(axis=1) == references).mean())


def top1_agreement(outputs: NDArray[Any], references: NDArray[Any]) -> float:
    """Return the fraction of outputs whose largest element is that of the reference output."""
    return float((outputs.argmax(axis=1) == references.argmax(axis=1)).mean())


def mean_cosine(outputs: NDArray[Any], references: NDArray[Any]) -> float:
    """Return the mean cosine similarity of outputs and reference outputs."""
    return float(cosine_similarity(outputs, references).mean())
