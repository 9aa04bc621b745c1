"""Chunks of a trace on their way to a folder, written by a thread of their own."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np

from codomyrmex_lab.errors import TraceError
from codomyrmex_lab.logging_monitoring import get_logger
from codomyrmex_lab.tracing.columns import Records
from codomyrmex_lab.tracing.parquet import write_records
from codomyrmex_lab.tracing.rows import as_rows, columns_of

__all__ = ["Chunk", "SpillWriter"]

_MOST_WAITING = 4
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows, with the errors and the payloads that belong to them.

    Parameters
    ----------
    blocks : sequence of bytes
        Rows as :mod:`codomyrmex_lab.tracing.rows` describes them, packed.
    errors : tuple of str
        Messages by their code.
    payloads : mapping of int to str
        Texts by request id.
    """

    blocks: Sequence[bytes] = ()
    errors: tuple[str, ...] = ()
    payloads: Mapping[int, str] = field(default_factory=dict)

    def records(self, with_payloads: bool = False) -> Records:
        """Return the rows as columns."""
        requests, batches = columns_of(as_rows(self.blocks))
        if with_payloads:
            texts = np.array([self.payloads.get(id) for id in requests.id.tolist()], dtype=object)
            requests = replace(requests, payload=texts)
        return Records(requests, batches, self.errors)


class SpillWriter:
    """Writes chunks as Parquet files, in order, each complete or not there at all.

    At most a few chunks wait: then :meth:`put` waits too, so that memory stays bounded. After a
    failure nothing more is written; the next :meth:`flush` says what went wrong and what is lost.

    Parameters
    ----------
    folder : Path
        New or empty.
    metadata : mapping of str to Any
        Stored in every file.
    with_payloads : bool
        Whether the files have a column for payloads.

    Raises
    ------
    TraceError
        The folder holds something, or cannot be made.
    """

    def __init__(self, folder: Path, metadata: Mapping[str, Any], with_payloads: bool) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            taken = any(folder.iterdir())
        except OSError as error:
            raise TraceError(
                f"spill_to is {str(folder)!r}, which is no usable folder ({error.strerror}); name "
                "a new one."
            ) from error
        if taken:
            raise TraceError(
                f"spill_to is {str(folder)!r}, which is not empty; name a new folder, so that no "
                "two runs mix."
            )
        self.folder = folder
        self._metadata = dict(metadata)
        self._with_payloads = with_payloads
        self._queue: Queue[Chunk | None] = Queue(maxsize=_MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._n_written = 0
        self._n_rows_lost = 0
        self._failure: Exception | None = None

    def put(self, chunk: Chunk) -> None:
        """Hand over a chunk, waiting while too many are on their way."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="trace-writer", daemon=True)
            self._thread.start()
        self._queue.put(chunk)

    def flush(self) -> None:
        """Wait until every chunk is written; an empty trace becomes one file without rows.

        Raises
        ------
        TraceError
            A chunk could not be written; raised once.
        """
        self._queue.join()
        if self._n_written == 0 and self._failure is None:
            self._write(Chunk())
        if self._failure is not None:
            failure, lost = self._failure, self._n_rows_lost
            self._failure, self._n_rows_lost = None, 0
            raise TraceError(
                f"The trace in {str(self.folder)!r} is incomplete: chunk {self._n_written} could "
                f"not be written ({failure}) and {lost:,} records are lost; make room or name "
                "another folder."
            ) from failure

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (chunk := self._queue.get()) is not None:
            try:
                self._write(chunk)
            finally:
                self._queue.task_done()
        self._queue.task_done()

    def _write(self, chunk: Chunk) -> None:
        if self._failure is None:
            try:
                path = self.folder / f"chunk-{self._n_written:06d}.parquet"
                write_records(path, chunk.records(self._with_payloads), self._metadata)
                self._n_written += 1
                return
            except Exception as error:
                _log.exception("Chunk %d of the trace could not be written", self._n_written)
                self._failure = error
        self._n_rows_lost += len(as_rows(chunk.blocks))
