"""Rows of five integers in which a recorder notes events, and their way back into columns.

Every event is one or more whole rows; what a row's integers mean depends on its kind, the last::

    batch      id, start, end, worker, BATCH, with the reason and the error
    computed   id, arrival, priority, key, HAS_KEY and JOINED where they hold, with its own error
    hit        id, arrival, end, key, HIT, with the priority
    unserved   id, arrival, end, key, UNSERVED, with the priority and the error

The requests that a batch computed follow its own row, with nothing between them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.optimization.observer import ObservedBatch
from codomyrmex_lab.tracing.columns import (
    MISSING_TICK,
    NONE,
    REASONS,
    BatchColumns,
    RequestColumns,
)

__all__ = [
    "ANSWERED",
    "BATCH",
    "BATCH_KINDS",
    "COMPUTED",
    "HAS_KEY",
    "HIT",
    "JOINED",
    "N_FACTS",
    "UNSERVED",
    "WIDTH",
    "SplitRows",
    "TimedRows",
    "as_rows",
    "columns_of",
    "error_codes",
    "n_requests",
    "pack_row",
    "pack_two_rows",
    "packed",
    "rows_of_batch",
    "with_error",
    "with_priority",
]

WIDTH = 5
COMPUTED, HAS_KEY, JOINED, HIT, UNSERVED, BATCH = 0, 1, 2, 4, 8, 16
ANSWERED, N_FACTS = 32, 64
_REASON_SHIFT, _ERROR_SHIFT, _PRIORITY_SHIFT = 5, 8, 32
_REASON_MASK, _ERROR_MASK = 0x7, 0xFF_FFFF
_ERROR_BITS = _ERROR_MASK << _ERROR_SHIFT
_MOST_ERRORS = _ERROR_MASK - 1

BATCH_KINDS = {reason.value: BATCH | code << _REASON_SHIFT for code, reason in enumerate(REASONS)}
"""Kind of the row of a batch by the value of its reason."""

pack_row = struct.Struct(f"{WIDTH}q").pack
"""Packs the integers of one row; like the next one, raises ``struct.error`` if some are none."""

pack_two_rows = struct.Struct(f"{2 * WIDTH}q").pack


def packed(numbers: Sequence[int]) -> bytes:
    """Return the integers of any number of rows packed; ``struct.error`` if some are none."""
    return struct.pack(f"{len(numbers)}q", *numbers)


def with_error(kind: int, code: int) -> int:
    """Return the kind of a row of something that failed with the error of a code."""
    return kind | min(code, _MOST_ERRORS) + 1 << _ERROR_SHIFT


def with_priority(kind: int, priority: int) -> int:
    """Return the kind of the row of a hit, or of an unserved request, of a priority."""
    return kind | priority << _PRIORITY_SHIFT


def rows_of_batch(batch: ObservedBatch, kind: int) -> tuple[list[int], list[int]]:
    """Return the integers of the rows of a batch and of all requests that it answered.

    Returns
    -------
    numbers : list of int
        One row after another.
    late : list of int
        Where the kinds of the requests stand whose deadline was before the end of the batch.
    """
    end_ns = batch.end_ns
    late: list[int] = []
    numbers = [batch.id, batch.start_ns, end_ns, batch.worker, kind]
    if batch.ordinary:
        for request in batch.requests:
            numbers += (request.id, request.arrival_ns, 0, 0, COMPUTED)
        return numbers, late
    for request in batch.requests:
        terms = request.terms
        key = terms.key
        if key is None:
            numbers += (request.id, request.arrival_ns, terms.priority, 0, COMPUTED)
        else:
            numbers += (request.id, request.arrival_ns, terms.priority, hash(key), HAS_KEY)
        if terms.deadline_ns < end_ns:
            late.append(len(numbers) - 1)
        for other in terms.joined:
            numbers += (other.id, other.arrival_ns, other.priority, hash(key), HAS_KEY | JOINED)
            if other.terms.deadline_ns < end_ns:
                late.append(len(numbers) - 1)
    return numbers, late


def as_rows(blocks: Iterable[bytes]) -> NDArray[np.int64]:
    """Return blocks of packed integers as rows, shape (n_rows, WIDTH)."""
    return np.frombuffer(b"".join(blocks), dtype=np.int64).reshape(-1, WIDTH)


def n_requests(blocks: Iterable[bytes]) -> int:
    """Return how many rows of some blocks are requests."""
    return int(np.count_nonzero((as_rows(blocks)[:, 4] & BATCH) == 0))


class SplitRows:
    """Rows of requests and rows of batches, apart, with what each kind of request is.

    Parameters
    ----------
    rows : int64, shape (n_rows, WIDTH)
        In the order in which they were noted.

    Attributes
    ----------
    requests, batches : int64, shape (WIDTH, n_requests) and (WIDTH, n_batches)
        The integers of each.
    batch : int64, shape (n_requests,)
        Position of each request's batch; ``NONE`` where no batch computed it.
    size : int64, shape (n_batches,)
        Requests that each batch computed, without those that joined them.
    is_computed, is_joined, is_hit, has_key : bool, shape (n_requests,)
        What the kind says.
    """

    def __init__(self, rows: NDArray[np.int64]) -> None:
        columns = np.ascontiguousarray(rows.T)
        is_batch = (columns[4] & BATCH) != 0
        asked, called = np.flatnonzero(~is_batch), np.flatnonzero(is_batch)
        self.requests, self.batches = columns[:, asked], columns[:, called]
        kind = self.requests[4]
        self.is_hit, self.is_joined = (kind & HIT) != 0, (kind & JOINED) != 0
        self.has_key = (kind & (HAS_KEY | HIT)) != 0
        self.is_computed = (kind & (HIT | UNSERVED)) == 0
        self.batch = np.where(self.is_computed, np.cumsum(is_batch)[asked] - 1, NONE)
        own = self.batch[self.is_computed & ~self.is_joined]
        self.size = np.bincount(own, minlength=len(called))

    def of_batch(
        self, column: NDArray[np.int64], otherwise: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return what a column of the batches says for each computed request, else another."""
        if not len(column):
            return otherwise
        return np.where(self.is_computed, column[self.batch], otherwise)


