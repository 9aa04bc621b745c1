"""The engine's clock: reads the time and waits on a queue, so that a test can bring its own."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import Any, Protocol

__all__ = ["FOREVER_NS", "Clock", "SystemClock"]

FOREVER_NS = 2**63 - 1
"""A due time that never comes."""


class Clock(Protocol):
    """Source of time, in ns ticks that never go back."""

    def now_ns(self) -> int:
        """Return the current tick."""
        ...

    def get(self, queue: SimpleQueue[Any], due_ns: int) -> Any:
        """Take the next item, waiting until the tick ``due_ns`` at the latest.

        Raises
        ------
        queue.Empty
            ``due_ns`` came first.
        """
        ...


class SystemClock:
    """``time.perf_counter_ns``."""

    now_ns = staticmethod(time.perf_counter_ns)

    def get(self, queue: SimpleQueue[Any], due_ns: int) -> Any:
        """Take the next item, waiting until the tick ``due_ns`` at the latest."""
        if due_ns >= FOREVER_NS:
            return queue.get()
        wait_s = (due_ns - time.perf_counter_ns()) / 1e9
        return queue.get(timeout=min(max(wait_s, 0.0), threading.TIMEOUT_MAX))
