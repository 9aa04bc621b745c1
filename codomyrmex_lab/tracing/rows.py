"""Rows of five integers in which a recorder notes events, and their way back into columns.

Every event is one or more whole rows; what a row's integers mean depends on its kind, the last::

    batch      id, start, end, worker, BATCH, with the reason and the error
    computed   id, arrival, priority, key, HAS_KEY and JOINED where they hold
    hit        id, arrival, end, key, HIT, with the priority
    unserved   id, arrival, end, key, UNSERVED, with the priority and the error

The requests that a batch computed follow its own row, with nothing between them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.tracing.columns import (
    MISSING_TICK,
    NONE,
    REASONS,
    BatchColumns,
    RequestColumns,
)

__all__ = [
    "BATCH",
    "BATCH_KINDS",
    "COMPUTED",
    "HAS_KEY",
    "HIT",
    "JOINED",
    "UNSERVED",
    "WIDTH",
    "as_rows",
    "columns_of",
    "n_requests",
    "with_error",
    "with_priority",
]

WIDTH = 5
COMPUTED, HAS_KEY, JOINED, HIT, UNSERVED, BATCH = 0, 1, 2, 4, 8, 16
_REASON_SHIFT, _ERROR_SHIFT, _PRIORITY_SHIFT = 5, 8, 32
_REASON_MASK, _ERROR_MASK = 0x7, 0xFF_FFFF
_MOST_ERRORS = _ERROR_MASK - 1

BATCH_KINDS = {reason.value: BATCH | code << _REASON_SHIFT for code, reason in enumerate(REASONS)}
"""Kind of the row of a batch by the value of its reason."""


def with_error(kind: int, code: int) -> int:
    """Return the kind of a row of something that failed with the error of a code."""
    return kind | min(code, _MOST_ERRORS) + 1 << _ERROR_SHIFT


def with_priority(kind: int, priority: int) -> int:
    """Return the kind of the row of a hit, or of an unserved request, of a priority."""
    return kind | priority << _PRIORITY_SHIFT


def as_rows(blocks: Iterable[bytes]) -> NDArray[np.int64]:
    """Return blocks of packed integers as rows, shape (n_rows, WIDTH)."""
    return np.frombuffer(b"".join(blocks), dtype=np.int64).reshape(-1, WIDTH)


def n_requests(blocks: Iterable[bytes]) -> int:
    """Return how many rows of some blocks are requests."""
    return int(np.count_nonzero((as_rows(blocks)[:, 4] & BATCH) == 0))


def columns_of(rows: NDArray[np.int64]) -> tuple[RequestColumns, BatchColumns]:
    """Return the columns of rows.

    Parameters
    ----------
    rows : int64, shape (n_rows, WIDTH)
        In the order in which they were noted.

    Returns
    -------
    RequestColumns, BatchColumns
        Error codes are those that the rows were given.
    """
    kind = rows[:, 4]
    is_batch = (kind & BATCH) != 0
    row_of_batch = (np.cumsum(is_batch, dtype=np.int32) - 1)[~is_batch]
    asked, calls = rows[~is_batch], rows[is_batch]
    kind = asked[:, 4]
    computed = (kind & (HIT | UNSERVED)) == 0
    own = computed & ((kind & JOINED) == 0)
    batches = BatchColumns.of(
        calls[:, 1],
        calls[:, 2],
        np.bincount(row_of_batch[own], minlength=len(calls)),
        id=calls[:, 0],
        reason=calls[:, 4] >> _REASON_SHIFT & _REASON_MASK,
        worker=calls[:, 3],
        error=_error_codes(calls[:, 4]),
    )
    return _request_columns(asked, computed, row_of_batch, batches), batches


def _request_columns(
    rows: NDArray[np.int64],
    computed: NDArray[np.bool_],
    row_of_batch: NDArray[np.int32],
    batches: BatchColumns,
) -> RequestColumns:
    arrival_ns, kind = rows[:, 1], rows[:, 4]
    joined = (kind & JOINED) != 0
    from_cache = (kind & HIT) != 0
    batch = np.where(computed, row_of_batch, NONE).astype(np.int32)
    end_ns, priority, error = rows[:, 2].copy(), kind >> _PRIORITY_SHIFT, _error_codes(kind)
    start_ns = np.where(from_cache, end_ns, MISSING_TICK)
    if len(batches):
        batch_start_ns = batches.start_ns[batch]
        late = joined & (arrival_ns > batch_start_ns)
        start_ns = np.where(computed, np.where(late, arrival_ns, batch_start_ns), start_ns)
        end_ns = np.where(computed, batches.end_ns[batch], end_ns)
        priority = np.where(computed, rows[:, 2], priority)
        error = np.where(computed, batches.error[batch], error)
    return RequestColumns.of(
        arrival_ns.copy(),
        start_ns,
        end_ns,
        id=rows[:, 0].copy(),
        priority=priority,
        key=rows[:, 3].copy(),
        has_key=(kind & (HAS_KEY | HIT)) != 0,
        from_cache=from_cache,
        joined=joined,
        batch=batch,
        error=error,
    )


def _error_codes(kind: NDArray[np.int64]) -> NDArray[np.int64]:
    return (kind >> _ERROR_SHIFT & _ERROR_MASK) - 1
