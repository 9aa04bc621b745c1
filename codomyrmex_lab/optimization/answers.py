"""How every accepted request gets its one answer: counted, observed, cached, then delivered."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

from codomyrmex_lab.errors import QueueFullError
from codomyrmex_lab.optimization.batch import Batch, BatchOwner
from codomyrmex_lab.optimization.clock import Clock
from codomyrmex_lab.optimization.failures import crash_error, late_error
from codomyrmex_lab.optimization.flights import Flights
from codomyrmex_lab.optimization.ledger import Ledger
from codomyrmex_lab.optimization.models import NS_PER_MS, InferenceResult
from codomyrmex_lab.optimization.observer import ObserverGroup
from codomyrmex_lab.optimization.request import PendingRequest

__all__ = ["Answers", "inference_result", "plain_output"]

MakeResult = Callable[[PendingRequest, Any, Batch, bool], Any]


class Answers:
    """Answers requests.

    Parameters
    ----------
    make_result : callable
        Makes what a caller gets of request, output, batch and whether the request joined another.
    ledger : Ledger
        Counts.
    observers : ObserverGroup
        Told before the callers are.
    clock : Clock
        Source of time.
    flights : Flights or None
        Cache and computations in flight, where there is a cache.
    """

    def __init__(
        self,
        make_result: MakeResult,
        ledger: Ledger,
        observers: ObserverGroup,
        clock: Clock,
        flights: Flights | None = None,
    ) -> None:
        self._make_result = make_result
        self._ledger = ledger
        self._observers = observers
        self._clock = clock
        self._flights = flights

    @property
    def owner(self) -> BatchOwner:
        """The three duties towards a dispatcher."""
        return BatchOwner(self.still_wanted, self.answer, self.reject)

    def still_wanted(self, request: PendingRequest) -> bool:
        """Tell whether others joined a request that its caller cancelled; if not, count it."""
        flights = self._flights
        if flights is not None and request.key is not None:
            joined = not flights.abort_unless_joined(request)
            if joined:
                return True
        for one in request.everyone:
            self._unserved(one, CancelledError())
        return False

    def answer(self, batch: Batch) -> None:
        """Answer every request of a batch that has ended, whatever happens on the way."""
        try:
            self._land(batch)
            self.deliver(batch)
        except BaseException as error:
            self._fail_unanswered(batch, error)
            raise

    def _land(self, batch: Batch) -> None:
        if self._flights is not None:
            for index, request in enumerate(batch.requests):
                if request.key is not None:
                    computed = batch.error is None and request.key[0] == batch.variant.name
                    if computed:
                        self._flights.land(request, batch.outputs[index])
                    else:
                        self._flights.abort(request)

    def deliver(self, batch: Batch) -> None:
        """Count, show and hand out the outcome of a batch."""
        self._ledger.batch(batch)
        if self._observers:
            self._observers.on_batch(batch)
        make_result, error, outputs = self._make_result, batch.error, batch.outputs
        end_ns = batch.end_ns
        for index, request in enumerate(batch.requests):
            if request.joined:
                self._deliver_joined(request, index, batch)
                if request.cancelled():
                    continue  # was computed for those who joined it
            if error is not None:
                request.set_exception(error)
            elif end_ns > request.deadline_ns:
                request.set_exception(late_error())
            else:
                request.set_result(make_result(request, outputs[index], batch, False))
            request.input_data = None  # the caller may keep the future for long

    def reject(self, request: PendingRequest, error: BaseException) -> None:
        """Fail a request that reached no model, and all that joined it."""
        if self._flights is not None and request.key is not None:
            self._flights.abort(request)
        for one in request.everyone:
            self._unserved(one, error)
            claimed = one is request or one.set_running_or_notify_cancel()
            if claimed and not one.cancelled():
                one.set_exception(error)

    def turn_away(self, request: PendingRequest, error: QueueFullError) -> None:
        """Fail those who joined a request that found the queue full; its caller is told by it."""
        if self._flights is not None and request.key is not None:
            self._flights.abort(request)
        for one in request.everyone:
            self._ledger.turned_away()
            self._observers.on_unserved(one, self._clock.now_ns(), error)
            if one.set_running_or_notify_cancel():
                one.set_exception(error)

    def _deliver_joined(self, leader: PendingRequest, index: int, batch: Batch) -> None:
        for request in leader.joined:
            if not request.set_running_or_notify_cancel():
                continue
            if batch.error is not None:
                request.set_exception(batch.error)
            elif batch.end_ns > request.deadline_ns:
                request.set_exception(late_error())
            else:
                result = self._make_result(request, batch.outputs[index], batch, True)
                request.set_result(result)

    def _fail_unanswered(self, batch: Batch, error: BaseException) -> None:
        crash = crash_error(error)
        for request in batch.everyone:
            if not request.done() and request.set_running_or_notify_cancel():
                request.set_exception(crash)

    def _unserved(self, request: PendingRequest, error: BaseException) -> None:
        end_ns = self._clock.now_ns()
        self._ledger.unserved(request, end_ns, error)
        self._observers.on_unserved(request, end_ns, error)


def plain_output(request: PendingRequest, output: Any, batch: Batch, joined: bool) -> Any:
    """Return the output as it is."""
    return output


def inference_result(
    request: PendingRequest, output: Any, batch: Batch, joined: bool
) -> InferenceResult[Any]:
    """Return the output and how it came about."""
    arrival_ns, end_ns = request.arrival_ns, batch.end_ns
    start_ns = max(batch.start_ns, arrival_ns)
    return InferenceResult(
        request.id,
        output,
        (end_ns - arrival_ns) / NS_PER_MS,
        False,
        len(batch.requests),
        (start_ns - arrival_ns) / NS_PER_MS,
        (end_ns - start_ns) / NS_PER_MS,
        batch.id,
        joined,
    )
