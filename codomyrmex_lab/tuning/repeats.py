"""Configs that need no run of their own, since another run was the same in every event.

A batch leaves early only when ``max_batch_size`` requests wait. Where the largest batch of a run
was smaller than that, so many never waited, and with any other size above that largest batch the
run would have been the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

from codomyrmex_lab.optimization.models import BatchingStrategy, OptimizationConfig
from codomyrmex_lab.tuning.trial import Trial
from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.request_numbers import TIMEOUT_COLUMN

__all__ = ["Repeats"]

_OTHERS = tuple(
    field.name for field in fields(OptimizationConfig) if field.name != "max_batch_size"
)


class Repeats:
    """Trials of one workload that stand for others.

    Parameters
    ----------
    workload : Workload
        With deadlines, requests leave the line without a batch, and nothing stands for another.
    """

    def __init__(self, workload: Workload) -> None:
        self._possible = TIMEOUT_COLUMN not in workload.columns
        self._trials: dict[Any, Trial] = {}

    def learn(self, trials: Iterable[Trial]) -> None:
        """Take note of trials; of a kind, that of the largest size stands for the most."""
        for trial in trials:
            kind = self._kind(trial.config)
            known = self._trials.get(kind)
            if known is None or known.config.max_batch_size < trial.config.max_batch_size:
                self._trials[kind] = trial

    def answer(self, config: OptimizationConfig) -> Trial | None:
        """Return the trial of a config, if that of a larger size is known to be the same."""
        known = self._trials.get(self._kind(config))
        if known is None:
            return None
        if not known.largest_batch < config.max_batch_size <= known.config.max_batch_size:
            return None
        return replace(known, config=config)

    def first(self, configs: Sequence[OptimizationConfig]) -> list[OptimizationConfig]:
        """Return those to run first: of a kind of which nothing is known yet, the largest."""
        largest: dict[Any, OptimizationConfig] = {}
        for config in configs:
            kind = self._kind(config)
            if kind in self._trials:
                kind = config
            known = largest.get(kind)
            if known is None or known.max_batch_size < config.max_batch_size:
                largest[kind] = config
        return list(largest.values())

    def _kind(self, config: OptimizationConfig) -> Any:
        """Return what is equal for configs that differ in size alone, if that may not matter."""
        learns = config.batching_strategy is BatchingStrategy.ADAPTIVE
        if learns or config.max_queue_size is not None or not self._possible:
            return config
        return tuple(getattr(config, name) for name in _OTHERS)
