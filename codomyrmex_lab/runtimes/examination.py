"""Run every variant of a model on data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.errors import ModelError, SettingError
from codomyrmex_lab.optimization.models import BatchFunction, QuantizationType, check_integer
from codomyrmex_lab.optimization.variants import Model
from codomyrmex_lab.runtimes.batch_dependence import batch_dependence
from codomyrmex_lab.runtimes.outputs import check_payloads, output_rows
from codomyrmex_lab.runtimes.quality import compare_outputs, worst_cases
from codomyrmex_lab.runtimes.quality_report import QualityReport, VariantQuality
from codomyrmex_lab.runtimes.service_latency import ServiceLatency, service_latencies
from codomyrmex_lab.runtimes.task_metric import Metric, TaskMetric
from codomyrmex_lab.runtimes.variant_status import ModelVariants, VariantStatus

__all__ = ["quality_report"]

_MOST_RUN_ALONE = 64


def quality_report(
    model: Model,
    payloads: Sequence[Any],
    references: ArrayLike | None = None,
    *,
    quality: Metric | None = None,
    batch_size: int = 32,
    batch_sizes: Sequence[int] = (1, 8, 32, 64),
    resident: bool = True,
    n_worst: int = 5,
    n_resamples: int = 1000,
    seed: int = 0,
) -> QualityReport:
    """Run every variant on data and report quality, agreement with FP32, sizes and latency.

    Parameters
    ----------
    model : Model
        A model with variants, or batch functions by ``QuantizationType``; FP32 among them.
    payloads : sequence
        Inputs of the model.
    references : array_like, shape (n_references, ...), optional
        What ``quality`` judges by. There are as many payloads as references, or k times as many:
        then k payloads in a row belong to one reference.
    quality : callable, optional
        Task metric: maps outputs, shape ``(n_payloads, n_elements)``, and references to a number;
        more is better. Without one, quality is agreement with FP32 and is called that: the
        fraction of equal largest elements where FP32's outputs are probabilities, the mean cosine
        elsewhere.
    batch_size : int
        Payloads per model call while judging.
    batch_sizes : sequence of int
        Batch sizes to time; none if empty.
    resident : bool
        Whether to measure memory, in a process of its own per variant.
    n_worst : int
        Worst cases to list per variant.
    n_resamples : int
        Bootstrap samples behind each interval, at least 100.
    seed : int
        Of the bootstrap.

    Returns
    -------
    QualityReport
        With a row for each variant, also those that are not available.

    Raises
    ------
    ModelError
        Payloads, references or metric cannot be used, or FP32, the reference, does not run.
    SettingError
        A setting is outside its range, or only one of ``quality`` and ``references`` is given.
    """
    check_payloads(payloads, batch_size)
    for size in batch_sizes:
        check_integer("batch_sizes", size, at_least=1)
    check_integer("n_worst", n_worst, at_least=0)
    check_integer("n_resamples", n_resamples, at_least=100)
    if (quality is None) != (references is None):
        raise SettingError(
            "quality and references belong together: give both, for example quality=accuracy with "
            "the right classes, or neither, for agreement with FP32."
        )
    variants = ModelVariants(model)
    reference_outputs = output_rows(variants.variant(QuantizationType.FP32), payloads, batch_size)
    metric = TaskMetric.of(quality, references, reference_outputs, n_resamples, seed)
    examination = _Examination(payloads, batch_size, reference_outputs, metric, n_worst, resident)

    functions: dict[QuantizationType, BatchFunction] = {}
    judged: list[VariantQuality] = []
    unavailable: list[VariantStatus] = []
    for quantization, status in variants.variants().items():
        try:
            if status.available:
                function = variants.variant(quantization)
                judged.append(examination.judge(status, function))
                functions[quantization] = function
            else:
                unavailable.append(status)
        except ModelError as error:
            if quantization is QuantizationType.FP32:
                raise
            unavailable.append(replace(status, available=False, reason=str(error)))
    timed = [time for size in batch_sizes for time in service_latencies(functions, payloads, size)]
    return QualityReport(
        metric=metric.name,
        metric_is_mean=metric.is_mean,
        n_examples=metric.n_examples,
        n_resamples=n_resamples,
        batch_size=batch_size,
        available=tuple(_with_latency(variant, timed) for variant in judged),
        unavailable=tuple(unavailable),
    )


@dataclass(frozen=True, slots=True)
class _Examination:
    """What every variant is put to."""

    payloads: Sequence[Any]
    batch_size: int
    reference_outputs: NDArray[np.float64]
    metric: TaskMetric
    n_worst: int
    resident: bool

    def judge(self, status: VariantStatus, function: BatchFunction) -> VariantQuality:
        outputs = output_rows(function, self.payloads, self.batch_size)
        if outputs.shape != self.reference_outputs.shape:
            raise ModelError(
                f"{status.quantization.name} returns outputs of shape {outputs.shape}, but FP32 "
                f"of {self.reference_outputs.shape}: no comparison."
            )
        quality, change = self.metric.judge(outputs)
        some = self.payloads[: max(_MOST_RUN_ALONE, self.batch_size)]
        measure: Callable[[Sequence[Any]], int | None] | None = (
            getattr(function, "resident_bytes", None) if self.resident else None
        )
        return VariantQuality(
            status=status,
            quality=quality,
            change=change,
            agreement=compare_outputs(outputs, self.reference_outputs),
            worst=()
            if status.quantization is QuantizationType.FP32
            else worst_cases(outputs, self.reference_outputs, self.n_worst),
            batch_dependence=batch_dependence(function, some, self.batch_size),
            resident_bytes=measure(self.payloads[: self.batch_size]) if measure else None,
        )


def _with_latency(variant: VariantQuality, timed: Sequence[ServiceLatency]) -> VariantQuality:
    own = [time for time in timed if time.quantization is variant.status.quantization]
    return replace(variant, latency=tuple(own))
