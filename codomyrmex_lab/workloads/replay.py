"""Offers a workload to a running engine at its own times, whatever the engine does (open loop)."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from codomyrmex_lab.errors import NotRunningError, SettingError
from codomyrmex_lab.optimization.models import InferenceResult
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer
from codomyrmex_lab.tracing import Trace
from codomyrmex_lab.workloads.confidence import Confidence
from codomyrmex_lab.workloads.driver_run import LONGEST_WAIT_S, DriverRun
from codomyrmex_lab.workloads.measuring_window import MeasuringWindow
from codomyrmex_lab.workloads.offered import TURNED_AWAY, Offered, offered
from codomyrmex_lab.workloads.progress import ProgressFunction
from codomyrmex_lab.workloads.ranges import check_number
from codomyrmex_lab.workloads.workload import Workload

__all__ = ["replay"]


def replay(
    engine: InferenceOptimizer,
    workload: Workload,
    speed: float = 1.0,
    *,
    progress: bool | ProgressFunction = True,
    stop: threading.Event | None = None,
    until: Confidence | None = None,
    window: MeasuringWindow | None = None,
) -> Trace:
    """Submit every request of a workload when it is due, and never wait for an answer to do so.

    Latency counts from the due time, so a stalled engine, or a late driver, cannot hide its own
    delay. After the last request the engine is flushed, and all answers are awaited. Objects of
    before are left out of garbage collections meanwhile, as by all drivers: going through a
    notebook's libraries would stall the engine for up to 0.1 s now and then.

    Parameters
    ----------
    engine : InferenceOptimizer
        Started; it may serve others at the same time.
    workload : Workload
        What to submit. A column ``timeout_ms`` of it gives deadlines, counted from the due time.
    speed : float
        How many times faster than the workload's own times, above 0.
    progress : bool or callable
        Show a bar of answered requests; or a function of the numbers done and in total, called
        a few times per second.
    stop : threading.Event or None
        Once set, nothing more is submitted; what was submitted is still answered.
    until : Confidence or None
        Go on until this confidence is reached: end the workload early, or repeat it, each time
        one mean gap after its last request.
    window : MeasuringWindow or None
        Leaves warm-up and cool-down out of the trace.

    Returns
    -------
    Trace
        Of this replay's requests only. A request that the model failed, that a full queue turned
        away, or whose deadline passed, is in it with its error. Its metadata hold ``speed``,
        ``config``, ``model``, ``workload``, ``n_submitted``, ``cancelled`` and ``lateness_ms``,
        the time from due to submitted of the driver itself; and, where asked for, ``until`` and
        ``measuring_window``.

    Warns
    -----
    LateDriverWarning
        The driver's 99th percentile of lateness is above 1 ms and a tenth of the median latency.
        Not where ``progress`` is a function: whoever watches shows ``lateness_ms`` itself.

    Raises
    ------
    SettingError
        ``speed`` is not a finite number above 0, or a workload that takes no time is to be
        repeated.
    NotRunningError
        The engine is not started, or was stopped meanwhile.
    UnkeyableInputError
        No cache key can be made for a payload. This, like any other error of submitting, comes
        after the requests before it were answered, and names the request in a note.
    """
    check_number("speed", speed, above_zero=True)
    if until is not None and workload.duration_s == 0:
        raise SettingError(
            "until repeats the workload, but all its requests are due at once; give a workload "
            "that takes some time, or use run_max_throughput."
        )
    n_requests = len(workload) if until is None else None
    with DriverRun(
        engine,
        workload,
        "open loop",
        n_requests=n_requests,
        progress=progress,
        stop=stop,
        until=until,
        window=window,
    ) as run:
        driver = _OpenLoop(run, workload, speed, repeated=until is not None)
        try:
            driver.submit_all()
        except Exception as error:
            driver.await_answers()
            error.add_note(
                f"The replay ended at request {run.n_sent} (counting from 0) of "
                f"{n_requests or 'a repeated workload'}; those before it are answered."
            )
            raise
        driver.await_answers()
    cancelled = run.stopped if n_requests is None else run.n_sent < n_requests
    return run.trace(cancelled=cancelled, metadata={"speed": speed})


class _OpenLoop:
    """One run through a workload, or through endless repetitions of it."""

    def __init__(self, run: DriverRun, workload: Workload, speed: float, *, repeated: bool) -> None:
        self._run = run
        self._workload = workload
        self._speed = speed
        self._repeated = repeated
        self._all_submitted = False
        self._all_answered = threading.Event()

    def submit_all(self) -> None:
        run, submit, late_ns = self._run, self._run.engine.submit, self._run.late_ns
        for due, (payload, priority, timeout_ms) in self._requests():
            if not run.wait_until(due, meanwhile=run.show_progress):
                return
            lateness_ns = time.perf_counter_ns() - due
            try:
                future = submit(payload, priority=priority, timeout_ms=timeout_ms, arrival_ns=due)
            except TURNED_AWAY:
                run.own.note_failure(due)
                late_ns.append(lateness_ns)
                continue
            late_ns.append(lateness_ns)
            future.add_done_callback(partial(self._note_answer, due))

    def await_answers(self) -> None:
        run = self._run
        with suppress(NotRunningError):  # a stopped engine has answered, or failed, every request
            run.engine.flush()
        self._all_submitted = True
        while len(run.own) < run.n_sent:
            self._all_answered.wait(LONGEST_WAIT_S)
            run.show_progress()
        run.show_progress(now=True)

    def _requests(self) -> Iterator[tuple[int, Offered]]:
        """Due ticks and what is offered then."""
        workload = self._workload
        since_ns = np.rint(workload.arrival_s * (1e9 / self._speed)).astype(np.int64)
        pass_ns = int(since_ns[-1] + since_ns[-1] // max(len(workload) - 1, 1))
        begin_ns = time.perf_counter_ns()
        for i in itertools.count() if self._repeated else range(1):
            due_ns = since_ns + (begin_ns + i * pass_ns)
            yield from zip(due_ns.tolist(), offered(workload), strict=True)

    def _note_answer(self, due_ns: int, future: Future[InferenceResult[Any]]) -> None:
        self._run.own.note(due_ns, future)
        if self._all_submitted and len(self._run.own) >= self._run.n_sent:
            self._all_answered.set()
