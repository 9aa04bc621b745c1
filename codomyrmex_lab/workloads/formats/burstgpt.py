"""The BurstGPT traces.

CSV with ``Timestamp`` (seconds from the first day's midnight), ``Model``, ``Request tokens``,
``Response tokens``, ``Total tokens`` and ``Log Type``; newer files also have ``Session ID`` and
``Elapsed time`` (seconds). A response of 0 tokens is a request that failed. The requests' content
is not published, so all keys differ, within a session as well.

References
----------
Y. Wang et al., BurstGPT: A Real-world Workload Dataset to Optimize LLM Serving Systems, KDD 2025.
"""

from __future__ import annotations

from pathlib import Path

from codomyrmex_lab.workloads.readers import read_csv
from codomyrmex_lab.workloads.table import Columns, RequestTable

__all__ = ["read_burstgpt"]


def read_burstgpt(path: str | Path) -> tuple[RequestTable, Columns]:
    """Read a BurstGPT trace, of older or newer form."""
    table = read_csv(path)
    table.require(["Timestamp", "Model", "Request tokens", "Response tokens", "Log Type"])
    return table, Columns("Timestamp")
