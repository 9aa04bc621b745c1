"""Records what an engine does, as cheaply as Python allows.

Each request leaves a few integers in flat ``array`` buffers, appended once per batch under one
lock; no frame is built until a trace is asked for. A request is 40 bytes.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.optimization.observer import ObservedBatch, ObservedRequest
from codomyrmex_lab.tracing.columns import (
    MISSING_TICK,
    NONE,
    REASONS,
    BatchColumns,
    RequestColumns,
)
from codomyrmex_lab.tracing.trace import Trace

__all__ = ["TraceRecorder"]

_REASON_CODES = {reason: code for code, reason in enumerate(REASONS)}

# Integers per row. Computed: id, arrival, priority, key, flags, in the order of the batches.
# Hits and unserved: id, arrival, priority, key, end, and for unserved the flags and the error.
_COMPUTED, _HIT, _UNSERVED, _BATCH = 5, 5, 7, 8
_HAS_KEY, _JOINED = 1, 2


class TraceRecorder:
    """Observes an engine and gives its :class:`Trace` at any time, also while it runs.

    Everything since the making of the recorder, or since :meth:`clear`, is in the trace, over
    any number of starts and stops of the engine. Inputs and outputs are not recorded. Use one
    recorder per engine: request ids are unique within one engine only.

    Parameters
    ----------
    metadata : mapping of str to Any
        Goes into the metadata of each trace.
    """

    def __init__(self, metadata: Mapping[str, Any] | None = None) -> None:
        self._metadata = dict(metadata or {})
        self._lock = threading.Lock()
        self.clear()

    def __len__(self) -> int:
        """Return the number of requests recorded."""
        with self._lock:
            return (
                len(self._computed) // _COMPUTED
                + len(self._hits) // _HIT
                + len(self._unserved) // _UNSERVED
            )

    def clear(self) -> None:
        """Forget everything recorded so far."""
        with self._lock:
            self._computed = array("q")
            self._hits = array("q")
            self._unserved = array("q")
            self._batches = array("q")
            self._errors: dict[str, int] = {}

    def on_cache_hit(
        self, request_id: int, priority: int, key: Any, arrival_ns: int, end_ns: int
    ) -> None:
        """Record a request that was answered from the cache."""
        row = [request_id, arrival_ns, priority, hash(key), end_ns]
        with self._lock:
            self._hits.fromlist(row)

    def on_batch(self, batch: ObservedBatch) -> None:
        """Record a batch and all requests that it answered."""
        rows: list[int] = []
        n_answered = 0
        for request in batch.requests:
            key = request.key
            flags, hashed = (0, 0) if key is None else (_HAS_KEY, hash(key))
            rows += (request.id, request.arrival_ns, request.priority, hashed, flags)
            n_answered += 1
            for other in request.joined:
                flags = _HAS_KEY | _JOINED
                rows += (other.id, other.arrival_ns, other.priority, hashed, flags)
                n_answered += 1
        with self._lock:
            error = NONE if batch.error is None else self._error_code(batch.error)
            self._computed.fromlist(rows)
            self._batches.fromlist(
                [
                    batch.id,
                    batch.start_ns,
                    batch.end_ns,
                    len(batch.requests),
                    _REASON_CODES[batch.reason],
                    batch.worker,
                    error,
                    n_answered,
                ]
            )

    def on_unserved(self, request: ObservedRequest, end_ns: int, error: BaseException) -> None:
        """Record a request that failed without reaching the model."""
        key = request.key
        flags, hashed = (0, 0) if key is None else (_HAS_KEY, hash(key))
        with self._lock:
            code = self._error_code(error)
            self._unserved.fromlist(
                [request.id, request.arrival_ns, request.priority, hashed, end_ns, flags, code]
            )

    def trace(self, metadata: Mapping[str, Any] | None = None) -> Trace:
        """Return everything recorded so far.

        Parameters
        ----------
        metadata : mapping of str to Any
            Added to the recorder's own.

        Returns
        -------
        Trace
            Does not change when more is recorded.
        """
        with self._lock:
            computed, hits = self._computed[:], self._hits[:]
            unserved, batch_rows = self._unserved[:], self._batches[:]
            errors = tuple(self._errors)
        calls = _rows(batch_rows, _BATCH)
        batches = BatchColumns.of(
            id=calls[:, 0],
            start_ns=calls[:, 1],
            end_ns=calls[:, 2],
            size=calls[:, 3],
            reason=calls[:, 4],
            worker=calls[:, 5],
            error=calls[:, 6],
        )
        parts = [
            _computed_columns(_rows(computed, _COMPUTED), batches, n_answered=calls[:, 7]),
            _hit_columns(_rows(hits, _HIT)),
            _unserved_columns(_rows(unserved, _UNSERVED)),
        ]
        return Trace(
            RequestColumns.concatenate([part for part in parts if len(part)] or parts[:1]),
            batches,
            errors=errors,
            metadata={"simulated": False, **self._metadata, **(metadata or {})},
        )

    def _error_code(self, error: BaseException) -> int:
        return self._errors.setdefault(f"{type(error).__name__}: {error}", len(self._errors))


def _rows(buffer: array[int], width: int) -> NDArray[np.int64]:
    return np.frombuffer(buffer, dtype=np.int64).reshape(-1, width)


def _computed_columns(
    rows: NDArray[np.int64], batches: BatchColumns, n_answered: NDArray[np.int64]
) -> RequestColumns:
    batch = np.repeat(np.arange(len(batches), dtype=np.int32), n_answered)
    arrival_ns, flags = rows[:, 1], rows[:, 4]
    joined = (flags & _JOINED) != 0
    start_ns = batches.start_ns[batch]
    return RequestColumns.of(
        arrival_ns,
        np.where(joined, np.maximum(start_ns, arrival_ns), start_ns),
        batches.end_ns[batch],
        id=rows[:, 0],
        priority=rows[:, 2],
        key=rows[:, 3],
        has_key=(flags & _HAS_KEY) != 0,
        joined=joined,
        batch=batch,
        error=batches.error[batch],
    )


def _hit_columns(rows: NDArray[np.int64]) -> RequestColumns:
    end_ns = rows[:, 4]
    return RequestColumns.of(
        rows[:, 1],
        end_ns,
        end_ns,
        id=rows[:, 0],
        priority=rows[:, 2],
        key=rows[:, 3],
        from_cache=True,
    )


def _unserved_columns(rows: NDArray[np.int64]) -> RequestColumns:
    return RequestColumns.of(
        rows[:, 1],
        MISSING_TICK,
        rows[:, 4],
        id=rows[:, 0],
        priority=rows[:, 2],
        key=rows[:, 3],
        has_key=(rows[:, 5] & _HAS_KEY) != 0,
        error=rows[:, 6],
    )
