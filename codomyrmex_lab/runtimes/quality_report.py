"""What each variant of a model buys in time and memory, and what it costs in answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes.batch_dependence import BatchDependence
from codomyrmex_lab.runtimes.quality import OutputQuality, WorstCase
from codomyrmex_lab.runtimes.service_latency import ServiceLatency
from codomyrmex_lab.runtimes.variant_status import VariantStatus
from codomyrmex_lab.tracing import Estimate

__all__ = ["QualityReport", "VariantQuality"]

_BYTES_PER_MB = 1e6
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class VariantQuality:
    """What is measured of one variant.

    Parameters
    ----------
    status : VariantStatus
        Whether it is available, its file, its conversion and its providers.
    quality : Estimate
        Value of the task metric, with its interval.
    change : Estimate
        Its difference from FP32's, on the same examples, with its interval. An interval of no width
        says that none of these examples came out differently, not that none would.
    agreement : OutputQuality
        How near its outputs are to those of FP32.
    worst : tuple of WorstCase
        The outputs furthest from those of FP32.
    batch_dependence : BatchDependence
        How much its outputs depend on batch mates.
    resident_bytes : int or None
        Memory to open it and to run one batch, in a process of its own; None where not measured.
    latency : tuple of ServiceLatency
        Time of a model call, by batch size.
    """

    status: VariantStatus
    quality: Estimate
    change: Estimate
    agreement: OutputQuality
    worst: tuple[WorstCase, ...]
    batch_dependence: BatchDependence
    resident_bytes: int | None
    latency: tuple[ServiceLatency, ...] = ()

    def record(self) -> dict[str, Any]:
        """Return its row of the report's frame."""
        resident = self.resident_bytes
        return _status_record(self.status) | {
            "resident_mb": _NAN if resident is None else resident / _BYTES_PER_MB,
            "n_examples": self.quality.n_samples,
            "quality": self.quality.value,
            "quality_ci_low": self.quality.ci_low,
            "quality_ci_high": self.quality.ci_high,
            "change": self.change.value,
            "change_ci_low": self.change.ci_low,
            "change_ci_high": self.change.ci_high,
            "top1_agreement": self.agreement.top1_agreement,
            "mean_cosine": self.agreement.mean_cosine,
            "batch_mate_worst_cosine": self.batch_dependence.worst_cosine,
            "batch_mate_top1_changed": self.batch_dependence.top1_changed,
            "depends_on_batch": self.batch_dependence.depends,
        }


@dataclass(frozen=True, slots=True)
class QualityReport:
    """A model's variants, judged by their outputs on data.

    Parameters
    ----------
    metric : str
        Name of the task metric.
    metric_is_mean : bool
        Whether it acts as a mean over examples.
    n_examples : int
        Examples judged.
    n_resamples : int
        Bootstrap samples behind the intervals.
    batch_size : int
        Payloads per model call while judging.
    available : tuple of VariantQuality
        What runs here, FP32 first.
    unavailable : tuple of VariantStatus
        What does not, and why.
    """

    metric: str
    metric_is_mean: bool
    n_examples: int
    n_resamples: int
    batch_size: int
    available: tuple[VariantQuality, ...]
    unavailable: tuple[VariantStatus, ...]

    def __getitem__(self, quantization: QuantizationType) -> VariantQuality:
        for variant in self.available:
            if variant.status.quantization is quantization:
                return variant
        raise KeyError(quantization)

    @property
    def scope(self) -> str:
        """What the figures rest on, in one sentence."""
        kind = "a mean over examples" if self.metric_is_mean else "not a mean over examples"
        return (
            f"quality is {self.metric}, {kind}, on {self.n_examples:,} examples in batches of "
            f"{self.batch_size}; 95% intervals from {self.n_resamples:,} bootstrap samples of "
            "whole examples"
        )

    def quality(self) -> dict[QuantizationType, float]:
        """Return the value of the task metric of each available variant."""
        return {v.status.quantization: v.quality.value for v in self.available}

    def frame(self) -> pd.DataFrame:
        """Return one row per variant, indexed by ``variant``; sizes are in 10^6 bytes."""
        records = [variant.record() for variant in self.available]
        records += [_status_record(status) for status in self.unavailable]
        return pd.DataFrame(records).set_index("variant")

    def latency(self) -> pd.DataFrame:
        """Return one row per variant and batch size, with the columns of ``ServiceLatency``."""
        records = [asdict(latency) for variant in self.available for latency in variant.latency]
        frame = pd.DataFrame(records, columns=list(ServiceLatency.__dataclass_fields__))
        frame.insert(0, "variant", [quantization.value for quantization in frame["quantization"]])
        return frame.drop(columns="quantization").set_index(["variant", "batch_size"])

    def worst(self) -> pd.DataFrame:
        """Return the outputs furthest from those of FP32, with the columns of ``WorstCase``."""
        records = [
            {"variant": variant.status.quantization.value} | asdict(case)
            for variant in self.available
            for case in variant.worst
        ]
        columns = ["variant", *WorstCase.__dataclass_fields__]
        return pd.DataFrame(records, columns=columns).set_index(["variant", "payload"])

    def __repr__(self) -> str:
        return f"<QualityReport: {self.scope}>"

    def _repr_html_(self) -> str:
        return f"<p>{self.scope}</p>{self.frame().T.to_html(na_rep='')}"


def _status_record(status: VariantStatus) -> dict[str, Any]:
    return {
        "variant": status.quantization.value,
        "available": status.available,
        "reason": status.reason,
        "method": status.method,
        "file_mb": _NAN if status.file_bytes is None else status.file_bytes / _BYTES_PER_MB,
        "conversion_s": status.conversion_s,
        "providers": ", ".join(status.providers),
        "intra_op_threads": status.intra_op_threads,
    }
