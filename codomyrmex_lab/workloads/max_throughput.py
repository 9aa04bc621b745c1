"""Offers a workload as fast as an engine can take it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import Any

from codomyrmex_lab.optimization.models import (
    InferenceResult,
    OptimizationConfig,
    check_integer,
)
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer
from codomyrmex_lab.tracing import Trace
from codomyrmex_lab.workloads.confidence import Confidence
from codomyrmex_lab.workloads.driver_run import DriverRun
from codomyrmex_lab.workloads.measuring_window import MeasuringWindow
from codomyrmex_lab.workloads.offered import TURNED_AWAY
from codomyrmex_lab.workloads.partial_batches import PartialBatches, check_batches_can_fill
from codomyrmex_lab.workloads.progress import ProgressFunction
from codomyrmex_lab.workloads.ranges import check_number
from codomyrmex_lab.workloads.request_source import RequestSource
from codomyrmex_lab.workloads.workload import Workload

__all__ = ["run_max_throughput"]

_LOOK_EVERY_S = 0.02


def run_max_throughput(
    engine: InferenceOptimizer,
    workload: Workload,
    *,
    n_in_flight: int | None = None,
    duration_s: float | None = None,
    progress: bool | ProgressFunction = True,
    stop: threading.Event | None = None,
    until: Confidence | None = None,
    window: MeasuringWindow | None = None,
) -> Trace:
    """Keep an engine saturated: always as many requests in flight, from a single thread.

    Parameters
    ----------
    engine : InferenceOptimizer
        Started; it may serve others at the same time.
    workload : Workload
        What to send, in its order; its times play no part.
    n_in_flight : int or None
        Requests to keep in flight, at least 1. By default two full batches per worker, so that
        the next batch waits while one runs, but no more than a bounded queue takes.
    duration_s, progress, stop, until, window
        As for :func:`codomyrmex_lab.workloads.run_closed_loop`.

    Returns
    -------
    Trace
        Of this run's requests only. Its ``throughput_rps`` is what the engine can do; its
        latencies are ``n_in_flight`` over the throughput, a queue of the driver's own making.

    Raises
    ------
    SettingError, NotRunningError, UnkeyableInputError
        As for :func:`codomyrmex_lab.workloads.run_closed_loop`.
    """
    if n_in_flight is None:
        n_in_flight = _saturating(engine.config)
    check_integer("n_in_flight", n_in_flight, at_least=1)
    if duration_s is not None:
        check_number("duration_s", duration_s, above_zero=True)
    check_batches_can_fill(engine, "n_in_flight", n_in_flight)
    repeated = duration_s is not None or until is not None
    with DriverRun(
        engine,
        workload,
        "max throughput",
        n_requests=None if repeated else len(workload),
        progress=progress,
        stop=stop,
        until=until,
        window=window,
    ) as run:
        source = RequestSource(
            workload, repeated=repeated, duration_s=duration_s, goes_on=lambda: run.goes_on
        )
        _Feeder(run, source, n_in_flight).feed()
    return run.trace(
        cancelled=run.stopped if repeated else run.n_sent < len(workload),
        metadata={"n_in_flight": n_in_flight},
    )


def _saturating(config: OptimizationConfig) -> int:
    two_batches_each = 2 * config.max_batch_size * config.num_workers
    return min(two_batches_each, config.max_queue_size or two_batches_each)


class _Feeder:
    """Sends a request for every answer."""

    def __init__(self, run: DriverRun, source: RequestSource, n_in_flight: int) -> None:
        self._run = run
        self._source = source
        self._n_in_flight = n_in_flight
        self._places = threading.Semaphore(n_in_flight)
        self._partial_batches = PartialBatches(run)

    def feed(self) -> None:
        """Send all there is, then wait for the answers."""
        try:
            self._send_all()
        except Exception as error:
            self._await_answers()
            error.add_note(
                f"The run ended after {self._run.n_sent} requests, all of which are answered."
            )
            raise
        self._await_answers()

    def _send_all(self) -> None:
        run = self._run
        self._take_place()
        while (request := self._source.take()) is not None:
            payload, priority, timeout_ms = request
            sent_ns = time.perf_counter_ns()
            try:
                future = run.engine.submit(
                    payload, priority=priority, timeout_ms=timeout_ms, arrival_ns=sent_ns
                )
            except TURNED_AWAY:
                run.own.note_failure(sent_ns)
                self._places.release()
            else:
                future.add_done_callback(partial(self._note_answer, sent_ns))
            run.late_ns.append(0)  # nothing is due before there is a place for it
            self._take_place()
        self._places.release()

    def _await_answers(self) -> None:
        while len(self._run.own) < self._run.n_sent:
            time.sleep(0.001)
            self._run.show_progress()
            self._partial_batches.release_if_stuck()
        self._run.show_progress(now=True)

    def _take_place(self) -> None:
        while not self._places.acquire(timeout=_LOOK_EVERY_S):
            self._run.show_progress()
            self._partial_batches.release_if_stuck()
        self._run.show_progress()

    def _note_answer(self, sent_ns: int, future: Future[InferenceResult[Any]]) -> None:
        self._run.own.note(sent_ns, future)
        self._places.release()
