"""Mooncake's traces.

One JSON object per line: ``timestamp`` (ms from the start), ``input_length`` and
``output_length`` (tokens), and ``hash_ids``, the ids of the prompt's blocks of 512 tokens, where
an id stands for the block and all before it. Two prompts are equal exactly if their lists of ids
are, so the whole list is a request's key and payload; the first id alone would make one key of
all prompts that begin alike.

References
----------
R. Qin et al., Mooncake: Trading More Storage for Less Computation, FAST 2025.
"""

from __future__ import annotations

from pathlib import Path

from codomyrmex_lab.workloads.readers import read_jsonl
from codomyrmex_lab.workloads.table import Columns, RequestTable

__all__ = ["read_mooncake"]


def read_mooncake(path: str | Path) -> tuple[RequestTable, Columns]:
    """Read a trace in Mooncake's form."""
    table = read_jsonl(path)
    table.require(["timestamp", "input_length", "output_length", "hash_ids"])
    table.require_each("hash_ids", _is_list_of_ids, "a list of at least one whole number")
    return table, Columns("timestamp", payload="hash_ids", time_unit="ms")


def _is_list_of_ids(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(type(block) is int for block in value)
