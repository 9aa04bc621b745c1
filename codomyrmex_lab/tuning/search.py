"""Which configs are tried: all of them, or, where they are too many, a promising sample.

The sample comes from Optuna's tree-structured Parzen estimator and, in turn with it, from the
neighbourhood of the best config so far, so that the search ends in a config that no single step
of a setting improves.

References
----------
J. Bergstra et al., Algorithms for hyper-parameter optimization, NIPS 2011.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import optuna

from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.tuning.space import SearchSpace, simplicity
from codomyrmex_lab.tuning.trial import Trial

__all__ = ["Score", "search_all", "search_sample"]

Score = Callable[[Trial], tuple[float, float]]
"""How far a trial misses the constraints, and its loss; less is better, in this order."""

Run = Callable[[Sequence[OptimizationConfig]], list[Trial]]

_AT_ONCE = 8
_STALE_ROUNDS = 20


def search_all(configs: Sequence[OptimizationConfig], run: Run) -> list[Trial]:
    """Try every config."""
    return run(configs)


def search_sample(
    space: SearchSpace, run: Run, score: Score, n_trials: int, seed: int
) -> list[Trial]:
    """Try some configs of a space, each at most once.

    Parameters
    ----------
    space : SearchSpace
        The candidates.
    run : callable
        Tries configs.
    score : callable
        Says how good a trial is.
    n_trials : int
        Configs to try; a few more if the neighbourhood of the best is not complete by then.
    seed : int
        Of Optuna's sampler.
    """
    sampler = _Sampler(space, score, seed)
    tried: dict[OptimizationConfig, Trial] = {}

    def try_new(configs: Sequence[OptimizationConfig]) -> None:
        new = [config for config in dict.fromkeys(configs) if config not in tried]
        for trial in run(new):
            tried[trial.config] = trial
            sampler.learn(trial)

    def beside_the_best() -> list[OptimizationConfig]:
        best = min(tried.values(), key=lambda one: (*score(one), simplicity(one.config)))
        return [config for config in space.neighbours(best.config) if config not in tried]

    stale = 0
    while len(tried) < n_trials and stale < _STALE_ROUNDS:
        n_before = len(tried)
        try_new(sampler.propose(min(_AT_ONCE, n_trials - n_before)))
        try_new(beside_the_best()[: max(n_trials - len(tried), 0)])
        stale = stale + 1 if len(tried) == n_before else 0
    while beside := beside_the_best():
        try_new(beside)
    return list(tried.values())


class _Sampler:
    """Optuna's sampler on the positions of values in a space."""

    def __init__(self, space: SearchSpace, score: Score, seed: int) -> None:
        self._space = space
        self._score = score
        self._distributions: dict[str, optuna.distributions.BaseDistribution] = {
            name: _distribution(candidates) for name, candidates in space.values.items()
        }
        with _quiet():
            self._study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))

    def propose(self, n: int) -> list[OptimizationConfig]:
        """Return some configs, of which some may have been tried."""
        with _quiet():
            asked = [self._study.ask(self._distributions) for _ in range(n)]
        for trial in asked:  # answered by learn(), which knows trials from elsewhere as well
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return [self._space.config(self._values(trial.params)) for trial in asked]

    def learn(self, trial: Trial) -> None:
        """Take note of a trial."""
        params = {
            name: candidates.index(getattr(trial.config, name))
            for name, candidates in self._space.values.items()
            if getattr(trial.config, name) in candidates
        }
        if len(params) < len(self._distributions):  # an idle setting stands at its base value
            params = {**dict.fromkeys(self._distributions, 0), **params}
        self._study.add_trial(
            optuna.trial.create_trial(
                params=params,
                distributions=self._distributions,
                value=_one_number(*self._score(trial)),
            )
        )

    def _values(self, params: dict[str, Any]) -> dict[str, Any]:
        return {name: self._space.values[name][place] for name, place in params.items()}


def _one_number(missed: float, loss: float) -> float:
    """Return a number in the order of the two; the order is all that the estimator looks at."""
    return 2 + _squeezed(missed) if missed else _squeezed(loss)


def _squeezed(value: float) -> float:
    return value / (1 + abs(value)) if math.isfinite(value) else math.copysign(1, value)


def _distribution(candidates: Sequence[Any]) -> optuna.distributions.BaseDistribution:
    """Positions of numbers are ordered; those of formats and switches are not."""
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in candidates):
        return optuna.distributions.IntDistribution(0, len(candidates) - 1)
    return optuna.distributions.CategoricalDistribution(range(len(candidates)))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from announcing a study that is none of the user's business."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
