"""MLPerf LoadGen, the load generator of MLCommons, driving an engine as its system under test.

LoadGen decides what is sent when, and measures; the engine answers. Beside LoadGen's own summary
stands our trace of the same run, so that one can be held against the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.errors import NotRunningError, SettingError
from codomyrmex_lab.optimization.models import check_integer, check_member
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer
from codomyrmex_lab.tracing import Trace, TraceRecorder
from codomyrmex_lab.tracing.provenance import model_identity
from codomyrmex_lab.workloads.driver_lateness import lateness_ms
from codomyrmex_lab.workloads.load_generator_clock import read_clock
from codomyrmex_lab.workloads.load_generator_log import (
    LoadGenSummary,
    LoadGenTimes,
    read_summary,
    read_times,
)
from codomyrmex_lab.workloads.load_generator_system import (
    LoadGenScenario,
    SystemUnderTest,
    imported_loadgen,
    settings_of_log,
    settings_of_run,
)
from codomyrmex_lab.workloads.partial_batches import check_batches_can_fill
from codomyrmex_lab.workloads.ranges import check_number

__all__ = ["LoadGenRun", "LoadGenScenario", "run_loadgen"]

_SINGLE_STREAM_HINT_RPS = 10_000.0
_PERCENTS = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class LoadGenRun:
    """What LoadGen measured of a run, and what we did.

    Parameters
    ----------
    summary : LoadGenSummary
        LoadGen's figures.
    trace : Trace
        Every request, from the time at which LoadGen was to send it to the end of its model call.
        LoadGen knows of no errors: a failed request counts as answered there, and has its error
        here. The metadata hold ``lateness_ms``, from due to being handed over, and
        ``clock_uncertainty_ms``, by which all due times may be off on our clock.
    requests : pandas.DataFrame
        One row per request in the order of sending: what had passed since it was due, in ms, when
        it was handed over (``late_ms``), when its model call ended (``latency_ms``, as in the
        trace; NaN for a failed one), when it was handed back (``client_ms``), all by our clock,
        and when LoadGen took note of that by its own (``loadgen_ms``).
    """

    summary: LoadGenSummary
    trace: Trace
    requests: pd.DataFrame

    def comparison(self) -> pd.DataFrame:
        """Return the same figures of the same run by LoadGen and by us.

        Returns
        -------
        pandas.DataFrame
            Rows ``p50_ms``, ``p90_ms``, ``p99_ms`` and ``throughput_rps``. Columns ``loadgen``;
            ``ours``, latencies from due to handed back, which LoadGen measures as well; their
            ``difference`` and its ``relative`` size; and ``engine``, the trace's figures, which
            end with the model call. The due times are LoadGen's, the ends and the arithmetic ours.
            Percentiles are LoadGen's: a sample, not interpolated.
        """
        measured = self.trace.summary()
        client_ms = np.sort(self.requests["client_ms"])
        engine_ms = np.sort(self.trace.results["latency_ms"])
        rows = [
            (f"p{percent}_ms", getattr(self.summary, f"p{percent}_ms"), ours, engine)
            for percent in _PERCENTS
            for ours, engine in [(_ranked(client_ms, percent), _ranked(engine_ms, percent))]
        ]
        rate = measured.throughput_rps
        rows.append(("throughput_rps", self.summary.throughput_rps, rate, rate))
        frame = pd.DataFrame(rows, columns=["figure", "loadgen", "ours", "engine"])
        frame = frame.set_index("figure")
        frame.insert(2, "difference", frame["ours"] - frame["loadgen"])
        frame.insert(3, "relative", frame["difference"] / frame["loadgen"])
        return frame


def run_loadgen(
    engine: InferenceOptimizer,
    payloads: Sequence[Any],
    scenario: LoadGenScenario,
    *,
    target_rps: float | None = None,
    latency_target_ms: float = 100.0,
    min_duration_s: float = 600.0,
    min_queries: int = 100,
    seed: int = 0,
    folder: str | Path | None = None,
) -> LoadGenRun:
    """Let MLPerf LoadGen measure an engine.

    Parameters
    ----------
    engine : InferenceOptimizer
        Started; it may serve others at the same time.
    payloads : sequence
        Inputs of the model, of which LoadGen draws at random; at least one.
    scenario : LoadGenScenario
        How LoadGen sends.
    target_rps : float or None
        SERVER: the rate of arrivals. OFFLINE: a rate that the engine does not exceed, as LoadGen
        makes the requests of the whole duration beforehand. SINGLE_STREAM: such a rate as well;
        10,000 by default.
    latency_target_ms : float
        SERVER: what the 99th percentile is held against, in ms, above 0.
    min_duration_s : float
        LoadGen sends for at least this time, in s, above 0; its rules ask for 600.
    min_queries : int
        LoadGen sends at least as many queries; OFFLINE is a single one.
    seed : int
        Of schedule and draws, at least 0.
    folder : path-like or None
        Where LoadGen's log files go; made if it does not exist. By default they are not kept.

    Returns
    -------
    LoadGenRun
        LoadGen's summary and our trace.

    Raises
    ------
    SettingError
        A parameter is outside its range.
    NotRunningError
        The engine is not started, or was stopped meanwhile.
    LoadGenError
        LoadGen is not installed, runs already in this process, or left no result; or a clock was
        set meanwhile.
    UnkeyableInputError
        No cache key can be made for a payload. This, like any other error of submitting, comes
        at the end of LoadGen's run, which cannot be ended early.
    """
    check_member("scenario", scenario, LoadGenScenario)
    target_rps = _checked_target(scenario, target_rps)
    check_number("latency_target_ms", latency_target_ms, above_zero=True)
    check_number("min_duration_s", min_duration_s, above_zero=True)
    check_integer("min_queries", min_queries, at_least=1)
    check_integer("seed", seed, at_least=0)
    if not len(payloads):
        raise SettingError("payloads is empty; expected at least one input.")
    if not engine.is_running:
        raise NotRunningError(
            "The engine is not running; call start(), or use `with engine:`, before LoadGen."
        )
    if scenario is LoadGenScenario.SINGLE_STREAM:
        check_batches_can_fill(engine, "The number of requests in flight of SINGLE_STREAM", 1)
    loadgen = imported_loadgen()
    asked: dict[str, Any] = {
        "target_rps": target_rps,
        "latency_target_ms": latency_target_ms,
        "min_duration_s": min_duration_s,
        "min_queries": min_queries,
        "seed": seed,
    }
    system = SystemUnderTest(loadgen, engine, payloads)
    recorder = TraceRecorder()
    with TemporaryDirectory() as temporary:
        output = Path(temporary if folder is None else folder)
        output.mkdir(parents=True, exist_ok=True)
        engine.attach(recorder)
        try:
            system.measure(
                settings_of_run(loadgen, scenario, **asked), settings_of_log(loadgen, output)
            )
        finally:
            engine.detach(recorder)
        summary = read_summary(output)
        times = read_times(output, len(system.handed_over_ns))
    about = {
        "driver": "MLPerf LoadGen",
        "scenario": scenario.value,
        **asked,
        "config": engine.config,
        "model": model_identity(engine.model),
    }
    return _run(summary, times, system, recorder.trace(about))


def _run(
    summary: LoadGenSummary, times: LoadGenTimes, system: SystemUnderTest, trace: Trace
) -> LoadGenRun:
    """Put LoadGen's times on our clock and its due times into the trace."""
    handed_over_ns = np.array(system.handed_over_ns, dtype=np.int64)
    handed_back_ns = np.array(system.handed_back_ns, dtype=np.int64)
    told_ns = np.array(system.told_ns, dtype=np.int64)
    clock = read_clock(handed_back_ns, times.due_ns + times.latency_ns, told_ns)
    due_ns = times.due_ns + clock.zero_ns
    late_ns = handed_over_ns - due_ns
    requests = pd.DataFrame(
        {
            "late_ms": late_ns / 1e6,
            "latency_ms": np.array(system.latency_ms) + late_ns / 1e6,
            "client_ms": (handed_back_ns - due_ns) / 1e6,
            "loadgen_ms": times.latency_ns / 1e6,
        }
    )
    trace.metadata["lateness_ms"] = lateness_ms(late_ns)
    trace.metadata["clock_uncertainty_ms"] = clock.uncertainty_ns / 1e6
    trace = _with_due_arrivals(system.own.part_of(trace), handed_over_ns, due_ns)
    return LoadGenRun(summary, trace, requests)


def _with_due_arrivals(
    trace: Trace, handed_over_ns: NDArray[np.int64], due_ns: NDArray[np.int64]
) -> Trace:
    """Return the trace with due times for arrivals; the engine was told those of handing over."""
    arrival_ns = trace.requests["arrival"].to_numpy().astype(np.int64) + trace.origin_ns
    return trace.with_arrivals(due_ns[np.searchsorted(handed_over_ns, arrival_ns)])


def _ranked(ordered: NDArray[np.float64], percent: int) -> float:
    return float(ordered[len(ordered) * percent // 100]) if len(ordered) else math.nan


def _checked_target(scenario: LoadGenScenario, target_rps: float | None) -> float:
    if target_rps is None:
        if scenario is not LoadGenScenario.SINGLE_STREAM:
            meaning = "rate of arrivals" if scenario is LoadGenScenario.SERVER else "highest rate"
            raise SettingError(
                f"target_rps is missing; {scenario.name} needs the {meaning}, in requests per s."
            )
        target_rps = _SINGLE_STREAM_HINT_RPS
    check_number("target_rps", target_rps, above_zero=True)
    return target_rps
