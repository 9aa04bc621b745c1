"""Length-aware batching: requests of like cost share a batch, each bucket in a line of its own."""

from __future__ import annotations

from collections.abc import Hashable

from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.optimization.models import BatchingStrategy, OptimizationConfig
from codomyrmex_lab.optimization.policy import Decision
from codomyrmex_lab.optimization.request import PendingRequest
from codomyrmex_lab.optimization.waiting import WaitingLine

__all__ = ["BucketedLine"]


class BucketedLine:
    """As many waiting lines as there are buckets; a batch comes from one of them.

    Each bucket follows the batching strategy by itself. Where several may leave, the one whose
    first request would leave first of one common line does: by priority, then arrival. Waiting
    makes up for priority there as within a bucket, so no bucket starves.

    Parameters
    ----------
    config : OptimizationConfig
        Followed by each line.
    """

    def __init__(self, config: OptimizationConfig) -> None:
        self._lines: dict[Hashable, WaitingLine] = {}
        self._ready: WaitingLine | None = None
        self._config = config
        self._closed = False
        self.add_ordinary = self.add

    def __len__(self) -> int:
        return sum(map(len, list(self._lines.values())))

    @property
    def closed(self) -> bool:
        """Whether everything leaves without waiting."""
        return self._closed

    @property
    def learns(self) -> bool:
        """Whether completed batches are of interest."""
        return self._config.batching_strategy is BatchingStrategy.ADAPTIVE

    def add(self, request: PendingRequest) -> None:
        """Let a request wait in its bucket."""
        line = self._lines.get(request.terms.bucket)
        if line is None:
            line = self._lines[request.terms.bucket] = WaitingLine(self._config)
            if self._closed:
                line.close()
        line.add(request)

    def discard(self, request: PendingRequest) -> None:
        """Let go of a request that was cancelled, if it still waits."""
        if request.terms.bucket in self._lines:
            self._lines[request.terms.bucket].discard(request)

    def flush(self) -> None:
        """Let what waits now leave without waiting for company."""
        for line in self._lines.values():
            line.flush()

    def close(self) -> None:
        """Let everything leave without waiting, now and from now on."""
        self._closed = True
        for line in self._lines.values():
            line.close()

    def follow(self, config: OptimizationConfig) -> None:
        """Follow a config from now on."""
        self._config = config
        for line in self._lines.values():
            line.follow(config)

    def learn_batch(
        self, bucket: Hashable, size: int, service_ns: int, worst_latency_ns: int
    ) -> None:
        """Tell the policy of the bucket of a completed batch."""
        if bucket in self._lines:
            self._lines[bucket].learn_batch(bucket, size, service_ns, worst_latency_ns)

    def decide(self, now_ns: int) -> Decision:
        """Say how many requests of which bucket leave now, or when to ask again."""
        due_ns = FOREVER_NS
        ready: list[tuple[tuple[int, int, int], Decision, WaitingLine]] = []
        for bucket, line in list(self._lines.items()):
            if not len(line):
                if not line.learns:  # nothing is lost with it, and there may be many buckets
                    del self._lines[bucket]
                continue
            decision = line.decide(now_ns)
            if decision.size:
                ready.append((line.turn(), decision, line))
            due_ns = min(due_ns, decision.due_ns)
        if not ready:
            return Decision(0, None, due_ns)
        _, decision, self._ready = min(ready, key=lambda entry: entry[0])
        return decision

    def take(self, size: int) -> list[PendingRequest]:
        """Remove and return the first ``size`` requests of the bucket last decided for."""
        return [] if self._ready is None else self._ready.take(size)

    def take_all(self) -> list[PendingRequest]:
        """Remove and return all requests."""
        return [request for line in self._lines.values() for request in line.take_all()]

    def oldest(self) -> PendingRequest | None:
        """Return the request that has waited longest, if any waits."""
        heads = [head for line in self._lines.values() if (head := line.oldest())]
        return min(heads, key=lambda request: request.enqueue_ns, default=None)

    def take_oldest(self) -> PendingRequest | None:
        """Remove and return the request that has waited longest, if any waits."""
        oldest = self.oldest()
        if oldest is not None:
            self.discard(oldest)
        return oldest

    def take_expired(self, now_ns: int) -> list[PendingRequest]:
        """Remove and return the requests whose deadline has come."""
        return [one for line in self._lines.values() for one in line.take_expired(now_ns)]
