"""Requests that wait for their batch, in the order in which they will leave."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Hashable
from itertools import chain

from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.optimization.models import NS_PER_MS, CloseReason, OptimizationConfig
from codomyrmex_lab.optimization.policy import Decision, make_policy
from codomyrmex_lab.optimization.request import PendingRequest

__all__ = ["WaitingLine"]


class WaitingLine:
    """Waiting requests ordered by priority, then arrival.

    One level of priority is worth ``priority_ageing_ms`` of waiting: a request is overtaken only by
    those of a priority ``p`` levels above that arrive less than ``p * priority_ageing_ms`` after
    it. No request starves, therefore: whatever arrives later than that leaves after it.

    Not thread-safe: one worker at a time owns it. Time comes in as arguments only, so that the
    same line runs under a virtual clock.

    Parameters
    ----------
    config : OptimizationConfig
        Its batching strategy and the ageing of priorities are followed.
    """

    def __init__(self, config: OptimizationConfig) -> None:
        self._lanes: dict[int, deque[PendingRequest]] = {0: deque()}
        self._policy = make_policy(config)
        self._quantization = config.quantization
        self.follow(config)
        self._deadlines: list[tuple[int, int, PendingRequest]] = []
        self._n_gone = 0  # of those in the lanes
        self._flush_before = 0
        self._closed = False

    def __len__(self) -> int:
        lanes = self._lanes
        if len(lanes) == 1:
            return len(lanes[0]) - self._n_gone
        return sum(map(len, list(lanes.values()))) - self._n_gone

    @property
    def closed(self) -> bool:
        """Whether everything leaves without waiting."""
        return self._closed

    def add(self, request: PendingRequest) -> None:
        """Let a request wait."""
        terms = request.terms
        if terms.ordinary:
            self._lanes[0].append(request)
        else:
            self._lanes.setdefault(terms.priority, deque()).append(request)
            if terms.expires_ns < FOREVER_NS:
                self._push_deadline(request)
        if self._policy.learns:
            self._policy.learn_arrival(request.enqueue_ns)

    def discard(self, request: PendingRequest) -> None:
        """Let go of a request that waits; more than once does no harm."""
        terms = request.own_terms()
        if not terms.left:
            terms.left = True
            self._n_gone += 1

    def flush(self) -> None:
        """Let what waits now leave without waiting for company."""
        waiting = chain.from_iterable(self._lanes.values())
        self._flush_before = max((request.id for request in waiting), default=-1) + 1

    def close(self) -> None:
        """Let everything leave without waiting, now and from now on."""
        self._closed = True

    def follow(self, config: OptimizationConfig) -> None:
        """Follow a config from now on; what was learned of the same model is kept."""
        same_model = config.quantization is self._quantization
        self._policy = make_policy(config, self._policy if same_model else None)
        self._quantization = config.quantization
        self._ageing_ns = round(config.priority_ageing_ms * NS_PER_MS)
        # what :meth:`add` comes to for an ordinary request, without a call in Python
        self.add_ordinary = self.add if self._policy.learns else self._lanes[0].append

    @property
    def learns(self) -> bool:
        """Whether completed batches are of interest."""
        return self._policy.learns

    def learn_batch(
        self, bucket: Hashable, size: int, service_ns: int, worst_latency_ns: int
    ) -> None:
        """Tell the policy of a completed batch."""
        self._policy.learn_batch(size, service_ns, worst_latency_ns)

    def decide(self, now_ns: int) -> Decision:
        """Say how many requests leave now and why, or when to ask again."""
        n_waiting = len(self)
        if not n_waiting:
            return Decision(0, None, FOREVER_NS)
        heads = self._heads()
        oldest = heads[0] if len(heads) == 1 else min(heads, key=_id)
        decision = self._policy.decide(n_waiting, oldest.enqueue_ns, now_ns)
        if decision.size:
            return decision
        size = min(n_waiting, self._policy.size_limit())
        if self._closed:
            return Decision(size, CloseReason.STOP, now_ns)
        if oldest.id < self._flush_before:
            return Decision(size, CloseReason.FLUSH, now_ns)
        deadline_ns = self._next_deadline_ns()
        if deadline_ns < decision.due_ns:
            return Decision(0, None, deadline_ns, decision.wanted)
        return decision

    def turn(self) -> tuple[int, int, int]:
        """Return what tells whose turn it is among lines in which requests wait: the smallest."""
        return min(map(self._turn, self._heads()))

    def take(self, size: int) -> list[PendingRequest]:
        """Remove and return the first ``size`` requests."""
        taken: list[PendingRequest] = []
        while len(taken) < size and (heads := self._heads()):
            first = heads[0] if len(heads) == 1 else min(heads, key=self._turn)
            lane = self._lanes[first.terms.priority]
            # with one lane everything in it is next; with several each head competes anew
            n_more = min(size - len(taken), len(lane)) if len(heads) == 1 else 1
            for request in [lane.popleft() for _ in range(n_more)]:
                terms = request.terms
                if terms.ordinary:
                    taken.append(request)
                elif terms.left:
                    self._n_gone -= 1
                else:
                    terms.left = True
                    taken.append(request)
        return taken

    def take_all(self) -> list[PendingRequest]:
        """Remove and return all requests."""
        taken = self.take(len(self))
        for request in taken:
            request.own_terms().left = True
        return taken

    def oldest(self) -> PendingRequest | None:
        """Return the request that has waited longest, if any waits."""
        return min(self._heads(), key=_id, default=None)

    def take_oldest(self) -> PendingRequest | None:
        """Remove and return the request that has waited longest, if any waits."""
        oldest = self.oldest()
        if oldest is not None:
            self.discard(oldest)
        return oldest

    def take_expired(self, now_ns: int) -> list[PendingRequest]:
        """Remove and return the requests whose deadline has come."""
        expired = []
        while self._next_deadline_ns() <= now_ns:
            request = heapq.heappop(self._deadlines)[2]
            expires_ns = request.terms.expires_ns
            if expires_ns > now_ns:  # somebody with more time has joined it
                if expires_ns < FOREVER_NS:
                    self._push_deadline(request)
                continue
            self.discard(request)
            expired.append(request)
        return expired

    def _heads(self) -> list[PendingRequest]:
        lanes = self._lanes
        ordinary = lanes[0]
        if len(lanes) == 1 and ordinary and not ordinary[0].terms.left:
            return [ordinary[0]]
        heads = []
        for priority, lane in list(lanes.items()):
            while lane and lane[0].terms.left:
                lane.popleft()
                self._n_gone -= 1
            if lane:
                heads.append(lane[0])
            elif priority:
                del lanes[priority]
        return heads

    def _turn(self, request: PendingRequest) -> tuple[int, int, int]:
        priority = request.terms.priority
        return (request.enqueue_ns - priority * self._ageing_ns, -priority, request.id)

    def _push_deadline(self, request: PendingRequest) -> None:
        heapq.heappush(self._deadlines, (request.terms.expires_ns, request.id, request))
        if len(self._deadlines) > 2 * len(self) + 64:
            self._deadlines = [entry for entry in self._deadlines if not entry[2].terms.left]
            heapq.heapify(self._deadlines)

    def _next_deadline_ns(self) -> int:
        deadlines = self._deadlines
        while deadlines and deadlines[0][2].terms.left:
            heapq.heappop(deadlines)
        return deadlines[0][0] if deadlines else FOREVER_NS


def _id(request: PendingRequest) -> int:
    return request.id
