"""Which requests of a trace are a driver's own, on an engine that may serve others as well."""

from __future__ import annotations

from array import array
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.optimization.models import InferenceResult
from codomyrmex_lab.tracing import Trace

__all__ = ["OwnRequests"]


class OwnRequests:
    """The answers that a driver got, noted by the engine's threads.

    Every note is one atomic operation per list, and the list that counts is appended to last.
    """

    def __init__(self) -> None:
        self._due_ns = array("q")
        self._latency_ms = array("d")
        self._answered_ids: list[int | str] = []
        self._failed_due_ns: list[int] = []
        self.longest_service_ms = 0.0
        """The longest model call among the answers."""

    def __len__(self) -> int:
        """Return the number of requests with an answer or an error."""
        return len(self._answered_ids) + len(self._failed_due_ns)

    def note(self, due_ns: int, future: Future[InferenceResult[Any]]) -> None:
        """Take note of a request whose future is done."""
        if not future.cancelled() and future.exception() is None:
            self.note_result(due_ns, future.result())
        else:
            self.note_failure(due_ns)

    def note_result(self, due_ns: int, result: InferenceResult[Any]) -> None:
        """Take note of an answer."""
        self._due_ns.append(due_ns)
        self._latency_ms.append(result.latency_ms)
        self.longest_service_ms = max(self.longest_service_ms, result.service_ms)
        self._answered_ids.append(result.request_id)

    def note_failure(self, due_ns: int) -> None:
        """Take note of an error, for a request that arrived at a tick, or right after it."""
        self._failed_due_ns.append(due_ns)

    def answers(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return due ticks and latencies, in ms, of those answered, in the order of answers."""
        due_ns, latency_ms = self._due_ns[:], self._latency_ms[:]
        n = min(len(due_ns), len(latency_ms))
        return np.array(due_ns[:n], dtype=np.int64), np.array(latency_ms[:n], dtype=np.float64)

    def part_of(self, trace: Trace) -> Trace:
        """Return the trace without requests that others submitted to the engine meanwhile."""
        if len(trace) == len(self):
            return trace
        own: NDArray[np.bool_] = np.isin(trace.requests["id"], self._answered_ids)
        if self._failed_due_ns:
            # an exception does not tell its request's id, the time of its arrival does
            arrival_ns = trace.requests["arrival"].to_numpy().astype(np.int64) + trace.origin_ns
            failed = trace.results["error"].notna().to_numpy(dtype=np.bool_)
            own_ns = _next_ticks(arrival_ns[failed], self._failed_due_ns)
            own |= failed & np.isin(arrival_ns, own_ns)
        return trace.select(own)


def _next_ticks(ticks: NDArray[np.int64], since: list[int]) -> NDArray[np.int64]:
    """Return the first of some sorted ticks that is not before each of others."""
    found = np.searchsorted(ticks, since)
    return ticks[found[found < len(ticks)]]
