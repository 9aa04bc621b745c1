"""Makes workloads of files and frames: the generic loaders, and one per known format."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Self

import pandas as pd

from codomyrmex_lab.workloads.formats.access_log import read_access_log
from codomyrmex_lab.workloads.formats.azure import read_azure
from codomyrmex_lab.workloads.formats.burstgpt import read_burstgpt
from codomyrmex_lab.workloads.formats.load_tool import read_load_tool
from codomyrmex_lab.workloads.formats.mooncake import read_mooncake
from codomyrmex_lab.workloads.readers import read_csv, read_frame, read_jsonl, read_parquet
from codomyrmex_lab.workloads.table import Columns, RequestTable, TimeUnit

__all__ = ["Loadable"]


class Loadable:
    """The loaders of a class that can be made of a table of requests.

    All raise ``WorkloadError``, which names the file, and the column and the row or line, that
    cannot be used. Arrival times count from the first, and must be sorted unless said otherwise.
    """

    __slots__ = ()

    @classmethod
    @abstractmethod
    def _from_table(cls, table: RequestTable, columns: Columns) -> Self:
        """Take arrivals, keys, payloads and priorities from a table."""

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        *,
        arrival: str,
        key: str | None = None,
        payload: str | None = None,
        priority: str | None = None,
        time_unit: TimeUnit = "s",
    ) -> Self:
        """Read a CSV file with a header line.

        Parameters
        ----------
        path : path-like
            A UTF-8 file.
        arrival : str
            Column of arrival times, sorted: numbers, or ISO 8601 timestamps, read to the
            nanosecond. The workload's times count from the first.
        key : str or None
            Column that is equal for equal inputs; the payload's by default, else all differ.
        payload : str or None
            Column of inputs; the key's by default.
        priority : str or None
            Column of whole numbers, larger leaves first; 0 by default.
        time_unit : {"s", "ms", "us", "ns"}
            What arrival times count that are numbers.

        Returns
        -------
        Workload
            With the file's other columns in ``columns``.

        Raises
        ------
        WorkloadError
            Names the file, and the column and the row, that cannot be used.
        SettingError
            ``time_unit`` is none of these.
        """
        return cls._from_table(read_csv(path), Columns(arrival, key, payload, priority, time_unit))

    @classmethod
    def from_jsonl(
        cls,
        path: str | Path,
        *,
        arrival: str,
        key: str | None = None,
        payload: str | None = None,
        priority: str | None = None,
        time_unit: TimeUnit = "s",
    ) -> Self:
        """Read a file with one JSON object per line; parameters as for :meth:`from_csv`."""
        return cls._from_table(
            read_jsonl(path), Columns(arrival, key, payload, priority, time_unit)
        )

    @classmethod
    def from_parquet(
        cls,
        path: str | Path,
        *,
        arrival: str,
        key: str | None = None,
        payload: str | None = None,
        priority: str | None = None,
        time_unit: TimeUnit = "s",
    ) -> Self:
        """Read a Parquet file; parameters as for :meth:`from_csv`."""
        return cls._from_table(
            read_parquet(path), Columns(arrival, key, payload, priority, time_unit)
        )

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        arrival: str,
        key: str | None = None,
        payload: str | None = None,
        priority: str | None = None,
        time_unit: TimeUnit = "s",
    ) -> Self:
        """Take a frame with one row per request; parameters as for :meth:`from_csv`."""
        return cls._from_table(
            read_frame(frame), Columns(arrival, key, payload, priority, time_unit)
        )

    @classmethod
    def from_azure(cls, path: str | Path) -> Self:
        """Read an Azure LLM inference trace (CSV): token counts in ``columns``, no content."""
        return cls._from_table(*read_azure(path))

    @classmethod
    def from_burstgpt(cls, path: str | Path) -> Self:
        """Read a BurstGPT trace (CSV), with or without sessions: no content, all keys differ."""
        return cls._from_table(*read_burstgpt(path))

    @classmethod
    def from_mooncake(cls, path: str | Path) -> Self:
        """Read a trace in Mooncake's form (JSONL).

        The list of a prompt's block ids is its key and payload: equal lists are equal prompts.
        ``input_length`` and ``output_length`` are in ``columns``.
        """
        return cls._from_table(*read_mooncake(path))

    @classmethod
    def from_load_tool_jsonl(cls, path: str | Path, *, time_unit: TimeUnit = "ms") -> Self:
        """Read a load generator's JSONL: a schedule, or AIPerf's records of finished requests.

        Parameters
        ----------
        path : path-like
            Lines with ``timestamp``, and the input in ``messages``, ``text_input``,
            ``input_text``, ``text``, ``prompt`` or ``hash_ids`` if there is one; or lines with
            ``metadata.request_start_ns``, in any order.
        time_unit : {"ms", "s", "us", "ns"}
            What ``timestamp`` counts: ms in AIPerf's schedules, s in GuideLLM's.
        """
        return cls._from_table(*read_load_tool(path, time_unit))

    @classmethod
    def from_access_log(cls, path: str | Path) -> Self:
        """Read a web server's access log, combined or common format, in any order.

        Method and target are key and payload. The log's times have a resolution of one second:
        all requests of a second are due at its beginning.
        """
        return cls._from_table(*read_access_log(path))
