"""What repeated runs of some configs say: which hold their constraints, and which is best.

Each look at the runs so far may err, and so may each comparison: the chance of an error is shared
out among all that there may be (Bonferroni), so that the whole verdict holds at its confidence.
Configs are compared run by run, since what disturbs a round disturbs all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.tracing import Estimate
from codomyrmex_lab.tuning.goals import Constraint, Objective
from codomyrmex_lab.tuning.student import mean_interval

__all__ = ["Held", "Standing", "Verdict", "judge"]

Runs = Sequence[Mapping[str, float]]
"""The figures of each run of one config."""


class Held(Enum):
    """Whether a config holds its constraints in reality."""

    YES = "held"
    NO = "missed"
    UNKNOWN = "undecided"


class Standing(Enum):
    """How a config stands to the best that holds its constraints."""

    BEST = "best"
    EQUAL = "equal"
    WORSE = "worse"
    UNKNOWN = "undecided"
    OUT = "out"
    """It does not, or may not, hold its constraints, or its objective is not known."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known after some rounds.

    Parameters
    ----------
    held : tuple of Held
        Of each config.
    standing : tuple of Standing
        Of each config.
    best : int or None
        Position of the best that holds its constraints and has its objective in every run; None
        where none is known to.
    """

    held: tuple[Held, ...]
    standing: tuple[Standing, ...]
    best: int | None

    @property
    def settled(self) -> bool:
        """Whether another round has nothing to decide."""
        return Held.UNKNOWN not in self.held and Standing.UNKNOWN not in self.standing


def judge(
    runs: Sequence[Runs],
    objective: Objective,
    constraints: Sequence[Constraint],
    tolerance: float,
    confidence: float,
) -> Verdict:
    """Return the verdict on some configs.

    Parameters
    ----------
    runs : sequence
        Of each config, as many runs as of the others; position i of each is the same round.
    objective, constraints
        What was asked for.
    tolerance : float
        Share of the best objective that makes no difference.
    confidence : float
        Of each single interval.
    """
    held = tuple(_held(own, constraints, confidence) for own in runs)
    losses = [objective.loss(np.array([run[objective.figure.name] for run in own])) for own in runs]
    able = [
        place
        for place, one in enumerate(held)
        if one is Held.YES and np.isfinite(losses[place]).all()
    ]
    if not able:
        return Verdict(held, (Standing.OUT,) * len(runs), None)
    best = min(able, key=lambda place: float(losses[place].mean()))
    slack = tolerance * abs(float(losses[best].mean()))
    standing = tuple(
        Standing.BEST
        if place == best
        else _standing(losses[place] - losses[best], slack, confidence)
        if place in able
        else Standing.OUT
        for place in range(len(runs))
    )
    return Verdict(held, standing, best)


def _held(runs: Runs, constraints: Sequence[Constraint], confidence: float) -> Held:
    found = {_holds(runs, constraint, confidence) for constraint in constraints}
    if Held.NO in found:
        return Held.NO
    return Held.UNKNOWN if Held.UNKNOWN in found else Held.YES


def _holds(runs: Runs, constraint: Constraint, confidence: float) -> Held:
    reached = mean_interval([run[constraint.figure] for run in runs], confidence)
    ends = constraint.holds(np.array([reached.ci_low, reached.ci_high]))
    if ends.all():
        return Held.YES
    return Held.UNKNOWN if ends.any() else Held.NO


def _standing(differences: NDArray[np.float64], slack: float, confidence: float) -> Standing:
    reached: Estimate = mean_interval(differences.tolist(), confidence)
    if -slack <= reached.ci_low and reached.ci_high <= slack:
        return Standing.EQUAL
    if reached.ci_low > 0:
        return Standing.WORSE
    return Standing.UNKNOWN
