"""Which trial is the answer, and why there is none where that is so."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.errors import InfeasibleError
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.tuning.goals import FIGURES, Constraint, Objective, feasible_rows
from codomyrmex_lab.tuning.space import simplicity

__all__ = ["in_words", "infeasible", "ranked_rows", "tied_rows"]


def tied_rows(trials: pd.DataFrame, objective: Objective, tolerance: float) -> NDArray[np.bool_]:
    """Tell which feasible trials are as good as the best, but for a tolerance.

    Parameters
    ----------
    trials : pandas.DataFrame
        With ``feasible``, at least one of them.
    objective : Objective
        What is to be good.
    tolerance : float
        Share of the best value.
    """
    feasible = trials["feasible"].to_numpy(dtype=np.bool_)
    loss = objective.loss(trials[objective.figure.name].to_numpy(dtype=np.float64))
    best = float(loss[feasible].min())
    tied: NDArray[np.bool_] = feasible & (loss <= best + tolerance * abs(best))
    return tied


def ranked_rows(
    configs: Sequence[OptimizationConfig],
    trials: pd.DataFrame,
    objective: Objective,
    tolerance: float,
) -> list[int]:
    """Return the positions of the feasible trials: the tied ones by simplicity, then by loss."""
    tied = tied_rows(trials, objective, tolerance)
    loss = objective.loss(trials[objective.figure.name].to_numpy(dtype=np.float64))
    rest = np.flatnonzero(trials["feasible"].to_numpy(dtype=np.bool_) & ~tied)
    return [
        *sorted(np.flatnonzero(tied).tolist(), key=lambda row: simplicity(configs[row])),
        *rest[np.argsort(loss[rest], kind="stable")].tolist(),
    ]


def infeasible(
    configs: Sequence[OptimizationConfig],
    trials: pd.DataFrame,
    constraints: Sequence[Constraint],
) -> InfeasibleError:
    """Return the error for constraints that no trial holds.

    It names the fewest constraints that together leave nothing, and the trial that misses the
    constraints by the least, as a share of their bounds.
    """
    excess = sum(
        constraint.excess(trials[constraint.figure].to_numpy(dtype=np.float64))
        for constraint in constraints
    )
    near = np.flatnonzero(excess == np.min(excess)).tolist()
    nearest = min(near, key=lambda row: simplicity(configs[row]))
    row = trials.iloc[nearest]
    figures = dict.fromkeys(constraint.figure for constraint in constraints)
    reached = ", ".join(f"{name} {row[name]:.4g}" for name in figures)
    return InfeasibleError(
        f"{_blame(trials, constraints)} The nearest of {len(trials):,} settings reaches {reached}, "
        f"with {in_words(configs[nearest])}; relax the constraint, or give a larger space."
    )


def in_words(config: OptimizationConfig) -> str:
    """Return the settings that matter most, in words."""
    cache = f"a cache of {config.cache_max_size:,}" if config.enable_caching else "no cache"
    workers = "1 worker" if config.num_workers == 1 else f"{config.num_workers} workers"
    wait = f"waiting at most {config.batch_timeout_ms:g} ms"
    batches = f"{config.batching_strategy.value} batches of up to {config.max_batch_size} {wait}"
    if config.max_batch_size == 1:
        batches = "batches of one"
    return f"{config.quantization.name}, {batches}, {workers} and {cache}"


def _blame(trials: pd.DataFrame, constraints: Sequence[Constraint]) -> str:
    for size in range(1, len(constraints) + 1):
        for some in itertools.combinations(constraints, size):
            if feasible_rows(trials, some).any():
                continue
            if size > 1:
                names = ", ".join(map(str, some[:-1]))
                return (
                    f"No settings hold {names} and {some[-1]} together, though each alone can be."
                )
            (one,) = some
            values = trials[one.figure]
            best = values.min() if FIGURES[one.figure].less_is_better else values.max()
            return f"No settings hold {one}: the best value of all is {best:.4g}."
    raise AssertionError("the constraints can be held")
