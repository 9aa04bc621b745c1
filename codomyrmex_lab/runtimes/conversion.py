"""Convert an ONNX model to another number format with ONNX Runtime's own tools."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnxruntime

from codomyrmex_lab.errors import SettingError, VariantError
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.optimization.models import QuantizationType, check_integer

__all__ = ["ConversionSettings", "conversion_key", "convert"]

_WORKER = Path(__file__).with_name("conversion_worker.py")
_RECIPE = 1  # raise it when the worker converts differently: files converted before are not reused
_logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ConversionSettings:
    """How variants are converted.

    Parameters
    ----------
    int8_per_channel : bool
        One scale per output channel of a weight; otherwise one for the whole weight.
    int4_block_size : int
        Consecutive weights that share a scale: a power of two, at least 16.
    """

    int8_per_channel: bool = True
    int4_block_size: int = 32

    def __post_init__(self) -> None:
        check_integer("int4_block_size", self.int4_block_size, at_least=16)
        if self.int4_block_size.bit_count() != 1:
            raise SettingError(
                f"int4_block_size is {self.int4_block_size}; expected a power of two."
            )

    def of(self, quantization: QuantizationType) -> dict[str, Any]:
        """Return the settings that the conversion to one number format depends on."""
        if quantization is QuantizationType.INT8:
            return {"per_channel": self.int8_per_channel}
        if quantization is QuantizationType.INT4:
            return {"block_size": self.int4_block_size}
        return {}


def conversion_key(
    source_sha256: str, quantization: QuantizationType, settings: ConversionSettings
) -> str:
    """Return a hash of all that the converted file depends on, tools included."""
    parts = {
        "source": source_sha256,
        "quantization": quantization.value,
        "settings": settings.of(quantization),
        "recipe": _RECIPE,
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def convert(
    source: Path, target: Path, quantization: QuantizationType, settings: ConversionSettings
) -> None:
    """Convert ``source`` and write the result to ``target``, in a process of its own.

    Raises
    ------
    VariantError
        The tools cannot convert this model; the message says why.
    """
    arguments = [
        str(source),
        str(target),
        quantization.value,
        json.dumps(settings.of(quantization)),
    ]
    process = subprocess.run(
        [sys.executable, "-P", str(_WORKER), *arguments],
        capture_output=True,
        check=False,
        text=True,
        errors="replace",
    )
    _logger.debug("converting %s to %s:\n%s", source, quantization.name, process.stderr)
    if process.returncode:
        raise VariantError(
            f"{source.name} cannot be converted to {quantization.name}: {_reason(process)}."
        )


def _reason(process: subprocess.CompletedProcess[str]) -> str:
    if process.returncode < 0:
        return f"the conversion was ended by signal {-process.returncode}; is there enough memory?"
    lines = process.stderr.strip().splitlines() or [f"exit code {process.returncode}"]
    return lines[-1].strip().rstrip(".")
