"""Capacity questions, answered by simulation: how fast, how many workers, how large a cache."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization.models import OptimizationConfig, check_duration
from codomyrmex_lab.simulation.miss_ratio import miss_ratio_curve
from codomyrmex_lab.simulation.service_profile import ServiceProfile
from codomyrmex_lab.simulation.simulate import simulate_columns
from codomyrmex_lab.simulation.simulated import Simulated
from codomyrmex_lab.workloads import Workload

__all__ = ["fewest_workers", "highest_rate_rps", "smallest_cache"]

_STEP = 1.25
_MOST_STEPS = 60
_PRECISION = 0.005


def highest_rate_rps(
    workload: Workload,
    profile: ServiceProfile,
    config: OptimizationConfig,
    *,
    slo_latency_ms: float,
    percent: float = 99.0,
    seed: int = 0,
    extrapolate: bool = False,
) -> float:
    """Return the highest rate at which a workload still meets an SLO under a config.

    The workload is sped up and slowed down as a whole. A rate counts only where the workers keep
    up: the latency of a queue that grows tells no more than how long the workload lasts.

    Parameters
    ----------
    workload : Workload
        Its pattern of arrivals and keys; it must take some time.
    profile : ServiceProfile
        Of the model.
    config : OptimizationConfig
        Settings.
    slo_latency_ms : float
        What the latency at ``percent`` is not to exceed, above 0.
    percent : float
        Above 0 and below 100.
    seed : int
        Of the simulations.
    extrapolate : bool
        Whether the config may go beyond what was profiled.

    Returns
    -------
    float
        Requests per s, to half a percent; 0 where no rate meets it, infinite where any does.

    Warns
    -----
    ForeignProfileWarning
        The profile was measured on another machine.

    Raises
    ------
    SettingError
        A setting is outside its range, or all requests are due at once.
    ProfileError
        The config goes beyond what was profiled, and ``extrapolate`` is not set.
    """
    _check_slo(slo_latency_ms, percent)
    span_s = float(workload.arrival_s[-1] - workload.arrival_s[0])
    if span_s == 0:
        raise SettingError(
            "All requests of the workload are due at once; give one that takes some time."
        )
    profile.warn_if_foreign()
    own_rps = (len(workload) - 1) / span_s

    def simulated(rate_rps: float) -> Simulated:
        scaled = workload.scale_rate(rate_rps / own_rps)
        return simulate_columns(scaled, profile, config, seed=seed, extrapolate=extrapolate)

    def meets(rate_rps: float) -> bool:
        return _meets(simulated(rate_rps), slo_latency_ms, percent)

    load_factor = simulated(own_rps).load_factor
    return _highest(meets, own_rps / load_factor if load_factor > 0 else own_rps)


def _highest(meets: Callable[[float], bool], guess: float) -> float:
    """Return the highest number that meets, to half a percent; 0 if none does, inf if all do.

    A faster workload repeats itself sooner, so that more of it is shared or still cached: what the
    model can compute of it at its own pace is no upper bound.
    """
    step = _STEP if meets(guess) else 1 / _STEP
    number = guess
    for _ in range(_MOST_STEPS):
        number *= step
        if meets(number) is (step < 1):
            break
    else:
        return 0.0 if step < 1 else math.inf
    met, missed = (number, number / step) if step < 1 else (number / step, number)
    while missed / met > 1 + _PRECISION:
        middle = (met * missed) ** 0.5
        if meets(middle):
            met = middle
        else:
            missed = middle
    return met


def fewest_workers(
    workload: Workload,
    profile: ServiceProfile,
    config: OptimizationConfig,
    *,
    slo_latency_ms: float,
    percent: float = 99.0,
    seed: int = 0,
    extrapolate: bool = False,
) -> int:
    """Return the fewest workers with which a workload meets an SLO, all other settings as given.

    Parameters
    ----------
    workload, profile, config, slo_latency_ms, percent, seed, extrapolate
        As for :func:`highest_rate_rps`.

    Warns
    -----
    ForeignProfileWarning
        The profile was measured on another machine.

    Raises
    ------
    SettingError
        A setting is outside its range, or as many workers as were profiled are not enough.
    ProfileError
        The config goes beyond what was profiled, and ``extrapolate`` is not set.
    """
    _check_slo(slo_latency_ms, percent)
    profile.warn_if_foreign()
    for n_workers in range(1, profile.max_workers + 1):
        tried = config.replace(num_workers=n_workers)
        run = simulate_columns(workload, profile, tried, seed=seed, extrapolate=extrapolate)
        if _meets(run, slo_latency_ms, percent):
            return n_workers
    raise SettingError(
        f"Even {profile.max_workers} workers, as many as the profile covers, do not keep "
        f"p{percent:g} within {slo_latency_ms:g} ms; allow more, send less, or profile more "
        "workers."
    )


def smallest_cache(workload: Workload, hit_ratio: float) -> int:
    """Return the smallest cache that answers a share of the requests, 0 to 1.

    Raises
    ------
    SettingError
        The share is out of range, or more than any cache answers.
    """
    return miss_ratio_curve(workload).smallest_cache(hit_ratio)


def _meets(run: Simulated, slo_latency_ms: float, percent: float) -> bool:
    if run.load_factor >= 1 or len(run.latency_ms) < len(run):
        return False
    return float(np.percentile(run.latency_ms, percent)) <= slo_latency_ms


def _check_slo(slo_latency_ms: float, percent: float) -> None:
    check_duration("slo_latency_ms", slo_latency_ms, above_zero=True)
    if not 0 < percent < 100:
        raise SettingError(f"percent is {percent!r}; expected a number above 0 and below 100.")
