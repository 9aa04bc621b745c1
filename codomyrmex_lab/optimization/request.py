"""One request: what it asks, when, and the future that its caller holds."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from concurrent.futures._base import FINISHED, PENDING, RUNNING
from operator import attrgetter
from typing import Any, Protocol

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.optimization.futures import AnswerFuture, Audience, announce
from codomyrmex_lab.optimization.models import NS_PER_MS, check_duration

__all__ = ["ORDINARY", "Owner", "PendingRequest", "Terms", "answer_all", "asked_terms", "begin_all"]


class Owner(Protocol):
    """Whoever accepted a request."""

    def withdraw(self, request: PendingRequest) -> None:
        """Let go of a request that its caller has cancelled."""
        ...


class Terms:
    """What sets a request apart from others; all ordinary ones of a dispatcher share theirs.

    Most requests have no priority, deadline or key, and nothing ever happens to them but to be
    answered. One test, ``terms.ordinary``, tells so. Shared terms are never changed.

    Parameters
    ----------
    owner : Owner or None
        Told when a request is cancelled.
    priority : int
        Larger leaves first.
    deadline_ns : int
        Tick after which no answer is of use.
    key : tuple or None
        Variant and exact key of the input, where the cache was asked.
    bucket : Hashable
        Bucket of the input.
    ordinary : bool
        Whether these terms are shared.

    Notes
    -----
    Terms of one request say how far it came, whatever its caller was interrupted in: it leads a
    flight from when it has a ``cache_epoch``, holds a place while ``placed``, and waits in the
    queue from when it has an ``owner``.
    """

    __slots__ = (
        "bucket",
        "cache_epoch",
        "deadline_ns",
        "expires_ns",
        "joined",
        "key",
        "left",
        "ordinary",
        "owner",
        "placed",
        "priority",
    )

    def __init__(
        self,
        owner: Owner | None = None,
        priority: int = 0,
        deadline_ns: int = FOREVER_NS,
        key: Any = None,
        bucket: Hashable = None,
        *,
        ordinary: bool = False,
    ) -> None:
        self.owner = owner
        self.priority = priority
        self.deadline_ns = deadline_ns
        self.expires_ns = deadline_ns
        self.key = key
        self.bucket = bucket
        self.ordinary = ordinary
        self.cache_epoch = -1
        self.joined: Sequence[PendingRequest] = ()
        self.placed = False
        self.left = False


ORDINARY = Terms(ordinary=True)
"""Terms of requests that nobody but their caller knows."""


class PendingRequest(AnswerFuture[Any]):
    """One accepted request on its way to an answer; an ``ObservedRequest``.

    It is the future that its caller holds: one object for each request instead of two.

    Parameters
    ----------
    id : int
        Number, unique within the engine; later requests have larger ones.
    input_data : Any
        Input of the model; let go of once the request is answered.
    arrival_ns, enqueue_ns : int
        Ticks at which it was due, and at which it came.
    terms : Terms
        What sets it apart.
    audience : Audience or None
        Those who wait for it from the beginning.
    """

    __slots__ = ("arrival_ns", "enqueue_ns", "id", "input_data", "terms")

    def __init__(
        self,
        id: int,
        input_data: Any,
        arrival_ns: int,
        enqueue_ns: int,
        terms: Terms,
        audience: Audience | None = None,
    ) -> None:
        self._state = PENDING
        self._audience = audience
        self.id = id
        self.input_data = input_data
        self.arrival_ns = arrival_ns
        self.enqueue_ns = enqueue_ns
        self.terms = terms

    priority = property(attrgetter("terms.priority"), doc="Larger leaves first.")
    key = property(attrgetter("terms.key"), doc="Variant and exact key of the input, or None.")
    deadline_ns = property(attrgetter("terms.deadline_ns"), doc="Tick after which it is late.")
    joined = property(attrgetter("terms.joined"), doc="Identical requests that share the answer.")

    @property
    def everyone(self) -> tuple[PendingRequest, ...]:
        """The request and all that joined it."""
        return (self, *self.terms.joined)

    def own_terms(self) -> Terms:
        """Return the request's own terms, which may be changed by who has charge of it."""
        if self.terms.ordinary:
            self.terms = Terms()
        return self.terms

    def join(self, other: PendingRequest) -> None:
        """Let an identical request share the computation, for as long as either wants it."""
        terms = self.own_terms()
        if isinstance(terms.joined, list):
            terms.joined.append(other)
        else:
            terms.joined = [other]
        terms.expires_ns = max(terms.expires_ns, other.terms.deadline_ns)

    def withdrawn(self) -> None:
        """Tell the owner that the request was cancelled."""
        owner = self.terms.owner
        if owner is not None:
            owner.withdraw(self)


def asked_terms(priority: int, arrival_ns: int, timeout_ms: float | None, key: Any = None) -> Terms:
    """Return the terms that a caller asks for, whose deadline counts from the arrival.

    Raises
    ------
    SettingError
        The priority is no whole number of 32 bits, or ``timeout_ms`` no duration above 0.
    """
    if type(priority) is not int or not -(2**31) <= priority < 2**31:
        raise SettingError(f"priority is {priority!r}; expected a whole number of 32 bits.")
    deadline_ns = FOREVER_NS
    if timeout_ms is not None:
        check_duration("timeout_ms", timeout_ms, above_zero=True)
        deadline_ns = min(arrival_ns + int(timeout_ms * NS_PER_MS), FOREVER_NS)
    return Terms(None, priority, deadline_ns, key)


def begin_all(requests: Sequence[PendingRequest]) -> list[PendingRequest]:
    """Begin the computation of some requests; return those that turn out to be cancelled."""
    seen = []
    for request in requests:
        audience = request._audience
        if audience is None or audience.condition is None:
            request._state = RUNNING
            audience = request._audience
            if audience is None or audience.condition is None:
                continue  # whoever cancels from now on reads RUNNING
        seen.append(request)
    return [request for request in seen if not request.set_running_or_notify_cancel()]


def answer_all(requests: Sequence[PendingRequest], results: Sequence[Any]) -> None:
    """Answer ordinary requests whose computation has begun, then tell whoever waits for one."""
    awaited = []
    try:
        for request, result in zip(requests, results, strict=True):
            request.input_data = None  # the caller may keep the future for long
            request._result = result
            request._state = FINISHED
            if request._audience is not None:
                awaited.append(request)
    finally:
        announce(awaited)
