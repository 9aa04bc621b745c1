"""A clock that moves only when a test says so."""

import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.optimization.models import NS_PER_MS

PATIENCE_S = 20.0


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until another thread has brought a condition about."""
    limit_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < limit_s, "it did not come about"
        time.sleep(0.001)


class VirtualClock:
    """Time stands still until ``advance_ms``, which stops wherever the engine wants to be woken."""

    def __init__(self) -> None:
        self._now_ns = 1
        self._changed = threading.Condition()
        self._idle: SimpleQueue[Any] | None = None
        self._due_ns = FOREVER_NS
        self._n_waits = 0

    def now_ns(self) -> int:
        return self._now_ns

    def get(self, queue: SimpleQueue[Any], due_ns: int) -> Any:
        with self._changed:
            if due_ns <= self._now_ns:
                return queue.get_nowait()
            self._idle, self._due_ns = queue, due_ns
            self._n_waits += 1
            self._changed.notify_all()
        item = queue.get()
        with self._changed:
            self._idle = None
        return item

    def wait_until_idle(self) -> None:
        """Wait until a worker has looked at everything in the queue and waits for more."""
        for _ in range(2):  # between two calls it has looked at all that came before the first
            self._call_worker()

    def advance_ms(self, milliseconds: float, settle: Callable[[], None] = lambda: None) -> None:
        """Move time, from one tick at which the worker is due to the next.

        At each of them, and before the first, the worker acts and ``settle`` is called.
        """
        end_ns = self._now_ns + round(milliseconds * NS_PER_MS)
        while True:
            self.wait_until_idle()
            settle()
            with self._changed:
                if self._due_ns > end_ns:
                    self._now_ns = end_ns
                    return
                self._now_ns = max(self._now_ns, self._due_ns)

    def _call_worker(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._idle is not None, PATIENCE_S)
            seen, queue = self._n_waits, self._idle
            assert queue is not None
            queue.put(None)
            assert self._changed.wait_for(
                lambda: self._n_waits > seen and self._idle is not None, PATIENCE_S
            )


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
