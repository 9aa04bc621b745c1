"""An engine as MLPerf LoadGen's system under test, and LoadGen's settings."""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from enum import Enum
from functools import partial
from importlib import import_module
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from codomyrmex_lab.errors import LoadGenError, NotRunningError, QueueFullError
from codomyrmex_lab.optimization.models import InferenceResult
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer
from codomyrmex_lab.workloads.driver_run import LONGEST_WAIT_S
from codomyrmex_lab.workloads.own_requests import OwnRequests

__all__ = [
    "LoadGenScenario",
    "SystemUnderTest",
    "imported_loadgen",
    "settings_of_log",
    "settings_of_run",
]

_ONE_RUN_AT_A_TIME = threading.Lock()  # LoadGen itself is one per process


class LoadGenScenario(Enum):
    """How LoadGen sends."""

    SINGLE_STREAM = "SingleStream"
    """The next request when the last one is answered."""
    SERVER = "Server"
    """Poisson arrivals at a given rate."""
    OFFLINE = "Offline"
    """All requests at once."""


def imported_loadgen() -> Any:
    """Return the module of LoadGen; ``LoadGenError`` where it is not installed."""
    try:
        return import_module("mlperf_loadgen")
    except ImportError:
        raise LoadGenError(
            "MLPerf LoadGen is not installed; install it with "
            "`pip install codomyrmex-lab[loadgen]`."
        ) from None


class SystemUnderTest:
    """The engine as LoadGen sees it. Nothing may be raised into LoadGen, which would abort."""

    def __init__(self, loadgen: Any, engine: InferenceOptimizer, payloads: Sequence[Any]) -> None:
        self.own = OwnRequests()
        self._loadgen = loadgen
        self._engine = engine
        self._payloads = payloads
        self._error: BaseException | None = None
        self._complete = loadgen.QuerySamplesComplete
        self._ended = False
        self._noted = threading.Event()
        self.handed_over_ns = array("q")
        """Ticks at which LoadGen handed over each request, in this order; equal within a query."""
        self.handed_back_ns = array("q")
        """Ticks right before LoadGen was told of the answer, in the order of the handing over."""
        self.told_ns = array("q")
        """Ticks right after, in the same order."""
        self.latency_ms = array("d")
        """From handed over to the end of the model call, in the same order; NaN without answer."""

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
            self._ended = True  # with the last answer, of which the engine may still take note
            while self._error is None and not self._all_noted:
                self._noted.wait(LONGEST_WAIT_S)
        except BaseException as error:  # raised again in the caller's thread
            self._error = self._error or error
        finally:
            _ONE_RUN_AT_A_TIME.release()

    def _issue(self, samples: Sequence[Any]) -> None:
        arrival_ns = perf_counter_ns()
        for sample in samples:
            place = len(self.handed_over_ns)
            self.handed_over_ns.append(arrival_ns)
            self.handed_back_ns.append(arrival_ns)
            self.told_ns.append(arrival_ns)
            self.latency_ms.append(math.nan)
            response = [self._loadgen.QuerySampleResponse(sample.id, 0, 0)]
            if self._error is not None:
                self._hand_back(place, response)
                continue
            try:
                future = self._engine.submit(self._payloads[sample.index], arrival_ns=arrival_ns)
            except QueueFullError:  # the engine's answer to this request, as good as any other
                self._hand_back(place, response)
                self.own.note_failure(arrival_ns)
            except BaseException as error:
                self._error = error
                self._flush()
                self._hand_back(place, response)
            else:
                future.add_done_callback(partial(self._answer, place, response))

    def _flush(self) -> None:
        with suppress(NotRunningError):  # a stopped engine leaves nobody waiting
            self._engine.flush()

    def _answer(
        self, place: int, response: list[Any], future: Future[InferenceResult[Any]]
    ) -> None:
        self._hand_back(place, response)
        if not future.cancelled() and future.exception() is None:
            self.latency_ms[place] = future.result().latency_ms
        self.own.note(self.handed_over_ns[place], future)
        if self._ended and self._all_noted:
            self._noted.set()

    def _hand_back(self, place: int, response: list[Any]) -> None:
        complete, now_ns = self._complete, perf_counter_ns
        handed_back_ns = now_ns()  # with nothing between this and LoadGen's own reading
        complete(response)
        told_ns = now_ns()
        self.handed_back_ns[place], self.told_ns[place] = handed_back_ns, told_ns

    @property
    def _all_noted(self) -> bool:
        return len(self.own) >= len(self.handed_over_ns)


def settings_of_run(
    loadgen: Any,
    scenario: LoadGenScenario,
    *,
    target_rps: float,
    latency_target_ms: float,
    min_duration_s: float,
    min_queries: int,
    seed: int,
) -> Any:
    """Return LoadGen's settings of a run; parameters as for :func:`run_loadgen`."""
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


def settings_of_log(loadgen: Any, folder: Path) -> Any:
    """Return settings that let LoadGen write all it knows to a folder, and nothing else."""
    output = loadgen.LogOutputSettings()
    output.outdir = str(folder)
    output.copy_summary_to_stdout = False
    settings = loadgen.LogSettings()
    settings.log_output = output
    settings.enable_trace = True
    return settings


def _ignore(indices: Sequence[int]) -> None:
    """Take note that samples are to be loaded, or let go of; they are in memory."""
