"""Replays settings on the real engine, one at a time, and keeps what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from codomyrmex_lab.dashboards.load import OfferedLoad, first_seconds
from codomyrmex_lab.dashboards.measurement import measure
from codomyrmex_lab.dashboards.verification import Verification
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.optimization.optimizer import Model
from codomyrmex_lab.workloads import Workload

if TYPE_CHECKING:
    from codomyrmex_lab.dashboards.prediction import WhatIf

__all__ = ["Verifier"]


class Verifier:
    """Measures what the simulator predicts.

    Parameters
    ----------
    model : Model
        What the engine runs.
    workload : Workload
        Its first seconds are replayed.
    seconds : float
        How many.
    """

    def __init__(self, model: Model, workload: Workload, seconds: float) -> None:
        self._model, self._workload, self._seconds = model, workload, seconds
        self._done: dict[tuple[OptimizationConfig, float], Verification] = {}
        self._busy = threading.Event()

    @property
    def is_busy(self) -> bool:
        """Whether a replay is under way."""
        return self._busy.is_set()

    @property
    def done(self) -> list[Verification]:
        """What was verified so far, in that order."""
        return list(self._done.values())

    def of(self, config: OptimizationConfig, load: float) -> Verification | None:
        """Return the verification of settings under a load, if there is one."""
        return self._done.get((config, load))

    def offered(self, load: float) -> OfferedLoad:
        """Return what a verification replays."""
        return first_seconds(self._workload, load, self._seconds)

    def verify(
        self,
        what_if: WhatIf,
        config: OptimizationConfig,
        load: float,
        stop: threading.Event,
        progress: Callable[[int, int], None],
    ) -> None:
        """Replay on the real engine and keep the outcome, unless it is stopped."""
        offered = self.offered(load)
        self._busy.set()
        try:
            trace = measure(self._model, config, offered, stop, progress)
            if not stop.is_set():
                predicted = what_if.findings_of(offered.workload.scale_rate(load), config)
                self._done[config, load] = Verification.of(offered, predicted, trace)
        finally:
            self._busy.clear()
