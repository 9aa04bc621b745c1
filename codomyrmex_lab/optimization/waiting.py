"""Requests that wait for their batch, in the order in which they will leave."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.optimization.futures import AnswerFuture
from codomyrmex_lab.optimization.models import CloseReason
from codomyrmex_lab.optimization.policy import BatchPolicy, Decision

__all__ = ["PendingRequest", "WaitingLine"]


class PendingRequest:
    """One accepted request on its way to an answer; an ``ObservedRequest``."""

    __slots__ = (
        "arrival_ns",
        "cache_epoch",
        "enqueue_ns",
        "future",
        "id",
        "input_data",
        "joined",
        "key",
        "priority",
    )

    def __init__(
        self,
        id: int,
        input_data: Any,
        priority: int,
        arrival_ns: int,
        enqueue_ns: int,
        key: Any = None,
        cache_epoch: int = 0,
    ) -> None:
        self.id = id
        self.input_data = input_data
        self.priority = priority
        self.arrival_ns = arrival_ns
        self.enqueue_ns = enqueue_ns
        self.key = key
        self.cache_epoch = cache_epoch
        self.future: AnswerFuture[Any] = AnswerFuture()
        self.joined: Sequence[PendingRequest] = ()

    @property
    def everyone(self) -> tuple[PendingRequest, ...]:
        """The request and all that joined it."""
        return (self, *self.joined)


class WaitingLine:
    """Waiting requests ordered by priority (larger first), then arrival.

    Not thread-safe: one worker at a time owns it. Time comes in as arguments only, so that the
    same line runs under a virtual clock.
    """

    def __init__(self, policy: BatchPolicy) -> None:
        self._policy = policy
        self._lanes: dict[int, deque[tuple[int, PendingRequest]]] = {}
        self._length = 0
        self._accepted = 0
        self._flush_before = 0
        self.closed = False

    def __len__(self) -> int:
        return self._length

    def add(self, request: PendingRequest) -> None:
        """Let a request wait."""
        lane = self._lanes.get(request.priority)
        if lane is None:
            lane = self._lanes[request.priority] = deque()
            self._lanes = dict(sorted(self._lanes.items(), reverse=True))
        lane.append((self._accepted, request))
        self._accepted += 1
        self._length += 1
        if self._policy.learns:
            self._policy.learn_arrival(request.enqueue_ns)

    def flush(self) -> None:
        """Let what waits now leave without waiting for company."""
        self._flush_before = self._accepted

    def close(self) -> None:
        """Let everything leave without waiting, now and from now on."""
        self.closed = True

    def learn_batch(self, size: int, service_ns: int, worst_latency_ns: int) -> None:
        """Tell the policy of a completed batch."""
        self._policy.learn_batch(size, service_ns, worst_latency_ns)

    def decide(self, now_ns: int) -> Decision:
        """Say how many requests leave now and why, or when to ask again."""
        n_waiting = self._length
        if not n_waiting:
            return Decision(0, None, FOREVER_NS)
        sequence, oldest = min(lane[0] for lane in self._lanes.values())
        decision = self._policy.decide(n_waiting, oldest.enqueue_ns, now_ns)
        if decision.size:
            return decision
        size = min(n_waiting, self._policy.size_limit())
        if self.closed:
            return Decision(size, CloseReason.STOP, now_ns)
        if sequence < self._flush_before:
            return Decision(size, CloseReason.FLUSH, now_ns)
        return decision

    def take(self, size: int) -> list[PendingRequest]:
        """Remove and return the first ``size`` requests."""
        taken: list[PendingRequest] = []
        for priority in list(self._lanes):
            lane = self._lanes[priority]
            while lane and len(taken) < size:
                taken.append(lane.popleft()[1])
            if not lane:
                del self._lanes[priority]
            if len(taken) == size:
                break
        self._length -= len(taken)
        return taken
