"""The record of a run, measured or simulated, as pandas frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.errors import TraceError
from codomyrmex_lab.tracing.columns import (
    MISSING_TICK,
    NONE,
    REASONS,
    BatchColumns,
    RequestColumns,
)
from codomyrmex_lab.tracing.over_time import figures_over_time
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
        _check_references("batch", requests.batch, len(batches))
        _check_references("error", requests.error, len(errors))
        _check_references("error", batches.error, len(errors))
        if (np.diff(requests.arrival_ns) < 0).any():
            requests = requests.take(np.argsort(requests.arrival_ns, kind="stable"))
        self._requests = requests
        self._batches = batches
        self._errors = tuple(errors)
        self.metadata: dict[str, Any] = dict(metadata or {})

    @property
    def origin_ns(self) -> int:
        """Tick of the first arrival, from which the frames count; 0 for an empty trace."""
        return int(self._requests.arrival_ns[0]) if len(self) else 0

    def __len__(self) -> int:
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
        not asked.
        """
        columns = self._requests
        return pd.DataFrame(
            {
                "id": columns.id,
                "arrival": self._since_origin(columns.arrival_ns),
                "priority": columns.priority,
                "key": pd.arrays.IntegerArray(columns.key, ~columns.has_key),
            }
        )

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
        columns = self._requests
        without_batch = columns.batch == NONE
        return pd.DataFrame(
            {
                "id": columns.id,
                "start": self._since_origin(columns.start_ns),
                "end": self._since_origin(columns.end_ns),
                "latency_ms": _milliseconds(columns.arrival_ns, columns.end_ns),
                "queue_ms": _milliseconds(columns.arrival_ns, columns.start_ns),
                "service_ms": _milliseconds(columns.start_ns, columns.end_ns),
                "from_cache": columns.from_cache,
                "joined": columns.joined,
                "batch_size": _looked_up(self._batches.size, columns.batch, without_batch),
                "batch_id": _looked_up(self._batches.id, columns.batch, without_batch),
                "error": self._messages(columns.error),
            }
        )

    @cached_property
    def batches(self) -> pd.DataFrame:
        """Model calls.

        Columns: ``batch_id`` int64; ``start``, ``end``; ``size`` int32, requests computed;
        ``reason`` categorical, why it left; ``worker`` int32, -1 for a direct call;
        ``service_ms`` (end - start); ``error`` string, missing where there was none.
        """
        columns = self._batches
        names = [reason.value for reason in REASONS]
        return pd.DataFrame(
            {
                "batch_id": columns.id,
                "start": self._since_origin(columns.start_ns),
                "end": self._since_origin(columns.end_ns),
                "size": columns.size,
                "reason": pd.Categorical.from_codes(columns.reason, pd.Index(names)),
                "worker": columns.worker,
                "service_ms": _milliseconds(columns.start_ns, columns.end_ns),
                "error": self._messages(columns.error),
            }
        )

    def frame(self) -> pd.DataFrame:
        """Return requests and results side by side, one row per request."""
        return pd.concat([self.requests, self.results.drop(columns="id")], axis="columns")

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
        requests = self._requests.take(rows)
        kept = np.zeros(len(self._batches), dtype=np.bool_)
        kept[requests.batch[requests.batch != NONE]] = True
        new_row = np.append(np.cumsum(kept, dtype=np.int32) - 1, NONE).astype(np.int32)
        requests = replace(requests, batch=new_row[requests.batch])
        return type(self)(
            requests, self._batches.take(kept), errors=self._errors, metadata=self.metadata
        )

    def _since_origin(self, ticks: NDArray[np.int64]) -> NDArray[np.timedelta64]:
        return ticks.view("timedelta64[ns]") - np.timedelta64(self.origin_ns, "ns")

    def _messages(self, codes: NDArray[np.int32]) -> pd.api.extensions.ExtensionArray:
        texts = np.array([*self._errors, pd.NA], dtype=object)
        return pd.array(texts[codes], dtype="string")


def _check_references(name: str, rows: NDArray[np.int32], n: int) -> None:
    if len(rows) and (int(rows.min()) < NONE or int(rows.max()) >= n):
        raise TraceError(
            f"Column {name!r} refers to row {int(rows.max())} of {n}; expected rows below {n}, "
            f"or {NONE} for none."
        )


def _milliseconds(since_ns: NDArray[np.int64], until_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(over="ignore"):
        duration_ms = (until_ns - since_ns) / 1e6
    duration_ms[(since_ns == MISSING_TICK) | (until_ns == MISSING_TICK)] = np.nan
    return duration_ms


def _looked_up(
    values: NDArray[Any], rows: NDArray[np.int32], without: NDArray[np.bool_]
) -> pd.arrays.IntegerArray:
    found = np.append(values.astype(np.int64), 0)[rows]
    return pd.arrays.IntegerArray(found, without.copy())
