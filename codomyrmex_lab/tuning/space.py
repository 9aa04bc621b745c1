"""Which configs are candidates: some values per setting, all combinations, none twice."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from codomyrmex_lab.errors import ProfileError, SettingError
from codomyrmex_lab.optimization.models import (
    BatchingStrategy,
    OptimizationConfig,
    QuantizationType,
)
from codomyrmex_lab.simulation import ServiceProfile
from codomyrmex_lab.workloads import Workload

__all__ = ["SearchSpace", "simplicity"]

_SETTINGS = tuple(field.name for field in fields(OptimizationConfig))
_TIMEOUTS_MS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_SIMPLEST_STRATEGY = {
    BatchingStrategy.DYNAMIC: 0,
    BatchingStrategy.FIXED: 1,
    BatchingStrategy.ADAPTIVE: 2,
}


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Values to try for some settings; all others are those of ``base``.

    Parameters
    ----------
    values : mapping
        Candidate values by setting, each in the order from small to large.
    base : OptimizationConfig
        What the other settings are.

    Raises
    ------
    SettingError
        An unknown setting, no values for one, or a value outside its range.
    """

    values: Mapping[str, Sequence[Any]]
    base: OptimizationConfig = OptimizationConfig()  # noqa: RUF009 (it is immutable)

    def __post_init__(self) -> None:
        checked = {}
        for name, candidates in self.values.items():
            if isinstance(candidates, str) or not isinstance(candidates, Sequence):
                raise SettingError(
                    f"space has {candidates!r} for {name}; expected a list of values."
                )
            if not candidates:
                raise SettingError(f"space has no value for {name}; expected at least one.")
            for value in candidates:
                self.base.replace(**{name: value})
            checked[name] = tuple(dict.fromkeys(candidates))
        object.__setattr__(self, "values", checked)

    @classmethod
    def around(
        cls,
        workload: Workload,
        profile: ServiceProfile,
        base: OptimizationConfig = OptimizationConfig(),  # noqa: B008 (it is immutable)
    ) -> SearchSpace:
        """Return the space that a profile knows about and a workload can tell apart.

        Batches in powers of two up to the largest profiled, all profiled numbers of workers and
        number formats, waits up to 100 ms, no cache, or caches for a hundredth of the different
        inputs up to all of them.
        """
        sizes = [2**power for power in range(int(math.log2(profile.max_batch_size)) + 1)]
        caches = [max(workload.n_keys // share, 1) for share in (100, 30, 10, 3, 1)]
        return cls(
            {
                "quantization": profile.quantizations,
                "batching_strategy": (BatchingStrategy.DYNAMIC, BatchingStrategy.ADAPTIVE),
                "num_workers": tuple(range(1, profile.max_workers + 1)),
                "max_batch_size": tuple(dict.fromkeys([*sizes, profile.max_batch_size])),
                "batch_timeout_ms": _TIMEOUTS_MS,
                "enable_caching": (False, True),
                "cache_max_size": tuple(sorted(set(caches))),
            },
            base,
        )

    @classmethod
    def within(cls, values: Mapping[str, Sequence[Any]], profile: ServiceProfile) -> SearchSpace:
        """Return the space of some settings, all others at their defaults.

        Defaults beyond the profile give way to the largest number profiled, and FP32 to the first
        number format.
        """
        default = OptimizationConfig()
        known = profile.quantizations
        base = default.replace(
            quantization=default.quantization if default.quantization in known else known[0],
            max_batch_size=min(default.max_batch_size, profile.max_batch_size),
            num_workers=min(default.num_workers, profile.max_workers),
        )
        return cls(values, base)

    def check_profiled(self, profile: ServiceProfile) -> None:
        """Raise ``ProfileError`` for a value that the profile tells nothing about."""
        known = profile.quantizations
        for one in self._values_of("quantization"):
            if one not in known:
                measured = ", ".join(each.value for each in known)
                raise ProfileError(
                    f"space has quantization {one.value}, but the profile was measured for "
                    f"{measured}; leave it out, or measure it as well."
                )
        most = {"max_batch_size": profile.max_batch_size, "num_workers": profile.max_workers}
        for name, largest in most.items():
            value = max(self._values_of(name))
            if value > largest:
                raise ProfileError(
                    f"space has {name} {value}, but the profile was measured up to {largest}; "
                    "leave it out, or measure further."
                )

    def _values_of(self, name: str) -> Sequence[Any]:
        return self.values.get(name, (getattr(self.base, name),))

    @property
    def n_combinations(self) -> int:
        """Combinations of values, of which some may mean the same."""
        return math.prod(len(candidates) for candidates in self.values.values())

    def config(self, choice: Mapping[str, Any]) -> OptimizationConfig:
        """Return the config of a choice, with what has no effect as in ``base``."""
        return OptimizationConfig(**self._settings(choice))

    def __iter__(self) -> Iterator[OptimizationConfig]:
        """Yield every config once."""
        seen = set()
        for combination in itertools.product(*self.values.values()):
            settings = self._settings(dict(zip(self.values, combination, strict=True)))
            key = tuple(settings.values())
            if key not in seen:
                seen.add(key)
                yield OptimizationConfig(**settings)

    def _settings(self, choice: Mapping[str, Any]) -> dict[str, Any]:
        """Return all settings of a choice; what has no effect is as in ``base``."""
        base = {name: getattr(self.base, name) for name in _SETTINGS}
        settings = {**base, **choice}
        settings |= {name: base[name] for name in _idle(settings)}
        if settings["max_batch_size"] == 1:
            settings["batch_timeout_ms"] = 0.0  # nothing waits for a batch of one to fill
        return settings

    def neighbours(self, config: OptimizationConfig) -> list[OptimizationConfig]:
        """Return the configs that differ by one step of one setting."""
        found = []
        chosen = {name: getattr(config, name) for name in self.values}
        for name, candidates in self.values.items():
            if chosen[name] not in candidates:
                continue
            place = candidates.index(chosen[name])
            for beside in candidates[max(place - 1, 0) : place + 2]:
                found.append(self.config({**chosen, name: beside}))
        return [one for one in dict.fromkeys(found) if one != config]


def _idle(settings: Mapping[str, Any]) -> set[str]:
    """Return the settings that have no effect because of others."""
    idle = set()
    if not settings["enable_caching"]:
        idle |= {"cache_max_size", "cache_ttl_s", "cache_max_bytes"}
    if settings["batching_strategy"] is not BatchingStrategy.ADAPTIVE:
        idle.add("latency_target_ms")
    if settings["batching_strategy"] is BatchingStrategy.FIXED or settings["max_batch_size"] == 1:
        idle.add("batch_timeout_ms")
    if settings["max_queue_size"] is None:
        idle.add("queue_full")
    return idle


def simplicity(config: OptimizationConfig) -> tuple[Any, ...]:
    """Return a key that sorts simpler configs first.

    A model as it was trained before a quantized one, no learning, no cache, fewer workers, smaller
    batches, smaller caches, shorter waits; then the order of the fields.
    """
    return (
        tuple(QuantizationType).index(config.quantization),
        _SIMPLEST_STRATEGY[config.batching_strategy],
        config.enable_caching,
        config.num_workers,
        config.max_batch_size,
        config.cache_max_size if config.enable_caching else 0,
        config.batch_timeout_ms,
        tuple(str(getattr(config, name)) for name in _SETTINGS),
    )
