"""What a driver gives to an engine with each request."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import numpy as np

from codomyrmex_lab.errors import DeadlineExceededError, QueueFullError
from codomyrmex_lab.workloads.request_numbers import timeouts_ms
from codomyrmex_lab.workloads.workload import Workload

__all__ = ["TURNED_AWAY", "Offered", "offered"]

Offered = tuple[Any, int, float | None]
"""Payload, priority, and time to the deadline in ms, or None."""

TURNED_AWAY = (QueueFullError, DeadlineExceededError)
"""What an engine raises that has no place for a request: its answer, as good as any other."""


def offered(workload: Workload) -> Iterator[Offered]:
    """Return the requests of a workload in their order.

    Raises
    ------
    WorkloadError
        Its column of deadlines holds something else than numbers above 0.
    """
    timeouts = timeouts_ms(workload)
    given = repeat(None, len(workload)) if timeouts is None else _or_none(timeouts.tolist())
    return zip(workload.payloads, workload.priorities.tolist(), given, strict=True)


def _or_none(timeouts: list[float]) -> Iterator[float | None]:
    return (None if np.isnan(one) else one for one in timeouts)
