"""Judge variants by their outputs on data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.optimization.models import BatchFunction, QuantizationType
from codomyrmex_lab.runtimes.outputs import check_payloads, cosine_similarity, output_rows
from codomyrmex_lab.runtimes.variant_status import VariantStatus

__all__ = ["OutputQuality", "WorstCase", "compare_outputs", "quality_frame", "worst_cases"]

_BYTES_PER_MB = 1e6


@dataclass(frozen=True, slots=True)
class OutputQuality:
    """How near outputs are to a reference, and to the truth.

    Parameters
    ----------
    n_samples : int
        Outputs compared.
    top1_agreement : float
        Fraction, 0 to 1, whose largest element is the reference's; NaN where an output has only
        one element.
    mean_cosine : float
        Mean cosine similarity to the reference, -1 to 1.
    accuracy : float
        Fraction, 0 to 1, whose largest element is the label's; NaN without labels.
    """

    n_samples: int
    top1_agreement: float
    mean_cosine: float
    accuracy: float


def compare_outputs(
    outputs: NDArray[Any], reference: NDArray[Any], labels: NDArray[Any] | None = None
) -> OutputQuality:
    """Compare outputs with a reference, and with labels where there are any.

    Parameters
    ----------
    outputs, reference : ndarray of float, shape (n_samples, n_elements)
        One row per request.
    labels : ndarray of int, shape (n_samples,), optional
        The right class of each request.

    Returns
    -------
    OutputQuality
        Agreement and accuracy.
    """
    several = outputs.shape[1] > 1
    top = outputs.argmax(axis=1)
    agreement = float((top == reference.argmax(axis=1)).mean()) if several else float("nan")
    accuracy = float((top == labels).mean()) if labels is not None else float("nan")
    cosine = float(cosine_similarity(outputs, reference).mean())
    return OutputQuality(len(outputs), agreement, cosine, accuracy)


@dataclass(frozen=True, slots=True)
class WorstCase:
    """An output that is far from its reference.

    Parameters
    ----------
    payload : int
        Which payload, from 0.
    cosine : float
        Cosine similarity to the reference.
    top1, reference_top1 : int
        Largest elements of both.
    """

    payload: int
    cosine: float
    top1: int
    reference_top1: int


def worst_cases(
    outputs: NDArray[Any], reference: NDArray[Any], n_worst: int
) -> tuple[WorstCase, ...]:
    """Return the outputs furthest from their references by cosine, the furthest first."""
    cosine = cosine_similarity(outputs, reference)
    return tuple(
        WorstCase(
            int(row), float(cosine[row]), int(outputs[row].argmax()), int(reference[row].argmax())
        )
        for row in np.argsort(cosine, kind="stable")[:n_worst]
    )


def quality_frame(
    statuses: Mapping[QuantizationType, VariantStatus],
    variant: Callable[[QuantizationType], BatchFunction],
    payloads: Sequence[Any],
    labels: ArrayLike | None = None,
    *,
    batch_size: int = 32,
) -> pd.DataFrame:
    """Run every available variant on the payloads and compare it with FP32.

    Of a model of several outputs, the first floating-point one is compared.

    Parameters
    ----------
    statuses : mapping of QuantizationType to VariantStatus
        The variants to list.
    variant : callable
        Gives the batch function of a variant.
    payloads : sequence
        Inputs of the batch functions.
    labels : array_like of int, shape (n_payloads,), optional
        The right class of each payload.
    batch_size : int
        Payloads per model call, at least 1.

    Returns
    -------
    pandas.DataFrame
        One row per variant: ``variant`` (index: the number format), ``available``, ``file_mb``
        (10^6 bytes), ``top1_agreement`` and ``mean_cosine`` with FP32, ``accuracy`` (NaN without
        labels), ``n_samples``, and ``reason`` where it is not available.

    Raises
    ------
    ModelError
        Payloads or labels cannot be used, or FP32, the reference, does not run.
    """
    check_payloads(payloads, batch_size)
    classes = None if labels is None else _checked_labels(labels, len(payloads))
    reference = output_rows(variant(QuantizationType.FP32), payloads, batch_size)
    rows: list[tuple[VariantStatus, OutputQuality | None]] = []
    for quantization, status in statuses.items():
        if not status.available:
            rows.append((status, None))
            continue
        try:
            outputs = output_rows(variant(quantization), payloads, batch_size)
        except ModelError as error:
            rows.append((replace(status, available=False, reason=str(error)), None))
        else:
            rows.append((status, compare_outputs(outputs, reference, classes)))
    return _frame(rows)


def _checked_labels(labels: ArrayLike, n_payloads: int) -> NDArray[Any]:
    classes = np.asarray(labels)
    if classes.shape != (n_payloads,) or classes.dtype.kind not in "iu":
        raise ModelError(
            f"labels is a {classes.dtype} array of shape {classes.shape}; expected the number of "
            f"the right class, from 0, for each of the {n_payloads} payloads."
        )
    return classes


def _frame(rows: Sequence[tuple[VariantStatus, OutputQuality | None]]) -> pd.DataFrame:
    nan = float("nan")
    records = []
    for status, quality in rows:
        size = nan if status.file_bytes is None else status.file_bytes / _BYTES_PER_MB
        judged = quality or OutputQuality(0, nan, nan, nan)
        records.append(
            {
                "variant": status.quantization.value,
                "available": status.available,
                "file_mb": size,
                **asdict(judged),
                "reason": status.reason,
            }
        )
    return pd.DataFrame(records).set_index("variant")
