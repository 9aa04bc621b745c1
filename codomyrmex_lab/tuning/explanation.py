"""Why a config was chosen, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.tuning.choice import in_words
from codomyrmex_lab.tuning.goals import Constraint, Objective

__all__ = ["explain"]


def explain(
    chosen: OptimizationConfig,
    trials: pd.DataFrame,
    order: Sequence[int],
    n_tied: int,
    objective: Objective,
    constraints: Sequence[Constraint],
    tolerance: float,
    *,
    exhaustive: bool,
) -> str:
    """Return the sentence.

    Parameters
    ----------
    chosen : OptimizationConfig
        The config.
    trials : pandas.DataFrame
        All that was tried.
    order : sequence of int
        Positions of the feasible ones, the chosen one first.
    n_tied : int
        How many of them are as good as the best.
    objective, constraints
        What was asked for.
    tolerance : float
        Share of the best value that makes no difference.
    exhaustive : bool
        Whether the whole space was tried.
    """
    row, name = trials.iloc[order[0]], objective.figure.name
    values = trials[name].iloc[list(order)]
    best = values.min() if objective.figure.less_is_better else values.max()
    tried = f"all {len(trials):,}" if exhaustive else f"the {len(trials):,} sampled"
    if constraints:
        held = f"{len(order):,} of {tried} settings hold {_listed(constraints)}; among them"
    else:
        held = f"Of {tried} settings"
    what = f"{held} the best {name} is {best:.4g}"
    if n_tied > 1:
        what += f", {n_tied:,} come within {100 * tolerance:.3g}% of it, and the simplest of "
        what += f"these is {in_words(chosen)}"
    else:
        what += f", reached by {in_words(chosen)}"
    errors = ["error_rate"] if row["error_rate"] > 0 else []
    figures = dict.fromkeys([name, *(constraint.figure for constraint in constraints), *errors])
    return f"{what}, with {', '.join(f'{one} {row[one]:.4g}' for one in figures)}."


def _listed(constraints: Sequence[Constraint]) -> str:
    texts = [str(constraint) for constraint in constraints]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
