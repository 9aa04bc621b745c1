"""A ``concurrent.futures.Future`` that makes its lock only when somebody waits.

The standard future builds a condition variable for every request, which costs more than all else
that the engine does for one. Most futures are looked at only after they are done, or never waited
for by more than one thread. Here the condition is made on first use, which is how ``wait``,
``as_completed`` and ``asyncio.wrap_future`` reach it.

A caller in ``result()`` does not need the condition either: it sleeps on a plain lock that the
setter releases.

Setting a result without the lock is safe because of the order of two writes and two reads. The
setter writes the state, then looks for a condition or a sleeper's lock; a waiter makes one of
these, then reads the state. Whatever the interleaving, the setter sees what the waiter made, or
the waiter sees the state.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, InvalidStateError
from concurrent.futures._base import (
    CANCELLED,
    CANCELLED_AND_NOTIFIED,
    FINISHED,
    PENDING,
    RUNNING,
)
from typing import Any, Generic, TypeVar

from codomyrmex_lab.logging_monitoring import get_logger

__all__ = ["AnswerFuture"]

T = TypeVar("T")
_CANCELLED = frozenset({CANCELLED, CANCELLED_AND_NOTIFIED})
_DONE = _CANCELLED | {FINISHED}
_OPEN = frozenset({PENDING, RUNNING})
_making = threading.RLock()  # held for a few assignments, when a future is first waited for
_log = get_logger(__name__)


class AnswerFuture(Future[T], Generic[T]):
    """Future of one request; resolved by the engine alone."""

    # Slots, so that no instance dict ever comes into being: CPython 3.11 crashes when one thread
    # makes the dict of an object while another sets its attributes.
    __slots__ = (
        "_cancel_won",
        "_done_callbacks",
        "_exception",
        "_made_condition",
        "_result",
        "_sleepers",
        "_state",
        "_waiters",
    )

    def __init__(self) -> None:
        # The standard constructor is left out on purpose: it makes what is made late here.
        self._state = PENDING
        self._result: Any = None
        self._exception: BaseException | None = None
        self._made_condition: threading.Condition | None = None
        self._sleepers: list[threading.Lock] | None = None
        self._cancel_won = False

    @property
    def _condition(self) -> threading.Condition:  # type: ignore[override]
        made = self._made_condition
        if made is None:
            fresh = threading.Condition()
            waiters: list[Any] = []
            callbacks: list[Any] = []
            with _making:  # nothing is allocated in here, so no finalizer runs either
                made = self._made_condition
                if made is None:
                    self._waiters, self._done_callbacks = waiters, callbacks
                    made = self._made_condition = fresh
        return made

    def done(self) -> bool:
        """Tell whether the request was answered or cancelled."""
        return self._state in _DONE

    def cancelled(self) -> bool:
        """Tell whether the request was cancelled."""
        return self._state in _CANCELLED

    def result(self, timeout: float | None = None) -> T:
        """Return the answer, waiting for it at most ``timeout`` seconds."""
        if self._state not in _DONE:
            self._sleep(timeout)
        if self._state == FINISHED and self._exception is None:
            return self._result  # type: ignore[no-any-return]
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what the request failed with, waiting for it at most ``timeout`` seconds."""
        if self._state not in _DONE:
            self._sleep(timeout)
        return super().exception(0)

    def _sleep(self, timeout: float | None) -> None:
        """Sleep until answered: one plain lock, where a condition would make three."""
        lock = threading.Lock()
        lock.acquire()
        if self._sleepers is None:
            fresh: list[threading.Lock] = []
            with _making:
                if self._sleepers is None:
                    self._sleepers = fresh
        self._sleepers.append(lock)
        if self._state not in _DONE:
            lock.acquire(timeout=-1 if timeout is None else _bounded(timeout))

    def cancel(self) -> bool:
        """Withdraw the request unless its batch has begun."""
        with self._condition:
            if self._state in {RUNNING, FINISHED}:
                return False
            if self._state in _CANCELLED:
                return True
            self._cancel_won = True
            self._state = CANCELLED
            self._condition.notify_all()
        self._wake_sleepers()
        self._invoke_callbacks()
        self.withdrawn()
        return True

    def withdrawn(self) -> None:
        """Take note that the request was cancelled."""

    def set_running_or_notify_cancel(self) -> bool:
        """Begin the computation; False where the request was cancelled."""
        if self._state == CANCELLED_AND_NOTIFIED:
            return False
        self._state = RUNNING
        made = self._made_condition
        if made is None:
            return True  # whoever makes the condition from now on reads RUNNING
        with made:
            if not self._cancel_won:
                return True
            self._state = CANCELLED_AND_NOTIFIED
            for waiter in self._waiters:
                waiter.add_cancelled(self)
            return False

    def set_result(self, result: T) -> None:
        """Answer the request."""
        if self._state not in _OPEN:
            raise InvalidStateError(f"{self._state}: {self!r}")
        self._result = result
        self._state = FINISHED
        if self._sleepers is not None:
            self._wake_sleepers()
        if self._made_condition is not None:
            self._wake("add_result")

    def set_exception(self, exception: BaseException | None) -> None:
        """Fail the request."""
        if self._state not in _OPEN:
            raise InvalidStateError(f"{self._state}: {self!r}")
        self._exception = exception
        self._state = FINISHED
        if self._sleepers is not None:
            self._wake_sleepers()
        if self._made_condition is not None:
            self._wake("add_exception")

    def _wake_sleepers(self) -> None:
        for lock in self._sleepers or ():
            lock.release()

    def _wake(self, event: str) -> None:
        with self._condition:
            for waiter in self._waiters:
                getattr(waiter, event)(self)
            self._condition.notify_all()
        self._invoke_callbacks()

    def _invoke_callbacks(self) -> None:
        for callback in self._done_callbacks:
            try:
                callback(self)
            except (
                BaseException
            ):  # not even SystemExit may cost the others of the batch their answer
                _log.exception("A done callback of %r failed", self)


def _bounded(timeout: float) -> float:
    return min(max(timeout, 0.0), threading.TIMEOUT_MAX)
