"""Convert an ONNX model to another number format with ONNX Runtime's own tools."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import onnxruntime

from codomyrmex_lab.errors import SettingError, VariantError
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.optimization.models import QuantizationType, check_integer
from codomyrmex_lab.runtimes.calibration import Calibration
from codomyrmex_lab.runtimes.conversion_progress import ConversionProgress, ProgressFunction
from codomyrmex_lab.runtimes.session import runtime_reason

__all__ = ["Conversion", "ConversionSettings"]

_WORKER = Path(__file__).with_name("conversion_worker.py")
_RECIPE = 4  # raise it when the worker converts differently: files converted before are not reused
_INT4_BLOCK_SIZES = (16, 32, 64, 128, 256)  # that ONNX Runtime's quantizer has code for
_logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ConversionSettings:
    """How variants are converted.

    Parameters
    ----------
    int8_per_channel : bool
        One scale per output channel of a weight; otherwise one for the whole weight.
    int4_block_size : int
        Consecutive weights that share a scale: 16, 32, 64, 128 or 256.

    Raises
    ------
    SettingError
        A setting is outside its range.
    """

    int8_per_channel: bool = True
    int4_block_size: int = 32

    def __post_init__(self) -> None:
        if not isinstance(self.int8_per_channel, bool):
            raise SettingError(
                f"int8_per_channel is {self.int8_per_channel!r}; expected True or False."
            )
        check_integer("int4_block_size", self.int4_block_size, at_least=16)
        if self.int4_block_size not in _INT4_BLOCK_SIZES:
            raise SettingError(
                f"int4_block_size is {self.int4_block_size}; expected one of "
                f"{', '.join(map(str, _INT4_BLOCK_SIZES))}."
            )

    def of(self, quantization: QuantizationType) -> dict[str, Any]:
        """Return the settings that the conversion to one number format depends on."""
        if quantization is QuantizationType.INT8:
            return {"per_channel": self.int8_per_channel}
        if quantization is QuantizationType.INT4:
            return {"block_size": self.int4_block_size}
        return {}


@dataclass(frozen=True, slots=True)
class Conversion:
    """The way from a model file to one of its variants.

    Parameters
    ----------
    source : pathlib.Path
        ONNX file to convert.
    source_sha256 : str
        Hash of its content.
    quantization : QuantizationType
        Number format to convert it to.
    settings : ConversionSettings
        How.
    calibration : Calibration or None
        Inputs that INT8 takes the scales of activations from; without them INT8 is dynamic.
        The other formats do not depend on it.
    """

    source: Path
    source_sha256: str
    quantization: QuantizationType
    settings: ConversionSettings = ConversionSettings()
    calibration: Calibration | None = None

    @property
    def used_calibration(self) -> Calibration | None:
        """The calibration data, where the number format has a use for it."""
        return self.calibration if self.quantization is QuantizationType.INT8 else None

    @property
    def method(self) -> str:
        """How, in words."""
        if self.quantization is QuantizationType.INT8:
            granularity = "channel" if self.settings.int8_per_channel else "tensor"
            return f"{'static' if self.used_calibration else 'dynamic'}, per {granularity}"
        if self.quantization is QuantizationType.INT4:
            return f"blocks of {self.settings.int4_block_size}"
        return ""

    def key(self) -> str:
        """Return a hash of all that the converted file depends on, tools included."""
        calibration = self.used_calibration
        parts = {
            "source": self.source_sha256,
            "quantization": self.quantization.value,
            "settings": self.settings.of(self.quantization),
            "calibration": calibration.sha256() if calibration else None,
            "recipe": _RECIPE,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]

    def run(self, target: Path, progress: bool | ProgressFunction = False) -> None:
        """Convert, in a process of its own, and write the result to ``target``.

        Raises
        ------
        VariantError
            The tools cannot convert this model; the message says why.
        """
        name = self.quantization.name
        settings = self.settings.of(self.quantization)
        if self.used_calibration:
            settings["calibration"] = str(self.used_calibration.save(target.with_suffix(".npz")))
        arguments = [
            str(self.source),
            str(target),
            self.quantization.value,
            json.dumps(settings),
        ]
        with ConversionProgress(progress, f"Converting {self.source.name} to {name}") as shown:
            exit_code, log = _run_worker(arguments, shown)
        _logger.debug("converting %s to %s:\n%s", self.source, name, log)
        if exit_code:
            raise VariantError(
                f"{self.source.name} cannot be converted to {name}: {_reason(exit_code, log)}."
            )


def _run_worker(arguments: list[str], progress: ConversionProgress) -> tuple[int, str]:
    """Return the worker's exit code and what it wrote to stderr."""
    command = [sys.executable, "-P", str(_WORKER), *arguments]
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, errors="replace"
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                match line.split():
                    case "progress", n_done, n_total:
                        progress.update(int(n_done), int(n_total))
        except BaseException:  # an interrupt, or the caller's own function: nobody waits any more
            process.kill()
            raise
        exit_code = process.wait()
        log.seek(0)
        return exit_code, log.read()


def _reason(exit_code: int, log: str) -> str:
    if exit_code < 0:
        return f"the conversion was ended by signal {-exit_code}; is there enough memory?"
    lines = log.strip().splitlines() or [f"exit code {exit_code}"]
    return runtime_reason(lines[-1].strip()).rstrip(".")
