"""How every accepted request gets its one answer: counted, observed, cached, then delivered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from typing import Any

from codomyrmex_lab.errors import QueueFullError
from codomyrmex_lab.optimization.batch import Batch, BatchOwner
from codomyrmex_lab.optimization.clock import Clock
from codomyrmex_lab.optimization.failures import crash_error, late_error
from codomyrmex_lab.optimization.flights import Flights
from codomyrmex_lab.optimization.futures import announce
from codomyrmex_lab.optimization.ledger import Ledger
from codomyrmex_lab.optimization.models import NS_PER_MS, InferenceResult
from codomyrmex_lab.optimization.observer import ObserverGroup
from codomyrmex_lab.optimization.request import PendingRequest, answer_all

__all__ = ["Answers", "inference_result"]

MakeResult = Callable[[PendingRequest, Any, Batch, bool], Any]


class Answers:
    """Answers requests.

    Parameters
    ----------
    make_result : callable or None
        Makes what a caller gets of request, output, batch and whether the request joined another;
        the output itself if None.
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
        make_result: MakeResult | None,
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
        """Tell whether others joined a request that its caller cancelled; if not, none will."""
        flights = self._flights
        if flights is None or request.terms.key is None:
            return False
        return not flights.abort_unless_joined(request)

    def answer(self, batch: Batch) -> None:
        """Answer every request of a batch that has ended, whatever happens on the way."""
        try:
            self._land(batch)
            self.deliver(batch)
        except BaseException as error:
            self._fail_unanswered(batch, error)
            raise

    def _land(self, batch: Batch) -> None:
        if self._flights is None or batch.ordinary:
            return
        for index, request in enumerate(batch.requests):
            key = request.terms.key
            if key is not None:
                if batch.error is None and key[0] == batch.variant.name:
                    self._flights.land(request, batch.outputs[index])
                else:
                    self._flights.abort(request)

    def deliver(self, batch: Batch) -> None:
        """Count, show and hand out the outcome of a batch."""
        if not batch.ordinary:
            self._part_with_cancelled(batch)
        self._ledger.batch(batch)
        if self._observers:
            self._observers.on_batch(batch)
        if batch.error is None and batch.ordinary:
            answer_all(batch.requests, self._results(batch.requests, batch))
        else:
            self._deliver_one_by_one(batch)

    def _part_with_cancelled(self, batch: Batch) -> None:
        """Let go of those who joined and have cancelled; the others can no longer cancel."""
        for request in batch.requests:
            joined = request.terms.joined
            if joined:
                gone = [one for one in joined if not one.set_running_or_notify_cancel()]
                request.terms.joined = [one for one in joined if one not in gone]
                for one in gone:
                    self._unserved(one, CancelledError())

    def _results(self, requests: list[PendingRequest], batch: Batch) -> Sequence[Any]:
        make_result, outputs = self._make_result, batch.outputs
        if make_result is None:
            return outputs
        return [
            make_result(request, output, batch, False)
            for request, output in zip(requests, outputs, strict=True)
        ]

    def _deliver_one_by_one(self, batch: Batch) -> None:
        settled: list[PendingRequest] = []
        try:
            for index, request in enumerate(batch.requests):
                for other in request.terms.joined:
                    self._settle(other, index, batch, True)
                    settled.append(other)
                if not request.cancelled():  # else it was computed for those who joined it
                    self._settle(request, index, batch, False)
                    settled.append(request)
                request.input_data = None  # the caller may keep the future for long
        finally:
            announce(settled)

    def _settle(self, request: PendingRequest, index: int, batch: Batch, joined: bool) -> None:
        if batch.error is not None:
            request.settle_failed(batch.error)
        elif batch.end_ns > request.terms.deadline_ns:
            request.settle_failed(late_error())
        else:
            output = batch.outputs[index]
            if self._make_result is not None:
                output = self._make_result(request, output, batch, joined)
            request.settle(output)

    def reject(self, request: PendingRequest, error: BaseException) -> None:
        """Fail a request that reached no model, and all that joined it."""
        if self._flights is not None and request.terms.key is not None:
            self._flights.abort(request)
        for one in request.everyone:
            claimed = one is request or one.set_running_or_notify_cancel()
            waits = claimed and not one.cancelled()
            self._unserved(one, error if waits else CancelledError())
            if waits:
                one.set_exception(error)

    def turn_away(self, request: PendingRequest, error: QueueFullError) -> None:
        """Fail those who joined a request that found the queue full; its caller is told by it."""
        if self._flights is not None and request.terms.key is not None:
            self._flights.abort(request)
        for one in request.everyone:
            self._ledger.turned_away()
            self._observers.on_unserved(one, self._clock.now_ns(), error)
            if one.set_running_or_notify_cancel():
                one.set_exception(error)

    def _fail_unanswered(self, batch: Batch, error: BaseException) -> None:
        crash = crash_error(error)
        if self._flights is not None:
            for leader in batch.requests:  # or those who come later would join what never lands
                if leader.terms.key is not None:
                    self._flights.abort(leader)
        for request in batch.everyone:
            if not request.done() and request.set_running_or_notify_cancel():
                request.set_exception(crash)

    def _unserved(self, request: PendingRequest, error: BaseException) -> None:
        end_ns = self._clock.now_ns()
        self._ledger.unserved(request, end_ns, error)
        self._observers.on_unserved(request, end_ns, error)


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
