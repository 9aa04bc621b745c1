"""MLPerf LoadGen, the load generator of MLCommons, driving an engine as its system under test.

LoadGen decides what is sent when, and measures; the engine answers. Beside LoadGen's own summary
stands our trace of the same run, so that one can be held against the other.
"""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.errors import LoadGenError, NotRunningError, QueueFullError, SettingError
from codomyrmex_lab.optimization.models import InferenceResult, check_integer, check_member
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer
from codomyrmex_lab.tracing import Trace, TraceRecorder
from codomyrmex_lab.workloads.driver_lateness import lateness_ms
from codomyrmex_lab.workloads.load_generator_log import (
    LoadGenSummary,
    read_samples,
    read_summary,
)
from codomyrmex_lab.workloads.own_requests import OwnRequests
from codomyrmex_lab.workloads.partial_batches import check_batches_can_fill
from codomyrmex_lab.workloads.ranges import check_number

__all__ = ["LoadGenRun", "LoadGenScenario", "run_loadgen"]

_SINGLE_STREAM_HINT_RPS = 10_000.0
_PERCENTS = (50, 90, 99)
_ONE_RUN_AT_A_TIME = threading.Lock()  # LoadGen itself is one per process


class LoadGenScenario(Enum):
    """How LoadGen sends."""

    SINGLE_STREAM = "SingleStream"
    """The next request when the last one is answered."""
    SERVER = "Server"
    """Poisson arrivals at a given rate."""
    OFFLINE = "Offline"
    """All requests at once."""


@dataclass(frozen=True, slots=True)
class LoadGenRun:
    """What LoadGen measured of a run, and what we did.

    Parameters
    ----------
    summary : LoadGenSummary
        LoadGen's figures.
    trace : Trace
        Every request, from the moment at which LoadGen handed it over to the end of its model
        call. LoadGen knows of no errors: a failed request counts as answered there, and has its
        error here. The metadata hold LoadGen's own ``lateness_ms``.
    requests : pandas.DataFrame
        One row per request in the order of sending: ``loadgen_ms``, its latency by LoadGen's
        clock; ``late_ms``, how late LoadGen sent it; and ``client_ms``, from being handed over to
        being handed back, by ours.
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
            count from sent to the end of the model call. Percentiles are LoadGen's: a sample, not
            interpolated.
        """
        measured = self.trace.summary()
        client_ms = np.sort(self.requests["late_ms"] + self.requests["client_ms"])
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
        LoadGen is not installed, runs already in this process, or left no result.
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
    loadgen = _imported_loadgen()
    asked: dict[str, Any] = {
        "target_rps": target_rps,
        "latency_target_ms": latency_target_ms,
        "min_duration_s": min_duration_s,
        "min_queries": min_queries,
        "seed": seed,
    }
    system = _SystemUnderTest(loadgen, engine, payloads)
    recorder = TraceRecorder()
    with TemporaryDirectory() as temporary:
        output = Path(temporary if folder is None else folder)
        output.mkdir(parents=True, exist_ok=True)
        engine.attach(recorder)
        try:
            system.measure(
                _test_settings(loadgen, scenario, **asked), _log_settings(loadgen, output)
            )
        finally:
            engine.detach(recorder)
        summary = read_summary(output)
        late_ns, latency_ns = read_samples(output, len(system.client_ns))
    about = {
        "driver": "MLPerf LoadGen",
        "scenario": scenario.value,
        **asked,
        "config": engine.config,
        "lateness_ms": lateness_ms(late_ns),
    }
    requests = pd.DataFrame(
        {
            "loadgen_ms": latency_ns / 1e6,
            "late_ms": late_ns / 1e6,
            "client_ms": np.array(system.client_ns, dtype=np.int64) / 1e6,
        }
    )
    return LoadGenRun(summary, system.own.part_of(recorder.trace(about)), requests)


