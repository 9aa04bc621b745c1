"""One workload on one model, under as many configs as are asked for."""

from __future__ import annotations

from typing import Any

from codomyrmex_lab.optimization.models import OptimizationConfig, check_integer
from codomyrmex_lab.simulation.events.kernel import run_kernel
from codomyrmex_lab.simulation.events.plan import Plan, make_plan
from codomyrmex_lab.simulation.events.traffic import Traffic, make_traffic
from codomyrmex_lab.simulation.service_profile import ServiceProfile
from codomyrmex_lab.simulation.simulated import Simulated
from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.ranges import check_number

__all__ = ["Simulator"]


class Simulator:
    """Simulates configs, from any number of threads; what they have in common is made once.

    Parameters
    ----------
    workload, profile, seed, speed, extrapolate
        As for :func:`codomyrmex_lab.simulation.simulate`.

    Raises
    ------
    SettingError
        ``seed`` or ``speed`` is outside its range.
    """

    def __init__(
        self,
        workload: Workload,
        profile: ServiceProfile,
        *,
        seed: int = 0,
        speed: float = 1.0,
        extrapolate: bool = False,
    ) -> None:
        check_integer("seed", seed, at_least=0)
        check_number("speed", speed, above_zero=True)
        self.workload = workload
        self.profile = profile
        self._seed = seed
        self._speed = float(speed)
        self._extrapolate = extrapolate
        self._traffic: dict[int, Traffic] = {}

    def run(self, config: OptimizationConfig) -> Simulated:
        """Return the outcome of a config as plain arrays; what it warns of is in ``warnings``.

        Raises
        ------
        ProfileError, SettingError, WorkloadError
            As for :func:`codomyrmex_lab.simulation.simulate`.
        """
        plan = make_plan(self.profile, config, seed=self._seed, extrapolate=self._extrapolate)
        traffic = self._submitted(plan)
        outcome = run_kernel(traffic, plan)
        about = {"seed": self._seed, "speed": self._speed}
        return Simulated(self.profile, config, traffic, plan, outcome, about)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs to simulate the same."""
        return {**self.__dict__, "_traffic": {}}

    def _submitted(self, plan: Plan) -> Traffic:
        """Return the requests; all that a config changes of them is what a submission takes."""
        interval_ns = plan.submit_interval_ns
        if interval_ns not in self._traffic:
            self._traffic[interval_ns] = make_traffic(
                self.workload, plan, self.profile.cost, self._speed
            )
        return self._traffic[interval_ns]
