"""Finished batches, as an engine hands them to its observers."""

from __future__ import annotations

from codomyrmex_lab.optimization.batch import Batch
from codomyrmex_lab.optimization.models import CloseReason
from codomyrmex_lab.optimization.request import ORDINARY, PendingRequest, Terms
from codomyrmex_lab.optimization.variants import Variant

__all__ = ["make_batches"]

_VARIANT = Variant("fp32", list)
_TICK_NS = 10**15  # as large as real ticks are


def make_batches(n_requests: int, size: int, *, keyed: bool) -> list[Batch]:
    """Return batches of ``size`` requests, which asked the cache or did not."""
    batches = []
    for number in range(n_requests // size):
        requests = []
        for i in range(number * size, (number + 1) * size):
            due_ns, key = _TICK_NS + 1000 * i, ("fp32", (int, i)) if keyed else None
            terms = Terms(key=key) if keyed else ORDINARY
            requests.append(PendingRequest(i, None, due_ns, due_ns, terms))
        batch = Batch(number, requests, CloseReason.FULL, 0, _VARIANT)
        batch.start_ns, batch.end_ns = due_ns + 10**6, due_ns + 3 * 10**6 + number % 1000 * 999
        batches.append(batch)
    return batches
