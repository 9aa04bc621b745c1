"""Traces as Parquet: one row per request, which carries the facts of its batch.

A trace is one file, or a folder of chunks of the same form. Files are written under another name
and renamed when complete. Each file says, in its schema, which version of the form it has, what
each column means, how the run came about and on what machine.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from numpy.typing import NDArray

from codomyrmex_lab.errors import TraceError
from codomyrmex_lab.tracing.columns import (
    MISSING_TICK,
    NONE,
    REASONS,
    BatchColumns,
    Records,
    RequestColumns,
)
from codomyrmex_lab.tracing.provenance import json_ready, provenance
from codomyrmex_lab.tracing.whole_file import whole_file

__all__ = ["FORMAT_VERSION", "TraceFiles", "write_records"]

FORMAT_VERSION = 1
_KEY = b"codomyrmex_lab.trace"
_TEXT = pa.dictionary(pa.int32(), pa.string())
_FIELDS = (
    ("id", pa.int64(), False, "number of the request"),
    ("arrival_ns", pa.int64(), False, "when it was due, in ns of the recording machine's counter"),
    ("start_ns", pa.int64(), True, "when the model call began, or the cache answered"),
    ("end_ns", pa.int64(), False, "when it was answered"),
    ("priority", pa.int32(), False, "larger leaves first"),
    ("key", pa.int64(), True, "hash of the cache key; null where the cache was not asked"),
    ("from_cache", pa.bool_(), False, "whether the cache answered"),
    ("joined", pa.bool_(), False, "whether it shared the computation of another in flight"),
    ("error", _TEXT, True, "name and message of the error"),
    ("batch_id", pa.int64(), True, "number of the batch; null without one"),
    ("batch_start_ns", pa.int64(), True, "when the batch's model call began"),
    ("batch_end_ns", pa.int64(), True, "when the batch's model call ended"),
    ("batch_size", pa.int32(), True, "requests that the batch computed"),
    ("batch_reason", _TEXT, True, "why the batch left"),
    ("batch_worker", pa.int32(), True, "worker that ran the batch; -1 for a direct call"),
    ("batch_error", _TEXT, True, "name and message of the batch's error"),
)
_SCHEMA = pa.schema(
    [pa.field(name, kind, null, {"description": text}) for name, kind, null, text in _FIELDS]
)
_PAYLOAD = pa.field("payload", pa.string(), True, {"description": "text of the input"})


def write_records(path: Path, records: Records, metadata: Mapping[str, Any]) -> None:
    """Write records to a file, which appears when it is complete.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    described = {**provenance(), **json_ready(metadata)}
    header = {"format_version": FORMAT_VERSION, "metadata": described}
    table = _table(records).replace_schema_metadata({_KEY: json.dumps(header)})
    with whole_file(path) as file:
        pq.write_table(table, file, compression="zstd")


