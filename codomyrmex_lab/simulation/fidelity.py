"""How well a simulation foretells the engine: the same workloads, predicted and replayed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

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

_SATURATED_S = 1.0


def fidelity(
    model: Model,
    workload: Workload | Mapping[str, Workload],
    configs: Mapping[str, OptimizationConfig],
    *,
    profile: ServiceProfile | None = None,
    load: float | None = None,
    n_replays: int = 2,
    progress: bool | ProgressFunction = True,
    seed: int = 0,
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
    profile : ServiceProfile or None
        Of the model on this machine; measured first if None.
    load : float or None
        Speed the workload up, or slow it down, for each config, to this share of what the engine
        serves at most under it, which is measured first, above 0; at its own rate if None.
    n_replays : int
        Of each config; at least 2, since one alone tells nothing of the noise.
    progress : bool or callable
        Show a bar of replays; or a function of the numbers done and in total.
    seed : int
        Of the simulations.

    Warns
    -----
    ForeignProfileWarning
        The profile is of another machine or model.

    Raises
    ------
    SettingError
        A setting is outside its range, or there is no config.
    """
    check_integer("n_replays", n_replays, at_least=2)
    if not configs:
        raise SettingError("configs is empty; expected at least one config by its name.")
    workloads = dict.fromkeys(configs, workload) if isinstance(workload, Workload) else workload
    missing = sorted(set(configs) - set(workloads))
    if missing:
        raise SettingError(f"There is no workload for the config {missing[0]!r}; give one of each.")
    if profile is None:
        any_workload = next(iter(workloads.values()))
        profile = measure_profile(model, any_workload, progress=progress)
    else:
        profile.warn_if_foreign(model)
    cases = {
        name: workloads[name] if load is None else at_load(model, workloads[name], one, load)
        for name, one in configs.items()
    }
    rows = [
        _row(name, "predicted", simulate_summary(cases[name], profile, config, seed=seed))
        for name, config in configs.items()
    ]
    with Progress(progress, n_replays * len(configs), "Fidelity", unit="replay") as shown:
        for _ in range(n_replays):
            for name, config in configs.items():
                rows.append(_row(name, "measured", _replayed(model, cases[name], config)))
                shown.update(len(rows) - len(configs), now=True)
    return FidelityReport(pd.DataFrame(rows), provenance()["host"])


def at_load(model: Model, workload: Workload, config: OptimizationConfig, load: float) -> Workload:
    """Return a workload at a share of what the engine serves at most, measured for a second.

    That is less than what the workers alone could compute: driver and engine run Python for each
    request, and only one of them at a time.
    """
    check_number("load", load, above_zero=True)
    with warnings.catch_warnings(), InferenceOptimizer(model, config) as engine:
        warnings.simplefilter("ignore", LateDriverWarning)
        run = run_max_throughput(engine, workload, duration_s=_SATURATED_S, progress=False)
    own_rps = len(workload) / workload.duration_s
    return workload.scale_rate(load * run.summary().throughput_rps / own_rps)


def _replayed(model: Model, workload: Workload, config: OptimizationConfig) -> TraceSummary:
    with warnings.catch_warnings(), InferenceOptimizer(model, config) as engine:
        warnings.simplefilter("ignore", LateDriverWarning)  # it is a part of what is compared
        return replay(engine, workload, progress=False).summary()


def _row(case: str, kind: str, summary: TraceSummary) -> dict[str, Any]:
    figures = {name: getattr(summary, name) for name in FIGURES}
    return {"case": case, "kind": kind, "n_requests": summary.n_requests, **figures}
