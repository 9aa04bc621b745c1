"""Reads what MLPerf LoadGen writes about a run."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.errors import LoadGenError

__all__ = ["LoadGenSummary", "LoadGenTimes", "read_summary", "read_times"]

_LINE_START = ":::MLLOG "
_SAMPLE = re.compile(
    r'"ph":"b".*"ts":(\d+)\.(\d{3}),.*"sample_seq":(\d+),.*"complete_ns":(\d+)',
    flags=re.ASCII,
)
_THROUGHPUT_KEYS = (
    "result_completed_samples_per_sec",  # Server
    "result_samples_per_second",  # Offline
    "result_qps_with_loadgen_overhead",  # SingleStream
)


@dataclass(frozen=True, slots=True)
class LoadGenSummary:
    """What LoadGen says of a run. Latencies count from the time at which it was to send.

    Parameters
    ----------
    valid : bool
        Whether the run satisfies LoadGen's rules.
    reasons : tuple of str
        Why not, and what LoadGen recommends.
    throughput_rps : float
        Requests completed per second.
    mean_ms, p50_ms, p90_ms, p95_ms, p97_ms, p99_ms, p99_9_ms, min_ms, max_ms : float
        Latency; a percentile is a sample, not interpolated.
    early_stopping_met : bool
        Whether enough was seen for the scenario's percentile.
    early_stopping_estimate_ms : float
        SingleStream's percentile as it is known for sure; NaN elsewhere or without enough.
    text : str
        Its summary file.
    """

    valid: bool
    reasons: tuple[str, ...]
    throughput_rps: float
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p97_ms: float
    p99_ms: float
    p99_9_ms: float
    min_ms: float
    max_ms: float
    early_stopping_met: bool
    early_stopping_estimate_ms: float
    text: str


def read_summary(folder: Path) -> LoadGenSummary:
    """Return the figures of the run that wrote its log files to a folder.

    Raises
    ------
    LoadGenError
        The files are missing, or hold no result.
    """
    try:
        entries = _entries((folder / "mlperf_log_detail.txt").read_text(encoding="utf-8"))
        text = (folder / "mlperf_log_summary.txt").read_text(encoding="utf-8")
        return _summary(entries, text)
    except OSError as error:
        raise LoadGenError(f"LoadGen left no log in {folder}: {error.strerror}.") from None
    except (KeyError, ValueError, TypeError) as error:
        raise LoadGenError(
            f"LoadGen's log in {folder} holds no readable result ({error}); the run ended early, "
            "or its version is not 5 or 6."
        ) from None


@dataclass(frozen=True, slots=True, eq=False)
class LoadGenTimes:
    """Instants of each sample by LoadGen's clock, in the order in which it sent them.

    Parameters
    ----------
    due_ns : int64, shape (n_samples,)
        When LoadGen was to send it, in ns since it began to trace. Its latencies count from here:
        in SERVER the time that its schedule says, in OFFLINE the start of the run, and in
        SINGLE_STREAM the moment at which it saw that the last sample was complete.
    latency_ns : int64, shape (n_samples,)
        From due to the moment at which it was told of the completion.
    """

    due_ns: NDArray[np.int64]
    latency_ns: NDArray[np.int64]


def read_times(folder: Path, n_samples: int) -> LoadGenTimes:
    """Return what LoadGen traced of each sample of the run that wrote its log to a folder.

    Raises
    ------
    LoadGenError
        The file is missing, or has not all samples.
    """
    times = np.full((2, n_samples), -1, dtype=np.int64)
    try:
        with (folder / "mlperf_log_trace.json").open(encoding="utf-8") as lines:
            for line in lines:
                found = _SAMPLE.search(line)
                if found and int(found[3]) < n_samples:
                    times[:, int(found[3])] = int(found[1] + found[2]), int(found[4])
    except OSError as error:
        raise LoadGenError(f"LoadGen left no trace in {folder}: {error.strerror}.") from None
    n_found = int((times[0] >= 0).sum())
    if n_found < n_samples:
        raise LoadGenError(
            f"LoadGen's trace in {folder} has {n_found} of {n_samples} samples; its version is "
            "not 5 or 6."
        )
    return LoadGenTimes(*times)


def _entries(log: str) -> dict[str, list[Any]]:
    entries: dict[str, list[Any]] = {}
    for line in log.splitlines():
        if line.startswith(_LINE_START):
            entry = json.loads(line.removeprefix(_LINE_START))
            entries.setdefault(entry["key"], []).append(entry["value"])
    return entries


def _reasons(entries: Mapping[str, list[Any]]) -> tuple[str, ...]:
    said = list(entries.get("result_invalid_reason", []))
    if not entries["early_stopping_met"][-1]:
        said += entries.get("early_stopping_result", [])
    return tuple(" ".join(str(reason).split()) for reason in said if str(reason).strip())


def _summary(entries: Mapping[str, list[Any]], text: str) -> LoadGenSummary:
    def last(key: str) -> Any:
        return entries[key][-1]

    def ms(name: str) -> float:
        return float(last(f"result_{name}_latency_ns")) / 1e6

    estimate_ns = float(entries.get("early_stopping_latency_ss", [0])[-1])
    return LoadGenSummary(
        valid=last("result_validity") == "VALID",
        reasons=_reasons(entries),
        throughput_rps=float(next(last(key) for key in _THROUGHPUT_KEYS if key in entries)),
        mean_ms=ms("mean"),
        p50_ms=ms("50.00_percentile"),
        p90_ms=ms("90.00_percentile"),
        p95_ms=ms("95.00_percentile"),
        p97_ms=ms("97.00_percentile"),
        p99_ms=ms("99.00_percentile"),
        p99_9_ms=ms("99.90_percentile"),
        min_ms=ms("min"),
        max_ms=ms("max"),
        early_stopping_met=bool(last("early_stopping_met")),
        early_stopping_estimate_ms=estimate_ns / 1e6 if estimate_ns else math.nan,
        text=text,
    )
