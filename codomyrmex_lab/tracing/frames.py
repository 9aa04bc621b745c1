"""The pandas frames of a trace, made of its columns.

What each column means stands at the properties of :class:`codomyrmex_lab.tracing.trace.Trace`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from codomyrmex_lab.tracing.columns import (
    MISSING_TICK,
    NONE,
    REASONS,
    BatchColumns,
    Records,
    RequestColumns,
)

__all__ = ["SOURCES", "batches_frame", "requests_frame", "results_frame"]

SOURCES = {
    "id": ("id",),
    "arrival": (),
    "priority": ("priority",),
    "key": ("key",),
    "payload": ("payload",),
    "start": ("start_ns",),
    "end": ("end_ns",),
    "latency_ms": ("end_ns",),
    "queue_ms": ("start_ns",),
    "service_ms": ("start_ns", "end_ns"),
    "from_cache": ("from_cache",),
    "joined": ("joined",),
    "batch_size": ("batch_id", "batch_size"),
    "batch_id": ("batch_id",),
    "error": ("error",),
}
"""What a file must give, besides the arrival, for each column of the frame of all requests."""


def requests_frame(columns: RequestColumns, origin_ns: int) -> pd.DataFrame:
    """Return what was asked, with times since a tick."""
    frame = pd.DataFrame(
        {
            "id": columns.id,
            "arrival": _since(origin_ns, columns.arrival_ns),
            "priority": columns.priority,
            "key": pd.arrays.IntegerArray(columns.key, ~columns.has_key),
        }
    )
    if columns.payload is not None:
        frame["payload"] = pd.array(columns.payload, dtype="string")
    return frame


def results_frame(records: Records, origin_ns: int) -> pd.DataFrame:
    """Return what came of the requests, with times since a tick."""
    columns, batches = records.requests, records.batches
    without_batch = columns.batch == NONE
    return pd.DataFrame(
        {
            "id": columns.id,
            "start": _since(origin_ns, columns.start_ns),
            "end": _since(origin_ns, columns.end_ns),
            "latency_ms": _milliseconds(columns.arrival_ns, columns.end_ns),
            "queue_ms": _milliseconds(columns.arrival_ns, columns.start_ns),
            "service_ms": _milliseconds(columns.start_ns, columns.end_ns),
            "from_cache": columns.from_cache,
            "joined": columns.joined,
            "batch_size": _looked_up(batches.size, columns.batch, without_batch),
            "batch_id": _looked_up(batches.id, columns.batch, without_batch),
            "error": _messages(records.errors, columns.error),
        }
    )


def batches_frame(columns: BatchColumns, errors: Sequence[str], origin_ns: int) -> pd.DataFrame:
    """Return the model calls, with times since a tick."""
    names = [reason.value for reason in REASONS]
    return pd.DataFrame(
        {
            "batch_id": columns.id,
            "start": _since(origin_ns, columns.start_ns),
            "end": _since(origin_ns, columns.end_ns),
            "size": columns.size,
            "reason": pd.Categorical.from_codes(columns.reason, pd.Index(names)),
            "worker": columns.worker,
            "service_ms": _milliseconds(columns.start_ns, columns.end_ns),
            "error": _messages(errors, columns.error),
        }
    )


def _since(origin_ns: int, ticks: NDArray[np.int64]) -> NDArray[np.timedelta64]:
    return ticks.view("timedelta64[ns]") - np.timedelta64(origin_ns, "ns")


def _messages(errors: Sequence[str], codes: NDArray[np.int32]) -> pd.api.extensions.ExtensionArray:
    texts = np.array([*errors, pd.NA], dtype=object)
    return pd.array(texts[codes], dtype="string")


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
