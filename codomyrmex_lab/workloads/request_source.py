"""Hands out the requests of a workload one by one, in their order, to several clients."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable

from codomyrmex_lab.workloads.offered import Offered, offered
from codomyrmex_lab.workloads.workload import Workload

__all__ = ["RequestSource"]


class RequestSource:
    """The requests of a workload; its times of arrival play no part. Thread-safe.

    Parameters
    ----------
    workload : Workload
        What to hand out.
    repeated : bool
        Begin anew at the end of the workload.
    duration_s : float or None
        Hand nothing out after this time, in s, from now.
    goes_on : callable
        Tells whether more is to be handed out.
    """

    def __init__(
        self,
        workload: Workload,
        *,
        repeated: bool,
        duration_s: float | None,
        goes_on: Callable[[], bool],
    ) -> None:
        one_pass = offered(workload)
        self._requests = itertools.cycle(one_pass) if repeated else one_pass
        self._end_ns = (
            None if duration_s is None else time.perf_counter_ns() + int(duration_s * 1e9)
        )
        self._goes_on = goes_on
        self._lock = threading.Lock()
        self._closed = False

    def take(self) -> Offered | None:
        """Return the next request, or None when no more are to be sent."""
        if self._closed or not self._goes_on():
            return None
        if self._end_ns is not None and time.perf_counter_ns() >= self._end_ns:
            return None
        with self._lock:
            return next(self._requests, None)

    def close(self) -> None:
        """Hand nothing out any more."""
        self._closed = True
