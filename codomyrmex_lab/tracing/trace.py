"""The record of a run, measured or simulated, as pandas frames."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.errors import TraceError
from codomyrmex_lab.tracing.columns import BatchColumns, Records, RequestColumns
from codomyrmex_lab.tracing.frames import SOURCES, batches_frame, requests_frame, results_frame
from codomyrmex_lab.tracing.over_time import figures_over_time
from codomyrmex_lab.tracing.parquet import TraceFiles, write_records
from codomyrmex_lab.tracing.summary import TraceSummary, summarize

__all__ = ["Trace"]


class Trace:
    """Every request of a run, its result and its batch. Do not change the frames.

    Frames have one row per request in the order of arrival, or one per batch. ``arrival``,
    ``start`` and ``end`` are ``timedelta64[ns]`` since the first arrival; ``*_ms`` are float64.

    Parameters
    ----------
    requests : RequestColumns
        In any order.
    batches : BatchColumns
        The rows that ``requests.batch`` refers to.
    errors : sequence of str
        Messages that the ``error`` columns refer to.
    metadata : mapping of str to Any
        How the run came about; ``simulated`` is true for a simulated one.

    Raises
    ------
    TraceError
        A request refers to a batch or an error that is not there.
    """

    def __init__(
        self,
        requests: RequestColumns,
        batches: BatchColumns,
        *,
        errors: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.metadata: dict[str, Any] = dict(metadata or {})
        self._stored: _Stored | None = None
        self._records = Records(requests, batches, tuple(errors)).in_order()

    @classmethod
    def open(
        cls, path: str | Path, *, since_s: float | None = None, until_s: float | None = None
    ) -> Self:
        """Return a trace that was saved, or that a recorder wrote to a folder.

        Only its headers are read now: requests when they are first needed, and
        ``frame(columns=...)`` reads no more than these columns need.

        Parameters
        ----------
        path : path
            A file, or a folder of chunks; of a run that was killed, the chunks that it wrote.
        since_s, until_s : float or None
            Only requests that arrived at or after the one and before the other, in s since the
            first arrival of the whole trace; files without any are not read.

        Raises
        ------
        TraceError
            It is no trace, a damaged one, or one of a newer form.
        """
        files = TraceFiles(Path(path))
        origin_ns = files.origin_ns
        trace = cls.__new__(cls)
        trace.metadata = files.metadata
        trace._stored = _Stored(files, _tick(origin_ns, since_s), _tick(origin_ns, until_s))
        return trace

    def save(self, path: str | Path) -> Path:
        """Write the trace to a Parquet file, with its metadata, this machine and the versions.

        Where the trace came from a file, machine and versions stay those of the recording.
        Batches that answered no request of the trace are not kept.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        TraceError
            The file cannot be written, or would be a part of the folder that the trace is.
        """
        path = Path(path)
        if self._stored is not None and _is_in(path, self._stored.files.path):
            raise TraceError(
                f"{path} is in the trace's own folder, all files of which are the trace; expected "
                "a path in another one."
            )
        try:
            write_records(path, self._records, self.metadata)
        except OSError as error:
            raise TraceError(f"{path} cannot be written: {error.strerror or error}.") from error
        return path

    @cached_property
    def _records(self) -> Records:
        assert self._stored is not None  # a trace that was not opened has its records
        return self._stored.read().in_order()

    @property
    def _requests(self) -> RequestColumns:
        return self._records.requests

    @property
    def _batches(self) -> BatchColumns:
        return self._records.batches

    @property
    def _errors(self) -> tuple[str, ...]:
        return self._records.errors

    @property
    def origin_ns(self) -> int:
        """Tick of the first arrival, from which the frames count; 0 for an empty trace."""
        return int(self._requests.arrival_ns[0]) if len(self) else 0

    def __len__(self) -> int:
        if self._stored is not None and self._stored.is_whole:
            return self._stored.files.n_requests
        return len(self._requests)

    def __repr__(self) -> str:
        summary = self.summary()
        kind = "simulated" if self.metadata.get("simulated") else "measured"
        return (
            f"<Trace, {kind}: {summary.n_requests:,} requests in {len(self._batches):,} batches, "
            f"{summary.n_errors:,} errors, {summary.duration_s:.3g} s>"
        )

    @cached_property
    def requests(self) -> pd.DataFrame:
        """What was asked.

        Columns: ``id`` int64; ``arrival``, when it was due; ``priority`` int32; ``key`` Int64, a
        hash of the cache key, equal for equal inputs of one process, missing where the cache was
        not asked. ``payload``, a string, only where payloads were recorded.
        """
        return requests_frame(self._requests, self.origin_ns)

    @cached_property
    def results(self) -> pd.DataFrame:
        """What came of it.

        Columns: ``id`` int64; ``start`` of the model call (of the answer for a cache hit, missing
        where the request did not reach the model) and ``end``; ``latency_ms`` (end - arrival),
        ``queue_ms`` (start - arrival), ``service_ms`` (end - start); ``from_cache`` bool;
        ``joined`` bool, shared the computation of an identical request in flight;
        ``batch_size`` and ``batch_id`` Int64, missing without a batch; ``error`` string,
        ``"ExceptionName: message"``, missing where there was none.
        """
        return results_frame(self._records, self.origin_ns)

    @cached_property
    def batches(self) -> pd.DataFrame:
        """Model calls.

        Columns: ``batch_id`` int64; ``start``, ``end``; ``size`` int32, requests computed;
        ``reason`` categorical, why it left; ``worker`` int32, -1 for a direct call;
        ``service_ms`` (end - start); ``error`` string, missing where there was none.
        """
        return batches_frame(self._batches, self._errors, self.origin_ns)

    def frame(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return requests and results side by side, one row per request.

        Parameters
        ----------
        columns : sequence of str or None
            Which columns, in this order; all if None.

        Raises
        ------
        TraceError
            There is no such column.
        """
        if columns is None:
            return pd.concat([self.requests, self.results.drop(columns="id")], axis="columns")
        known = [*SOURCES] if self._stored is not None else [*self.frame().columns]
        unknown = [name for name in columns if name not in known]
        if unknown:
            raise TraceError(
                f"The trace has no column {unknown[0]!r}; expected some of {', '.join(known)}."
            )
        if self._stored is None or "_records" in self.__dict__:
            return self.frame()[list(columns)]
        needed = {"arrival_ns", *(source for name in columns for source in SOURCES[name])}
        part = self._stored.read(needed)
        return Trace(part.requests, part.batches, errors=part.errors).frame()[list(columns)]

    def summary(self) -> TraceSummary:
        """Return throughput, hit rate, batch size and latency percentiles with intervals."""
        return self._summary

    @cached_property
    def _summary(self) -> TraceSummary:
        return summarize(self._requests, self._batches)

    def over_time(self, bin_s: float = 1.0) -> pd.DataFrame:
        """Return the figures of equal stretches of time since the first arrival.

        Parameters
        ----------
        bin_s : float
            Length of a stretch, in s, above 0.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``time``, the beginning of each stretch. Of the requests that arrived in
            it: ``offered_load_rps``; ``p50_ms`` and ``p95_ms`` of latency without errors, mean
            ``queue_ms``, ``hit_rate`` (NaN where there were none). ``throughput_rps`` counts
            answers without error given in it; ``queue_length`` is the mean number waiting.

        Raises
        ------
        SettingError
            ``bin_s`` is not a finite number above 0, or gives more than a million stretches.
        """
        return figures_over_time(self._requests, self.origin_ns, bin_s)

    def select(self, rows: NDArray[np.bool_]) -> Self:
        """Return the trace of some requests with the batches that answered them.

        Parameters
        ----------
        rows : bool, shape (n_requests,)
            Which rows of the frames to keep.
        """
        some = self._records.take(rows)
        return type(self)(some.requests, some.batches, errors=some.errors, metadata=self.metadata)

    def with_arrivals(self, arrival_ns: NDArray[np.int64]) -> Self:
        """Return the trace of requests that were due at other times than the engine was told.

        Parameters
        ----------
        arrival_ns : int64, shape (n_requests,)
            Tick of each row of the frames.
        """
        requests = replace(self._requests, arrival_ns=arrival_ns)
        return type(self)(requests, self._batches, errors=self._errors, metadata=self.metadata)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What to read of a trace on disk."""

    files: TraceFiles
    since_ns: int | None
    until_ns: int | None

    @property
    def is_whole(self) -> bool:
        return self.since_ns is None and self.until_ns is None

    def read(self, columns: Collection[str] | None = None) -> Records:
        return self.files.read(columns, self.since_ns, self.until_ns)


def _is_in(path: Path, folder: Path) -> bool:
    return path.parent.resolve() == folder.resolve()


def _tick(origin_ns: int, seconds: float | None) -> int | None:
    return None if seconds is None else origin_ns + round(seconds * 1e9)
