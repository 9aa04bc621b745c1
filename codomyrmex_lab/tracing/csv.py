"""Traces as CSV, for programs that read nothing else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from codomyrmex_lab.errors import TraceError
from codomyrmex_lab.tracing.trace import Trace
from codomyrmex_lab.tracing.whole_file import whole_file

__all__ = ["write_csv"]


def write_csv(trace: Trace, path: str | Path) -> Path:
    """Write the frame of a trace, with ``arrival_s``, ``start_s`` and ``end_s`` in seconds.

    A missing value is an empty cell. Of batches and metadata only what the frame has is kept.

    Raises
    ------
    TraceError
        The file cannot be written.
    """
    path = Path(path)
    frame = trace.frame()
    for name in ("arrival", "start", "end"):
        frame[name] = [_seconds(time) for time in frame[name]]
    renamed = frame.rename(columns={name: f"{name}_s" for name in ("arrival", "start", "end")})
    try:
        with whole_file(path) as file:
            renamed.to_csv(file, index=False)
    except OSError as error:
        raise TraceError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path


def _seconds(time: pd.Timedelta) -> str:
    """Return exact seconds: a float would round the nanoseconds of a long run."""
    if pd.isna(time):
        return ""
    seconds, ns = divmod(time.value, 1_000_000_000)
    return f"{seconds}.{ns:09d}"
