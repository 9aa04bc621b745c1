"""How well a simulation foretells the engine: the same workloads, predicted and replayed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from codomyrmex_lab.errors import LateDriverWarning, SettingError
from codomyrmex_lab.optimization.models import OptimizationConfig, check_integer
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer
from codomyrmex_lab.optimization.variants import Model
from codomyrmex_lab.simulation.fidelity_report import FIGURES, FidelityReport
from codomyrmex_lab.simulation.profile import profile as measure_profile
from codomyrmex_lab.simulation.service_profile import ServiceProfile
from codomyrmex_lab.simulation.simulate import simulate_summary
from codomyrmex_lab.tracing import TraceSummary
from codomyrmex_lab.tracing.provenance import provenance
from codomyrmex_lab.workloads import Workload, replay, run_max_throughput
from codomyrmex_lab.workloads.progress import Progress, ProgressFunction
from codomyrmex_lab.workloads.ranges import check_number

__all__ = ["at_load", "fidelity"]

_SATURATED_S = 0.5
_OVERLOADED_S = 1.0
_OVERLOAD = 1.25


def fidelity(
    model: Model,
    workload: Workload | Mapping[str, Workload],
    configs: Mapping[str, OptimizationConfig],
    *,
    profile: ServiceProfile | Callable[[], ServiceProfile] | None = None,
    load: float | None = None,
    n_replays: int = 2,
    progress: bool | ProgressFunction = True,
    seed: int = 0,
    extrapolate: bool = False,
) -> FidelityReport:
    """Replay a workload on the real engine under some configs, and compare with the simulation.

    Replays go round all configs before any config has its next, so that the noise between two
    replays of one config is that of the machine over the whole time.

    Parameters
    ----------
    model : Model
        As an :class:`InferenceOptimizer` takes it.
    workload : Workload or mapping of str to Workload
        What to replay; or of each config by its name.
    configs : mapping of str to OptimizationConfig
        By the names that they have in the report.
    profile : ServiceProfile, callable or None
        Of the model on this machine; measured first if None. A function is called before the
        replays of each round, and the median of the predictions counts: it is to measure the
        profile of a machine whose speed drifts.
    load : float or None
        Speed the workload up, or slow it down, for each config, to this share of what the engine
        serves at most under it, which is measured first, above 0; at its own rate if None.
    n_replays : int
        Of each config; at least 2, since one alone tells nothing of the noise.
    progress : bool or callable
        Show a bar of replays; or a function of the numbers done and in total.
    seed : int
        Of the simulations.
    extrapolate : bool
        Whether configs may go beyond what was profiled.

    Warns
    -----
    ForeignProfileWarning
        The profile is of another machine or model.

    Raises
    ------
    SettingError
        A setting is outside its range, there is no config, or ``load`` is given for a workload
        whose requests are all due at once.
    ProfileError
        A config goes beyond what was profiled, and ``extrapolate`` is not set.
    """
    check_integer("n_replays", n_replays, at_least=2)
    workloads = _workloads_of(workload, configs)
    if profile is None:
        any_workload = next(iter(workloads.values()))
        profile = measure_profile(model, any_workload, progress=progress)
    cases = {
        name: workloads[name] if load is None else at_load(model, workloads[name], one, load)
        for name, one in configs.items()
    }
    rows, n_done = [], 0
    with Progress(progress, n_replays * len(configs), "Fidelity", unit="replay") as shown:
        for replay_number in range(n_replays):
            if replay_number == 0 or callable(profile):
                now = profile() if callable(profile) else profile
                now.warn_if_foreign(model)
                for name, config in configs.items():
                    predicted = simulate_summary(
                        cases[name], now, config, seed=seed, extrapolate=extrapolate
                    )
                    rows.append(_row(name, "predicted", predicted))
            for name, config in configs.items():
                rows.append(_row(name, "measured", _replayed(model, cases[name], config)))
                n_done += 1
                shown.update(n_done, now=True)
    return FidelityReport(pd.DataFrame(rows), provenance()["host"])


def _workloads_of(
    workload: Workload | Mapping[str, Workload], configs: Mapping[str, OptimizationConfig]
) -> Mapping[str, Workload]:
    """Return the workload of each config, all checked."""
    if not isinstance(configs, Mapping) or not configs:
        raise SettingError(
            f"configs is {configs!r:.80}; expected at least one config by its name, as in "
            "{'as it is': OptimizationConfig()}."
        )
    workloads = dict.fromkeys(configs, workload) if isinstance(workload, Workload) else workload
    if not isinstance(workloads, Mapping):
        raise SettingError(
            f"workload is a {type(workload).__name__}; expected a Workload, or one for each "
            "config by its name."
        )
    missing = sorted(set(configs) - set(workloads))
    if missing:
        raise SettingError(f"There is no workload for the config {missing[0]!r}; give one of each.")
    return workloads


def at_load(model: Model, workload: Workload, config: OptimizationConfig, load: float) -> Workload:
    """Return a workload at a share of what the engine serves of it at most, which is measured.

    That is its throughput while it is offered more than it can serve, for a second or so: less
    than what the workers alone could compute, since driver and engine run Python for each request,
    and only one of them at a time.
    """
    check_number("load", load, above_zero=True)
    if workload.arrival_s[-1] == workload.arrival_s[0]:
        raise SettingError(
            f"load is {load!r}, but all requests of the workload are due at once; give one that "
            "takes some time, or no load."
        )
    own_rps = len(workload) / workload.duration_s
    with warnings.catch_warnings(), InferenceOptimizer(model, config) as engine:
        warnings.simplefilter("ignore", LateDriverWarning)
        saturated = run_max_throughput(engine, workload, duration_s=_SATURATED_S, progress=False)
        engine.clear_cache()
        offered_rps = _OVERLOAD * saturated.summary().throughput_rps
        some = workload.head(max(round(offered_rps * _OVERLOADED_S), 2))
        due_s = np.arange(len(some)) / offered_rps
        steady = Workload(due_s, some.keys, some.payloads, some.priorities, some.columns)
        overloaded = replay(engine, steady, progress=False)
    return workload.scale_rate(load * overloaded.summary().throughput_rps / own_rps)


def _replayed(model: Model, workload: Workload, config: OptimizationConfig) -> TraceSummary:
    with warnings.catch_warnings(), InferenceOptimizer(model, config) as engine:
        warnings.simplefilter("ignore", LateDriverWarning)  # it is a part of what is compared
        return replay(engine, workload, progress=False).summary()


def _row(case: str, kind: str, summary: TraceSummary) -> dict[str, Any]:
    figures = {name: getattr(summary, name) for name in FIGURES}
    return {"case": case, "kind": kind, "n_requests": summary.n_requests, **figures}
