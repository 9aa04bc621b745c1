"""What came of each request and each batch, as plain arrays that a kernel can fill."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.tracing.columns import NONE

__all__ = ["Calls", "Outcome"]


class Calls(NamedTuple):
    """Model calls, in the order in which their batches left; as in ``BatchColumns``."""

    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    size: NDArray[np.int32]
    reason: NDArray[np.int8]
    worker: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Result of one simulation.

    Parameters
    ----------
    enqueue_ns : int64, shape (n_requests,)
        When each request reached the engine.
    batch : int32, shape (n_requests,)
        Position in ``calls`` of the batch that took the request, or ``NONE``.
    joined : bool, shape (n_requests,)
        Whether the request shared the computation of an identical one.
    error : int8, shape (n_requests,)
        Position in the failures of :mod:`codomyrmex_lab.simulation.events.failures`, or ``NONE``.
    failed_ns : int64, shape (n_requests,)
        When a request failed that no batch took; only read for these.
    calls : Calls
        The batches.
    """

    enqueue_ns: NDArray[np.int64]
    batch: NDArray[np.int32]
    joined: NDArray[np.bool_]
    error: NDArray[np.int8]
    failed_ns: NDArray[np.int64]
    calls: Calls

    @classmethod
    def empty(cls, n: int, *, fails: bool) -> Self:
        """Return room for an outcome of n requests, of which some fail, or none does."""
        return cls(
            enqueue_ns=np.empty(n, np.int64),
            batch=np.full(n, NONE, np.int32),
            joined=np.zeros(n, np.bool_),
            error=np.full(n, NONE, np.int8) if fails else np.broadcast_to(np.int8(NONE), n),
            failed_ns=np.zeros(n, np.int64) if fails else np.broadcast_to(np.int64(0), n),
            calls=Calls(
                np.empty(n, np.int64),
                np.empty(n, np.int64),
                np.empty(n, np.int32),
                np.empty(n, np.int8),
                np.empty(n, np.int32),
            ),
        )

    def cut(self, n_batches: int) -> Self:
        """Return it without the room for batches that was not needed."""
        start_ns, end_ns, size, reason, worker = self.calls
        cut = slice(n_batches)
        return replace(
            self, calls=Calls(start_ns[cut], end_ns[cut], size[cut], reason[cut], worker[cut])
        )
