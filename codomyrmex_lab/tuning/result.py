"""What a search comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from codomyrmex_lab.errors import TuningError
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.tuning.goals import FIGURES, Constraint, Objective

__all__ = ["TuningResult"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TuningResult:
    """The chosen config, and all that was tried. Its figures are simulated.

    Parameters
    ----------
    config : OptimizationConfig
        The simplest of the best.
    explanation : str
        Why, in one sentence.
    predicted : mapping
        Its figures by name.
    trials : pandas.DataFrame
        One row per config: its settings, its figures, and ``feasible``.
    pareto : pandas.DataFrame
        Feasible or not, the trials that none beats in the objective, the constraints' figures,
        latency and cost at once.
    sensitivity : pandas.DataFrame
        What one change to the config comes to: ``setting``, ``value``, the objective's figure
        with its ``change`` as a share, the constraints' figures, and ``feasible``. The setting
        ``load`` is the workload's rate, as a multiple.
    tried : tuple of OptimizationConfig
        The config of each row of ``trials``.
    ranking : tuple of OptimizationConfig
        The feasible ones: the best by simplicity, then the others by the objective.
    objective : Objective
        What was to be good.
    constraints : tuple of Constraint
        What was to hold.
    tolerance : float
        Share of the objective below which a difference was taken as none.
    evidence : mapping
        Where the config comes from, for its export.
    """

    config: OptimizationConfig
    explanation: str
    predicted: Mapping[str, float]
    trials: pd.DataFrame
    pareto: pd.DataFrame
    sensitivity: pd.DataFrame
    tried: tuple[OptimizationConfig, ...]
    ranking: tuple[OptimizationConfig, ...]
    objective: Objective
    constraints: tuple[Constraint, ...]
    tolerance: float
    evidence: Mapping[str, Any]

    def figures_of(self, config: OptimizationConfig) -> dict[str, float]:
        """Return the simulated figures of a config that was tried."""
        if config not in self.tried:
            raise TuningError(f"The search did not try {config!r}.")
        row = self.trials.iloc[self.tried.index(config)]
        return {name: float(row[name]) for name in FIGURES}

    def __repr__(self) -> str:
        return f"<TuningResult (simulated): {self.explanation}>"

    def _repr_html_(self) -> str:
        figures = pd.DataFrame({"predicted": dict(self.predicted)}).rename_axis("figure")
        return f"<p>{escape(self.explanation)}</p>{figures.to_html(float_format='{:,.4g}'.format)}"
