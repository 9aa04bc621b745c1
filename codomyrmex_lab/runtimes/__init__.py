"""Models, and their variants in other number formats."""

from codomyrmex_lab.runtimes.batch_dependence import BatchDependence
from codomyrmex_lab.runtimes.conversion import ConversionSettings
from codomyrmex_lab.runtimes.encoder import (
    SentenceEncoder,
    SentencePairs,
    TokenizingRecorder,
    read_sentence_pairs,
    spearman,
)
from codomyrmex_lab.runtimes.examination import quality_report
from codomyrmex_lab.runtimes.metrics import accuracy, mean_cosine, top1_agreement
from codomyrmex_lab.runtimes.onnx_model import OnnxModel
from codomyrmex_lab.runtimes.onnx_variant import OnnxVariant
from codomyrmex_lab.runtimes.payloads import TensorSpec
from codomyrmex_lab.runtimes.quality import OutputQuality, WorstCase, compare_outputs
from codomyrmex_lab.runtimes.quality_report import QualityReport, VariantQuality
from codomyrmex_lab.runtimes.service_latency import ServiceLatency
from codomyrmex_lab.runtimes.torch_model import TorchModel
from codomyrmex_lab.runtimes.variant_status import ListsVariants, VariantStatus

__all__ = [
    "BatchDependence",
    "ConversionSettings",
    "ListsVariants",
    "OnnxModel",
    "OnnxVariant",
    "OutputQuality",
    "QualityReport",
    "SentenceEncoder",
    "SentencePairs",
    "ServiceLatency",
    "TensorSpec",
    "TokenizingRecorder",
    "TorchModel",
    "VariantQuality",
    "VariantStatus",
    "WorstCase",
    "accuracy",
    "compare_outputs",
    "mean_cosine",
    "quality_report",
    "read_sentence_pairs",
    "spearman",
    "top1_agreement",
]
