"""What a workload would have seen under other settings."""

from __future__ import annotations

import warnings

from codomyrmex_lab.errors import OverloadWarning
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.simulation.load import overload_warning
from codomyrmex_lab.simulation.service_profile import ServiceProfile
from codomyrmex_lab.simulation.simulated import Simulated
from codomyrmex_lab.simulation.simulator import Simulator
from codomyrmex_lab.tracing import Trace, TraceSummary
from codomyrmex_lab.workloads import Workload

__all__ = ["simulate", "simulate_columns", "simulate_summary"]


def simulate(
    workload: Workload,
    profile: ServiceProfile,
    config: OptimizationConfig,
    *,
    seed: int = 0,
    speed: float = 1.0,
    extrapolate: bool = False,
) -> Trace:
    """Return the trace that a replay of a workload would have given under a config.

    Batches leave by the engine's own rules, take as long as the profile says, and fill the cache
    when they end. After the last request the engine is flushed, as by
    :func:`~codomyrmex_lab.workloads.replay`. Each request is its own caller: one that a full
    queue blocks does not hold up those behind it. Where the deadline of one comes before a place,
    those who joined it fail with it; the engine computes the first of them in its stead.

    Parameters
    ----------
    workload : Workload
        What arrives. A column ``timeout_ms`` of it gives deadlines, counted from the arrival.
    profile : ServiceProfile
        Service times of the model.
    config : OptimizationConfig
        Settings; ``cache_max_bytes`` and ``processor_timeout_ms`` are not simulated.
    seed : int
        Of the draws from the profile's residuals, at least 0. Batch number b draws the same one
        under any config, where as many calls run beside its own.
    speed : float
        How many times faster than the workload's own times, above 0.
    extrapolate : bool
        Whether the config may go beyond what was profiled.

    Returns
    -------
    Trace
        Its metadata hold ``simulated``, ``config``, ``seed``, ``speed``, ``profile``, ``workload``,
        the ``load_factor`` and a list of ``warnings``.

    Warns
    -----
    OverloadWarning
        The workload is more than can be served.
    ForeignProfileWarning
        The profile was measured on another machine.

    Raises
    ------
    ProfileError
        The config goes beyond what was profiled, and ``extrapolate`` is not set.
    SettingError
        ``seed`` or ``speed`` is outside its range, or no batch could ever leave.
    WorkloadError
        The workload lacks the profile's cost column, or a column holds what it must not.
    """
    simulated = simulate_columns(
        workload, profile, config, seed=seed, speed=speed, extrapolate=extrapolate
    )
    for sentence in overload_warning(simulated.load_factor):
        warnings.warn(sentence, OverloadWarning, stacklevel=2)
    profile.warn_if_foreign()
    trace = simulated.trace()
    trace.metadata["workload"] = workload.describe()["value"].to_dict()
    return trace


def simulate_summary(
    workload: Workload,
    profile: ServiceProfile,
    config: OptimizationConfig,
    *,
    seed: int = 0,
    speed: float = 1.0,
    extrapolate: bool = False,
) -> TraceSummary:
    """Return the summary of :func:`simulate` without making the trace, for many configs.

    Parameters
    ----------
    workload, profile, config, seed, speed, extrapolate
        As for :func:`simulate`; nothing is warned of.
    """
    return simulate_columns(
        workload, profile, config, seed=seed, speed=speed, extrapolate=extrapolate
    ).summary()


def simulate_columns(
    workload: Workload,
    profile: ServiceProfile,
    config: OptimizationConfig,
    *,
    seed: int = 0,
    speed: float = 1.0,
    extrapolate: bool = False,
) -> Simulated:
    """Return the outcome of :func:`simulate` as plain arrays, for screens.

    Parameters
    ----------
    workload, profile, config, seed, speed, extrapolate
        As for :func:`simulate`; what it warns of is in :attr:`Simulated.warnings`.
    """
    simulator = Simulator(workload, profile, seed=seed, speed=speed, extrapolate=extrapolate)
    return simulator.run(config)
