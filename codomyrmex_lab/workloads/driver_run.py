"""What all load drivers have in common: a run that is recorded, shown, ended and handed over."""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import NotRunningError
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer
from codomyrmex_lab.tracing import Trace, TraceRecorder
from codomyrmex_lab.tracing.provenance import model_identity
from codomyrmex_lab.workloads.confidence import Confidence, ConfidenceWatch
from codomyrmex_lab.workloads.driver_lateness import lateness_ms, warn_if_late
from codomyrmex_lab.workloads.left_garbage import garbage_left_alone
from codomyrmex_lab.workloads.measuring_window import MeasuringWindow
from codomyrmex_lab.workloads.own_requests import OwnRequests
from codomyrmex_lab.workloads.progress import Progress, ProgressFunction
from codomyrmex_lab.workloads.workload import Workload

__all__ = ["LONGEST_WAIT_S", "DriverRun"]

LONGEST_WAIT_S = 0.1
"""How long a driver waits for anything before it looks whether it is to end."""

_FINE_S = 0.002
_CALLERS_OF_TRACE = 2  # the driver function, and who called it


class DriverRun:
    """One run of a load driver on a started engine; use it as a context manager.

    Parameters
    ----------
    engine : InferenceOptimizer
        Under load.
    workload : Workload
        What is offered.
    driver : str
        Name of the driver, for the metadata.
    n_requests : int or None
        How many will be sent, where that is known beforehand.
    progress : bool or callable
        As for :func:`codomyrmex_lab.workloads.replay`.
    stop : threading.Event or None
        Ends the run once set.
    until : Confidence or None
        Ends the run once reached.
    window : MeasuringWindow or None
        Leaves requests out of the trace.

    Raises
    ------
    NotRunningError
        The engine is not started.
    """

    def __init__(
        self,
        engine: InferenceOptimizer,
        workload: Workload,
        driver: str,
        *,
        n_requests: int | None,
        progress: bool | ProgressFunction,
        stop: threading.Event | None,
        until: Confidence | None,
        window: MeasuringWindow | None,
    ) -> None:
        if not engine.is_running:
            raise NotRunningError(
                "The engine is not running; call start(), or use `with engine:`, before offering "
                "it a load."
            )
        self.engine = engine
        self.own = OwnRequests()
        self.late_ns = array("q")
        """Time from due to sent of each request sent; appended to by the driver."""
        self._workload = workload
        self._driver = driver
        self._window = window
        self._until = until
        self._stop = stop or threading.Event()
        self._watched = callable(progress)  # by a screen, which shows the lateness itself
        self._progress = Progress(progress, n_requests, driver.capitalize())
        self._recorder = TraceRecorder()
        self._watch = ConfidenceWatch(until, self._measured_latencies)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self.engine.attach(self._recorder)
        self._open.callback(self.engine.detach, self._recorder)
        self._open.enter_context(self._progress)
        self._open.enter_context(self._watch)
        self._open.enter_context(garbage_left_alone())
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    @property
    def n_sent(self) -> int:
        """Requests sent so far."""
        return len(self.late_ns)

    @property
    def stopped(self) -> bool:
        """Whether the caller wants the run to end."""
        return self._stop.is_set()

    @property
    def goes_on(self) -> bool:
        """Whether more is to be sent, as far as caller and confidence are concerned."""
        return not (self._stop.is_set() or self._watch.over.is_set())

    def wait_until(self, due_ns: int, meanwhile: Callable[[], object] | None = None) -> bool:
        """Wait until a tick, doing something now and then; False, at once, at the run's end."""
        while self.goes_on:
            if meanwhile is not None:
                meanwhile()
            left_s = (due_ns - time.perf_counter_ns()) / 1e9
            if left_s <= 0:
                return True
            if left_s > _FINE_S:
                self._stop.wait(min(left_s - _FINE_S, LONGEST_WAIT_S))
            else:
                time.sleep(left_s)
        return False

    def show_progress(self, *, now: bool = False) -> None:
        """Show how many are answered, a few times per second, or ``now``; from one thread."""
        self._progress.update(len(self.own), now=now)

    def trace(self, *, cancelled: bool, metadata: Mapping[str, Any]) -> Trace:
        """Return the trace of the run's own, measured requests, and warn of a late driver."""
        about: dict[str, Any] = {
            "driver": self._driver,
            **metadata,
            "config": self.engine.config,
            "model": model_identity(self.engine.model),
            "workload": self._workload.describe()["value"].to_dict(),
            "n_submitted": self.n_sent,
            "cancelled": cancelled,
            "lateness_ms": lateness_ms(self.late_ns),
        }
        if self._until is not None:
            about["until"] = self._watch.verdict()
        trace = self.own.part_of(self._recorder.trace(about))
        if self._window is not None:
            trace = self._window.select(trace)
        if not self._watched:
            stacklevel = _CALLERS_OF_TRACE + 1
            warn_if_late(about["lateness_ms"], trace.summary().p50_ms, stacklevel=stacklevel)
        return trace

    def _measured_latencies(self) -> NDArray[np.float64]:
        due_ns, latency_ms = self.own.answers()
        return latency_ms if self._window is None else latency_ms[~self._window.warming(due_ns)]
