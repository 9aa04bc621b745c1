"""What is asked of a config: an objective to push, and constraints to hold."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.errors import SettingError

__all__ = [
    "FIGURES",
    "OBJECTIVES",
    "Constraint",
    "Figure",
    "Objective",
    "feasible_rows",
    "parse_constraints",
]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that says how good a config is.

    Parameters
    ----------
    name : str
        Column of the trials.
    meaning : str
        What it is, with its unit.
    less_is_better : bool
        Which way is good.
    of_model : bool
        Whether it is known of the model's variants alone, and has to be given.
    """

    name: str
    meaning: str
    less_is_better: bool
    of_model: bool = False


def _percentile(percent: int) -> Figure:
    meaning = f"ms at the {percent}th percentile of latency; a failed request is never answered"
    return Figure(f"p{percent}_ms", meaning, True)


_FIGURES = (
    Figure("throughput_rps", "requests/s answered without error", False),
    Figure("mean_ms", "ms of mean latency, of the requests answered without error", True),
    _percentile(50),
    _percentile(90),
    _percentile(95),
    _percentile(99),
    Figure("error_rate", "share of the requests that failed", True),
    Figure("cache_hit_rate", "share of the look-ups that found their result in the cache", False),
    Figure("worker_s_per_1k", "worker-seconds per 1,000 requests, busy or not", True),
    Figure(
        "quality", "quality of the outputs, as the quality data measures it", False, of_model=True
    ),
    Figure("size_mb", "MB of model file", True, of_model=True),
    Figure("memory_mb", "MB of memory for model and cache", True, of_model=True),
)
FIGURES: Mapping[str, Figure] = {figure.name: figure for figure in _FIGURES}
"""Every figure that a constraint may name."""

_SIGNS: Mapping[str, Callable[[NDArray[np.float64], float], NDArray[np.bool_]]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
}
_CONSTRAINT = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*([0-9.eE+-]+)\s*")


@dataclass(frozen=True, slots=True)
class Objective:
    """What is to be as good as possible.

    Parameters
    ----------
    name : str
        What a user calls it.
    figure : Figure
        What it is measured by.
    """

    name: str
    figure: Figure

    @classmethod
    def named(cls, name: str) -> Objective:
        """Return the objective of a name, or raise ``SettingError``."""
        if not isinstance(name, str) or name not in OBJECTIVES:
            raise SettingError(f"objective is {name!r}; expected one of {', '.join(OBJECTIVES)}.")
        return OBJECTIVES[name]

    def loss(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values so that less is better, and unknown the worst."""
        signed = values if self.figure.less_is_better else -values
        return np.where(np.isnan(signed), np.inf, signed)


OBJECTIVES: Mapping[str, Objective] = {
    name: Objective(name, FIGURES[figure])
    for name, figure in (
        ("throughput", "throughput_rps"),
        ("p99", "p99_ms"),
        ("cost", "worker_s_per_1k"),
        ("size", "size_mb"),
    )
}
"""Every objective by its name."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound that a figure has to hold.

    Parameters
    ----------
    figure : str
        One of :data:`FIGURES`.
    sign : str
        ``<=``, ``<``, ``>=`` or ``>``.
    bound : float
        Finite.
    """

    figure: str
    sign: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Return the constraint that a text such as ``"p99_ms <= 50"`` states.

        Raises
        ------
        SettingError
            The text is none, or names no known figure.
        """
        found = _CONSTRAINT.fullmatch(text) if isinstance(text, str) else None
        try:
            bound = float(found[3]) if found else math.nan
        except ValueError:
            bound = math.nan
        if found is None or found[1] not in FIGURES or not math.isfinite(bound):
            raise SettingError(
                f"constraint {text!r} is none; expected a figure, one of < <= > >= and a number, "
                f"where the figure is one of {', '.join(FIGURES)}."
            )
        return cls(found[1], found[2], bound)

    def holds(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell which values are within the bound; an unknown one is not."""
        return _SIGNS[self.sign](values, self.bound)

    def excess(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far values miss the bound, as a share of it; 0 where they hold it."""
        over = values - self.bound if self.sign in ("<=", "<") else self.bound - values
        share = np.maximum(over, 0.0) / (abs(self.bound) or 1.0)
        missed = np.where(np.isnan(share), np.inf, share)
        return np.where(self.holds(values), 0.0, np.maximum(missed, np.finfo(np.float64).tiny))

    def __str__(self) -> str:
        return f"{self.figure} {self.sign} {self.bound:g}"


def parse_constraints(
    constraints: str | Constraint | Iterable[str | Constraint],
) -> tuple[Constraint, ...]:
    """Return constraints, of which each may be given as a text."""
    if isinstance(constraints, str | Constraint):
        constraints = (constraints,)
    return tuple(
        one if isinstance(one, Constraint) else Constraint.parse(one) for one in constraints
    )


def feasible_rows(trials: pd.DataFrame, constraints: Iterable[Constraint]) -> NDArray[np.bool_]:
    """Tell which trials hold all constraints."""
    held = np.ones(len(trials), dtype=np.bool_)
    for constraint in constraints:
        held &= constraint.holds(trials[constraint.figure].to_numpy(dtype=np.float64))
    return held
