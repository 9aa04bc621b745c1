"""Notices model calls that run longer than allowed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue

from codomyrmex_lab.optimization.batch import Batch
from codomyrmex_lab.optimization.clock import FOREVER_NS, Clock
from codomyrmex_lab.optimization.models import NS_PER_MS

__all__ = ["Watchdog"]


class Watchdog:
    """Watches the running batches from a thread of its own, made when a limit is first set.

    It sleeps until the earliest batch is due, and without one until one begins.

    Parameters
    ----------
    running : mapping
        Batches that run now, by id.
    clock : Clock
        Source of time.
    give_up : callable
        Called with a batch that ran too long and the limit in ns.
    """

    def __init__(
        self, running: Mapping[int, Batch], clock: Clock, give_up: Callable[[Batch, int], None]
    ) -> None:
        self._running = running
        self._clock = clock
        self._give_up = give_up
        self._limit_ns: int | None = None
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._asleep = False
        self._stopped = False

    def watch(self, limit_ms: float | None) -> None:
        """Allow model calls ``limit_ms`` from now on; any time if None."""
        self._limit_ns = None if limit_ms is None else round(limit_ms * NS_PER_MS)
        if limit_ms is not None and self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="batch-watchdog", daemon=True)
            self._thread.start()
        else:
            self._wake.put(None)

    def look(self) -> None:
        """Take note that a batch begins."""
        if self._asleep:
            self._wake.put(None)

    def stop(self) -> None:
        """End the thread."""
        self._stopped = True
        self._wake.put(None)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _watch(self) -> None:
        while not self._stopped:
            now_ns = self._clock.now_ns()
            limit_ns = self._limit_ns
            due_ns = FOREVER_NS
            if limit_ns is not None:
                for batch in list(self._running.values()):
                    batch_due_ns = (batch.start_ns or now_ns) + limit_ns
                    if batch_due_ns <= now_ns:
                        self._give_up(batch, limit_ns)
                    else:
                        due_ns = min(due_ns, batch_due_ns)
            self._asleep = due_ns == FOREVER_NS
            if self._asleep and self._running and limit_ns is not None:
                continue  # one began since we looked
            try:
                self._clock.get(self._wake, due_ns)
            except Empty:
                continue
