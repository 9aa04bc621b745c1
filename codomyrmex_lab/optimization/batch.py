"""One batch: its requests, its model call, its outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from codomyrmex_lab.errors import OutputCountError
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.optimization.clock import Clock
from codomyrmex_lab.optimization.models import CloseReason
from codomyrmex_lab.optimization.request import PendingRequest
from codomyrmex_lab.optimization.variants import Variant

__all__ = ["DIRECT_WORKER", "Batch", "BatchOwner"]

DIRECT_WORKER = -1
_log = get_logger(__name__)


class Batch:
    """Requests that one model call answers; an ``ObservedBatch``.

    It is ``ordinary`` where no request has a key, a deadline, or company, nor can ever get any.

    Parameters
    ----------
    id : int
        Number, unique within the engine.
    requests : list of PendingRequest
        At least one.
    reason : CloseReason
        Why it left.
    worker : int
        Index of the worker that runs it, ``DIRECT_WORKER`` for a direct call.
    variant : Variant
        The model that computes all of it.
    """

    __slots__ = (
        "end_ns",
        "error",
        "id",
        "ordinary",
        "outputs",
        "reason",
        "requests",
        "start_ns",
        "thread",
        "variant",
        "worker",
    )

    def __init__(
        self,
        id: int,
        requests: list[PendingRequest],
        reason: CloseReason,
        worker: int,
        variant: Variant,
    ) -> None:
        self.id = id
        self.requests = requests
        self.ordinary = all([request.terms.ordinary for request in requests])
        self.reason = reason
        self.worker = worker
        self.variant = variant
        self.thread = threading.current_thread()
        self.start_ns = 0
        self.end_ns = 0
        self.outputs: Sequence[Any] = ()
        self.error: BaseException | None = None

    @property
    def everyone(self) -> list[PendingRequest]:
        """The requests and all that joined them."""
        if not any(request.terms.joined for request in self.requests):
            return self.requests
        return [request for leader in self.requests for request in leader.everyone]

    def run(self, clock: Clock) -> None:
        """Call the model and note times, outputs or the error, which is logged."""
        self.start_ns = clock.now_ns()
        try:
            outputs = self.variant.function([request.input_data for request in self.requests])
            self.outputs = _checked(outputs, len(self.requests))
        except BaseException as error:  # it owes an answer to every caller, whatever was raised
            if self.error is None:  # else it was given up, and its callers were told
                self.error = error
                self.log_error()
        self.end_ns = clock.now_ns()

    def fail(self, error: BaseException, clock: Clock) -> None:
        """Give up on the model call."""
        self.error = error
        self.end_ns = clock.now_ns()
        self.start_ns = self.start_ns or self.end_ns
        self.log_error()

    def log_error(self) -> None:
        """Log the error with the ids of the requests that it fails."""
        ids = ", ".join(str(request.id) for request in self.everyone)
        _log.error("Batch %d failed; request ids %s", self.id, ids, exc_info=self.error)


def _checked(outputs: Any, n_inputs: int) -> list[Any]:
    """Return the outputs as a list, so that what follows depends on no sequence's own ways."""
    if type(outputs) is list and len(outputs) == n_inputs:
        return outputs
    if isinstance(outputs, str | bytes | Mapping | Set) or not hasattr(outputs, "__len__"):
        raise OutputCountError(
            f"The batch function returned a {type(outputs).__name__} for {n_inputs} inputs; "
            f"expected a sequence of {n_inputs} outputs."
        )
    if len(outputs) != n_inputs:
        raise _count_error(len(outputs), n_inputs)
    listed = list(outputs)
    if len(listed) != n_inputs:
        raise _count_error(len(listed), n_inputs)
    return listed


def _count_error(n_outputs: int, n_inputs: int) -> OutputCountError:
    return OutputCountError(
        f"The batch function returned {n_outputs} outputs for {n_inputs} inputs; expected one "
        "output for each input, in the same order."
    )


@dataclass(frozen=True, slots=True)
class BatchOwner:
    """What is owed to those whose requests were accepted.

    Parameters
    ----------
    still_wanted : callable
        Tells whether a request that its caller has cancelled is to be computed all the same.
    answer : callable
        Answers every request of a batch that has ended.
    reject : callable
        Fails a request that reached no model.
    """

    still_wanted: Callable[[PendingRequest], bool]
    answer: Callable[[Batch], None]
    reject: Callable[[PendingRequest, BaseException], None]
