"""The engine against the batchers and caches that people use today."""

from tests.benchmarks.engine import (
    adaptive,
    cache_hit,
    closed_loop,
    lateness,
    observer_cost,
    open_loop,
    saturation,
    stress,
)

MEASURES = (
    open_loop,
    closed_loop,
    cache_hit,
    saturation,
    lateness,
    observer_cost,
    adaptive,
    stress,
)
PEERS = ("batched", "async-batcher", "cachetools", "cachebox", "onnxruntime")
DID_NOT_PAY: tuple[str, ...] = ()
