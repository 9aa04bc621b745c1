"""A config in words, and what changed from one to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from typing import Any

from codomyrmex_lab.errors import ConfigFileError
from codomyrmex_lab.export.record import config_from_record
from codomyrmex_lab.optimization.models import BatchingStrategy, OptimizationConfig

__all__ = ["changes_between", "config_from_state", "describe_config"]

_ON_SCREEN = {
    "quantization",
    "batching_strategy",
    "max_batch_size",
    "batch_timeout_ms",
    "latency_target_ms",
    "enable_caching",
    "cache_max_size",
    "num_workers",
}
_SHORT = {
    "quantization": "quantization",
    "batching_strategy": "strategy",
    "max_batch_size": "batch",
    "batch_timeout_ms": "timeout ms",
    "latency_target_ms": "target ms",
    "enable_caching": "caching",
    "cache_max_size": "cache",
    "num_workers": "workers",
}


def describe_config(config: OptimizationConfig) -> str:
    """Return the settings that have an effect in one short line.

    Those without a control of their own are named where they are not the defaults.
    """
    parts = [
        config.quantization.name,
        config.batching_strategy.name,
        f"batch {config.max_batch_size}",
    ]
    if config.batching_strategy is not BatchingStrategy.FIXED:
        parts.append(f"{config.batch_timeout_ms:g} ms")
    if (
        config.batching_strategy is BatchingStrategy.ADAPTIVE
        and config.latency_target_ms is not None
    ):
        parts.append(f"target {config.latency_target_ms:g} ms")
    parts.append(f"cache {config.cache_max_size:,}" if config.enable_caching else "no cache")
    parts.append(f"{config.num_workers} worker{'s' if config.num_workers > 1 else ''}")
    parts += [
        f"{field.name}={_word(value)}"
        for field in fields(config)
        if field.name not in _ON_SCREEN and (value := getattr(config, field.name)) != field.default
    ]
    return " · ".join(parts)


def changes_between(before: OptimizationConfig, after: OptimizationConfig) -> str:
    """Return which settings changed, from what to what, in words."""
    names = [f.name for f in fields(before) if getattr(before, f.name) != getattr(after, f.name)]
    return ", ".join(
        f"{_SHORT.get(name, name)} {_word(getattr(before, name))} → {_word(getattr(after, name))}"
        for name in names
    )


def config_from_state(state: Mapping[str, Any]) -> OptimizationConfig:
    """Return the config of a saved state.

    Raises
    ------
    ConfigFileError
        There is none, or it cannot be used.
    """
    record = state.get("config")
    if not isinstance(record, dict):
        raise ConfigFileError("The saved state holds no config; expected one that save() wrote.")
    return config_from_record(record, "the saved state")


def _word(value: object) -> str:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else f"{value:,}"
