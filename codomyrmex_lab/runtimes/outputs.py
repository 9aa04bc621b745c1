"""Run payloads and see their outputs as rows of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.optimization.models import BatchFunction, check_integer

__all__ = ["check_payloads", "cosine_similarity", "output_rows"]


def check_payloads(payloads: Sequence[Any], batch_size: int) -> None:
    """Raise ``SettingError`` or ``ModelError`` unless there is something to run."""
    check_integer("batch_size", batch_size, at_least=1)
    if not len(payloads):
        raise ModelError("There are no payloads to judge by; expected at least one.")


def output_rows(
    batch_function: BatchFunction, payloads: Sequence[Any], batch_size: int
) -> NDArray[np.float64]:
    """Run payloads in batches and return their outputs.

    Of a model of several outputs, the first floating-point one is taken.

    Parameters
    ----------
    batch_function : callable
        Maps a list of payloads to their outputs.
    payloads : sequence
        Its inputs.
    batch_size : int
        Payloads per call.

    Returns
    -------
    float64, shape (n_payloads, n_elements)
        One flattened output per payload.

    Raises
    ------
    ModelError
        The outputs are not numbers, or differ in length.
    """
    rows: list[NDArray[Any]] = []
    for first in range(0, len(payloads), batch_size):
        outputs = batch_function(list(payloads[first : first + batch_size]))
        rows.extend(_numbers(output).ravel() for output in outputs)
    if len({len(row) for row in rows}) > 1:
        raise ModelError("The outputs differ in length from request to request: no comparison.")
    return np.stack(rows).astype(np.float64)


def cosine_similarity(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Return the cosine of each row pair; zero rows are equal, and nothing else is like one.

    Parameters
    ----------
    a, b : ndarray of float, shape (n_samples, n_elements)
        Rows to compare.

    Returns
    -------
    float64, shape (n_samples,)
        From -1 to 1.
    """
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    products = np.einsum("ij,ij->i", a, b)
    cosine = np.divide(products, norms, out=np.zeros(len(a)), where=norms > 0)
    both_zero = ~a.any(axis=1) & ~b.any(axis=1)
    return np.where(both_zero, 1.0, cosine)


def _numbers(output: Any) -> NDArray[Any]:
    for candidate in output.values() if isinstance(output, Mapping) else (output,):
        if isinstance(candidate, np.ndarray | np.generic) and candidate.dtype.kind == "f":
            return np.asarray(candidate)
        if isinstance(candidate, float):
            return np.float64(candidate).reshape(1)
    raise ModelError("The model has no output of floating-point numbers to judge it by.")
