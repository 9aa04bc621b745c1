"""What a workload would see under a config, from the simulator; imported when first needed.

The compiler behind the simulator takes a second to import: a screen appears before that.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.dashboards.findings import Findings, findings_of_simulation
from codomyrmex_lab.dashboards.given_up import until_given_up
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.optimization.optimizer import Model
from codomyrmex_lab.simulation import ServiceProfile, Simulator
from codomyrmex_lab.simulation.miss_ratio import miss_ratio_curve
from codomyrmex_lab.simulation.profile import profile
from codomyrmex_lab.simulation.simulate import simulate_columns
from codomyrmex_lab.workloads import Workload

__all__ = ["WhatIf", "hit_rate_curve", "measured_profile"]

_CURVE_POINTS = 300
_KEPT = 256
_PROFILE_S = 20.0  # a first look; a profile made with more time can be given


class WhatIf:
    """Answers what-if questions about one workload and one model.

    Parameters
    ----------
    workload : Workload
        All of it is simulated.
    profile : ServiceProfile
        Service times of the model.
    """

    def __init__(self, workload: Workload, profile: ServiceProfile) -> None:
        self.workload = workload
        self.profile = profile
        self._answers: dict[tuple[OptimizationConfig, float], Findings] = {}  # the latest last
        self._keeping = threading.Lock()
        self._scaled = (1.0, Simulator(workload, profile, extrapolate=True))

    def findings(self, config: OptimizationConfig, load: float = 1.0) -> Findings:
        """Simulate the whole workload, ``load`` times as fast as its own pace.

        The latest answers are kept.

        Raises
        ------
        ProfileError
            The profile does not hold the variant.
        """
        question = (config, load)
        answer = self._answers.get(question)
        if answer is None:
            answer = findings_of_simulation(self._simulator(load).run(config), config)
        with self._keeping:
            kept = self._answers.pop(question, answer)  # one, should two threads have asked at once
            self._answers[question] = kept
            if len(self._answers) > _KEPT:
                del self._answers[next(iter(self._answers))]
        return kept

    def known(self, config: OptimizationConfig, load: float) -> Findings | None:
        """Return an answer that is kept."""
        return self._answers.get((config, load))

    def findings_of(self, workload: Workload, config: OptimizationConfig) -> Findings:
        """Simulate another workload with the same model."""
        simulated = simulate_columns(workload, self.profile, config, extrapolate=True)
        return findings_of_simulation(simulated, config)

    def at(self, load: float) -> Workload:
        """Return the workload, ``load`` times as fast."""
        return self._simulator(load).workload

    def _simulator(self, load: float) -> Simulator:
        scaled_load, simulator = self._scaled
        if not math.isclose(load, scaled_load):
            scaled = self.workload.scale_rate(load)
            simulator = Simulator(scaled, self.profile, extrapolate=True)
            self._scaled = (load, simulator)
        return simulator


def hit_rate_curve(workload: Workload) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return cache sizes from 1 on and the share of look-ups that each would answer."""
    curve = miss_ratio_curve(workload)
    largest = max(int(curve.capacities[-1]), 1)
    sizes = np.unique(np.geomspace(1, largest, _CURVE_POINTS).round().astype(np.int64))
    return sizes, np.asarray(curve.hit_ratio(sizes), dtype=np.float64)


def measured_profile(
    model: Model,
    workload: Workload,
    stop: threading.Event,
    progress: Callable[[int, int], None],
) -> ServiceProfile:
    """Return the service times of a model, measured now or read from disk.

    Raises
    ------
    GivenUpError
        ``stop`` was set before it was done.
    """
    return profile(model, workload, budget_s=_PROFILE_S, progress=until_given_up(stop, progress))