class TimedRows:
    """When each row began and ended, and what holds of it: all that a window asks for.

    Quicker than :class:`SplitRows` for few rows, as it makes fewer and smaller arrays.

    Parameters
    ----------
    rows : int64, shape (n_rows, WIDTH)
        In the order in which they were noted.

    Attributes
    ----------
    arrival_ns, start_ns, end_ns : int64, shape (n_rows,)
        What the cache answered, or nobody, starts when it ends. Arrivals of batches mean nothing.
    facts : int64, shape (n_rows,)
        Sum of ``HAS_KEY``, ``JOINED``, ``HIT``, ``UNSERVED``, ``BATCH`` and ``ANSWERED``, where
        each holds; below ``N_FACTS``.
    """

    def __init__(self, rows: NDArray[np.int64]) -> None:
        _, self.arrival_ns, third, _, kind = np.ascontiguousarray(rows.T)
        is_alone = kind & (HIT | UNSERVED | BATCH) != 0
        # a computed request follows its batch, with others of the same batch in between
        of = np.maximum.accumulate(np.where(is_alone, np.arange(len(rows)), 0))
        self.end_ns = third[of]
        self.start_ns = np.where(is_alone, self.end_ns, self.arrival_ns[of])
        is_answered = (kind[of] | kind) & _ERROR_BITS | kind & BATCH == 0
        self.facts = kind & (ANSWERED - 1) | is_answered * ANSWERED


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
    split = SplitRows(rows)
    batch_id, batch_start_ns, batch_end_ns, worker, batch_kind = split.batches
    batch_error = error_codes(batch_kind)
    batches = BatchColumns.of(
        batch_start_ns,
        batch_end_ns,
        split.size,
        id=batch_id,
        reason=batch_kind >> _REASON_SHIFT & _REASON_MASK,
        worker=worker,
        error=batch_error,
    )
    id, arrival_ns, third, key, kind = split.requests
    own_error = error_codes(kind)
    start_ns = split.of_batch(batch_start_ns, np.where(split.is_hit, third, MISSING_TICK))
    return RequestColumns.of(
        arrival_ns,
        np.where(split.is_joined, np.maximum(start_ns, arrival_ns), start_ns),
        split.of_batch(batch_end_ns, third),
        id=id,
        priority=np.where(split.is_computed, third, kind >> _PRIORITY_SHIFT),
        key=key,
        has_key=split.has_key,
        from_cache=split.is_hit,
        joined=split.is_joined,
        batch=split.batch,
        error=np.maximum(own_error, split.of_batch(batch_error, own_error)),
    ), batches


def error_codes(kind: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the codes of the errors in some kinds, ``NONE`` where there is none."""
    return (kind >> _ERROR_SHIFT & _ERROR_MASK) - 1
