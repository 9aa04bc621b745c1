"""What is known of a model's variants beside their speed: quality, size and memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import pandas as pd

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization.models import OptimizationConfig, QuantizationType

__all__ = ["QualityData", "VariantFacts"]

_SIZE_COLUMNS = ("file_mb", "size_mb")
_QUALITY_COLUMNS = ("quality", "accuracy", "top1_agreement", "mean_cosine")
_BYTES_PER_MB = 1e6


@runtime_checkable
class _HasFrame(Protocol):
    def frame(self) -> pd.DataFrame: ...


QualityData = _HasFrame | pd.DataFrame | Mapping[QuantizationType, float]
"""A quality report, its frame with one row per variant, or only quality by number format."""


@dataclass(frozen=True, slots=True)
class VariantFacts:
    """Figures by number format; one that is missing is unknown.

    Parameters
    ----------
    quality : mapping
        Quality of the outputs; more is better.
    size_mb : mapping
        Size of the model's file, in 10^6 bytes.
    resident_mb : mapping
        Memory of the opened model, in 10^6 bytes; the file's size where it was not measured.
    result_bytes : float
        Memory of one cached result.
    measure : str
        What the quality is.
    """

    quality: Mapping[QuantizationType, float] = field(default_factory=dict)
    size_mb: Mapping[QuantizationType, float] = field(default_factory=dict)
    resident_mb: Mapping[QuantizationType, float] = field(default_factory=dict)
    result_bytes: float = 0.0
    measure: str = ""

    @classmethod
    def of(cls, data: QualityData | None, result_bytes: float = 0.0) -> VariantFacts:
        """Take the figures out of what a model's quality report says.

        Raises
        ------
        SettingError
            ``data`` is something else.
        """
        if data is None:
            return cls(result_bytes=result_bytes)
        if isinstance(data, Mapping):
            known = {_quantization(key): float(value) for key, value in data.items()}
            return cls(known, result_bytes=result_bytes, measure="quality")
        measure = str(getattr(data, "metric", ""))
        frame = data.frame() if isinstance(data, _HasFrame) else data
        if not isinstance(frame, pd.DataFrame) or frame.empty:
            raise SettingError(
                f"quality is {type(data).__name__}; expected what model.quality(payloads) "
                "returns, or a mapping of QuantizationType to quality."
            )
        column, quality = _first_known(frame, _QUALITY_COLUMNS)
        _, size_mb = _first_known(frame, _SIZE_COLUMNS)
        _, resident_mb = _first_known(frame, ("resident_mb",))
        return cls(quality, size_mb, {**size_mb, **resident_mb}, result_bytes, measure or column)

    def figures(self, config: OptimizationConfig) -> dict[str, float]:
        """Return the figures of a config's variant and cache; NaN where unknown."""
        cached_mb = 0.0
        if config.enable_caching:
            cached_bytes = config.cache_max_size * self.result_bytes
            cached_mb = min(cached_bytes, config.cache_max_bytes or math.inf) / _BYTES_PER_MB
        key = config.quantization
        return {
            "quality": self.quality.get(key, math.nan),
            "size_mb": self.size_mb.get(key, math.nan),
            "memory_mb": self.resident_mb.get(key, math.nan) + cached_mb,
        }

    def knows(self, figure: str) -> bool:
        """Tell whether a figure is known of any variant."""
        known = {
            "quality": self.quality,
            "size_mb": self.size_mb,
            "memory_mb": self.resident_mb,
        }
        return bool(known.get(figure, True))


def _first_known(
    frame: pd.DataFrame, columns: tuple[str, ...]
) -> tuple[str, dict[QuantizationType, float]]:
    for column in columns:
        if column in frame and frame[column].notna().any():
            rows = frame[column].dropna()
            return column, {_quantization(key): float(value) for key, value in rows.items()}
    return "", {}


def _quantization(key: Any) -> QuantizationType:
    try:
        return QuantizationType(key)
    except ValueError:
        known = ", ".join(one.value for one in QuantizationType)
        raise SettingError(f"quality is given for {key!r}; expected some of {known}.") from None
