"""The engine: request batching, result cache and model variants. Standard library only."""

from codomyrmex_lab.optimization.batched import batched
from codomyrmex_lab.optimization.batcher import RequestBatcher
from codomyrmex_lab.optimization.cache import InferenceCache
from codomyrmex_lab.optimization.models import (
    BatchingStrategy,
    CloseReason,
    InferenceRequest,
    InferenceResult,
    InferenceStats,
    OptimizationConfig,
    QuantizationType,
    QueueFullAction,
    SupportsVariants,
)
from codomyrmex_lab.optimization.observer import EngineObserver
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer

__all__ = [
    "BatchingStrategy",
    "CloseReason",
    "EngineObserver",
    "InferenceCache",
    "InferenceOptimizer",
    "InferenceRequest",
    "InferenceResult",
    "InferenceStats",
    "OptimizationConfig",
    "QuantizationType",
    "QueueFullAction",
    "RequestBatcher",
    "SupportsVariants",
    "batched",
]
