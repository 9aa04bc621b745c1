"""The JSON against the documented Trace Event Format.

Perfetto's own trace processor, which its Python package would download at run time, is not needed
and not used: the checks below follow the format's description.
"""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from codomyrmex_lab.errors import TraceError
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig
from codomyrmex_lab.tracing import Trace, TraceRecorder, write_perfetto

from .traces import trace_of


@pytest.fixture(scope="module")
def trace() -> Trace:
    """Of a real engine: batches, hits, failures and a direct call."""

    def model(inputs: list[int]) -> list[int]:
        if 13 in inputs:
            raise ValueError("thirteen")
        return inputs

    recorder = TraceRecorder({"config": OptimizationConfig()})
    config = OptimizationConfig(max_batch_size=4, batch_timeout_ms=1, num_workers=2)
    with InferenceOptimizer(model, config, observer=recorder) as engine:
        futures = [engine.submit(i % 40) for i in range(200)]
        engine.infer_batch([1000, 1001])
        assert all(f.exception() is None or "thirteen" in str(f.exception()) for f in futures)
    return recorder.trace()


@pytest.fixture
def events(trace: Trace, tmp_path: Path) -> list[dict]:
    document = json.loads(write_perfetto(trace, tmp_path / "trace.json").read_text())
    assert document["displayTimeUnit"] == "ms"
    assert document["otherData"]["config"]["max_batch_size"] == 32
    return document["traceEvents"]


def of_phase(events: list[dict], phase: str) -> list[dict]:
    return [event for event in events if event["ph"] == phase]


def test_every_event_has_what_its_phase_requires(events: list[dict]) -> None:
    required = {
        "M": {"name", "pid", "tid", "args"},
        "X": {"name", "cat", "pid", "tid", "ts", "dur"},
        "b": {"name", "cat", "pid", "tid", "ts", "id"},
        "e": {"name", "cat", "pid", "tid", "ts", "id"},
        "C": {"name", "pid", "ts", "args"},
    }
    for event in events:
        assert required[event["ph"]] <= set(event)
        assert event.get("dur", 0) >= 0
    assert {event["ph"] for event in events} == set(required)


def test_batches_are_slices_of_their_workers(trace: Trace, events: list[dict]) -> None:
    slices = of_phase(events, "X")
    ran = trace.batches[trace.batches["worker"] >= 0]
    assert [event["args"]["batch_id"] for event in slices] == ran["batch_id"].tolist()
    assert [event["args"]["size"] for event in slices] == ran["size"].tolist()
    for worker in {event["tid"] for event in slices}:
        track = sorted((e["ts"], e["ts"] + e["dur"]) for e in slices if e["tid"] == worker)
        assert all(a[1] <= b[0] + 1e-3 for a, b in pairwise(track))
    names = {e["tid"]: e["args"]["name"] for e in of_phase(events, "M") if "thread" in e["name"]}
    assert set(names) == {event["tid"] for event in slices}


def test_slices_of_a_request_nest(trace: Trace, events: list[dict]) -> None:
    open_slices: dict[tuple[str, int], list[dict]] = {}
    n_requests = 0
    for event in events:
        if event["ph"] not in "be":
            continue
        stack = open_slices.setdefault((event["cat"], event["id"]), [])
        if event["ph"] == "b":
            assert not stack or stack[-1]["ts"] <= event["ts"]
            stack.append(event)
        else:
            begun = stack.pop()
            assert begun["name"] == event["name"]
            assert begun["ts"] <= event["ts"]
            n_requests += begun["name"] in ("request", "cache hit")
    assert not any(open_slices.values())
    assert n_requests == len(trace)
    assert "direct call" in {category for category, _ in open_slices}
    errors = [e["args"]["error"] for e in events if "error" in e.get("args", {})]
    assert set(errors) == {"ValueError: thirteen"}


def test_counter_is_the_number_that_wait() -> None:
    trace = trace_of([0, 1, 2], [5, 4, 1], [1, 1, 1], batch=[0, 0, 1])

    from codomyrmex_lab.tracing.perfetto import perfetto_events

    counters = of_phase(list(perfetto_events(trace)), "C")
    assert [(c["ts"], c["args"]["waiting"]) for c in counters] == [
        (0, 1),
        (1000, 2),
        (2000, 3),
        (3000, 2),
        (5000, 0),
    ]


def test_empty_trace_is_valid_and_unwritable_file_is_one_sentence(tmp_path: Path) -> None:
    empty = trace_of([], [], [])
    path = write_perfetto(empty, tmp_path / "trace.json")
    assert {e["ph"] for e in json.loads(path.read_text())["traceEvents"]} == {"M"}
    with pytest.raises(TraceError, match="cannot be written"):
        write_perfetto(empty, tmp_path / "nowhere" / "trace.json")
