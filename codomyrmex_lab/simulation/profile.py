"""Measures the service-time profile of a model, once per model, machine and settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.cache_folder import default_cache_dir
from codomyrmex_lab.optimization.models import (
    BatchFunction,
    QuantizationType,
)
from codomyrmex_lab.optimization.variants import Model, Variant, choose_variant
from codomyrmex_lab.simulation.kept_profiles import file_name, keep_profile, kept_profile
from codomyrmex_lab.simulation.profile_checks import COLD_COLUMNS
from codomyrmex_lab.simulation.profile_identity import has_identity
from codomyrmex_lab.simulation.profile_in_engine import EngineVisits
from codomyrmex_lab.simulation.profile_inputs import Inputs
from codomyrmex_lab.simulation.profile_measurement import (
    Point,
    check_outputs,
    measure_points,
    visit_alone,
)
from codomyrmex_lab.simulation.profile_overheads import (
    measure_cold_starts,
    measure_overheads,
)
from codomyrmex_lab.simulation.profile_plan import ProfilePlan, several
from codomyrmex_lab.simulation.profile_points import points_of, residuals_of
from codomyrmex_lab.simulation.service_profile import ServiceProfile
from codomyrmex_lab.tracing.provenance import json_ready, model_identity, provenance
from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.progress import Progress, ProgressFunction

__all__ = ["BATCH_SIZES", "WORKERS", "profile"]

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
WORKERS = (1, 2, 4)
_QUICK_MS = 10.0


def profile(
    model: Model,
    workload: Workload | None = None,
    *,
    quantizations: Sequence[QuantizationType] | None = None,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    workers: Sequence[int] = WORKERS,
    cost: str | None = None,
    confidence: float = 0.95,
    precision: float = 0.05,
    budget_s: float = 60.0,
    with_engine: bool = True,
    progress: bool | ProgressFunction = True,
    cache_dir: str | Path | None = None,
    refresh: bool = False,
    seed: int = 0,
) -> ServiceProfile:
    """Measure how long a model takes for batches of each size, variant and number of calls at once.

    Calls at once are made by as many threads, so that what they take from each other is in the
    figures. What engine and driver add is measured on the engine itself, and what a call takes
    longer after nothing ran for a while.

    The profile of a model with an ``identity`` is kept on disk (a function may be given that
    attribute), and read from there for as long as model, machine, versions, payloads, their costs
    and what is measured of them stay the same, unless more precision is asked for than it has and
    more time is allowed for than it took.

    Parameters
    ----------
    model : Model
        As an :class:`InferenceOptimizer` takes it.
    workload : Workload or None
        Its payloads are what the batches are made of. None for a model that tells its ``inputs``:
        they are made up then.
    quantizations : sequence of QuantizationType or None
        The variants; all that are available if None.
    batch_sizes : sequence of int
        In requests; at least 1 each. Sizes in between are interpolated.
    workers : sequence of int
        Numbers of calls at once; at least 1 each. Numbers in between are interpolated.
    cost : str or None
        A column of ``workload.columns`` that service time depends on (the number of tokens, say):
        it is measured by the cost of a batch's costliest request as well.
    confidence : float
        Of the interval of each median, above 0 and below 1.
    precision : float
        Measure each point until that interval is within this share of its median, above 0.
    budget_s : float
        Time after which points are left as they are, in s, above 0; those that are less certain
        than asked for are :attr:`ServiceProfile.unsettled`.
    with_engine : bool
        Measure what engine and driver add as well; some seconds per variant. Without it a
        simulation is that of an engine that adds nothing.
    progress : bool or callable
        Show a bar of points that are done, or of the part of them that the spent budget stands
        for if that is more; or a function of the numbers done and in total.
    cache_dir : path or None
        Where profiles are kept; this user's cache folder if None.
    refresh : bool
        Measure even where there is one on disk.
    seed : int
        Of the draws of payloads; at least 0.

    Raises
    ------
    SettingError
        A setting is outside its range, or there is nothing to make batches of.
    WorkloadError
        The workload is none, or a cost is not a finite number of at least 0.
    ProfileError
        The model does not answer one output per input.
    """
    plan = ProfilePlan(
        several("quantizations", _available(model) if quantizations is None else quantizations),
        several("batch_sizes", batch_sizes),
        several("workers", workers),
        cost,
        confidence,
        precision,
        budget_s,
        with_engine,
        seed,
    )
    inputs = Inputs.of(model, workload, cost, seed)
    variants = {one: choose_variant(model, one) for one in plan.quantizations}
    try:
        file = None
        if has_identity(model):
            folder = Path(cache_dir) if cache_dir else default_cache_dir() / "profiles"
            file = folder / file_name(model, variants, plan, inputs)
            if not refresh and (kept := kept_profile(file, plan)) is not None:
                return kept
        found = _measured(model, variants, plan, inputs, progress)
    finally:
        for variant in variants.values():
            variant.close()
    if file is not None:
        keep_profile(found, file)
    return found


def _measured(
    model: Model,
    variants: Mapping[QuantizationType, Variant],
    plan: ProfilePlan,
    inputs: Inputs,
    progress: bool | ProgressFunction,
) -> ServiceProfile:
    functions = {one: variant.function for one, variant in variants.items()}
    first = inputs.payloads[0]
    outputs = functions[plan.quantizations[0]]([first])
    check_outputs(outputs, 1)
    points = plan.points(inputs)
    in_engine = EngineVisits(functions, inputs)
    with (
        Progress(progress, len(points), "Profile", unit="point") as shown,
        ThreadPoolExecutor(max(plan.workers), thread_name_prefix="profile") as threads,
    ):
        alone = partial(visit_alone, functions, inputs, threads)
        samples = measure_points(
            in_engine if plan.with_engine else alone,
            points,
            inputs,
            confidence=plan.confidence,
            precision=plan.precision,
            budget_s=plan.budget_s,
            show=lambda done, total: shown.update(min(done, total - 1)),
        )
        frame = _frame(samples)
        medians = points_of(frame, plan.confidence)
        residuals, sources = residuals_of(frame, medians)
        found = ServiceProfile(
            medians,
            residuals,
            residual_sources=sources,
            model=model_identity(model),
            **provenance(),
            n_payloads=len(inputs.payloads),
            cost=plan.cost,
            settings=json_ready(plan),
        )
        if plan.with_engine:
            learn_request_ns = in_engine.learning_ns(_quick_point(found, inputs))
            added = measure_overheads(inputs.payloads, outputs[0], in_engine.gaps_ns)
            found = replace(found, overheads=replace(added, learn_request_ns=learn_request_ns))
            found = _with_cold_starts(found, functions, inputs, in_engine.gaps_ns)
        shown.update(len(points), now=True)
    return found


def _with_cold_starts(
    warm: ServiceProfile,
    functions: Mapping[QuantizationType, BatchFunction],
    inputs: Inputs,
    gaps_ns: Mapping[int, Sequence[int]],
) -> ServiceProfile:
    rows: list[tuple[Any, ...]] = []
    late_ns: list[int] = []
    payloads = inputs.like(inputs.typical_cost)
    for quantization, function in functions.items():
        warm_ms = _warm_ms(warm, quantization, inputs)
        for size in _cold_sizes(warm, warm_ms):
            seen = measure_cold_starts(function, payloads, size, float(warm_ms[size]))
            rest_ms = float(np.median(gaps_ns.get(size) or [0])) / 1e6  # that warm calls have, too
            longer = [pair for pair in seen.extra_ms if pair[0] > rest_ms]
            rows += [(quantization.value, 1, size, *pair) for pair in [(rest_ms, 0.0), *longer]]
            late_ns += seen.late_ns
    submit_ns = float(np.median(late_ns))
    return replace(
        warm,
        cold_starts=pd.DataFrame(rows, columns=list(COLD_COLUMNS)),
        overheads=replace(warm.overheads, submit_ns=submit_ns),
        submit_residuals=np.array(late_ns) / submit_ns,
    )


def _quick_point(warm: ServiceProfile, inputs: Inputs) -> Point:
    """Return a point of one worker, of the largest batch size that is soon computed."""
    quantization = warm.quantizations[0]
    size = _cold_sizes(warm, _warm_ms(warm, quantization, inputs))[-1]
    return Point(quantization, 1, size, inputs.typical_cost)


def _warm_ms(
    warm: ServiceProfile, quantization: QuantizationType, inputs: Inputs
) -> NDArray[np.float64]:
    """Return what a call of typical requests takes while no other runs, by batch size."""
    level = int(np.searchsorted(warm.costs, inputs.typical_cost))
    table = warm.service_table_ns(quantization, 1, warm.max_batch_size, extrapolate=True)
    warm_ms: NDArray[np.float64] = table[level, 1] / 1e6
    return warm_ms


def _cold_sizes(warm: ServiceProfile, warm_ms: NDArray[np.float64]) -> list[int]:
    """Return a small, a middle and a large batch size, of those that are soon computed."""
    sizes = np.unique(warm.points["batch_size"])
    quick = sizes[warm_ms[sizes] <= _QUICK_MS]
    if not len(quick):
        return [int(sizes[0])]
    return sorted({int(quick[0]), int(quick[len(quick) // 2]), int(quick[-1])})


def _frame(samples: Mapping[Point, Sequence[float]]) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "quantization": point.quantization.value,
                "busy_workers": point.busy_workers,
                "batch_size": point.batch_size,
                "cost": point.cost,
                "service_ms": times,
            }
        )
        for point, times in samples.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _available(model: Model) -> list[QuantizationType]:
    if isinstance(model, Mapping):
        return list(model)
    variants = getattr(model, "variants", None)
    if variants is None:
        return [QuantizationType.FP32]
    return [one for one, status in variants().items() if status.available]
