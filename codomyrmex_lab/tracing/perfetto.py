"""Traces as JSON that the Perfetto UI and ``chrome://tracing`` open.

Workers are threads with their batches as slices; requests are asynchronous slices, each with its
queueing and its service nested in it; the number of requests that wait is a counter.

References
----------
Trace Event Format, Google, document of the Chromium project: phases X, b, e, C and M; times in µs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from codomyrmex_lab.errors import TraceError
from codomyrmex_lab.tracing.provenance import json_ready
from codomyrmex_lab.tracing.trace import Trace
from codomyrmex_lab.tracing.whole_file import whole_file

__all__ = ["perfetto_events", "write_perfetto"]

_WORKERS, _REQUESTS = 1, 2
Event = dict[str, Any]


def write_perfetto(trace: Trace, path: str | Path) -> Path:
    """Write a trace as JSON for https://ui.perfetto.dev, which shows it in the browser.

    Raises
    ------
    TraceError
        The file cannot be written.
    """
    path = Path(path)
    head = json.dumps({"displayTimeUnit": "ms", "otherData": json_ready(trace.metadata)})
    try:
        with whole_file(path) as file:
            file.write(head[:-1].encode() + b', "traceEvents": [')
            for number, event in enumerate(perfetto_events(trace)):
                file.write((b",\n" if number else b"\n") + json.dumps(event).encode())
            file.write(b"\n]}\n")
    except OSError as error:
        raise TraceError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path


def perfetto_events(trace: Trace) -> Iterator[Event]:
    """Return the events of a trace, one after the other."""
    yield from _names(trace)
    for batch in _rows(trace.batches):
        yield from _batch(batch)
    for request in _rows(trace.frame()):
        yield from _request(request)
    yield from _queue_length(trace)


def _names(trace: Trace) -> Iterator[Event]:
    names: list[tuple[str, int, int, str]] = [
        ("process_name", _WORKERS, 0, "workers"),
        ("process_name", _REQUESTS, 0, "requests"),
    ]
    workers = sorted(worker for worker in trace.batches["worker"].unique() if worker >= 0)
    names += [("thread_name", _WORKERS, int(w) + 1, f"worker {w}") for w in workers]
    for name, pid, tid, text in names:
        yield {"ph": "M", "name": name, "pid": pid, "tid": tid, "args": {"name": text}}


def _batch(batch: Mapping[str, Any]) -> Iterator[Event]:
    args = {key: batch[key] for key in ("batch_id", "size", "reason")} | _error(batch)
    event = {"name": f"batch of {batch['size']}", "cat": "batch", "pid": _WORKERS, "args": args}
    if batch["worker"] >= 0:
        duration = batch["end"] - batch["start"]
        tid = batch["worker"] + 1
        yield {**event, "ph": "X", "tid": tid, "ts": _us(batch["start"]), "dur": _us(duration)}
    else:  # direct calls run in their callers' threads, any number at a time
        event = {**event, "cat": "direct call", "tid": 0, "id": batch["batch_id"]}
        yield from _slice(event, batch["start"], batch["end"])


def _request(request: Mapping[str, Any]) -> Iterator[Event]:
    arrival, start, end = request["arrival"], request["start"], request["end"]
    kept = ("priority", "from_cache", "joined", "batch_id", "batch_size")
    args = {"id": request["id"]} | {k: request[k] for k in kept if request[k] is not None}
    event = {"cat": "request", "id": request["id"], "pid": _REQUESTS, "tid": 0}
    name = "cache hit" if request["from_cache"] else "request"
    begin, finish = _slice({**event, "name": name, "args": args | _error(request)}, arrival, end)
    yield begin
    if start is not None and not request["from_cache"]:
        yield from _slice({**event, "name": "queue"}, arrival, start)
        yield from _slice({**event, "name": "service"}, start, end)
    yield finish


def _queue_length(trace: Trace) -> Iterator[Event]:
    frame = trace.frame(["arrival", "start", "end"])
    left = frame["start"].fillna(frame["end"])
    ticks = np.concatenate([frame["arrival"].to_numpy(), left.to_numpy()]).astype(np.int64)
    steps = np.repeat([1, -1], len(frame))
    changes = pd.Series(steps).groupby(ticks).sum().cumsum()
    for tick, waiting in changes.items():
        args = {"waiting": int(waiting)}
        at_us = int(tick) / 1e3  # type: ignore[call-overload]
        yield {"ph": "C", "name": "queue length", "pid": _REQUESTS, "ts": at_us, "args": args}


def _slice(event: Event, begin: int, end: int) -> tuple[Event, Event]:
    bare = {key: value for key, value in event.items() if key != "args"}
    return {**event, "ph": "b", "ts": _us(begin)}, {**bare, "ph": "e", "ts": _us(end)}


def _error(row: Mapping[str, Any]) -> Event:
    return {} if row["error"] is None else {"error": row["error"]}


def _us(ns: int) -> float:
    return ns / 1e3


def _rows(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Return rows of plain values: times in ns, None where something is missing."""
    columns = []
    for name in frame:
        column = frame[name]
        missing = column.isna().to_numpy()
        if column.dtype.kind == "m":
            column = pd.Series(column.to_numpy().astype(np.int64))
        values = column.astype(object).to_numpy(copy=True)
        values[missing] = None
        columns.append(values.tolist())
    for row in zip(*columns, strict=True):
        yield dict(zip(frame.columns, row, strict=True))
