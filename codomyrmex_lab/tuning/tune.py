"""Search for settings: the front door."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization.models import check_integer
from codomyrmex_lab.simulation import ServiceProfile
from codomyrmex_lab.tracing.provenance import json_ready, provenance
from codomyrmex_lab.tuning.bar import SearchBar, SearchProgress
from codomyrmex_lab.tuning.choice import infeasible, ranked_rows, tied_rows
from codomyrmex_lab.tuning.evaluation import Evaluator
from codomyrmex_lab.tuning.explanation import explain
from codomyrmex_lab.tuning.front import pareto_front
from codomyrmex_lab.tuning.goals import (
    FIGURES,
    Constraint,
    Objective,
    feasible_rows,
    parse_constraints,
)
from codomyrmex_lab.tuning.identity import (
    describe_profile,
    describe_workload,
    search_identity,
    simulated_part,
)
from codomyrmex_lab.tuning.result import TuningResult
from codomyrmex_lab.tuning.search import search_all, search_sample
from codomyrmex_lab.tuning.sensitivity import sensitivity
from codomyrmex_lab.tuning.space import SearchSpace
from codomyrmex_lab.tuning.store import TrialStore
from codomyrmex_lab.tuning.trial import Trial, trials_frame
from codomyrmex_lab.tuning.variants import QualityData, VariantFacts
from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.ranges import check_number

__all__ = ["tune"]

_LARGEST_ENUMERATED = 10_000
_SAMPLED = 500
_ALWAYS_IN_THE_FRONT = ("p99_ms", "worker_s_per_1k")


def tune(
    workload: Workload,
    profile: ServiceProfile,
    objective: str = "throughput",
    constraints: str | Constraint | Iterable[str | Constraint] = (),
    space: SearchSpace | Mapping[str, Sequence[Any]] | None = None,
    *,
    quality: QualityData | None = None,
    result_bytes: float = 0.0,
    n_trials: int | None = None,
    tolerance: float = 0.01,
    store: str | os.PathLike[str] | None = None,
    seed: int = 0,
    n_jobs: int = -1,
    progress: bool | SearchProgress = True,
) -> TuningResult:
    """Search for the settings that serve a workload best, by simulation.

    The search runs through joblib: on threads, or on the backend that ``joblib.parallel_config``
    names, as ``"loky"`` or, after ``ray.util.joblib.register_ray()``, ``"ray"``.

    Parameters
    ----------
    workload : Workload
        What arrives. At a load that all settings carry, their throughput is the load's.
    profile : ServiceProfile
        How long the model takes.
    objective : str
        ``"throughput"``, ``"p99"``, ``"cost"`` (worker-seconds per 1,000 requests, idle or not)
        or ``"size"`` (of the model file).
    constraints : str, Constraint, or iterable of them
        What has to hold, such as ``"p99_ms <= 50"``; see :data:`codomyrmex_lab.tuning.FIGURES`.
    space : SearchSpace, mapping or None
        Values to try by setting, the others as :meth:`SearchSpace.within` has them; what
        :meth:`SearchSpace.around` makes of workload and profile if None.
    quality : quality report, pandas.DataFrame, mapping or None
        What ``model.quality(payloads)`` returned, for quality and size of the variants.
    result_bytes : float
        Memory of one cached result, at least 0; counts in ``memory_mb``.
    n_trials : int or None
        Configs to try. A space of no more is enumerated, of a larger one a sample is searched;
        by default the limit is 10,000, and a sample 500.
    tolerance : float
        Share of the best objective, at least 0, by which another may be worse and still be
        called equal; the simplest of equals is chosen.
    store : path or None
        SQLite file that keeps the trials; a search that was interrupted goes on from it.
    seed : int
        Of the simulation's noise and of the sample, at least 0.
    n_jobs : int
        Trials at once, as joblib counts them: -1 for as many as there are cores.
    progress : bool or callable
        Show a bar; or a function of the numbers of configs done and in total.

    Returns
    -------
    TuningResult
        The chosen config with its explanation, all trials, the Pareto front and the sensitivity.

    Warns
    -----
    ForeignProfileWarning
        The profile was measured on another machine.

    Raises
    ------
    SettingError
        An unknown objective, constraint or setting, or a figure that is asked for without data.
    InfeasibleError
        No config holds all constraints.
    TuningError
        The store cannot be used, or the workers were lost again and again.
    ProfileError
        The space goes beyond what was profiled.
    """
    goal, bounds = Objective.named(objective), parse_constraints(constraints)
    facts = VariantFacts.of(quality, result_bytes)
    _check_known(goal, bounds, facts)
    check_number("tolerance", tolerance, above_zero=False)
    check_integer("seed", seed, at_least=0)
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, int) or n_jobs == 0:
        raise SettingError(
            f"n_jobs is {n_jobs!r}; expected a whole number of trials at once, or -1 for as many "
            "as there are cores."
        )
    if n_trials is not None:
        check_integer("n_trials", n_trials, at_least=1)
    candidates = _space(space, workload, profile)
    profile.warn_if_foreign()
    sampled = candidates.n_combinations > (n_trials or _LARGEST_ENUMERATED)
    identity = search_identity(workload, profile, seed)
    part = simulated_part(workload)
    with SearchBar(progress, n_trials or _SAMPLED if sampled else None) as bar:
        evaluator = Evaluator(
            part,
            profile,
            seed,
            n_jobs,
            None if store is None else TrialStore(Path(store), identity),
            bar.advance,
        )
        if sampled:
            trials = search_sample(
                candidates,
                evaluator.run,
                lambda trial: _score(trial, goal, bounds, facts),
                n_trials or _SAMPLED,
                seed,
            )
        else:
            configs = list(candidates)
            bar.expect(len(configs))
            trials = search_all(configs, evaluator.run)
        frame = trials_frame(trials, facts)
        frame["feasible"] = feasible_rows(frame, bounds)
        tried = [trial.config for trial in trials]
        if not frame["feasible"].any():
            raise infeasible(tried, frame, bounds)
        order = ranked_rows(tried, frame, goal, tolerance)
        chosen = tried[order[0]]
        changes = sensitivity(chosen, trials, candidates, evaluator, goal, bounds, facts)
    predicted = {name: float(frame[name].iloc[order[0]]) for name in FIGURES}
    n_tied = int(tied_rows(frame, goal, tolerance).sum())
    evidence = {
        "objective": objective,
        "constraints": [str(bound) for bound in bounds],
        "latency_slo_ms": _latency_slo_ms(bounds),
        "workload": describe_workload(workload),
        "profile": describe_profile(profile),
        "search": {
            "n_trials": len(trials),
            "n_feasible": int(frame["feasible"].sum()),
            "exhaustive": not sampled,
            "seed": seed,
        },
        "quality_measure": facts.measure or None,
        "predicted": json_ready(predicted),
        "verified": None,
        "versions": provenance()["versions"],
    }
    shown = dict.fromkeys([goal.figure.name, *(b.figure for b in bounds), *_ALWAYS_IN_THE_FRONT])
    return TuningResult(
        config=chosen,
        explanation=explain(
            chosen, frame, order, n_tied, goal, bounds, tolerance, exhaustive=not sampled
        ),
        predicted=predicted,
        trials=frame,
        pareto=pareto_front(frame, list(shown)),
        sensitivity=changes,
        tried=tuple(tried),
        ranking=tuple(tried[row] for row in order),
        objective=goal,
        constraints=bounds,
        tolerance=tolerance,
        evidence=evidence,
    )


def _space(
    space: SearchSpace | Mapping[str, Sequence[Any]] | None,
    workload: Workload,
    profile: ServiceProfile,
) -> SearchSpace:
    if space is None:
        return SearchSpace.around(workload, profile)
    chosen = space if isinstance(space, SearchSpace) else SearchSpace.within(space, profile)
    chosen.check_profiled(profile)
    return chosen


def _check_known(goal: Objective, bounds: Sequence[Constraint], facts: VariantFacts) -> None:
    asked = [(f"objective {goal.name!r}", goal.figure.name)]
    asked += [(f"constraint '{bound}'", bound.figure) for bound in bounds]
    for what, figure in asked:
        if not facts.knows(figure):
            raise SettingError(
                f"{what} asks for {figure}, of which nothing is known; pass "
                "quality=model.quality(payloads), in a terminal --quality with what "
                "'profile --quality' has written."
            )


def _score(
    trial: Trial, goal: Objective, bounds: Sequence[Constraint], facts: VariantFacts
) -> tuple[float, float]:
    frame = trials_frame([trial], facts)
    missed = sum(float(bound.excess(frame[bound.figure].to_numpy())[0]) for bound in bounds)
    return missed, float(goal.loss(frame[goal.figure.name].to_numpy())[0])


def _latency_slo_ms(bounds: Sequence[Constraint]) -> float | None:
    """Return the bound that the most requests have to be within; a mean bounds none of them."""
    for figure in ("p99_ms", "p95_ms", "p90_ms"):
        promised_ms = [
            bound.bound
            for bound in bounds
            if bound.figure == figure and bound.sign in ("<=", "<") and bound.bound > 0
        ]
        if promised_ms:
            return min(promised_ms)
    return None
