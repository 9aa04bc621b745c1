"""What is to be said of a prediction before it is believed."""

from __future__ import annotations

from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.simulation.service_profile import ServiceProfile

__all__ = ["caveats"]


def caveats(profile: ServiceProfile, config: OptimizationConfig) -> tuple[str, ...]:
    """Return, a sentence each, what makes a prediction from this profile less than certain."""
    found = list(profile.foreign())
    if not profile.covers(config):
        rows = profile.points[profile.points["quantization"] == config.quantization.value]
        sizes, calls = rows["batch_size"], rows["busy_workers"].max()
        found.append(
            f"Extrapolated: the profile holds batches of {_range(sizes.min(), sizes.max())} and "
            f"{calls} calls at once."
        )
    if config.enable_caching and config.cache_max_bytes is not None:
        found.append(
            "cache_max_bytes is not simulated, because the size of the results is not known: the "
            "cache is taken to be bounded by cache_max_size alone."
        )
    if config.processor_timeout_ms is not None:
        found.append("processor_timeout_ms is not simulated: model calls run to their end.")
    return tuple(found)


def _range(smallest: int, largest: int) -> str:
    return f"up to {largest}" if smallest == 1 else f"{smallest} to {largest}"