class TraceFiles:
    """A trace on disk, of which only the headers are read until more is asked for.

    Parameters
    ----------
    path : Path
        A file, or a folder of chunks.

    Raises
    ------
    TraceError
        There is nothing, or something that is no trace, or one of a newer form.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        if not files or not path.exists():
            raise TraceError(f"{path} holds no trace; expected a Parquet file or a folder of them.")
        headers = [_header(file) for file in files]
        self.metadata: dict[str, Any] = headers[0]
        self._footers = [pq.read_metadata(file) for file in files]
        self._dataset = ds.dataset([str(file) for file in files], format="parquet")

    @property
    def n_requests(self) -> int:
        """Requests in all files."""
        return sum(footer.num_rows for footer in self._footers)

    @property
    def origin_ns(self) -> int:
        """Tick of the first arrival, from the statistics that the files carry."""
        column = _SCHEMA.get_field_index("arrival_ns")
        groups = [
            footer.row_group(group).column(column).statistics.min
            for footer in self._footers
            for group in range(footer.num_row_groups)
            if footer.row_group(group).num_rows
        ]
        return min(groups, default=0)

    def read(
        self,
        columns: Collection[str] | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
    ) -> Records:
        """Return the records of requests that arrived at or after one tick and before another.

        Columns that are not read have the values that :meth:`RequestColumns.of` gives them.
        """
        arrival, wanted = pc.field("arrival_ns"), None
        if since_ns is not None:
            wanted = arrival >= since_ns
        if until_ns is not None:
            wanted = arrival < until_ns if wanted is None else wanted & (arrival < until_ns)
        names = self._dataset.schema.names
        if columns is not None:
            names = [name for name in names if name in columns]
        try:
            table = self._dataset.to_table(columns=names, filter=wanted)
        except (pa.ArrowException, OSError) as error:
            raise TraceError(f"{self.path} cannot be read: {_first_line(error)}.") from error
        return _records(table)


def _header(file: Path) -> dict[str, Any]:
    try:
        schema = pq.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        raise TraceError(f"{file} is no readable Parquet file: {_first_line(error)}.") from error
    try:
        header = json.loads((schema.metadata or {})[_KEY])
        version, metadata = header["format_version"], dict(header["metadata"])
    except (KeyError, ValueError, TypeError):
        raise TraceError(
            f"{file} is a Parquet file, but not a trace; expected one that Trace.save() or a "
            "recorder wrote."
        ) from None
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise TraceError(
            f"{file} has format version {version!r}; this release reads versions up to "
            f"{FORMAT_VERSION}: install a newer one."
        )
    for expected in _SCHEMA:
        index = schema.get_field_index(expected.name)
        if index < 0 or schema.field(index).type != expected.type:
            found = "is missing" if index < 0 else f"is {schema.field(index).type}"
            raise TraceError(
                f"{file} is a damaged trace: column {expected.name!r} {found}; expected "
                f"{expected.type}."
            )
    return metadata


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def _table(records: Records) -> pa.Table:
    requests, batches = records.requests, records.batches
    if len(np.unique(batches.id)) != len(batches):
        raise TraceError("Two batches have one id; give each batch of the trace its own.")
    none = requests.batch == NONE
    texts = pa.array(records.errors, pa.string())
    reasons = pa.array([reason.value for reason in REASONS], pa.string())

    def of_batch(values: NDArray[Any]) -> NDArray[Any]:
        return np.append(values, values.dtype.type(0))[requests.batch]

    def text(codes: NDArray[Any], missing: NDArray[np.bool_], words: pa.Array) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=missing), words)

    batch_error = np.append(batches.error, NONE)[requests.batch]
    columns = [
        requests.id,
        requests.arrival_ns,
        pa.array(requests.start_ns, mask=requests.start_ns == MISSING_TICK),
        requests.end_ns,
        requests.priority,
        pa.array(requests.key, mask=~requests.has_key),
        requests.from_cache,
        requests.joined,
        text(requests.error, requests.error == NONE, texts),
        pa.array(of_batch(batches.id), mask=none),
        pa.array(of_batch(batches.start_ns), mask=none),
        pa.array(of_batch(batches.end_ns), mask=none),
        pa.array(of_batch(batches.size), mask=none),
        text(of_batch(batches.reason), none, reasons),
        pa.array(of_batch(batches.worker), mask=none),
        text(batch_error, batch_error == NONE, texts),
    ]
    table = pa.table([pa.array(column) for column in columns], schema=_SCHEMA)
    if requests.payload is not None:
        table = table.append_column(_PAYLOAD, pa.array(requests.payload, pa.string()))
    return table


def _records(table: pa.Table) -> Records:
    found = {name: column for name, column in zip(table.column_names, table.columns, strict=True)}
    batches, batch, errors = _batches(found, table.num_rows)
    error: Any = NONE
    if "error" in found:
        error, words = _codes(found["error"])
        error[error != NONE] += len(errors)
        errors += words
    plain = {
        name: found[name].to_numpy()
        for name in ("id", "arrival_ns", "end_ns", "priority", "from_cache", "joined")
        if name in found
    }
    zeros = np.zeros(table.num_rows, dtype=np.int64)
    plain = {"arrival_ns": zeros, "end_ns": zeros, **plain}
    plain["start_ns"] = _filled(found["start_ns"], MISSING_TICK) if "start_ns" in found else zeros
    if "key" in found:
        plain["key"] = _filled(found["key"], 0)
        plain["has_key"] = found["key"].is_valid().to_numpy()
    if "payload" in found:
        plain["payload"] = np.array(found["payload"].to_pylist(), dtype=object)
    return Records(RequestColumns.of(**plain, batch=batch, error=error), batches, tuple(errors))


def _batches(found: Mapping[str, Any], n: int) -> tuple[BatchColumns, NDArray[np.int32], list[str]]:
    """Return the batches, the batch of each request, and the batches' error messages."""
    batch = np.full(n, NONE, dtype=np.int32)
    if "batch_id" not in found:
        return BatchColumns.of(), batch, []
    computed = found["batch_id"].is_valid().to_numpy()
    ids, first, row = np.unique(
        _filled(found["batch_id"], 0)[computed], return_index=True, return_inverse=True
    )
    batch[computed] = row
    rows = np.flatnonzero(computed)[first]
    given: dict[str, Any] = {"start_ns": ids * 0, "end_ns": ids * 0, "size": ids * 0}
    for name in ("start_ns", "end_ns", "size", "worker"):
        if f"batch_{name}" in found:
            given[name] = _filled(found[f"batch_{name}"], 0)[rows]
    errors: list[str] = []
    if "batch_error" in found:
        codes, errors = _codes(found["batch_error"])
        given["error"] = codes[rows]
    if "batch_reason" in found:
        codes, words = _codes(found["batch_reason"])
        known = {reason.value: code for code, reason in enumerate(REASONS)}
        unknown = sorted(set(words) - set(known))
        if unknown:
            raise TraceError(f"A batch left for the unknown reason {unknown[0]!r}.")
        given["reason"] = np.array([known[word] for word in words] + [0])[codes[rows]]
    return BatchColumns.of(id=ids, **given), batch, list(errors)


def _filled(column: pa.ChunkedArray, value: int) -> NDArray[Any]:
    filled: NDArray[Any] = pc.fill_null(column, value).to_numpy()
    return filled


def _codes(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], list[str]]:
    """Return a column of words as codes and the words that they stand for."""
    encoded = column.unify_dictionaries().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        if encoded.num_chunks == 0:
            return np.empty(0, dtype=np.int32), []
        encoded = encoded.chunk(0)
    codes = pc.fill_null(encoded.indices, NONE).to_numpy(zero_copy_only=False).copy()
    return codes, encoded.dictionary.to_pylist()
