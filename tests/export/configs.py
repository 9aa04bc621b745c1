"""Configs at random, as the formats are to carry them."""

from hypothesis import strategies as st

from codomyrmex_lab.optimization.models import (
    BatchingStrategy,
    OptimizationConfig,
    QuantizationType,
    QueueFullAction,
)

milliseconds = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
counts = st.integers(min_value=1, max_value=2**62)
above_zero = st.floats(min_value=1e-300, allow_infinity=False)
configs = st.builds(
    OptimizationConfig,
    quantization=st.sampled_from(QuantizationType),
    max_batch_size=counts,
    batch_timeout_ms=milliseconds | st.integers(min_value=0, max_value=2**62),
    enable_caching=st.booleans(),
    cache_max_size=counts,
    num_workers=counts,
    batching_strategy=st.sampled_from(BatchingStrategy),
    latency_target_ms=st.none() | above_zero,
    priority_ageing_ms=above_zero,
    max_queue_size=st.none() | counts,
    queue_full=st.sampled_from(QueueFullAction),
    cache_ttl_s=st.none() | above_zero,
    cache_max_bytes=st.none() | counts,
    processor_timeout_ms=st.none() | above_zero,
)

# What a server may run with: counts of ordinary size, times in whole µs.
ordinary = st.integers(min_value=2, max_value=10_000)
ordinary_ms = st.integers(min_value=1, max_value=10**9).map(lambda us: us / 1000)
servable_configs = st.builds(
    OptimizationConfig,
    quantization=st.sampled_from(QuantizationType),
    max_batch_size=ordinary,
    batch_timeout_ms=st.just(0.0) | ordinary_ms,
    enable_caching=st.booleans(),
    cache_max_size=ordinary,
    num_workers=ordinary,
    batching_strategy=st.sampled_from(BatchingStrategy),
    latency_target_ms=st.none() | ordinary_ms,
    priority_ageing_ms=ordinary_ms,
    max_queue_size=st.none() | ordinary,
    queue_full=st.sampled_from(QueueFullAction),
    cache_ttl_s=st.none() | ordinary_ms,
    cache_max_bytes=st.none() | ordinary,
    processor_timeout_ms=st.none() | ordinary_ms,
)
