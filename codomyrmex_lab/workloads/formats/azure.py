"""The Azure LLM inference traces.

CSV with ``TIMESTAMP`` (``2023-11-16 18:15:46.6805900``, digits of 100 ns), ``ContextTokens`` and
``GeneratedTokens``. The requests' content is not published, so all keys differ.

References
----------
P. Patel et al., Splitwise: Efficient Generative LLM Inference Using Phase Splitting, ISCA 2024.
"""

from __future__ import annotations

from pathlib import Path

from codomyrmex_lab.workloads.readers import read_csv
from codomyrmex_lab.workloads.table import Columns, RequestTable

__all__ = ["read_azure"]


def read_azure(path: str | Path) -> tuple[RequestTable, Columns]:
    """Read an Azure LLM inference trace."""
    table = read_csv(path)
    table.require(["TIMESTAMP", "ContextTokens", "GeneratedTokens"])
    return table, Columns("TIMESTAMP")
