"""The slowest requests in the order of time: which were there at once, and which shared a batch."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

__all__ = ["Record", "arrival_ms", "lined_up", "togetherness"]

Record = dict[Any, Any]
"""One row of a trace's frame."""


def lined_up(slowest: pd.DataFrame) -> list[list[Record]]:
    """Return requests in stretches of time, those of a batch side by side.

    Within a stretch one request hands on to the next; before it and after it none of them is there.

    Parameters
    ----------
    slowest : pandas.DataFrame
        Rows of a trace's frame, in any order.

    Returns
    -------
    list of list of dict
        The stretches by time; the first request of each arrived first in it.
    """
    stretches: list[list[Record]] = []
    all_gone_ms = float("-inf")
    for record in sorted(slowest.to_dict("records"), key=arrival_ms):
        if arrival_ms(record) > all_gone_ms:
            stretches.append([])
        stretches[-1].append(record)
        all_gone_ms = max(all_gone_ms, arrival_ms(record) + record["latency_ms"])
    return [_by_batch(stretch) for stretch in stretches]


def arrival_ms(record: Record) -> float:
    """Return when a request arrived, in ms since the first of the trace."""
    return float(record["arrival"].total_seconds() * 1e3)


def togetherness(slowest: pd.DataFrame) -> str:
    """Return in words which of the slowest requests were there at once, or shared a batch."""
    stretches = lined_up(slowest)
    at_once = []
    for stretch in (one for one in stretches if len(one) > 1):
        from_ms = arrival_ms(stretch[0])
        within_ms = max(arrival_ms(one) + one["latency_ms"] for one in stretch) - from_ms
        at_once.append(f"{len(stretch)} within {within_ms:.3g} ms from {from_ms / 1e3:.4f} s")
    n_in_batch = Counter(
        one["batch_id"] for stretch in stretches for one in stretch if not pd.isna(one["batch_id"])
    )
    shared = [f"{n} in batch {batch}" for batch, n in n_in_batch.items() if n > 1]
    return (
        f"Of the slowest, there at the same time: {'; '.join(at_once) or 'none'}. "
        f"Sharing a batch: {', '.join(shared) or 'none'}."
    )


def _by_batch(stretch: list[Record]) -> list[Record]:
    """Put those of a batch side by side, where the first of them stands."""
    first_ms: dict[object, float] = {}
    for record in stretch:
        first_ms.setdefault(_batch(record), arrival_ms(record))
    return sorted(stretch, key=lambda one: (first_ms[_batch(one)], arrival_ms(one)))


def _batch(record: Record) -> object:
    """Return the batch of a request; one that was in none stands for itself."""
    return ("request", record["id"]) if pd.isna(record["batch_id"]) else record["batch_id"]
