"""Runs trials side by side through joblib, on whatever backend is chosen there.

The backend is that of ``joblib.parallel_config``: threads unless told otherwise, since the
simulation holds no interpreter lock; ``loky`` for processes; Ray's for a cluster. A worker that
is lost takes its trials with it: they are run again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import joblib

from codomyrmex_lab.errors import TuningError
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.simulation import ServiceProfile, Simulator
from codomyrmex_lab.tuning.repeats import Repeats
from codomyrmex_lab.tuning.store import TrialStore
from codomyrmex_lab.tuning.trial import Trial, run_trials
from codomyrmex_lab.workloads import Workload

__all__ = ["Evaluator"]

_CONFIGS_PER_TASK = 4
_TASKS_PER_JOB = 16  # all are awaited before there are more; short tasks end close together
_FRUITLESS_ATTEMPTS = 3
_logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Simulates configs on one workload and profile, none that another is known to stand for.

    Parameters
    ----------
    workload : Workload
        What arrives.
    profile : ServiceProfile
        How long the model takes.
    seed : int
        Of the simulation's noise.
    n_jobs : int
        Trials at once, as joblib counts them: -1 for as many as the backend has cores.
    store : TrialStore or None
        Where trials are kept, and looked up first.
    tell : callable
        Called with the number of configs that have just been finished.
    """

    workload: Workload
    profile: ServiceProfile
    seed: int
    n_jobs: int
    store: TrialStore | None
    tell: Callable[[int], object]
    _repeats: Repeats = field(init=False)
    _simulator: Simulator = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_repeats", Repeats(self.workload))
        simulator = Simulator(self.workload, self.profile, seed=self.seed)
        object.__setattr__(self, "_simulator", simulator)

    def run(self, configs: Sequence[OptimizationConfig]) -> list[Trial]:
        """Return a trial of each config, in the same order.

        Raises
        ------
        TuningError
            Workers were lost again and again.
        """
        done = {} if self.store is None else self.store.trials_of(configs)
        self._repeats.learn(done.values())
        self.tell(len(done))
        fruitless = 0
        while missing := self._missing(configs, done):
            n_before = len(done)
            try:
                self._run_some(self._repeats.first(missing), done)
            except _TrialFailed as failure:
                raise failure.cause from None
            except Exception as error:  # whatever a backend raises when a worker is gone
                fruitless = 0 if len(done) > n_before else fruitless + 1
                if fruitless == _FRUITLESS_ATTEMPTS:
                    raise TuningError(
                        f"The trials' workers failed {fruitless} times in a row, last with "
                        f"{type(error).__name__}: {error}"
                    ) from error
                _logger.warning("Trials are run again: %s: %s", type(error).__name__, error)
        return [done[config] for config in configs]

    def _missing(
        self, configs: Sequence[OptimizationConfig], done: dict[OptimizationConfig, Trial]
    ) -> list[OptimizationConfig]:
        """Return the configs that need a run, after all that need none are done."""
        missing = [config for config in dict.fromkeys(configs) if config not in done]
        repeated = [trial for trial in map(self._repeats.answer, missing) if trial is not None]
        self._finish(repeated, done)
        return [config for config in missing if config not in done]

    def _finish(self, trials: list[Trial], done: dict[OptimizationConfig, Trial]) -> None:
        if self.store is not None:
            self.store.add(trials)
        self._repeats.learn(trials)
        done.update((trial.config, trial) for trial in trials)
        self.tell(len(trials))

    def _run_some(
        self, configs: list[OptimizationConfig], done: dict[OptimizationConfig, Trial]
    ) -> None:
        tasks = [
            configs[first : first + _CONFIGS_PER_TASK]
            for first in range(0, len(configs), _CONFIGS_PER_TASK)
        ]
        n_tasks = _TASKS_PER_JOB * joblib.effective_n_jobs(self.n_jobs)
        with joblib.Parallel(n_jobs=self.n_jobs, prefer="threads") as parallel:
            for first in range(0, len(tasks), n_tasks):
                results = parallel(
                    joblib.delayed(_run_task)(self._simulator, task)
                    for task in tasks[first : first + n_tasks]
                )
                self._finish([trial for trials in results for trial in _checked(trials)], done)


class _TrialFailed(Exception):
    """A trial itself raised, and would again."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(cause)
        self.cause = cause


def _run_task(
    simulator: Simulator, configs: Sequence[OptimizationConfig]
) -> list[Trial] | Exception:
    """Run trials where a worker is; return their error, to tell it from the loss of the worker."""
    try:
        return run_trials(simulator, configs)
    except Exception as error:
        return error


def _checked(trials: list[Trial] | Exception) -> list[Trial]:
    if isinstance(trials, Exception):
        raise _TrialFailed(trials)
    return trials
