"""Records what an engine does, as cheaply as Python allows.

An event is a few integers, packed and added to a :class:`~codomyrmex_lab.tracing.row_log.RowLog`
without a lock. No frame is built until a trace is asked for.
"""

from __future__ import annotations

import atexit
import struct
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from codomyrmex_lab.errors import SettingError, TraceError
from codomyrmex_lab.optimization.failures import late_error
from codomyrmex_lab.optimization.models import check_integer
from codomyrmex_lab.optimization.observer import ObservedBatch, ObservedRequest
from codomyrmex_lab.tracing.live import WindowFigures
from codomyrmex_lab.tracing.payloads import PayloadText, payload_text, storable
from codomyrmex_lab.tracing.row_log import BLOCK_BYTES, RowLog
from codomyrmex_lab.tracing.rows import (
    BATCH_KINDS,
    COMPUTED,
    HAS_KEY,
    HIT,
    UNSERVED,
    WIDTH,
    pack_row,
    pack_two_rows,
    rows_of_batch,
    with_error,
    with_priority,
)
from codomyrmex_lab.tracing.spill import Chunk, SpillWriter
from codomyrmex_lab.tracing.trace import Trace

__all__ = ["TraceRecorder"]

_MOST_MESSAGES = 1000


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
        function makes of them, which is the place to redact (None records nothing; if it fails,
        the engine logs that, and the batch is recorded without). Answers from the cache carry
        none; they share the ``key`` of the request that was computed.
    latest_only : bool
        Keep the latest half a million records at most, for a screen that watches without end;
        without folder and payloads.
    clock_ns : callable
        The engine's clock, for :meth:`window`.

    Raises
    ------
    SettingError
        A parameter is outside its range, or ``latest_only`` is asked for with a folder or payloads.
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
        latest_only: bool = False,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        check_integer("chunk_size", chunk_size, at_least=1)
        if not isinstance(payloads, bool) and not callable(payloads):
            raise SettingError(f"payloads is {payloads!r}; expected True, False or a function.")
        if latest_only and (spill_to is not None or payloads):
            raise SettingError(
                "latest_only keeps no folder and no payloads; leave spill_to and payloads out."
            )
        self._metadata = {"simulated": False, **(metadata or {})}
        self._chunk_rows = chunk_size
        self._latest_only = latest_only
        self._text = payload_text if payloads is True else (payloads or None)
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._log = RowLog(clock_ns, latest_only=latest_only)
        self._rows = self._log.rows
        self._extend = self._rows.extend
        self._errors: dict[str, int] = {}
        self._payloads: dict[int, str] = {}
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
            self._log.cut()
            return self._log.count_requests()

    # -- events: called by the engine's threads -----------------------------------------------

    def on_cache_hit(
        self, request_id: int, priority: int, key: Any, arrival_ns: int, end_ns: int
    ) -> None:
        """Record a request that was answered from the cache."""
        kind = with_priority(HIT, priority) if priority else HIT
        try:
            self._extend(pack_row(request_id, arrival_ns, end_ns, hash(key), kind))
        except struct.error:
            self._log.add([request_id, arrival_ns, end_ns, hash(key), kind])
        if len(self._rows) > BLOCK_BYTES:
            self._make_room()

    def on_batch(self, batch: ObservedBatch) -> None:
        """Record a batch and all requests that it answered."""
        kind, requests, end_ns = BATCH_KINDS[batch.reason._value_], batch.requests, batch.end_ns
        if batch.error is not None or self._text is not None:
            self._record_with_texts(batch, kind)
        elif len(requests) > 1 or (terms := requests[0].terms).joined or terms.deadline_ns < end_ns:
            self._record_all(batch, kind)
        else:  # the same for a single request, at half the cost
            request, key = requests[0], terms.key
            try:
                self._extend(
                    pack_two_rows(
                        batch.id, batch.start_ns, end_ns, batch.worker, kind,
                        request.id, request.arrival_ns, terms.priority,
                        0 if key is None else hash(key), COMPUTED if key is None else HAS_KEY,
                    )
                )  # fmt: skip
            except struct.error:
                self._record_all(batch, kind)
        if len(self._rows) > BLOCK_BYTES:
            self._make_room()

    def on_unserved(self, request: ObservedRequest, end_ns: int, error: BaseException) -> None:
        """Record a request that failed without reaching the model."""
        key = request.key
        flags, hashed = (UNSERVED, 0) if key is None else (UNSERVED | HAS_KEY, hash(key))
        with self._lock:
            kind = with_error(with_priority(flags, request.priority), self._error_code(error))
            self._log.add([request.id, request.arrival_ns, end_ns, hashed, kind])
            self._note_payload(request)
        if len(self._rows) > BLOCK_BYTES:
            self._make_room()

    def _record_all(self, batch: ObservedBatch, kind: int) -> None:
        numbers, late = rows_of_batch(batch, kind)
        if late:
            with self._lock:
                self._note_late(numbers, late)
                self._log.add(numbers)
        else:
            self._log.add(numbers)

    def _note_late(self, numbers: list[int], late: list[int]) -> None:
        code = self._error_code(late_error())
        for place in late:
            numbers[place] = with_error(numbers[place], code)

    def _record_with_texts(self, batch: ObservedBatch, kind: int) -> None:
        numbers, late = rows_of_batch(batch, kind)
        with self._lock:
            if batch.error is not None:
                numbers[WIDTH - 1] = with_error(kind, self._error_code(batch.error))
            elif late:
                self._note_late(numbers, late)
            self._log.add(numbers)
            for request in batch.requests:
                self._note_payload(request)
                for other in request.joined:
                    self._note_payload(other)

    def _error_code(self, error: BaseException) -> int:
        message = storable(f"{type(error).__name__}: {error}")
        if self._latest_only and len(self._errors) >= _MOST_MESSAGES:
            message = next(reversed(self._errors))
        return self._errors.setdefault(message, len(self._errors))

    def _note_payload(self, request: ObservedRequest) -> None:
        text = None if self._text is None else self._text(request.input_data)
        if isinstance(text, str):
            self._payloads[request.id] = storable(text)
        elif text is not None:
            raise TraceError(
                f"payloads made a {type(text).__name__} of the input of request {request.id}; "
                "expected text, or None for nothing."
            )

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
            self._log.cut()
            chunk = self._chunk(tuple(self._log.blocks))
            self._log.check_all_fitted()
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
            self._log.cut()
        return self._log.live.figures(self._clock_ns(), seconds)

    def clear(self) -> None:
        """Forget everything recorded so far, except what is in the folder."""
        with self._lock:
            self._log.clear()
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
                self._log.cut()
                self._hand_over(self._writer)
            self._writer.flush()
            with self._lock:
                self._log.check_all_fitted()

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

    # -- chunks -------------------------------------------------------------------------------

    def _make_room(self) -> None:
        with self._lock:
            if len(self._rows) > BLOCK_BYTES:
                self._log.cut()
            if self._writer is not None and self._log.n_rows >= self._chunk_rows:
                self._hand_over(self._writer)

    def _hand_over(self, writer: SpillWriter) -> None:
        """Hand the blocks so far to the writer; the lock is held."""
        if self._log.blocks:
            writer.put(self._chunk(self._log.take()))
            self._errors, self._payloads = {}, {}

    def _chunk(self, blocks: tuple[bytes, ...]) -> Chunk:
        return Chunk(blocks, tuple(self._errors), dict(self._payloads))