class _SystemUnderTest:
    """The engine as LoadGen sees it. Nothing may be raised into LoadGen, which would abort."""

    def __init__(self, loadgen: Any, engine: InferenceOptimizer, payloads: Sequence[Any]) -> None:
        self.own = OwnRequests()
        self._loadgen = loadgen
        self._engine = engine
        self._payloads = payloads
        self._error: BaseException | None = None
        self._complete = loadgen.QuerySamplesComplete
        self.client_ns = array("q")
        """From LoadGen's handing over to our handing back, in the order of the handing over."""

    def measure(self, settings: Any, log_settings: Any) -> None:
        """Run LoadGen in a thread of its own, where no interrupt of the caller can reach it."""
        if not _ONE_RUN_AT_A_TIME.acquire(blocking=False):
            raise LoadGenError("LoadGen runs already; wait for that run, it is one per process.")
        thread = threading.Thread(
            target=self._run_test, args=(settings, log_settings), name="loadgen", daemon=True
        )
        thread.start()
        try:
            thread.join()
        except BaseException as interrupt:
            self._error = interrupt  # the rest is answered at once, so that LoadGen soon ends
            thread.join()
            raise
        if self._error is not None:
            raise self._error

    def _run_test(self, settings: Any, log_settings: Any) -> None:
        loadgen, n = self._loadgen, len(self._payloads)
        try:
            library = loadgen.ConstructQSL(n, n, _ignore, _ignore)
            system = loadgen.ConstructSUT(self._issue, self._flush)
            no_audit = str(Path(log_settings.log_output.outdir) / "audit.config")
            loadgen.StartTestWithLogSettings(system, library, settings, log_settings, no_audit)
            loadgen.DestroySUT(system)
            loadgen.DestroyQSL(library)
        except BaseException as error:  # raised again in the caller's thread
            self._error = self._error or error
        finally:
            _ONE_RUN_AT_A_TIME.release()

    def _issue(self, samples: Sequence[Any]) -> None:
        arrival_ns = perf_counter_ns()
        for sample in samples:
            place = len(self.client_ns)
            self.client_ns.append(0)
            if self._error is not None:
                self._complete_unanswered(sample.id)
                continue
            try:
                future = self._engine.submit(self._payloads[sample.index], arrival_ns=arrival_ns)
            except QueueFullError:  # the engine's answer to this request, as good as any other
                self.own.note_failure(arrival_ns)
                self._complete_unanswered(sample.id)
            except BaseException as error:
                self._error = error
                self._flush()
                self._complete_unanswered(sample.id)
            else:
                response = [self._loadgen.QuerySampleResponse(sample.id, 0, 0)]
                future.add_done_callback(partial(self._note_answer, place, arrival_ns, response))

    def _flush(self) -> None:
        with suppress(NotRunningError):  # a stopped engine leaves nobody waiting
            self._engine.flush()

    def _note_answer(
        self,
        place: int,
        arrival_ns: int,
        response: list[Any],
        future: Future[InferenceResult[Any]],
    ) -> None:
        # noted before LoadGen hears of it: after the last answer it ends the run
        self.own.note(arrival_ns, future)
        self.client_ns[place] = perf_counter_ns() - arrival_ns
        self._complete(response)

    def _complete_unanswered(self, sample_id: int) -> None:
        self._complete([self._loadgen.QuerySampleResponse(sample_id, 0, 0)])


def _test_settings(
    loadgen: Any,
    scenario: LoadGenScenario,
    *,
    target_rps: float,
    latency_target_ms: float,
    min_duration_s: float,
    min_queries: int,
    seed: int,
) -> Any:
    settings = loadgen.TestSettings()
    settings.scenario = getattr(loadgen.TestScenario, scenario.value)
    settings.mode = loadgen.TestMode.PerformanceOnly
    settings.server_target_qps = target_rps
    settings.offline_expected_qps = target_rps
    settings.single_stream_expected_latency_ns = int(1e9 / target_rps)
    settings.server_target_latency_ns = int(latency_target_ms * 1e6)
    settings.min_duration_ms = int(min_duration_s * 1e3)
    settings.min_query_count = min_queries
    settings.qsl_rng_seed = settings.sample_index_rng_seed = settings.schedule_rng_seed = seed
    return settings


def _log_settings(loadgen: Any, folder: Path) -> Any:
    output = loadgen.LogOutputSettings()
    output.outdir = str(folder)
    output.copy_summary_to_stdout = False
    settings = loadgen.LogSettings()
    settings.log_output = output
    settings.enable_trace = True
    return settings


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


def _imported_loadgen() -> Any:
    try:
        return import_module("mlperf_loadgen")
    except ImportError:
        raise LoadGenError(
            "MLPerf LoadGen is not installed; install it with "
            "`pip install codomyrmex-lab[loadgen]`."
        ) from None


def _ignore(indices: Sequence[int]) -> None:
    """Take note that samples are to be loaded, or let go of; they are in memory."""
