"""Keeps drivers that wait for answers from waiting for a batch that they alone could fill.

Under ``FIXED`` a partial batch waits for company. If all who could send wait for an answer, none
comes: at the end of a run, or where identical requests share one place of a batch.
"""

from __future__ import annotations

import time
from contextlib import suppress

from codomyrmex_lab.errors import NotRunningError, SettingError
from codomyrmex_lab.optimization.models import BatchingStrategy
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer
from codomyrmex_lab.workloads.driver_run import DriverRun

__all__ = ["PartialBatches", "check_batches_can_fill"]

_PATIENCE_S = 0.2


def check_batches_can_fill(engine: InferenceOptimizer, name: str, n_in_flight: int) -> None:
    """Raise ``SettingError`` where so many requests in flight can never fill a batch."""
    config = engine.config
    if config.batching_strategy is BatchingStrategy.FIXED and n_in_flight < config.max_batch_size:
        raise SettingError(
            f"{name} is {n_in_flight}, but under FIXED a batch leaves only when "
            f"{config.max_batch_size} requests wait; expected at least as many, or choose DYNAMIC "
            "or a smaller max_batch_size."
        )


class PartialBatches:
    """Flushes the engine when nothing has been answered for longer than a model call takes.

    Parameters
    ----------
    run : DriverRun
        Whose requests wait.
    """

    def __init__(self, run: DriverRun) -> None:
        self._run = run
        self._n_answered = 0
        self._since_s = time.perf_counter()

    def release_if_stuck(self) -> None:
        """Look at the answers, and flush if none came; to be called now and then."""
        run, now_s = self._run, time.perf_counter()
        if run.engine.config.batching_strategy is not BatchingStrategy.FIXED:
            return
        if len(run.own) != self._n_answered:
            self._n_answered, self._since_s = len(run.own), now_s
        elif now_s - self._since_s > max(_PATIENCE_S, 2e-3 * run.own.longest_service_ms):
            self._since_s = now_s
            with suppress(NotRunningError):  # a stopped engine leaves nobody waiting
                run.engine.flush()
