from dataclasses import FrozenInstanceError
from datetime import datetime, timedelta

import numpy as np
import pytest

from codomyrmex_lab.optimization import (
    BatchingStrategy,
    InferenceRequest,
    InferenceResult,
    InferenceStats,
    OptimizationConfig,
    QuantizationType,
)


def test_config_has_the_agreed_fields_and_defaults():
    config = OptimizationConfig()
    assert config.quantization is QuantizationType.FP32
    assert config.max_batch_size == 32
    assert config.batch_timeout_ms == 100.0
    assert config.enable_caching is True
    assert config.cache_max_size == 1000
    assert config.num_workers == 4
    assert config.batching_strategy is BatchingStrategy.DYNAMIC


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("max_batch_size", 0, "at least 1"),
        ("max_batch_size", 2.0, "whole number"),
        ("max_batch_size", True, "whole number"),
        ("batch_timeout_ms", -1, "at least 0"),
        ("batch_timeout_ms", float("nan"), "finite"),
        ("batch_timeout_ms", "100", "milliseconds"),
        ("enable_caching", 1, "True or False"),
        ("cache_max_size", 0, "at least 1"),
        ("num_workers", 0, "at least 1"),
        ("quantization", "int8", "QuantizationType.INT8"),
        ("batching_strategy", "fixed", "BatchingStrategy.FIXED"),
        ("latency_target_ms", 0, "above 0"),
    ],
)
def test_a_refused_setting_names_field_value_and_allowed_range(field, value, allowed):
    with pytest.raises(ValueError, match=field) as refusal:
        OptimizationConfig(**{field: value})
    assert repr(value) in str(refusal.value)
    assert allowed in str(refusal.value)


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("max_batch_size", np.int64(8), 8),
        ("max_queue_size", np.uint8(8), 8),
        ("batch_timeout_ms", np.float32(0.5), 0.5),
        ("cache_ttl_s", np.int64(2), 2),
    ],
)
def test_a_number_out_of_an_array_is_kept_as_a_plain_one(field, value, kept):
    config = OptimizationConfig(**{field: value})
    assert repr(getattr(config, field)) == repr(kept)
    assert config == OptimizationConfig(**{field: kept})


def test_replace_changes_a_copy_and_checks_it():
    config = OptimizationConfig()
    assert config.replace(max_batch_size=8) == OptimizationConfig(max_batch_size=8)
    assert config.max_batch_size == 32
    with pytest.raises(ValueError, match="num_workers is 0"):
        config.replace(num_workers=0)
    with pytest.raises(ValueError, match=r"'batch_size'; expected one of quantization, max_batch"):
        config.replace(batch_size=8)


def test_config_is_immutable_and_hashable():
    config = OptimizationConfig()
    with pytest.raises(FrozenInstanceError):
        config.max_batch_size = 8
    assert {config: 1}[OptimizationConfig()] == 1


def test_hit_rate_is_zero_without_lookups():
    assert InferenceStats().cache_hit_rate == 0.0
    assert InferenceStats(cache_hits=3, cache_misses=1).cache_hit_rate == 0.75


def test_age_counts_from_creation_for_naive_and_aware_times():
    assert InferenceRequest("r", "input").age_ms >= 0
    old = InferenceRequest("r", "input", created_at=datetime.now() - timedelta(seconds=2))
    assert old.age_ms >= 2000


def test_result_defaults_describe_a_single_computed_answer():
    result = InferenceResult(request_id="r", output=1, latency_ms=2.0)
    assert (result.from_cache, result.batch_size, result.joined) == (False, 1, False)
