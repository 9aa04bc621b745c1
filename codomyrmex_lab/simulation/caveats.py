"""What is to be said of a prediction before it is believed."""

from __future__ import annotations

from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.simulation.service_profile import ServiceProfile

__all__ = ["caveats"]


def caveats(profile: ServiceProfile, config: OptimizationConfig) -> tuple[str, ...]:
    """Return, a sentence each, what makes a prediction from this profile less than certain."""
    found = list(profile.foreign())
    if not profile.covers(config):
        smallest, largest, fewest, most = profile.measured_range(config.quantization)
        sizes = f"up to {largest}" if smallest == 1 else f"{smallest} to {largest}"
        fewer = "" if fewest == 1 else f", but none of fewer than {fewest}"
        found.append(
            f"Extrapolated: the profile holds batches of {sizes} and {most} calls at once{fewer}."
        )
    few = [
        f"{n_calls} call{'s' if n_calls > 1 else ''} with {busy} at once"
        for busy, n_calls in profile.settings.get("few_calls", ())
        if busy <= config.num_workers
    ]
    if few:
        found.append(
            f"Uncertain: the profile rests on only {' and '.join(few)}; record more of them, or "
            "measure a profile."
        )
    if config.enable_caching and config.cache_max_bytes is not None:
        found.append(
            "cache_max_bytes is not simulated, because the size of the results is not known: the "
            "cache is taken to be bounded by cache_max_size alone."
        )
    if config.processor_timeout_ms is not None:
        found.append("processor_timeout_ms is not simulated: model calls run to their end.")
    return tuple(found)
