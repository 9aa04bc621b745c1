"""A workload offered to an engine over and over, at a pace that can be changed meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import cycle

import numpy as np

from codomyrmex_lab.errors import NotRunningError
from codomyrmex_lab.optimization.optimizer import InferenceOptimizer
from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.left_garbage import garbage_left_alone
from codomyrmex_lab.workloads.offered import TURNED_AWAY, Offered, offered
from codomyrmex_lab.workloads.ranges import check_number

__all__ = ["PacedLoad"]

_FINE_S = 0.001
_LATEST_S = 1.0


class PacedLoad:
    """Submits the requests of a workload when they are due, whatever the engine does.

    After its last request the workload begins anew, one mean gap later. Latency counts from the
    due times. A driver that is a second behind leaves out what it can no longer offer in time.

    Parameters
    ----------
    engine : InferenceOptimizer
        Started before the load is.
    workload : Workload
        Requests to submit.
    on_failure : callable
        Told in words why the load ended by itself.
    """

    def __init__(
        self,
        engine: InferenceOptimizer,
        workload: Workload,
        on_failure: Callable[[str], object],
    ) -> None:
        self._engine = engine
        self._workload = workload
        self._on_failure = on_failure
        self._speed = 1.0
        self._wake = threading.Condition()
        self._running = self._closed = False
        self._lateness_s = 0.0
        self._thread: threading.Thread | None = None

    @property
    def speed(self) -> float:
        """How many times faster than the workload's own times; may be set at any time."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        check_number("speed", speed, above_zero=True)
        with self._wake:
            self._speed = speed
            self._wake.notify_all()

    @property
    def rate_rps(self) -> float:
        """Requests per second that it offers at its speed."""
        return self.mean_rate_rps * self._speed

    @property
    def mean_rate_rps(self) -> float:
        """Requests per second of the workload at its own pace."""
        return len(self._workload) / self._pass_s

    @property
    def is_running(self) -> bool:
        """Whether requests are being offered."""
        return self._running

    @property
    def lateness_ms(self) -> float:
        """How late the latest request was submitted, in ms."""
        return self._lateness_s * 1e3

    @property
    def _pass_s(self) -> float:
        """Time from one beginning of the workload to the next, at its own pace."""
        n, duration_s = len(self._workload), self._workload.duration_s
        return (duration_s * n / (n - 1) if n > 1 else duration_s) or 1.0

    def start(self) -> None:
        """Offer requests, going on where it was paused."""
        with self._wake:
            if self._closed:
                return
            self._running = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._drive, name="paced-load", daemon=True)
                self._thread.start()
            self._wake.notify_all()

    def pause(self) -> None:
        """Offer nothing until it is started again."""
        with self._wake:
            self._running = False
            self._wake.notify_all()

    def close(self, timeout_s: float | None = 30.0) -> None:
        """Offer nothing any more, and end the thread."""
        with self._wake:
            self._closed, self._running = True, False
            self._wake.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    # -- the driver's thread ------------------------------------------------------------------

    def _drive(self) -> None:
        try:
            with garbage_left_alone():
                self._submit_all()
        except NotRunningError:
            self._on_failure("The engine was stopped elsewhere; Start starts it again.")
        except Exception as error:
            self._on_failure(f"The load ended: {type(error).__name__}: {error}")
        finally:
            with self._wake:
                self._running, self._thread = False, None

    def _submit_all(self) -> None:
        submit = self._engine.submit
        due_s = time.perf_counter()
        for gap_s, (payload, priority, timeout_ms) in self._requests():
            due_s += gap_s / self._speed
            now_s = time.perf_counter()
            if not self._running:
                if not self._await_start():
                    return
                due_s = time.perf_counter()
            elif due_s > now_s:
                due_s = self._wait_until(due_s)
                if not self._running:
                    continue
            elif now_s - due_s > _LATEST_S:
                due_s = now_s
            with suppress(*TURNED_AWAY):  # which the engine's counts tell
                arrival_ns = int(due_s * 1e9)
                submit(payload, priority=priority, timeout_ms=timeout_ms, arrival_ns=arrival_ns)
            self._lateness_s = max(time.perf_counter() - due_s, 0.0)

    def _requests(self) -> Iterator[tuple[float, Offered]]:
        """Gaps before the requests at the workload's own pace, and what is offered."""
        workload = self._workload
        around = self._pass_s - workload.duration_s
        gap_s = np.diff(workload.arrival_s, prepend=workload.arrival_s[0] - around)
        return cycle(zip(gap_s.tolist(), offered(workload), strict=True))

    def _wait_until(self, due_s: float) -> float:
        """Wait until a time, which a change of speed brings nearer; return that time."""
        while (left_s := due_s - time.perf_counter()) > 0:
            if left_s <= _FINE_S:
                time.sleep(left_s)
                continue
            speed = self._speed
            with self._wake:
                if self._running:
                    self._wake.wait(left_s - _FINE_S / 2)  # until a change, if there is one
            if not self._running:
                return due_s
            if self._speed != speed:
                now_s = time.perf_counter()
                due_s = now_s + (due_s - now_s) * speed / self._speed
        return due_s

    def _await_start(self) -> bool:
        with self._wake:
            self._wake.wait_for(lambda: self._running or self._closed)
            return not self._closed
