"""Requests on their way into a batch: put in by any thread, collected by one worker at a time.

The idle workers take turns in holding ``turn``: the holder moves requests from the inbox into the
waiting line, asks the line's policy, and leaves with a batch; then the next idle worker collects.
Requests that arrive while all workers are busy stay in the inbox. What else the collecting worker
must know (flush, stop, new settings, a cancelled request, a completed batch) travels through the
same inbox as a function of the line, so that one order of events holds for all.

While no batch may leave, the holder sleeps until something is due or a bell rings. A request
rings only when it is the one that the policy waits for: waking a thread for each of 64 requests
costs more than computing them. The holder says how many it wants, then looks into the inbox once
more; a caller puts its request in, then looks how many are wanted. One of them sees the other.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError
from functools import partial
from queue import Empty, SimpleQueue

from codomyrmex_lab.optimization.admission import Admission
from codomyrmex_lab.optimization.batch import BatchOwner
from codomyrmex_lab.optimization.buckets import BucketedLine
from codomyrmex_lab.optimization.clock import FOREVER_NS, Clock
from codomyrmex_lab.optimization.failures import (
    crash_error,
    deadline_error,
    drain_error,
    shed_error,
)
from codomyrmex_lab.optimization.models import CloseReason
from codomyrmex_lab.optimization.policy import Decision
from codomyrmex_lab.optimization.request import PendingRequest, Terms, begin_all
from codomyrmex_lab.optimization.waiting import WaitingLine

__all__ = ["Inbox", "Line"]

Line = WaitingLine | BucketedLine
_Message = PendingRequest | Callable[[Line], None]
_NOBODY_SLEEPS = sys.maxsize


class Inbox:
    """Requests between their acceptance and their batch.

    Parameters
    ----------
    line : WaitingLine or BucketedLine
        Where they wait; the inbox alone has charge of it.
    admission : Admission
        Counts their places.
    owner : BatchOwner
        Told of those that reach no model.
    clock : Clock
        Source of time.
    """

    def __init__(self, line: Line, admission: Admission, owner: BatchOwner, clock: Clock) -> None:
        self._line = line
        self._admission = admission
        self._owner = owner
        self._clock = clock
        self._messages: deque[_Message] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._arrivals_wanted = _NOBODY_SLEEPS
        self._turned_away: list[tuple[PendingRequest, BaseException]] = []
        self._abandoned = False
        self.turn = threading.Lock()
        self.ordinary_terms = Terms(self, ordinary=True)

    def __len__(self) -> int:
        """Return how many requests wait; approximate while they come and go."""
        return len(self._line) + len(self._messages)

    @property
    def line_learns(self) -> bool:
        """Whether the line wants to know of completed batches."""
        return self._line.learns

    # -- called by any thread -----------------------------------------------------------------

    def accept(self, request: PendingRequest) -> None:
        """Let a request in."""
        terms, messages = request.terms, self._messages
        if terms.ordinary:
            messages.append(request)
        else:
            terms.owner = self  # in one step with the next: signals are handled after calls
            messages.append(request)
            if terms.deadline_ns < FOREVER_NS and self._arrivals_wanted != _NOBODY_SLEEPS:
                self._bell.put(None)
        if len(messages) >= self._arrivals_wanted:
            self._bell.put(None)
        if self._abandoned:
            self.turn_all_away()

    def accept_for_oldest(self, request: PendingRequest) -> None:
        """Let a request in, in the place of the one that has waited longest."""
        messages, message = self._messages, partial(self._shed_for, request)
        request.terms.owner = self
        messages.append(message)
        self._bell.put(None)
        self.tidy()
        if self._abandoned:
            self.turn_all_away()

    def withdraw(self, request: PendingRequest) -> None:
        """Let go of a cancelled request, unless others joined it; its place is free at once."""
        self.send(partial(self._discard, request))
        if self._admission.bounded:
            self.tidy()

    def send(self, message: Callable[[Line], None]) -> None:
        """Let whoever collects call a function of the line, in the order of what comes in."""
        self._messages.append(message)
        self.ring()

    def ring(self) -> None:
        """Wake whoever sleeps while it collects."""
        self._bell.put(None)

    def tidy(self) -> None:
        """Take in what has come where no worker is idle to do it."""
        took: list[bool] = []
        try:
            # in one call: an interrupt comes after it, when it is known whether there is a turn
            took.extend(map(self.turn.acquire, (False,)))
            if took[0]:
                self._take_in()
        finally:
            if took and took[0]:
                self.turn.release()
        self.reject_turned_away()

    def abandon(self) -> None:
        """Fail all that waits, and whatever comes from now on."""
        self._abandoned = True
        self.ring()  # nobody may sleep on
        self.turn_all_away()

    def turn_all_away(self) -> None:
        """Fail all that waits."""
        with self.turn:
            self._take_in()
            self._turned_away += [(request, drain_error()) for request in self._line.take_all()]
        self.reject_turned_away()

    def reject_turned_away(self) -> None:
        """Fail those who were turned away while somebody collected."""
        while self._turned_away:
            try:
                request, error = self._turned_away.pop()
            except IndexError:  # another thread was quicker
                return
            self._admission.leave(request.terms.placed)
            wanted = self._wanted(request)
            self._owner.reject(request, error if wanted else CancelledError())

    # -- called while holding the turn --------------------------------------------------------

    def collect(
        self, goes_on: Callable[[], bool]
    ) -> tuple[list[PendingRequest], CloseReason] | None:
        """Wait for requests that may leave together, and begin them.

        Parameters
        ----------
        goes_on : callable
            Tells whether to wait for longer; asked after each sleep.

        Returns
        -------
        tuple or None
            The requests and why they leave; None where there is something else to do first, or
            nothing more to come.
        """
        line, clock = self._line, self._clock
        while goes_on():
            while not self._bell.empty():
                self._bell.get_nowait()
            self._take_in()
            now_ns = clock.now_ns()
            expired = line.take_expired(now_ns)
            self._turned_away += [(request, deadline_error()) for request in expired]
            if self._turned_away:
                return None
            decision = line.decide(now_ns)
            if decision.size and decision.reason is not None:
                requests = self._begin(line.take(decision.size))
                return (requests, decision.reason) if requests else None
            if line.closed:
                return None
            self._sleep(decision)
        return None

    @property
    def finished(self) -> bool:
        """Whether nothing waits, and nothing will."""
        return self._line.closed and not len(self) and not self._turned_away

    def _take_in(self) -> None:
        messages, line = self._messages, self._line
        while messages:
            message = messages.popleft()
            if isinstance(message, PendingRequest):
                try:
                    if message.terms.ordinary:
                        line.add_ordinary(message)
                    else:
                        line.add(message)
                except BaseException as error:
                    self._turned_away.append((message, crash_error(error)))
                    raise
            else:
                message(line)

    def _shed_for(self, newcomer: PendingRequest, line: Line) -> None:
        oldest = line.take_oldest()
        if oldest is not None:
            newcomer.terms.placed, oldest.terms.placed = oldest.terms.placed, False
            self._turned_away.append((oldest, shed_error()))
        self._messages.appendleft(newcomer)  # the next to be taken in

    def _discard(self, request: PendingRequest, line: Line) -> None:
        terms = request.terms
        waits = request.cancel_unnoticed and not terms.left
        if waits and not self._wanted(request):
            line.discard(request)
            self._turned_away.append((request, CancelledError()))

    def _begin(self, taken: list[PendingRequest]) -> list[PendingRequest]:
        """Free the places of some requests, and return those that are still wanted."""
        cancelled = begin_all(taken)
        if cancelled:
            unwanted = {request for request in cancelled if not self._owner.still_wanted(request)}
            self._turned_away += [(request, CancelledError()) for request in unwanted]
            taken = [request for request in taken if request not in unwanted]
        if self._admission.any_taken:
            self._admission.leave(sum(request.terms.placed for request in taken))
        return taken

    def _sleep(self, decision: Decision) -> None:
        """Sleep until a batch may leave, or there is a message; wake without cause at times."""
        self._arrivals_wanted = decision.wanted
        try:
            if not self._messages:  # else something came since we looked
                self._clock.get(self._bell, decision.due_ns)
        except Empty:
            pass  # due
        finally:
            self._arrivals_wanted = _NOBODY_SLEEPS

    def _wanted(self, request: PendingRequest) -> bool:
        return request.set_running_or_notify_cancel() or self._owner.still_wanted(request)
