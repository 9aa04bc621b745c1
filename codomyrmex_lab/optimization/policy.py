"""When a batch leaves: the one statement of the rule, for the engine and for the simulator.

Requests wait in one line. Whenever a worker is idle, the policy is asked how many of the first
requests leave now and why; if none do, it says when to ask again.

===========  =====================================================================================
FIXED        ``max_batch_size`` requests wait.
DYNAMIC      ``max_batch_size`` requests wait, or the oldest has waited ``batch_timeout_ms``.
ADAPTIVE     As DYNAMIC, with a target size and a target wait in place of the two bounds. Both are
             learned from arrivals and service times and never exceed the bounds.
===========  =====================================================================================
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple, Protocol

from codomyrmex_lab.optimization.clock import FOREVER_NS
from codomyrmex_lab.optimization.models import (
    NS_PER_MS,
    BatchingStrategy,
    CloseReason,
    OptimizationConfig,
)

__all__ = [
    "AdaptivePolicy",
    "BatchPolicy",
    "Decision",
    "DynamicPolicy",
    "FixedPolicy",
    "make_policy",
]


class Decision(NamedTuple):
    """How many requests leave now and why, or when to ask again.

    ``size`` is 0 when none leave; ``due_ns`` is then the tick at which one could without any
    further arrival, ``FOREVER_NS`` if that never happens, and ``wanted`` the number of further
    arrivals before which asking again is of no use.
    """

    size: int
    reason: CloseReason | None
    due_ns: int
    wanted: int = 1


class BatchPolicy(Protocol):
    """Rule of one batching strategy."""

    learns: bool

    def decide(self, n_waiting: int, oldest_ns: int, now_ns: int) -> Decision:
        """Decide for ``n_waiting`` >= 1 requests, the oldest of which came at ``oldest_ns``."""
        ...

    def size_limit(self) -> int:
        """Return the largest batch that may leave now, in requests."""
        ...

    def learn_arrival(self, arrival_ns: int) -> None:
        """Take note of one arrival, in order of arrival."""
        ...

    def learn_batch(self, size: int, service_ns: int, worst_latency_ns: int) -> None:
        """Take note of one completed batch."""
        ...


class FixedPolicy:
    """Static batching: only a full batch leaves."""

    learns = False

    def __init__(self, max_batch_size: int) -> None:
        self._max_batch_size = max_batch_size

    def size_limit(self) -> int:
        """Return ``max_batch_size``."""
        return self._max_batch_size

    def decide(self, n_waiting: int, oldest_ns: int, now_ns: int) -> Decision:
        """Let a full batch leave."""
        if n_waiting >= self._max_batch_size:
            return Decision(self._max_batch_size, CloseReason.FULL, now_ns)
        return Decision(0, None, FOREVER_NS, self._max_batch_size - n_waiting)

    def learn_arrival(self, arrival_ns: int) -> None:
        """Learn nothing."""

    def learn_batch(self, size: int, service_ns: int, worst_latency_ns: int) -> None:
        """Learn nothing."""


class DynamicPolicy(FixedPolicy):
    """A full batch leaves, or what there is once the oldest request has waited the timeout."""

    def __init__(self, max_batch_size: int, timeout_ns: int) -> None:
        super().__init__(max_batch_size)
        self._timeout_ns = timeout_ns

    def decide(self, n_waiting: int, oldest_ns: int, now_ns: int) -> Decision:
        """Let a full batch leave, or a partial one whose oldest request is due."""
        if n_waiting >= self._max_batch_size:
            return Decision(self._max_batch_size, CloseReason.FULL, now_ns)
        due_ns = oldest_ns + self._timeout_ns
        if now_ns >= due_ns:
            return Decision(n_waiting, CloseReason.TIMEOUT, now_ns)
        return Decision(0, None, due_ns, self._max_batch_size - n_waiting)


class AdaptivePolicy:
    """The smallest batches that keep up with the arrivals, and no wait beyond filling them.

    With arrival rate λ, ``n_workers`` workers W and service time a + b·n, batches of n requests
    keep up at utilization ρ when λ·(a + b·n) = ρ·W·n, so the target size is

        n = λ·a / (ρ·W - λ·b)

    and the target wait (n - 1) / λ, the time the rest of such a batch takes to arrive. While
    one request at a time keeps up, n is 1 and nobody waits.

    A caller who asks again as soon as the last answer is there keeps a worker busy all the time,
    which looks like a rate that one request at a time does not keep up with; but nobody would
    join a request of his that waited. By Little's law λ·T requests are in the engine on average,
    where T is their latency. While that is no more than W / ρ, there is a worker for each, n is
    1 and nobody waits: a lone caller never does, but for some 50 requests after others have left.

    λ comes from an exponential average of the gaps between arrivals, T from one of the worst
    latency in each batch, a and b from least squares over exponentially forgotten batches. With a
    latency target, additive increase and multiplicative decrease act on the wait whenever a
    batch's worst latency misses the target, and on the size limit when its service time alone
    does.

    Parameters
    ----------
    max_batch_size : int
        Bound of the target size, in requests.
    timeout_ns : int
        Bound of the target wait.
    n_workers : int
        Batches that may run at once.
    latency_target_ns : int or None
        Latency to hold.

    References
    ----------
    Crankshaw et al., Clipper, NSDI 2017 (additive increase, multiplicative decrease of the batch
    size under a latency target). Deb and Serfozo, Optimal control of batch service queues,
    Advances in Applied Probability 1973 (a threshold on the queue length is optimal). Little,
    A proof for the queuing formula L = λW, Operations Research 1961.
    """

    learns = True

    TARGET_UTILIZATION = 0.8
    AVERAGE_WEIGHT = 1 / 32
    FORGET = 0.95
    BACK_OFF = 0.5
    WAIT_STEP = 0.05

    def __init__(
        self,
        max_batch_size: int,
        timeout_ns: int,
        n_workers: int,
        latency_target_ns: int | None = None,
    ) -> None:
        self._max_batch_size = max_batch_size
        self._timeout_ns = timeout_ns
        self._n_workers = n_workers
        self._latency_target_ns = latency_target_ns
        self._last_arrival_ns: int | None = None
        self._gap_ns = 0.0
        self._latency_ns = 0.0
        self._fit = _ServiceTimeFit(self.FORGET)
        self._size_limit = float(max_batch_size)
        self._wait_share = 1.0
        self.target_size = 1
        self.target_wait_ns = 0

    def size_limit(self) -> int:
        """Return the largest batch that may leave now: less than the maximum after a miss."""
        return int(self._size_limit)

    def decide(self, n_waiting: int, oldest_ns: int, now_ns: int) -> Decision:
        """Let a batch of the target size leave, or what there is after the target wait."""
        limit = self.size_limit()
        if n_waiting >= self._max_batch_size:
            return Decision(limit, CloseReason.FULL, now_ns)
        if n_waiting >= self.target_size:
            return Decision(min(n_waiting, limit), CloseReason.TARGET, now_ns)
        due_ns = oldest_ns + self.target_wait_ns
        if now_ns >= due_ns:
            return Decision(min(n_waiting, limit), CloseReason.TIMEOUT, now_ns)
        return Decision(0, None, due_ns)

    def learn_arrival(self, arrival_ns: int) -> None:
        """Update the arrival rate."""
        last_ns, self._last_arrival_ns = self._last_arrival_ns, arrival_ns
        if last_ns is None:
            return
        gap_ns = max(arrival_ns - last_ns, 0)
        weight = self.AVERAGE_WEIGHT if self._gap_ns else 1.0
        self._gap_ns += weight * (gap_ns - self._gap_ns)
        self._retarget()

    def learn_batch(self, size: int, service_ns: int, worst_latency_ns: int) -> None:
        """Update service time and latency; back off or recover against the latency target."""
        self._fit.add(size, service_ns)
        weight = self.AVERAGE_WEIGHT if self._latency_ns else 1.0
        self._latency_ns += weight * (worst_latency_ns - self._latency_ns)
        target_ns = self._latency_target_ns
        if target_ns is not None:
            if worst_latency_ns > target_ns:
                self._wait_share *= self.BACK_OFF
            else:
                self._wait_share = min(1.0, self._wait_share + self.WAIT_STEP)
            if service_ns > target_ns:
                self._size_limit = max(1.0, min(self._size_limit, size) * self.BACK_OFF)
            else:
                self._size_limit = min(float(self._max_batch_size), self._size_limit + 1.0)
        self._retarget()

    def learn_from(self, other: AdaptivePolicy) -> None:
        """Take over what another learned; how far it backed off, for the same latency target."""
        self._last_arrival_ns = other._last_arrival_ns
        self._gap_ns, self._latency_ns, self._fit = other._gap_ns, other._latency_ns, other._fit
        if self._latency_target_ns == other._latency_target_ns:
            self._wait_share = other._wait_share
            if other._size_limit < other._max_batch_size:
                self._size_limit = min(self._size_limit, other._size_limit)
        self._retarget()

    def _retarget(self) -> None:
        if not self._gap_ns or not self._fit.known:
            return
        if self._latency_ns * self.TARGET_UTILIZATION <= self._n_workers * self._gap_ns:
            self.target_size, self.target_wait_ns = 1, 0
            return
        fixed_ns, per_request_ns = self._fit.line()
        limit = self.size_limit()
        spare_ns = self.TARGET_UTILIZATION * self._n_workers * self._gap_ns - per_request_ns
        size = limit if spare_ns <= 0 else min(ceil(fixed_ns / spare_ns), limit)
        self.target_size = max(size, 1)
        wait_ns = min((self.target_size - 1) * self._gap_ns, self._timeout_ns)
        if self._latency_target_ns is not None:
            service_ns = fixed_ns + per_request_ns * self.target_size
            wait_ns = min(wait_ns, max(self._latency_target_ns - service_ns, 0.0))
        self.target_wait_ns = int(wait_ns * self._wait_share)


class _ServiceTimeFit:
    """Least squares of service time = a + b·size over exponentially forgotten batches."""

    def __init__(self, forget: float) -> None:
        self._forget = forget
        self._weight = 0.0
        self._size = self._time = self._size_size = self._size_time = 0.0

    @property
    def known(self) -> bool:
        return self._weight > 0

    def add(self, size: int, service_ns: int) -> None:
        keep = self._forget
        self._weight = keep * self._weight + 1
        self._size = keep * self._size + size
        self._time = keep * self._time + service_ns
        self._size_size = keep * self._size_size + size * size
        self._size_time = keep * self._size_time + size * service_ns

    def line(self) -> tuple[float, float]:
        """Return a and b in ns, neither negative; b is 0 while only one size was seen."""
        spread = self._weight * self._size_size - self._size * self._size
        mean_size, mean_time = self._size / self._weight, self._time / self._weight
        if spread <= 1e-9 * self._weight * self._size_size:
            return mean_time, 0.0
        slope = (self._weight * self._size_time - self._size * self._time) / spread
        slope = min(max(slope, 0.0), mean_time / mean_size)
        return mean_time - slope * mean_size, slope


def make_policy(config: OptimizationConfig, before: BatchPolicy | None = None) -> BatchPolicy:
    """Return the policy that a config names.

    Parameters
    ----------
    config : OptimizationConfig
        Its strategy, batch size, timeout, workers and latency target are used.
    before : BatchPolicy or None
        The policy in force so far, for the same model.

    Returns
    -------
    BatchPolicy
        A new policy. Where both are adaptive it knows what the one before has learned.
    """
    timeout_ns = int(config.batch_timeout_ms * NS_PER_MS)
    if config.batching_strategy is BatchingStrategy.FIXED:
        return FixedPolicy(config.max_batch_size)
    if config.batching_strategy is BatchingStrategy.DYNAMIC:
        return DynamicPolicy(config.max_batch_size, timeout_ns)
    target_ms = config.latency_target_ms
    policy = AdaptivePolicy(
        config.max_batch_size,
        timeout_ns,
        config.num_workers,
        None if target_ms is None else int(target_ms * NS_PER_MS),
    )
    if isinstance(before, AdaptivePolicy):
        policy.learn_from(before)
    return policy
