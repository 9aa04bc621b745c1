"""What a trace is made of: one array per fact, in int64 ns ticks, ready to become frames."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codomyrmex_lab.errors import TraceError
from codomyrmex_lab.optimization.models import CloseReason

__all__ = ["MISSING_TICK", "NONE", "REASONS", "BatchColumns", "Records", "RequestColumns"]

MISSING_TICK = int(np.iinfo(np.int64).min)
"""A time that does not exist; the value that NumPy reads as not-a-time."""

NONE = -1
"""Index of no batch, or of no error."""

REASONS = tuple(CloseReason)
"""Reasons by their code in :class:`BatchColumns`."""


@dataclass(frozen=True, slots=True, eq=False)
class RequestColumns:
    """Columns of the requests of a trace; :meth:`of` fills in those that are not given.

    Parameters
    ----------
    arrival_ns, start_ns, end_ns : int64, shape (n_requests,)
        Ticks at which the request was due, at which the model call that answered it began
        (``MISSING_TICK`` if none did; the end for a cache hit), and at which it was answered.
    id : int64, shape (n_requests,)
        Number of the request.
    priority : int32, shape (n_requests,)
        Larger leaves first.
    key : int64, shape (n_requests,)
        Identity of the cached input; only read where ``has_key``.
    has_key : bool, shape (n_requests,)
        Whether the cache was asked.
    from_cache : bool, shape (n_requests,)
        Whether the cache answered.
    joined : bool, shape (n_requests,)
        Whether the request shared the computation of an identical one in flight.
    batch : int32, shape (n_requests,)
        Row of the batch in :class:`BatchColumns`, or ``NONE``.
    error : int32, shape (n_requests,)
        Index into the trace's error messages, or ``NONE``.
    payload : object, shape (n_requests,), or None
        Text of the input, or None, of each request; None where payloads were not recorded.
    """

    arrival_ns: NDArray[np.int64]
    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    id: NDArray[np.int64]
    priority: NDArray[np.int32]
    key: NDArray[np.int64]
    has_key: NDArray[np.bool_]
    from_cache: NDArray[np.bool_]
    joined: NDArray[np.bool_]
    batch: NDArray[np.int32]
    error: NDArray[np.int32]
    payload: NDArray[np.object_] | None = None

    @classmethod
    def of(
        cls,
        arrival_ns: ArrayLike,
        start_ns: ArrayLike,
        end_ns: ArrayLike,
        *,
        id: ArrayLike | None = None,
        priority: ArrayLike = 0,
        key: ArrayLike | None = None,
        has_key: ArrayLike | None = None,
        from_cache: ArrayLike = False,
        joined: ArrayLike = False,
        batch: ArrayLike = NONE,
        error: ArrayLike = NONE,
        payload: ArrayLike | None = None,
    ) -> Self:
        """Make columns from arrays of one length; a single value stands for all requests.

        Raises
        ------
        TraceError
            The arrays differ in length.
        """
        n = np.size(arrival_ns)
        if has_key is None:
            has_key = key is not None
        return cls(
            arrival_ns=_column("arrival_ns", arrival_ns, n, np.int64),
            start_ns=_column("start_ns", start_ns, n, np.int64),
            end_ns=_column("end_ns", end_ns, n, np.int64),
            id=_column("id", np.arange(n) if id is None else id, n, np.int64),
            priority=_column("priority", priority, n, np.int32),
            key=_column("key", 0 if key is None else key, n, np.int64),
            has_key=_column("has_key", has_key, n, np.bool_),
            from_cache=_column("from_cache", from_cache, n, np.bool_),
            joined=_column("joined", joined, n, np.bool_),
            batch=_column("batch", batch, n, np.int32),
            error=_column("error", error, n, np.int32),
            payload=None if payload is None else _column("payload", payload, n, np.object_),
        )

    def __len__(self) -> int:
        return len(self.arrival_ns)

    def take(self, rows: NDArray[Any]) -> Self:
        """Return the columns at some rows, given by a boolean mask or by their positions."""
        names = [field.name for field in fields(self) if getattr(self, field.name) is not None]
        return type(self)(**{name: getattr(self, name)[rows] for name in names})


@dataclass(frozen=True, slots=True, eq=False)
class BatchColumns:
    """Columns of the batches of a trace; :meth:`of` fills in those that are not given.

    Parameters
    ----------
    start_ns, end_ns : int64, shape (n_batches,)
        Ticks at which the model call began and ended.
    size : int32, shape (n_batches,)
        Requests that it computed, without those that joined them.
    id : int64, shape (n_batches,)
        Number of the batch.
    reason : int8, shape (n_batches,)
        Why it left: position in ``REASONS``.
    worker : int32, shape (n_batches,)
        Worker that ran it; -1 for a direct call.
    error : int32, shape (n_batches,)
        Index into the trace's error messages, or ``NONE``.
    """

    start_ns: NDArray[np.int64]
    end_ns: NDArray[np.int64]
    size: NDArray[np.int32]
    id: NDArray[np.int64]
    reason: NDArray[np.int8]
    worker: NDArray[np.int32]
    error: NDArray[np.int32]

    @classmethod
    def of(
        cls,
        start_ns: ArrayLike = (),
        end_ns: ArrayLike = (),
        size: ArrayLike = (),
        *,
        id: ArrayLike | None = None,
        reason: ArrayLike = 0,
        worker: ArrayLike = 0,
        error: ArrayLike = NONE,
    ) -> Self:
        """Make columns from arrays of one length; a single value stands for all batches.

        Raises
        ------
        TraceError
            The arrays differ in length.
        """
        n = np.size(start_ns)
        return cls(
            start_ns=_column("start_ns", start_ns, n, np.int64),
            end_ns=_column("end_ns", end_ns, n, np.int64),
            size=_column("size", size, n, np.int32),
            id=_column("id", np.arange(n) if id is None else id, n, np.int64),
            reason=_column("reason", reason, n, np.int8),
            worker=_column("worker", worker, n, np.int32),
            error=_column("error", error, n, np.int32),
        )

    def __len__(self) -> int:
        return len(self.start_ns)

    def take(self, rows: NDArray[Any]) -> Self:
        """Return the columns at some rows, given by a boolean mask or by their positions."""
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """Everything that a trace is made of.

    Parameters
    ----------
    requests : RequestColumns
        In any order.
    batches : BatchColumns
        The rows that ``requests.batch`` refers to.
    errors : tuple of str
        The messages that the ``error`` columns refer to.
    """

    requests: RequestColumns
    batches: BatchColumns
    errors: tuple[str, ...] = ()

    def in_order(self) -> Records:
        """Return the same with the requests by arrival.

        Raises
        ------
        TraceError
            A request or a batch refers to a batch or an error that is not there.
        """
        requests = self.requests
        _check_references("batch", requests.batch, len(self.batches))
        for rows in (requests.error, self.batches.error):
            _check_references("error", rows, len(self.errors))
        if (np.diff(requests.arrival_ns) < 0).any():
            requests = requests.take(np.argsort(requests.arrival_ns, kind="stable"))
        return replace(self, requests=requests)

    def take(self, rows: NDArray[np.bool_]) -> Records:
        """Return some requests with the batches that answered them."""
        requests = self.requests.take(rows)
        kept = np.zeros(len(self.batches), dtype=np.bool_)
        kept[requests.batch[requests.batch != NONE]] = True
        new_row = np.append(np.cumsum(kept, dtype=np.int32) - 1, NONE).astype(np.int32)
        return Records(
            replace(requests, batch=new_row[requests.batch]), self.batches.take(kept), self.errors
        )


def _check_references(name: str, rows: NDArray[np.int32], n: int) -> None:
    if len(rows) and (int(rows.min()) < NONE or int(rows.max()) >= n):
        raise TraceError(
            f"Column {name!r} refers to row {int(rows.max())} of {n}; expected rows below {n}, "
            f"or {NONE} for none."
        )


def _column(name: str, values: ArrayLike, n: int, dtype: type[Any]) -> NDArray[Any]:
    array = np.asarray(values, dtype=dtype)
    if array.ndim == 0:
        return np.full(n, array)
    if array.shape != (n,):
        raise TraceError(f"Column {name!r} has shape {array.shape}; expected ({n},) as the others.")
    return array
