"""A clock that moves only when a test says so."""

import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from codomyrmex_lab.optimization.models import NS_PER_MS

PATIENCE_S = 20.0


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until another thread has brought a condition about."""
    limit_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < limit_s, "it did not come about"
        time.sleep(0.001)


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


class Gate:
    """A model that echoes its inputs once its gate is open; notes every call."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.calls: list[list[Any]] = []
        self._entered = threading.Semaphore(0)

    def __call__(self, inputs: list[Any]) -> list[Any]:
        self.calls.append(list(inputs))
        self._entered.release()
        assert self.open.wait(PATIENCE_S)
        return inputs

    def wait_entered(self) -> None:
        """Wait until one more call has come in."""
        assert self._entered.acquire(timeout=PATIENCE_S)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture(autouse=True)
def no_worker_is_left_behind() -> Iterator[None]:
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("batch-"):
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), thread.name


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()
