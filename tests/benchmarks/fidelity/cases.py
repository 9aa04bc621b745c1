"""What is replayed, and the rows that come of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from codomyrmex_lab.optimization import OptimizationConfig
from codomyrmex_lab.simulation import FIGURES, FidelityReport, fidelity, profile
from codomyrmex_lab.simulation.fidelity import at_load
from codomyrmex_lab.tracing.provenance import provenance
from codomyrmex_lab.workloads import Workload
from tests.benchmarks.public_data import data_set
from tests.benchmarks.report import Reach, Row, alone
from tests.benchmarks.runner import Samples

__all__ = ["LOADS", "azure", "kept", "measured_report", "rows_of"]

LOADS = (0.5, 0.7, 0.85)
N_REPLAYS = 6
CALM = 0.05
_WORDS = {
    "p50_ms": "p50",
    "p95_ms": "p95",
    "p99_ms": "p99",
    "mean_batch_size": "mean batch size",
    "throughput_rps": "throughput",
    "cache_hit_rate": "hit rate",
}


def azure() -> Workload:
    """Return the arrivals of the Azure conversation trace."""
    path = data_set("AzureLLMInferenceTrace_conv.csv")
    return Workload.from_csv(path, arrival="TIMESTAMP")


def kept(part: str, measure: Callable[[], FidelityReport]) -> FidelityReport:
    """Return a part of the measurement, from the folder of those that are done where there is one.

    The whole takes some minutes; with ``CODOMYRMEX_LAB_FIDELITY`` set to a folder it can be taken
    in parts, when the machine is quiet.
    """
    folder = os.environ.get("CODOMYRMEX_LAB_FIDELITY")
    if folder is None:
        return measure()
    file = Path(folder) / f"{part}.csv"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        measure().runs.to_csv(file, index=False)
    return FidelityReport(pd.read_csv(file), provenance()["host"])


def measured_report(
    model: Any,
    workload: Workload,
    configs: Mapping[str, OptimizationConfig],
    load: float,
    *,
    replay_s: float,
    **profiled: Any,
) -> FidelityReport:
    """Replay every config at a load for about ``replay_s``, six times, and compare.

    The profile is measured anew before each round of replays: the speed of a shared machine drifts.
    """
    workloads = {
        case: _lasting(at_load(model, workload, config, load), replay_s)
        for case, config in configs.items()
    }
    measure = partial(profile, model, workload, refresh=True, progress=False, **profiled)
    report = fidelity(
        model, workloads, configs, profile=measure, n_replays=N_REPLAYS, progress=False
    )
    print(report.frame().round(4).to_string(), flush=True)
    return report


def rows_of(name: str, reports: Mapping[float, FidelityReport]) -> list[Row]:
    """Return the rows of one model, of its reports by load."""
    report = FidelityReport.joined({f"{load:.0%}": one for load, one in reports.items()})
    frame = report.frame()
    frame["error"] = frame["error"].abs()
    rows = []
    for figure in FIGURES:
        one = frame[frame["figure"] == figure]
        unit = "points" if figure == "cache_hit_rate" else "%"
        words = f"{name}: {_WORDS[figure]}"
        percent = tuple(100 * one["error"])
        noise = tuple(100 * one["noise"])
        if figure == "cache_hit_rate":
            rows.append(_worst(f"{words}, worst error", unit, percent, Reach(at_most=0.5)))
        elif figure == "mean_batch_size":
            rows.append(alone(f"{words}, median error", unit, Samples(percent)))
        else:
            rows.append(alone(f"{words}, median error", unit, Samples(percent), Reach(at_most=5)))
            beyond = one["error"].where(one["error"] > 2 * one["noise"], 0.0)
            words_of_worst = f"{words}, worst error beyond twice the noise"
            rows.append(_worst(words_of_worst, unit, tuple(100 * beyond), Reach(at_most=9)))
            calm = tuple(100 * one.loc[one["noise"] <= CALM, "error"])
            if calm:
                words_of_calm = f"{words}, median error of the {len(calm)} cases with noise ≤ 5%"
                rows.append(alone(words_of_calm, unit, Samples(calm)))
        rows.append(
            alone(f"{words}, noise: median of measured against measured", unit, Samples(noise))
        )
    return rows + [
        row for load, report in reports.items() for row in _rows_at(f"{name} at {load:.0%}", report)
    ]


def _rows_at(name: str, report: FidelityReport) -> list[Row]:
    frame = report.frame()
    rows = []
    for figure in ("p50_ms", "p95_ms", "p99_ms"):
        one = frame[frame["figure"] == figure]
        for words, values in (("median error", one["error"].abs()), ("noise", one["noise"])):
            percent = Samples(tuple(100 * values))
            rows.append(alone(f"{name}: {_WORDS[figure]}, {words}", "%", percent))
    return rows


def _lasting(workload: Workload, replay_s: float) -> Workload:
    """Return as many of the requests as are due within some time, the same again if too few."""
    n = int(np.searchsorted(workload.arrival_s, replay_s))
    if n < len(workload):
        return workload.head(max(n, 200))
    return workload.repeat(max(round(replay_s / workload.duration_s), 1))


def _worst(measure: str, unit: str, values: tuple[float, ...], reach: Reach) -> Row:
    """Return a row of the largest value; the spread is that of all."""
    spread = Samples(values).spread
    row = alone(measure, unit, Samples((max(values),)), reach)
    return replace(row, ours_spread=spread, n_rounds=len(values))
