"""Search for settings under constraints, and check of what was found on the real engine."""

from codomyrmex_lab.tuning.cluster import on_ray
from codomyrmex_lab.tuning.front import pareto_front
from codomyrmex_lab.tuning.goals import FIGURES, OBJECTIVES, Constraint, Objective
from codomyrmex_lab.tuning.result import TuningResult
from codomyrmex_lab.tuning.space import SearchSpace
from codomyrmex_lab.tuning.trial import config_of
from codomyrmex_lab.tuning.tune import tune
from codomyrmex_lab.tuning.verdict import Held, Standing, Verdict
from codomyrmex_lab.tuning.verification import Verification
from codomyrmex_lab.tuning.verify import verify

__all__ = [
    "FIGURES",
    "OBJECTIVES",
    "Constraint",
    "Held",
    "Objective",
    "SearchSpace",
    "Standing",
    "TuningResult",
    "Verdict",
    "Verification",
    "config_of",
    "on_ray",
    "pareto_front",
    "tune",
    "verify",
]
