"""Models, and their variants in other number formats."""

from codomyrmex_lab.runtimes.conversion import ConversionSettings
from codomyrmex_lab.runtimes.onnx_model import OnnxModel
from codomyrmex_lab.runtimes.onnx_variant import OnnxVariant, VariantStatus
from codomyrmex_lab.runtimes.payloads import TensorSpec
from codomyrmex_lab.runtimes.quality import OutputQuality, compare_outputs

__all__ = [
    "ConversionSettings",
    "OnnxModel",
    "OnnxVariant",
    "OutputQuality",
    "TensorSpec",
    "VariantStatus",
    "compare_outputs",
]
