"""Records what an engine does, as cheaply as Python allows.

An event is one ``list.extend`` with a few integers, which the interpreter does in one piece: it
takes no lock and cannot be torn apart by another thread. Once in a while the list is packed into
a block of 64-bit integers. No frame is built until a trace is asked for.
"""

from __future__ import annotations

import atexit
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from codomyrmex_lab.errors import SettingError, TraceError
from codomyrmex_lab.optimization.models import check_integer
from codomyrmex_lab.optimization.observer import ObservedBatch, ObservedRequest
from codomyrmex_lab.tracing.live import LiveBlock, WindowFigures, figures_of_window
from codomyrmex_lab.tracing.payloads import PayloadText, payload_text
from codomyrmex_lab.tracing.rows import (
    BATCH_KINDS,
    COMPUTED,
    HAS_KEY,
    HIT,
    JOINED,
    UNSERVED,
    WIDTH,
    n_requests,
    with_error,
    with_priority,
)
from codomyrmex_lab.tracing.spill import Chunk, SpillWriter
from codomyrmex_lab.tracing.trace import Trace

__all__ = ["TraceRecorder"]

_BLOCK = 1024 * WIDTH
_MOST_LIVE_BLOCKS = 512


class TraceRecorder:
    """Observes an engine and gives its :class:`Trace` at any time, also while it runs.

    Everything since the making of the recorder, or since :meth:`clear`, is in the trace, over
    any number of starts and stops of the engine. Use one recorder per engine: request ids are
    unique within one engine only.

    Parameters
    ----------
    metadata : mapping of str to Any
        Goes into the metadata of each trace: the config and the model's identity, say.
    spill_to : path or None
        A folder that is new or empty: records go there in chunks, so that memory stays bounded
        however long the run; call :meth:`close` at its end. A killed process leaves a trace that
        is readable up to its last chunk. All in memory if None.
    chunk_size : int
        Requests and batches per chunk, at least 1.
    payloads : bool or callable
        Record inputs as text: as they are where they are text, else their ``repr``; or what a
        function makes of them, which is the place to redact (None records nothing). Answers from
        the cache carry none; they share the ``key`` of the request that was computed.
    clock_ns : callable
        The engine's clock, for :meth:`window`.

    Raises
    ------
    TraceError
        ``spill_to`` is not a new or empty folder.
    """

    def __init__(
        self,
        metadata: Mapping[str, Any] | None = None,
        *,
        spill_to: str | Path | None = None,
        chunk_size: int = 100_000,
        payloads: bool | PayloadText = False,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        check_integer("chunk_size", chunk_size, at_least=1)
        if not isinstance(payloads, bool) and not callable(payloads):
            raise SettingError(f"payloads is {payloads!r}; expected True, False or a function.")
        self._metadata = {"simulated": False, **(metadata or {})}
        self._chunk_rows = chunk_size
        self._text = payload_text if payloads is True else (payloads or None)
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._rows: list[int] = []  # this very list for life: events extend it without a lock
        self._extend = self._rows.extend
        self._blocks: list[bytes] = []
        self._live: deque[LiveBlock] = deque(maxlen=_MOST_LIVE_BLOCKS)
        self._errors: dict[str, int] = {}
        self._payloads: dict[int, str] = {}
        self._n_requests, self._n_counted = 0, 0
        self._writer = None if spill_to is None else self._open(Path(spill_to))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Return the number of requests recorded."""
        with self._lock:
            self._pack()
            self._count()
            return self._n_requests

    # -- events: called by the engine's threads -----------------------------------------------

    def on_cache_hit(
        self, request_id: int, priority: int, key: Any, arrival_ns: int, end_ns: int
    ) -> None:
        """Record a request that was answered from the cache."""
        kind = with_priority(HIT, priority) if priority else HIT
        self._extend((request_id, arrival_ns, end_ns, hash(key), kind))
        if len(self._rows) > _BLOCK:
            self._make_room()

    def on_batch(self, batch: ObservedBatch) -> None:
        """Record a batch and all requests that it answered."""
        kind, requests = BATCH_KINDS[batch.reason._value_], batch.requests
        if batch.error is not None or self._text is not None:
            self._record_with_texts(batch, kind)
        elif len(requests) > 1 or (requests[0].key is not None and requests[0].joined):
            self._extend(_rows_of(batch, kind))
        else:  # the same for a single request, at half the cost
            (request,) = requests
            key = request.key
            hashed, flags = (0, COMPUTED) if key is None else (hash(key), HAS_KEY)
            self._extend((
                batch.id, batch.start_ns, batch.end_ns, batch.worker, kind,
                request.id, request.arrival_ns, request.priority, hashed, flags,
            ))  # fmt: skip
        if len(self._rows) > _BLOCK:
            self._make_room()

    def on_unserved(self, request: ObservedRequest, end_ns: int, error: BaseException) -> None:
        """Record a request that failed without reaching the model."""
        key = request.key
        flags, hashed = (UNSERVED, 0) if key is None else (UNSERVED | HAS_KEY, hash(key))
        with self._lock:
            kind = with_error(with_priority(flags, request.priority), self._error_code(error))
            self._note_payload(request)
            self._extend((request.id, request.arrival_ns, end_ns, hashed, kind))
        if len(self._rows) > _BLOCK:
            self._make_room()

    def _record_with_texts(self, batch: ObservedBatch, kind: int) -> None:
        with self._lock:
            if batch.error is not None:
                kind = with_error(kind, self._error_code(batch.error))
            for request in batch.requests:
                self._note_payload(request)
                for other in request.joined:
                    self._note_payload(other)
            self._extend(_rows_of(batch, kind))

    def _error_code(self, error: BaseException) -> int:
        return self._errors.setdefault(f"{type(error).__name__}: {error}", len(self._errors))

    def _note_payload(self, request: ObservedRequest) -> None:
        text = None if self._text is None else self._text(request.input_data)
        if text is not None:
            self._payloads[request.id] = text

    # -- called by anybody --------------------------------------------------------------------

    def trace(self, metadata: Mapping[str, Any] | None = None) -> Trace:
        """Return everything recorded so far; where it goes to a folder, what is read from there.

        Parameters
        ----------
        metadata : mapping of str to Any
            Added to the recorder's own.

        Returns
        -------
        Trace
            Does not change when more is recorded.
        """
        described = {**self._metadata, **(metadata or {})}
        if self._writer is not None:
            self.flush()
            trace = Trace.open(self._writer.folder)
            trace.metadata.update(described)
            return trace
        with self._lock:
            self._pack()
            chunk = self._chunk()
        records = chunk.records(with_payloads=self._text is not None)
        return Trace(records.requests, records.batches, errors=records.errors, metadata=described)

    def window(self, seconds: float) -> WindowFigures:
        """Return the figures of the requests that ended within the last seconds.

        At most the last half a million records are looked at.

        Parameters
        ----------
        seconds : float
            Length of the window, in s, above 0.
        """
        with self._lock:
            self._pack()
            blocks = list(self._live)
        return figures_of_window(blocks, self._clock_ns(), seconds)

    def clear(self) -> None:
        """Forget everything recorded so far, except what is in the folder."""
        with self._lock:
            del self._rows[:]
            self._blocks, self._n_requests, self._n_counted = [], 0, 0
            self._live.clear()
            self._errors, self._payloads = {}, {}

    def flush(self) -> None:
        """Write what is in memory to the folder, if there is one, and wait until it is there.

        Raises
        ------
        TraceError
            Something could not be written; what it was is said, once.
        """
        if self._writer is not None:
            with self._lock:
                self._pack()
                self._cut()
            self._writer.flush()

    def close(self) -> None:
        """Flush, and end the thread that writes; events that still come are recorded as before."""
        if self._writer is not None:
            atexit.unregister(self.close)
            try:
                self.flush()
            finally:
                with self._lock:  # nothing is handed to the writer meanwhile
                    self._writer.close()

    def _open(self, folder: Path) -> SpillWriter:
        writer = SpillWriter(folder, self._metadata, with_payloads=self._text is not None)
        atexit.register(self.close)
        return writer

    # -- blocks and chunks --------------------------------------------------------------------

    def _make_room(self) -> None:
        with self._lock:
            if len(self._rows) > _BLOCK:
                self._pack()
            if self._writer is not None and self._n_kept_rows() >= self._chunk_rows:
                self._cut()

    def _pack(self) -> None:
        """Turn the rows so far into a block; the lock is held."""
        n = len(self._rows)
        if n == 0:
            return
        rows = self._rows[:n]
        del self._rows[:n]
        try:
            self._add_block(struct.pack(f"{n}q", *rows))
        except struct.error:
            self._add_what_fits(rows)

    def _add_block(self, block: bytes) -> None:
        self._blocks.append(block)
        self._live.append(LiveBlock(self._clock_ns(), block))

    def _add_what_fits(self, rows: list[int]) -> None:
        """Add rows of which some are no 64-bit integers, without these."""
        good, bad_ids = [], []
        for row in range(0, len(rows), WIDTH):
            try:
                good.append(struct.pack(f"{WIDTH}q", *rows[row : row + WIDTH]))
            except struct.error:
                bad_ids.append(rows[row])
        self._add_block(b"".join(good))
        count = "1 record was" if len(bad_ids) == 1 else f"{len(bad_ids)} records were"
        raise TraceError(
            f"{count} dropped, first that of request or batch {bad_ids[0]}: not all of it is "
            "64-bit integers; give arrival_ns as a tick of time.perf_counter_ns()."
        )

    def _count(self) -> None:
        self._n_requests += n_requests(self._blocks[self._n_counted :])
        self._n_counted = len(self._blocks)

    def _n_kept_rows(self) -> int:
        return sum(map(len, self._blocks)) // (8 * WIDTH)

    def _chunk(self) -> Chunk:
        return Chunk(tuple(self._blocks), tuple(self._errors), dict(self._payloads))

    def _cut(self) -> None:
        """Hand the blocks so far to the writer; the lock is held."""
        if self._blocks and self._writer is not None:
            self._writer.put(self._chunk())
            self._count()
            self._blocks, self._errors, self._payloads, self._n_counted = [], {}, {}, 0


def _rows_of(batch: ObservedBatch, kind: int) -> list[int]:
    rows = [batch.id, batch.start_ns, batch.end_ns, batch.worker, kind]
    for request in batch.requests:
        key = request.key
        if key is None:
            rows += (request.id, request.arrival_ns, request.priority, 0, COMPUTED)
        else:
            hashed = hash(key)
            rows += (request.id, request.arrival_ns, request.priority, hashed, HAS_KEY)
            for other in request.joined:
                rows += (other.id, other.arrival_ns, other.priority, hashed, HAS_KEY | JOINED)
    return rows
