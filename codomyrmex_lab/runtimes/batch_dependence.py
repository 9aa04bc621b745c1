"""How much an input's output depends on what else is in its batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codomyrmex_lab.optimization.models import BatchFunction
from codomyrmex_lab.runtimes.outputs import cosine_similarity, output_rows

__all__ = ["BatchDependence", "batch_dependence"]

_ROUNDING = 1e-3  # of the largest element: sums in another order differ by less, also in 16 bits


@dataclass(frozen=True, slots=True)
class BatchDependence:
    """Outputs of inputs alone, compared with those of the same inputs in a batch.

    Parameters
    ----------
    n_samples : int
        Inputs compared.
    batch_size : int
        Inputs per batch.
    mean_cosine, worst_cosine : float
        Cosine similarity of both outputs; 1 where batch mates do not matter.
    largest_difference : float
        Of any element, as a fraction of the largest element of all outputs.
    top1_changed : float
        Fraction of inputs whose largest element is another one; NaN for outputs of one element.
    """

    n_samples: int
    batch_size: int
    mean_cosine: float
    worst_cosine: float
    largest_difference: float
    top1_changed: float

    @property
    def depends(self) -> bool:
        """Whether the outputs differ by more than sums in another order do."""
        return self.largest_difference > _ROUNDING


def batch_dependence(
    batch_function: BatchFunction, payloads: Sequence[Any], batch_size: int
) -> BatchDependence:
    """Run each payload alone and in a batch, and compare.

    Parameters
    ----------
    batch_function : callable
        Maps a list of payloads to their outputs.
    payloads : sequence
        At least one.
    batch_size : int
        Payloads per batch.

    Returns
    -------
    BatchDependence
        How far they are apart.
    """
    alone = output_rows(batch_function, payloads, 1)
    together = output_rows(batch_function, payloads, batch_size)
    cosine = cosine_similarity(alone, together)
    changed = alone.argmax(axis=1) != together.argmax(axis=1)
    scale = np.abs(alone).max() or 1.0
    return BatchDependence(
        n_samples=len(payloads),
        batch_size=min(batch_size, len(payloads)),
        mean_cosine=float(cosine.mean()),
        worst_cosine=float(cosine.min()),
        largest_difference=float(np.abs(alone - together).max() / scale),
        top1_changed=float(changed.mean()) if alone.shape[1] > 1 else float("nan"),
    )
