"""One request: what it asks, when, and the future that its caller holds."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.optimization.futures import AnswerFuture

__all__ = ["Owner", "PendingRequest"]


class Owner(Protocol):
    """Whoever accepted a request."""

    def withdraw(self, request: PendingRequest) -> None:
        """Let go of a request that its caller has cancelled."""
        ...


class PendingRequest(AnswerFuture[Any]):
    """One accepted request on its way to an answer; an ``ObservedRequest``.

    It is the future that its caller holds: one object for each request instead of two.

    Parameters
    ----------
    id : int
        Number, unique within the engine.
    input_data : Any
        Input of the model; let go of once the request is answered.
    priority : int
        Larger leaves first.
    arrival_ns, enqueue_ns : int
        Ticks at which it was due, and at which it came.
    key : tuple or None
        Variant and exact key of the input, where the cache was asked.
    deadline_ns : int
        Tick after which no answer is of use.
    """

    __slots__ = (
        "arrival_ns",
        "bucket",
        "cache_epoch",
        "deadline_ns",
        "enqueue_ns",
        "expires_ns",
        "id",
        "input_data",
        "joined",
        "key",
        "owner",
        "placed",
        "priority",
        "sequence",
        "waiting",
    )

    def __init__(
        self,
        id: int,
        input_data: Any,
        priority: int,
        arrival_ns: int,
        enqueue_ns: int,
        key: Any = None,
        deadline_ns: int = FOREVER_NS,
    ) -> None:
        super().__init__()
        self.id = id
        self.input_data = input_data
        self.priority = priority
        self.arrival_ns = arrival_ns
        self.enqueue_ns = enqueue_ns
        self.key = key
        self.deadline_ns = deadline_ns
        self.expires_ns = deadline_ns
        self.owner: Owner | None = None
        self.bucket: Hashable = None
        self.cache_epoch = 0
        self.joined: Sequence[PendingRequest] = ()
        self.placed = False
        self.sequence = 0
        self.waiting = False

    def withdrawn(self) -> None:
        """Tell the owner that the request was cancelled."""
        if self.owner is not None:
            self.owner.withdraw(self)

    def join(self, other: PendingRequest) -> None:
        """Let an identical request share the computation, for as long as either wants it."""
        if isinstance(self.joined, list):
            self.joined.append(other)
        else:
            self.joined = [other]
        self.expires_ns = max(self.expires_ns, other.deadline_ns)

    @property
    def everyone(self) -> tuple[PendingRequest, ...]:
        """The request and all that joined it."""
        return (self, *self.joined)
