"""What one change to the chosen config, or to the load, comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.tuning.evaluation import Evaluator
from codomyrmex_lab.tuning.goals import Constraint, Objective, feasible_rows
from codomyrmex_lab.tuning.space import SearchSpace
from codomyrmex_lab.tuning.trial import Trial, trials_frame
from codomyrmex_lab.tuning.variants import VariantFacts

__all__ = ["LOADS", "sensitivity"]

LOADS = (0.8, 1.2)
"""Multiples of the workload's rate that are tried."""


def sensitivity(
    chosen: OptimizationConfig,
    trials: Sequence[Trial],
    space: SearchSpace,
    evaluator: Evaluator,
    objective: Objective,
    constraints: Sequence[Constraint],
    facts: VariantFacts,
) -> pd.DataFrame:
    """Return one row per other value of each setting, and per other load.

    Returns
    -------
    pandas.DataFrame
        ``setting``, ``value``, the objective's figure, its ``change`` as a share of the chosen
        config's, the constraints' figures, and ``feasible``.
    """
    labels, changed = _changed_configs(chosen, space)
    known = {trial.config: trial for trial in trials}
    new = evaluator.run([config for config in changed if config not in known])
    known |= {trial.config: trial for trial in new}
    rows = [known[config] for config in changed]
    for load in LOADS:
        other = replace(evaluator, workload=evaluator.workload.scale_rate(load), store=None)
        labels.append(("load", load))
        rows += other.run([chosen])
    frame = trials_frame(rows, facts)
    figures = list(dict.fromkeys([objective.figure.name, *(c.figure for c in constraints)]))
    told = frame[figures].assign(feasible=feasible_rows(frame, constraints))
    reached = float(trials_frame([known[chosen]], facts)[objective.figure.name].iloc[0])
    told.insert(1, "change", told[objective.figure.name] / reached - 1 if reached else float("nan"))
    told.insert(0, "value", [_plain(value) for _, value in labels])
    told.insert(0, "setting", [setting for setting, _ in labels])
    return told


def _changed_configs(
    chosen: OptimizationConfig, space: SearchSpace
) -> tuple[list[tuple[str, Any]], list[OptimizationConfig]]:
    labels, configs = [], []
    at = {name: getattr(chosen, name) for name in space.values}
    for name, candidates in space.values.items():
        for value in candidates:
            config = space.config({**at, name: value})
            if config != chosen:
                labels.append((name, value))
                configs.append(config)
    return labels, configs


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)
