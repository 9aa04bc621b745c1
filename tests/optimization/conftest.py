"""A clock that moves only when a test says so."""

import threading
from queue import SimpleQueue
from typing import Any

import pytest

from codomyrmex_lab.optimization.models import NS_PER_MS

PATIENCE_S = 20.0


class VirtualClock:
    """Time stands still until ``advance_ms``; then waits for the engine to have reacted."""

    def __init__(self) -> None:
        self._now_ns = 1
        self._changed = threading.Condition()
        self._idle: SimpleQueue[Any] | None = None
        self._n_waits = 0

    def now_ns(self) -> int:
        return self._now_ns

    def get(self, queue: SimpleQueue[Any], due_ns: int) -> Any:
        with self._changed:
            if due_ns <= self._now_ns:
                return queue.get_nowait()
            self._idle = queue
            self._n_waits += 1
            self._changed.notify_all()
        item = queue.get()
        with self._changed:
            self._idle = None
        return item

    def wait_until_idle(self) -> None:
        """Wait until a worker has looked at everything in the queue and waits for more."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: self._idle is not None and self._idle.empty(), PATIENCE_S
            )

    def advance_ms(self, milliseconds: float) -> None:
        """Move time and let the waiting worker look at the clock."""
        self.wait_until_idle()
        with self._changed:
            self._now_ns += round(milliseconds * NS_PER_MS)
            seen, queue = self._n_waits, self._idle
            assert queue is not None
            queue.put(lambda line: None)
            assert self._changed.wait_for(lambda: self._n_waits > seen, PATIENCE_S)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()
