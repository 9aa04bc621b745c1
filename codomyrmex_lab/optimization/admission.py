"""Back-pressure: how many requests may wait, and what happens to one too many."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from codomyrmex_lab.errors import NotRunningError
from codomyrmex_lab.optimization.clock import FOREVER_NS, Clock
from codomyrmex_lab.optimization.failures import full_error, no_place_error
from codomyrmex_lab.optimization.models import QueueFullAction
from codomyrmex_lab.optimization.request import Terms

__all__ = ["Admission"]


class Admission:
    """Counts the places of a queue. Thread-safe.

    Without a bound nobody needs a place; only those who took one free it.

    Parameters
    ----------
    max_queue_size : int or None
        Places; unbounded if None.
    action : QueueFullAction
        What happens to a request that finds no place.
    clock : Clock
        Source of time for deadlines.
    """

    def __init__(self, max_queue_size: int | None, action: QueueFullAction, clock: Clock) -> None:
        self._limit = max_queue_size
        self._action = action
        self._clock = clock
        self._n_waiting = 0
        self._lock = threading.Lock()  # entered itself: a condition's entry can be interrupted
        self._free = threading.Condition(self._lock)
        self._callbacks: deque[Callable[[], object]] = deque()
        self._closed = False

    @property
    def bounded(self) -> bool:
        """Whether places are counted."""
        return self._limit is not None

    @property
    def any_taken(self) -> bool:
        """Whether some place is taken."""
        return self._n_waiting > 0

    def resize(self, max_queue_size: int | None, action: QueueFullAction) -> None:
        """Bound the queue anew; those who have a place keep it."""
        with self._lock:
            self._limit, self._action = max_queue_size, action
            callbacks, self._callbacks = list(self._callbacks), deque()
            self._free.notify_all()
        for callback in callbacks:
            callback()

    def enter(self, terms: Terms) -> None:
        """Take a place for a request, waiting for one under ``BLOCK``.

        ``terms.placed`` tells whether it has one: under ``SHED_OLDEST`` it comes back without if
        another request must be shed for it.

        Raises
        ------
        QueueFullError
            The queue is full under ``REJECT``.
        DeadlineExceededError
            The deadline came before a place.
        NotRunningError
            The engine stopped before there was a place.
        """
        with self._lock:
            try:
                while self._must_wait(terms):
                    self._wait(terms.deadline_ns)
            except BaseException:
                self._free.notify()  # what it was told, perhaps, goes to the next
                raise

    def enter_or_call(self, terms: Terms, callback: Callable[[], object]) -> bool:
        """Do as :meth:`enter`, but where that would wait call back when a new try is worth it.

        The callback runs once, in the thread that frees a place.

        Returns
        -------
        bool
            False where the request must wait.
        """
        with self._lock:
            if not self._must_wait(terms):
                return True
            self._callbacks.append(callback)
            return False

    def forget(self, callback: Callable[[], object]) -> None:
        """Forget a callback whose caller gave up; what it was told already goes to the next."""
        with self._lock:
            try:
                self._callbacks.remove(callback)
                return
            except ValueError:
                heir = self._callbacks.popleft() if self._callbacks else None
        if heir is not None:
            heir()

    def leave(self, n: int) -> None:
        """Free ``n`` places."""
        if not n:
            return
        with self._lock:
            self._n_waiting -= n
            callbacks = [self._callbacks.popleft() for _ in range(min(n, len(self._callbacks)))]
            self._free.notify(n)
        for callback in callbacks:
            callback()

    def close(self) -> None:
        """Turn away all who wait for a place."""
        with self._lock:
            self._closed = True
            callbacks, self._callbacks = list(self._callbacks), deque()
            self._free.notify_all()
        for callback in callbacks:
            callback()

    def _must_wait(self, terms: Terms) -> bool:
        if self._closed:
            raise NotRunningError("The engine was stopped while the request waited for a place.")
        if self._limit is None or self._n_waiting < self._limit:
            self._n_waiting += 1
            terms.placed = True  # here, so that no interrupt comes between
            return False
        if self._action is QueueFullAction.REJECT:
            raise full_error(self._limit)
        return self._action is QueueFullAction.BLOCK

    def _wait(self, deadline_ns: int) -> None:
        if deadline_ns >= FOREVER_NS:
            self._free.wait()
            return
        left_s = (deadline_ns - self._clock.now_ns()) / 1e9
        if left_s <= 0:
            raise no_place_error()
        self._free.wait(min(left_s, threading.TIMEOUT_MAX))
