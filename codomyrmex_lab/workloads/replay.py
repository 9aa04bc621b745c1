"""Offers a workload to a running engine at its own times, whatever the engine does (open loop)."""

from __future__ import annotations

import math
import threading
import time
from array import array
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import NotRunningError
from codomyrmex_lab.optimization.models import InferenceResult
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer
from codomyrmex_lab.tracing import Trace, TraceRecorder
from codomyrmex_lab.workloads.progress import Progress, ProgressFunction
from codomyrmex_lab.workloads.ranges import check_number
from codomyrmex_lab.workloads.workload import Workload

__all__ = ["replay"]

_FINE_S = 0.002
_LONGEST_WAIT_S = 0.1


def replay(
    engine: InferenceOptimizer,
    workload: Workload,
    speed: float = 1.0,
    *,
    progress: bool | ProgressFunction = True,
    stop: threading.Event | None = None,
) -> Trace:
    """Submit every request of a workload when it is due, and never wait for an answer to do so.

    Latency counts from the due time, so a stalled engine, or a late driver, cannot hide its own
    delay. After the last request the engine is flushed, and all answers are awaited.

    Parameters
    ----------
    engine : InferenceOptimizer
        Started; it may serve others at the same time.
    workload : Workload
        What to submit.
    speed : float
        How many times faster than the workload's own times, above 0.
    progress : bool or callable
        Show a bar of answered requests; or a function of the numbers done and in total, called
        a few times per second.
    stop : threading.Event or None
        Once set, nothing more is submitted; what was submitted is still answered.

    Returns
    -------
    Trace
        Of this replay's requests only. A request that the model failed is in it with its error.
        Its metadata hold ``speed``, ``config``, ``workload``, ``n_submitted``, ``cancelled``
        and ``lateness_ms``, the time from due to submitted of the driver itself.

    Raises
    ------
    SettingError
        ``speed`` is not a finite number above 0.
    NotRunningError
        The engine is not started, or was stopped meanwhile.
    UnkeyableInputError
        No cache key can be made for a payload. This, like any other error of submitting, comes
        after the requests before it were answered, and names the request in a note.
    """
    check_number("speed", speed, above_zero=True)
    if not engine.is_running:
        raise NotRunningError(
            "The engine is not running; call start(), or use `with engine:`, before replaying."
        )
    recorder = TraceRecorder()
    engine.attach(recorder)
    try:
        with Progress(progress, len(workload)) as shown:
            driver = _Driver(engine, workload, speed, stop or threading.Event(), shown)
            try:
                driver.submit_all()
            except Exception as error:
                driver.await_answers()
                error.add_note(
                    f"The replay ended at request {driver.n_submitted} (counting from 0) of "
                    f"{len(workload)}; those before it are answered."
                )
                raise
            driver.await_answers()
    finally:
        engine.detach(recorder)
    trace = recorder.trace(
        {
            "driver": "open loop",
            "speed": speed,
            "config": engine.config,
            "workload": workload.describe()["value"].to_dict(),
            "n_submitted": driver.n_submitted,
            "cancelled": driver.n_submitted < len(workload),
            "lateness_ms": driver.lateness_ms(),
        }
    )
    return driver.own_part_of(trace)


class _Driver:
    """One run through a workload."""

    def __init__(
        self,
        engine: InferenceOptimizer,
        workload: Workload,
        speed: float,
        stop: threading.Event,
        progress: Progress,
    ) -> None:
        self._engine = engine
        self._workload = workload
        self._speed = speed
        self._stop = stop
        self._progress = progress
        self._lateness_ns = array("q")
        # Appended to by the engine's threads, each by one atomic operation.
        self._answered_ids: list[Any] = []
        self._failed_due_ns: list[int] = []
        self._all_submitted = False
        self._all_answered = threading.Event()

    @property
    def n_submitted(self) -> int:
        return len(self._lateness_ns)

    @property
    def n_answered(self) -> int:
        return len(self._answered_ids) + len(self._failed_due_ns)

    def submit_all(self) -> None:
        workload, submit, lateness_ns = self._workload, self._engine.submit, self._lateness_ns
        due_ns = np.rint(workload.arrival_s * (1e9 / self._speed)).astype(np.int64)
        due_ns += time.perf_counter_ns()
        for due, payload, priority in zip(
            due_ns.tolist(), workload.payloads, workload.priorities.tolist(), strict=True
        ):
            if not self._wait_until(due):
                return
            late_ns = time.perf_counter_ns() - due
            future = submit(payload, priority=priority, arrival_ns=due)
            lateness_ns.append(late_ns)
            future.add_done_callback(partial(self._note_answer, due))

    def await_answers(self) -> None:
        with suppress(NotRunningError):  # a stopped engine has answered, or failed, every request
            self._engine.flush()
        self._all_submitted = True
        while self.n_answered < self.n_submitted:
            self._all_answered.wait(_LONGEST_WAIT_S)
            self._progress.update(self.n_answered)
        self._progress.update(self.n_answered, now=True)

    def lateness_ms(self) -> dict[str, float]:
        late_ms = np.frombuffer(self._lateness_ns, dtype=np.int64) / 1e6
        if not len(late_ms):
            return {"p50": math.nan, "p99": math.nan, "max": math.nan}
        p50, p99, longest = np.percentile(late_ms, [50, 99, 100]).tolist()
        return {"p50": p50, "p99": p99, "max": longest}

    def own_part_of(self, trace: Trace) -> Trace:
        """Return the trace without requests that others submitted to the engine meanwhile."""
        if len(trace) == self.n_submitted:
            return trace
        own: NDArray[np.bool_] = np.isin(trace.requests["id"], self._answered_ids)
        if self._failed_due_ns:
            # an exception does not tell its request's id, the due tick does
            arrival_ns = trace.requests["arrival"].to_numpy().astype(np.int64) + trace.origin_ns
            failed = trace.results["error"].notna().to_numpy(dtype=np.bool_)
            own |= failed & np.isin(arrival_ns, self._failed_due_ns)
        return trace.select(own)

    def _wait_until(self, due_ns: int) -> bool:
        """Wait until a tick; return False, at once, when the replay is to stop."""
        while not self._stop.is_set():
            self._progress.update(self.n_answered)
            left_s = (due_ns - time.perf_counter_ns()) / 1e9
            if left_s <= 0:
                return True
            if left_s > _FINE_S:
                self._stop.wait(min(left_s - _FINE_S, _LONGEST_WAIT_S))
            else:
                time.sleep(left_s)
        return False

    def _note_answer(self, due_ns: int, future: Future[InferenceResult[Any]]) -> None:
        if not future.cancelled() and future.exception() is None:
            self._answered_ids.append(future.result().request_id)
        else:
            self._failed_due_ns.append(due_ns)
        if self._all_submitted and self.n_answered >= self.n_submitted:
            self._all_answered.set()
