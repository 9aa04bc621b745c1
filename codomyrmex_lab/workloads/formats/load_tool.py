"""JSONL files of load generators: schedules that they replay, and records that they write.

Schedules, one request per line (AIPerf's ``--fixed-schedule``, GuideLLM's ``kind=replay``):

- ``timestamp``: when the request is due, in ms for AIPerf and in s for GuideLLM. Lines of
  AIPerf's that only give a ``delay`` after the answer before have no arrival time, and are
  refused.
- ``messages``, ``text_input``, ``input_text``, ``text`` or ``prompt``: the input; the first of
  these columns is key and payload. Without any of them ``hash_ids``, the ids of the prompt's
  blocks, is; without that one too, all keys differ.
- ``input_length``, ``output_length``, ``session_id`` and whatever else a line holds stay as they
  are.

Records of finished requests (AIPerf's ``profile_export.jsonl``), in the order of completion:

- ``metadata.request_start_ns``: when the request was sent, in ns since 1970; the rows are sorted
  by it. What the tool meant to send but was late for cannot be seen in such a file.
- The other fields of ``metadata``, and ``metrics.<name>.value``, become columns. The input is not
  recorded: all keys differ.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from codomyrmex_lab.workloads.readers import read_jsonl
from codomyrmex_lab.workloads.table import Columns, RequestTable, TimeUnit

__all__ = ["read_load_tool"]

_INPUTS = ("messages", "text_input", "input_text", "text", "prompt", "hash_ids")
_SENT = "request_start_ns"


def read_load_tool(path: str | Path, time_unit: TimeUnit) -> tuple[RequestTable, Columns]:
    """Read a schedule, whose times count ``time_unit``, or records of finished requests."""
    columns = Columns("timestamp", time_unit=time_unit)
    table = read_jsonl(path)
    if "metadata" in table.frame.columns and "timestamp" not in table.frame.columns:
        return _finished(table)
    table.require(["timestamp"])
    inputs = [name for name in _INPUTS if name in table.frame.columns]
    return table, replace(columns, payload=inputs[0]) if inputs else columns


def _finished(table: RequestTable) -> tuple[RequestTable, Columns]:
    table.require_each("metadata", _says_when_sent, f"an object with {_SENT} as a whole number")
    rows = [
        {**record["metadata"], **_plain_metrics(record.get("metrics"))}
        for record in table.frame.to_dict("records")
    ]
    frame = pd.DataFrame(rows)
    frame[_SENT] = pd.to_datetime(frame[_SENT], unit="ns")
    return RequestTable(frame, table.source, table.row_name).in_order_of(_SENT), Columns(_SENT)


def _says_when_sent(metadata: object) -> bool:
    sent = metadata.get(_SENT) if isinstance(metadata, dict) else None
    return type(sent) is int and 0 <= sent < 2**63


def _plain_metrics(metrics: Any) -> dict[str, Any]:
    if not isinstance(metrics, dict):
        return {}  # a request that failed has none
    return {
        name: metric["value"]
        for name, metric in metrics.items()
        if isinstance(metric, dict) and "value" in metric
    }
