"""Offers a workload through clients that each wait for an answer before they ask again."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from typing import Literal, get_args

from codomyrmex_lab.errors import NotRunningError, SettingError, UnkeyableInputError
from codomyrmex_lab.optimization.models import check_integer
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer
from codomyrmex_lab.tracing import Trace
from codomyrmex_lab.workloads.confidence import Confidence
from codomyrmex_lab.workloads.driver_run import LONGEST_WAIT_S, DriverRun
from codomyrmex_lab.workloads.measuring_window import MeasuringWindow
from codomyrmex_lab.workloads.offered import TURNED_AWAY
from codomyrmex_lab.workloads.partial_batches import PartialBatches, check_batches_can_fill
from codomyrmex_lab.workloads.progress import ProgressFunction
from codomyrmex_lab.workloads.ranges import check_number
from codomyrmex_lab.workloads.request_source import RequestSource
from codomyrmex_lab.workloads.workload import Workload

__all__ = ["ClientKind", "run_closed_loop", "run_single_stream"]

ClientKind = Literal["threads", "asyncio"]
"""Clients are threads that block, or tasks of one event loop that await ``ainfer``."""

_LOOK_EVERY_S = 0.02


def run_closed_loop(
    engine: InferenceOptimizer,
    workload: Workload,
    n_clients: int,
    think_time_ms: float = 0.0,
    *,
    clients: ClientKind = "threads",
    duration_s: float | None = None,
    progress: bool | ProgressFunction = True,
    stop: threading.Event | None = None,
    until: Confidence | None = None,
    window: MeasuringWindow | None = None,
) -> Trace:
    """Let clients ask in turn: each sends its next request after its answer and a think time.

    The clients share the workload's requests in their order; its times play no part.

    Parameters
    ----------
    engine : InferenceOptimizer
        Started; it may serve others at the same time.
    workload : Workload
        What to send.
    n_clients : int
        At least 1.
    think_time_ms : float
        From an answer to the client's next request, in ms, at least 0.
    clients : {"threads", "asyncio"}
        Threads that block, or tasks of one event loop, in a thread of its own.
    duration_s : float or None
        Repeat the workload for this time, in s, above 0; by default each request is sent once.
    progress : bool or callable
        Show a bar of answered requests; or a function of the numbers done and in total.
    stop : threading.Event or None
        Once set, nothing more is sent; what was sent is still answered.
    until : Confidence or None
        Repeat the workload until this confidence is reached.
    window : MeasuringWindow or None
        Leaves warm-up and cool-down out of the trace.

    Returns
    -------
    Trace
        Of these clients' requests only; failed ones with their error. Metadata as for
        :func:`codomyrmex_lab.workloads.replay`, with ``n_clients``, ``think_time_ms``,
        ``clients``; lateness is the time from the end of the think time to the sending.

    Warns
    -----
    LateDriverWarning
        As for :func:`codomyrmex_lab.workloads.replay`.

    Raises
    ------
    SettingError
        A parameter is outside its range; or the engine runs under ``FIXED`` and there are too few
        clients ever to fill a batch.
    NotRunningError, UnkeyableInputError
        As for :func:`codomyrmex_lab.workloads.replay`.

    Notes
    -----
    Latency counts from the moment at which a client sends. A stalled engine stalls its clients,
    which then send nothing: at most ``n_clients`` requests see the stall, however long it lasts.
    So these percentiles are those of ``n_clients`` patient callers. What independent users see,
    who come whether or not the engine has time, only :func:`codomyrmex_lab.workloads.replay` can
    tell.
    """
    check_integer("n_clients", n_clients, at_least=1)
    check_number("think_time_ms", think_time_ms, above_zero=False)
    if duration_s is not None:
        check_number("duration_s", duration_s, above_zero=True)
    if clients not in get_args(ClientKind):
        raise SettingError(f'clients is {clients!r}; expected "threads" or "asyncio".')
    check_batches_can_fill(engine, "n_clients", n_clients)
    repeated = duration_s is not None or until is not None
    with DriverRun(
        engine,
        workload,
        "closed loop",
        n_requests=None if repeated else len(workload),
        progress=progress,
        stop=stop,
        until=until,
        window=window,
    ) as run:
        source = RequestSource(
            workload, repeated=repeated, duration_s=duration_s, goes_on=lambda: run.goes_on
        )
        _Clients(run, source, think_time_ms).run(n_clients, clients)
    return run.trace(
        cancelled=run.stopped if repeated else run.n_sent < len(workload),
        metadata={"n_clients": n_clients, "think_time_ms": think_time_ms, "clients": clients},
    )


def run_single_stream(
    engine: InferenceOptimizer,
    workload: Workload,
    *,
    duration_s: float | None = None,
    progress: bool | ProgressFunction = True,
    stop: threading.Event | None = None,
    until: Confidence | None = None,
    window: MeasuringWindow | None = None,
) -> Trace:
    """Send one request at a time, each when the one before it is answered.

    This is :func:`run_closed_loop` with one client that does not think; all else is as there.
    """
    return run_closed_loop(
        engine,
        workload,
        1,
        duration_s=duration_s,
        progress=progress,
        stop=stop,
        until=until,
        window=window,
    )


class _Clients:
    """Clients at work."""

    def __init__(self, run: DriverRun, source: RequestSource, think_time_ms: float) -> None:
        self._run = run
        self._source = source
        self._think_ns = int(think_time_ms * 1e6)
        self._error: BaseException | None = None

    def run(self, n_clients: int, kind: ClientKind) -> None:
        """Let clients ask until no more is to be sent and all is answered."""
        works: list[Callable[[], object]] = [self._ask_in_turn] * n_clients
        if kind == "asyncio":
            works = [lambda: asyncio.run(self._ask_together(n_clients))]
        threads = [
            threading.Thread(target=self._work, args=(work,), name=f"client-{i}", daemon=True)
            for i, work in enumerate(works)
        ]
        partial_batches = PartialBatches(self._run)
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():
                    thread.join(_LOOK_EVERY_S)
                    self._run.show_progress()
                    partial_batches.release_if_stuck()
        finally:
            self._source.close()
        self._run.show_progress(now=True)
        if self._error is not None:
            self._error.add_note(
                f"The run ended after {self._run.n_sent} requests, all of which are answered."
            )
            raise self._error

    def _work(self, work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:  # raised again in the caller's thread
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._source.close()
        self._error = self._error or error

    def _ask_in_turn(self) -> None:
        run = self._run
        due_ns = time.perf_counter_ns()
        while run.wait_until(due_ns) and (request := self._source.take()) is not None:
            payload, priority, timeout_ms = request
            sent_ns = time.perf_counter_ns()
            try:
                future = run.engine.submit(
                    payload, priority=priority, timeout_ms=timeout_ms, arrival_ns=sent_ns
                )
            except TURNED_AWAY:
                run.own.note_failure(sent_ns)
            else:
                wait([future])
                run.own.note(sent_ns, future)
            run.late_ns.append(sent_ns - due_ns)
            due_ns = time.perf_counter_ns() + self._think_ns

    async def _ask_together(self, n_clients: int) -> None:
        async def ask() -> None:
            try:
                await self._ask_in_turn_on_loop()
            except BaseException as error:
                self._fail(error)
                if not isinstance(error, Exception):
                    raise

        await asyncio.gather(*(ask() for _ in range(n_clients)))

    async def _ask_in_turn_on_loop(self) -> None:
        run = self._run
        due_ns = time.perf_counter_ns()
        while await _sleep_until(due_ns, run) and (request := self._source.take()) is not None:
            payload, priority, timeout_ms = request
            sent_ns = time.perf_counter_ns()
            try:
                result = await run.engine.ainfer(payload, priority=priority, timeout_ms=timeout_ms)
            except (NotRunningError, UnkeyableInputError):
                raise
            except Exception:
                run.own.note_failure(sent_ns)
            else:
                run.own.note_result(sent_ns, result)
            run.late_ns.append(sent_ns - due_ns)
            due_ns = time.perf_counter_ns() + self._think_ns


async def _sleep_until(due_ns: int, run: DriverRun) -> bool:
    while run.goes_on:
        left_s = (due_ns - time.perf_counter_ns()) / 1e9
        if left_s <= 0:
            return True
        await asyncio.sleep(min(left_s, LONGEST_WAIT_S))
    return False
