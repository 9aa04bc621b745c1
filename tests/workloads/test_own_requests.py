from concurrent.futures import Future
from typing import Any

import numpy as np

from codomyrmex_lab.optimization import InferenceResult
from codomyrmex_lab.tracing import BatchColumns, RequestColumns, Trace
from codomyrmex_lab.workloads.own_requests import OwnRequests


def trace_of(arrival_ns: list[int], failed: list[bool]) -> Trace:
    arrival = np.array(arrival_ns)
    codes = np.where(failed, 0, -1)
    requests = RequestColumns.of(arrival, arrival, arrival + 10, error=codes)
    return Trace(requests, BatchColumns.of(), errors=["ValueError: no"])


def test_own_answers_are_known_by_their_ids_and_own_errors_by_their_arrival() -> None:
    own = OwnRequests()
    own.note_result(100, InferenceResult(0, "out", 1.0))
    own.note_failure(195)  # just before the request arrived

    part = own.part_of(trace_of([100, 150, 200, 300], [False, True, True, True]))

    assert part.requests["id"].tolist() == [0, 2]


def test_trace_without_others_is_left_as_it_is() -> None:
    own = OwnRequests()
    own.note_failure(100)
    trace = trace_of([100], [True])
    assert own.part_of(trace) is trace


def test_cancelled_and_failed_futures_count_as_failures() -> None:
    own = OwnRequests()
    for outcome in ("cancelled", "failed", "answered"):
        future: Future[InferenceResult[Any]] = Future()
        if outcome == "cancelled":
            future.cancel()
        elif outcome == "failed":
            future.set_exception(ValueError("no"))
        else:
            future.set_result(InferenceResult(7, "out", 4.0, service_ms=3.0))
        own.note(5, future)

    due_ns, latency_ms = own.answers()
    assert len(own) == 3
    assert due_ns.tolist() == [5]
    assert latency_ms.tolist() == [4.0]
    assert own.longest_service_ms == 3.0
