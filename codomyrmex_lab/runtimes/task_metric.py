"""A task metric on its references, and how sure its values are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.errors import ModelError
from codomyrmex_lab.runtimes.metrics import mean_cosine, top1_agreement
from codomyrmex_lab.tracing import Estimate

__all__ = ["Metric", "TaskMetric"]

Metric = Callable[[NDArray[Any], NDArray[Any]], float]
"""Judges outputs, shape ``(n_payloads, n_elements)``, by references: more is better."""

_TOLERANCE = 1e-9
_SPLITS = 3


@dataclass(frozen=True, slots=True, eq=False)
class TaskMetric:
    """A metric, its references, and its values on FP32's outputs, to compare others with.

    Parameters
    ----------
    name : str
        What it is called.
    function : callable
        The metric.
    references : ndarray, shape (n_references, ...)
        What outputs are judged by.
    is_mean : bool
        Whether it acts as a mean over examples, as accuracy does and a rank correlation does not.
    value : float
        Of FP32.
    resampled : float64, shape (n_resamples,)
        Of FP32 on each bootstrap sample.
    seed : int
        Of the bootstrap: every variant is judged on the same samples.
    """

    name: str
    function: Metric
    references: NDArray[Any]
    is_mean: bool
    value: float
    resampled: NDArray[np.float64]
    seed: int

    @classmethod
    def of(
        cls,
        function: Metric | None,
        references: ArrayLike | None,
        fp32_outputs: NDArray[np.float64],
        n_resamples: int,
        seed: int,
    ) -> TaskMetric:
        """Return a metric on references, or agreement with FP32 where none is given.

        Raises
        ------
        ModelError
            The references do not fit the outputs, or the metric fails on them.
        """
        if function is None or references is None:
            name, function = _agreement(fp32_outputs)
            known: NDArray[Any] = fp32_outputs
        else:
            name = getattr(function, "__name__", type(function).__name__)
            known = _fitting(references, len(fp32_outputs))
        return cls(
            name,
            function,
            known,
            _is_mean(function, fp32_outputs, known, seed),
            _evaluate(function, fp32_outputs, known),
            _resampled(function, fp32_outputs, known, n_resamples, seed),
            seed,
        )

    @property
    def n_examples(self) -> int:
        """References, each with its output or outputs."""
        return len(self.references)

    def judge(self, outputs: NDArray[np.float64]) -> tuple[Estimate, Estimate]:
        """Return a variant's value and its difference from FP32's, each with its 95% interval."""
        value = _evaluate(self.function, outputs, self.references)
        values = _resampled(self.function, outputs, self.references, len(self.resampled), self.seed)
        return (
            _estimate(value, values, self.n_examples),
            _estimate(value - self.value, values - self.resampled, self.n_examples),
        )


def _agreement(fp32_outputs: NDArray[np.float64]) -> tuple[str, Metric]:
    sums = fp32_outputs.sum(axis=1)
    several = fp32_outputs.shape[1] > 1
    if several and (fp32_outputs >= 0).all() and np.allclose(sums, 1.0, atol=1e-3):
        return "agreement with FP32 (top-1)", top1_agreement
    return "agreement with FP32 (mean cosine)", mean_cosine


def _fitting(references: ArrayLike, n_outputs: int) -> NDArray[Any]:
    known = np.asarray(references)
    if known.ndim == 0 or not len(known) or n_outputs % len(known):
        raise ModelError(
            f"references has shape {known.shape} for {n_outputs} payloads; expected one reference "
            "per payload, or per group of equally many payloads."
        )
    return known


def _evaluate(metric: Metric, outputs: NDArray[Any], references: NDArray[Any]) -> float:
    name = getattr(metric, "__name__", "quality")
    try:
        value = cast(Any, metric(outputs, references))
    except Exception as error:  # it is the user's function: anything may go wrong
        raise ModelError(
            f"The metric {name!r} failed on outputs of shape {outputs.shape} and references of "
            f"shape {references.shape}: {type(error).__name__}: {error}."
        ) from error
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"The metric {name!r} returned a {type(value).__name__}; expected one number."
        ) from error


def _resampled(
    metric: Metric,
    outputs: NDArray[Any],
    references: NDArray[Any],
    n_resamples: int,
    seed: int,
) -> NDArray[np.float64]:
    """Return the metric on bootstrap samples of the references; equal seeds, equal samples."""
    random = np.random.default_rng(seed)
    n = len(references)
    return np.array(
        [
            _evaluate(metric, *_taken(outputs, references, random.integers(0, n, n)))
            for _ in range(n_resamples)
        ]
    )


def _is_mean(metric: Metric, outputs: NDArray[Any], references: NDArray[Any], seed: int) -> bool:
    """Whether the value of all examples is the weighted mean of those of two parts."""
    random = np.random.default_rng(seed)
    n = len(references)
    whole = _evaluate(metric, outputs, references)
    for _ in range(_SPLITS if n > 1 else 0):
        order = random.permutation(n)
        cut = n // 3 + 1
        parts = [part for part in (order[:cut], order[cut:]) if len(part)]
        values = [_evaluate(metric, *_taken(outputs, references, part)) for part in parts]
        mean = float(np.average(values, weights=[len(part) for part in parts]))
        if not math.isclose(mean, whole, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE):
            return False
    return True


def _taken(
    outputs: NDArray[Any], references: NDArray[Any], chosen: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return some references, each with all its outputs."""
    k = len(outputs) // len(references)
    rows = chosen if k == 1 else (chosen[:, None] * k + np.arange(k)).ravel()
    return outputs[rows], references[chosen]


def _estimate(value: float, values: NDArray[np.float64], n_samples: int) -> Estimate:
    """Return a value with the interval that holds 95% of its bootstrap values."""
    defined = values[~np.isnan(values)]  # a correlation is not, on a sample of equal numbers
    if not len(defined):
        return Estimate(value, math.nan, math.nan, n_samples)
    low, high = np.quantile(defined, [0.025, 0.975])
    return Estimate(value, float(low), float(high), n_samples)
