"""A ``concurrent.futures.Future`` that costs little while nobody waits for it.

The standard future builds a condition variable for every request, which costs more than all else
that the engine does for one. Most futures are looked at only after they are done, or never waited
for by more than one thread. Here everything about those who wait is an ``Audience``, made when the
first of them comes; its condition, which is how ``wait``, ``as_completed`` and
``asyncio.wrap_future`` reach it, is made later still: a caller in ``result()`` is a ``Sleeper``, on
a plain lock that is released when there is an answer.

Setting a result without a lock is safe because of the order of two writes and two reads. The
setter writes the state, then looks for an audience; who waits joins the audience, then reads the
state. Whatever the interleaving, the setter sees who waits, or who waits sees the state.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
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
from codomyrmex_lab.optimization.sleepers import Sleeper, wake

__all__ = ["AnswerFuture", "Audience", "announce"]

T = TypeVar("T")
_CANCELLED = frozenset({CANCELLED, CANCELLED_AND_NOTIFIED})
_DONE = _CANCELLED | {FINISHED}
_OPEN = frozenset({PENDING, RUNNING})
_making = threading.RLock()  # held for a few assignments, when a future is first waited for
_log = get_logger(__name__)


class Audience:
    """Those who wait for one future."""

    __slots__ = ("callbacks", "cancel_won", "condition", "sleepers", "waiters")

    waiters: list[Any]
    callbacks: list[Callable[[Any], object]]

    def __init__(self) -> None:
        self.sleepers: list[Sleeper] = []
        self.condition: threading.Condition | None = None
        self.cancel_won = False

    def tell(self, future: AnswerFuture[Any]) -> Callable[[], object] | None:
        """Tell all that the future is done, but for those asleep in ``result()``.

        Returns
        -------
        callable or None
            To be called once all futures that were answered together have been told.
        """
        if self.condition is not None:
            with self.condition:
                event = "add_result" if future.error is None else "add_exception"
                for waiter in self.waiters:
                    getattr(waiter, event)(future)
                self.condition.notify_all()
            self.call_back(future)
        return None

    def take_sleepers(self) -> list[Sleeper]:
        """Return those to be woken, each to one of the threads that ask."""
        taken = []
        while self.sleepers:
            try:
                taken.append(self.sleepers.pop())
            except IndexError:  # another thread was quicker
                break
        return taken

    def call_back(self, future: AnswerFuture[Any]) -> None:
        """Call the functions that were to be called at the end."""
        for callback in self.callbacks:
            try:
                callback(future)
            except (
                BaseException
            ):  # not even SystemExit may cost the others of the batch their answer
                _log.exception("A done callback of %r failed", future)


class AnswerFuture(Future[T], Generic[T]):
    """Future of one request; resolved by the engine alone."""

    # Slots, so that no instance dict ever comes into being: CPython 3.11 crashes when one thread
    # makes the dict of an object while another sets its attributes. Result and error stay unset
    # until there is one: the garbage collector visits what is set, again and again.
    __slots__ = ("_audience", "_error", "_result", "_state")

    def __init__(self) -> None:
        # The standard constructor is left out on purpose: it makes what is made late here.
        self._state = PENDING
        self._audience: Audience | None = None

    # -- what the standard methods look at ----------------------------------------------------

    @property
    def _exception(self) -> BaseException | None:  # type: ignore[override]
        return self.error

    @property
    def _condition(self) -> threading.Condition:  # type: ignore[override]
        audience = self._made_audience()
        made = audience.condition
        if made is None:
            fresh = threading.Condition()
            waiters: list[Any] = []
            callbacks: list[Any] = []
            with _making:  # nothing is allocated in here, so no finalizer runs either
                made = audience.condition
                if made is None:
                    audience.waiters, audience.callbacks = waiters, callbacks
                    made = audience.condition = fresh
        return made

    @property
    def _waiters(self) -> list[Any]:  # type: ignore[override]
        return self._made_audience().waiters

    @property
    def _done_callbacks(self) -> list[Callable[[Any], object]]:
        return self._made_audience().callbacks

    def _made_audience(self) -> Audience:
        made = self._audience
        if made is None:
            fresh = Audience()
            with _making:
                made = self._audience
                if made is None:
                    made = self._audience = fresh
        return made

    # -- called by whoever holds the future ---------------------------------------------------

    def done(self) -> bool:
        """Tell whether the request was answered or cancelled."""
        return self._state in _DONE

    def cancelled(self) -> bool:
        """Tell whether the request was cancelled."""
        return self._state in _CANCELLED

    def result(self, timeout: float | None = None) -> T:
        """Return the answer, waiting for it at most ``timeout`` seconds."""
        if self._state is not FINISHED:
            self._sleep_until_done(timeout)
        try:
            return self._result  # type: ignore[return-value]
        except AttributeError:
            return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what the request failed with, waiting for it at most ``timeout`` seconds."""
        if self._state is not FINISHED:
            self._sleep_until_done(timeout)
        return super().exception(0)

    def _sleep_until_done(self, timeout: float | None) -> None:
        """Sleep on one plain lock, where a condition would make three."""
        if self._state in _DONE:
            return
        sleeper = Sleeper()
        try:
            (self._audience or self._made_audience()).sleepers.append(sleeper)
            if self._state not in _DONE:
                if timeout is None:
                    sleeper.lock.acquire()
                else:
                    sleeper.lock.acquire(timeout=_bounded(timeout))
            sleeper.leave()
        except BaseException:
            sleeper.leave_interrupted()
            raise

    def cancel(self) -> bool:
        """Withdraw the request unless its batch has begun."""
        with self._condition:
            if self._state in {RUNNING, FINISHED}:
                return False
            if self._state in _CANCELLED:
                return True
            audience = self._made_audience()
            audience.cancel_won = True
            self._state = CANCELLED
            self._condition.notify_all()
        wake(audience.take_sleepers())
        audience.call_back(self)
        self.withdrawn()
        return True

    def withdrawn(self) -> None:
        """Take note that the request was cancelled."""

    # -- called by the engine -----------------------------------------------------------------

    @property
    def error(self) -> BaseException | None:
        """What the request failed with, if it did."""
        return getattr(self, "_error", None)

    @property
    def cancel_unnoticed(self) -> bool:
        """Whether the request was cancelled since the engine last looked."""
        return self._state == CANCELLED

    def set_running_or_notify_cancel(self) -> bool:
        """Begin the computation; False where the request was cancelled."""
        if self._state == CANCELLED_AND_NOTIFIED:
            return False
        self._state = RUNNING
        audience = self._audience
        if audience is None or audience.condition is None:
            return True  # whoever makes the condition from now on reads RUNNING
        with audience.condition:
            if not audience.cancel_won:
                return True
            self._state = CANCELLED_AND_NOTIFIED
            for waiter in audience.waiters:
                waiter.add_cancelled(self)
        wake(audience.take_sleepers())  # of those who read RUNNING just now
        return False

    def set_result(self, result: T) -> None:
        """Answer the request."""
        self.settle(result)
        announce((self,))

    def set_exception(self, exception: BaseException | None) -> None:
        """Fail the request."""
        self.settle_failed(exception)
        announce((self,))

    def settle(self, result: T) -> None:
        """Answer the request; whoever waits is told by :func:`announce`."""
        if self._state not in _OPEN:
            raise InvalidStateError(f"{self._state}: {self!r}")
        self._result = result
        self._state = FINISHED

    def settle_failed(self, error: BaseException | None) -> None:
        """Fail the request; whoever waits is told by :func:`announce`."""
        if self._state not in _OPEN:
            raise InvalidStateError(f"{self._state}: {self!r}")
        self._error = error
        self._state = FINISHED


def announce(futures: Iterable[AnswerFuture[Any]]) -> None:
    """Tell all who wait for futures that were settled together."""
    bells = set()
    sleepers: list[Sleeper] = []
    for future in futures:
        audience = future._audience
        if audience is not None:
            if audience.sleepers:
                sleepers += audience.take_sleepers()
            bells.add(audience.tell(future))
    wake(sleepers)
    for ring in bells:
        if ring is not None:
            ring()


def _bounded(timeout: float) -> float:
    return min(max(timeout, 0.0), threading.TIMEOUT_MAX)
