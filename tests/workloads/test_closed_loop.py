import asyncio
import threading
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

from codomyrmex_lab.errors import NotRunningError, SettingError, UnkeyableInputError
from codomyrmex_lab.optimization import (
    BatchingStrategy,
    InferenceOptimizer,
    OptimizationConfig,
    QueueFullAction,
)
from codomyrmex_lab.tracing import TraceRecorder
from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.closed_loop import ClientKind, run_closed_loop, run_single_stream
from codomyrmex_lab.workloads.confidence import Confidence
from codomyrmex_lab.workloads.measuring_window import MeasuringWindow

PATIENCE_S = 20.0
QUICK = OptimizationConfig(batch_timeout_ms=0.5, enable_caching=False)
KINDS = get_args(ClientKind)


def echo(inputs: list[Any]) -> list[Any]:
    return inputs


def most_in_flight(frame: Any) -> int:
    """At most so many requests were between arrival and end at any time."""
    times = np.concatenate([frame["arrival"], frame["end"]])
    steps = np.repeat([1, -1], len(frame))
    order = np.lexsort((steps, times))
    return int(np.cumsum(steps[order]).max())


@pytest.mark.parametrize("kind", KINDS)
def test_each_request_is_sent_once_by_one_of_the_clients(kind: ClientKind) -> None:
    seen: list[int] = []
    workload = Workload(np.zeros(200), priorities=np.arange(200) % 3)

    with InferenceOptimizer(lambda xs: seen.extend(xs) or xs, QUICK) as engine:
        trace = run_closed_loop(engine, workload, 5, clients=kind, progress=False)

    assert sorted(seen) == list(range(200))
    assert len(trace) == 200
    assert sorted(trace.requests["priority"]) == sorted(workload.priorities)
    assert 1 <= most_in_flight(trace.frame()) <= 5
    assert trace.metadata["n_clients"] == 5
    assert trace.metadata["clients"] == kind
    assert trace.metadata["driver"] == "closed loop"
    assert trace.metadata["cancelled"] is False


@pytest.mark.parametrize("kind", KINDS)
def test_all_clients_are_in_flight_together(kind: ClientKind) -> None:
    """A batch of 8 can only be full when all 8 clients wait."""
    config = QUICK.replace(max_batch_size=8, batch_timeout_ms=PATIENCE_S * 1e3, num_workers=1)

    with InferenceOptimizer(echo, config) as engine:
        trace = run_closed_loop(engine, Workload(np.zeros(32)), 8, clients=kind, progress=False)

    assert trace.batches["size"].tolist() == [8] * 4


@pytest.mark.parametrize("kind", KINDS)
def test_client_thinks_between_answer_and_next_request(kind: ClientKind) -> None:
    with InferenceOptimizer(echo, QUICK) as engine:
        trace = run_closed_loop(
            engine, Workload(np.zeros(5)), 1, think_time_ms=8, clients=kind, progress=False
        )

    frame = trace.frame()
    thought = frame["arrival"].to_numpy()[1:] - frame["end"].to_numpy()[:-1]
    assert (thought >= np.timedelta64(8, "ms")).all()


def test_single_stream_has_one_request_in_flight() -> None:
    with InferenceOptimizer(echo, QUICK) as engine:
        trace = run_single_stream(engine, Workload(np.zeros(50)), progress=False)

    assert most_in_flight(trace.frame()) == 1
    assert len(trace) == 50


@pytest.mark.parametrize("kind", KINDS)
def test_stall_is_seen_by_as_many_requests_as_there_are_clients(kind: ClientKind) -> None:
    """The stall is in the latencies, but those who would have come meanwhile are not."""
    n_clients, stall_s = 4, 0.2
    pause = threading.Event()  # never set

    def model(inputs: list[int]) -> list[int]:
        if 100 in inputs:
            pause.wait(stall_s)
        return inputs

    config = QUICK.replace(num_workers=1, max_batch_size=n_clients)
    with InferenceOptimizer(model, config) as engine:
        trace = run_closed_loop(
            engine, Workload(np.zeros(300)), n_clients, clients=kind, progress=False
        )

    latency_ms = trace.results["latency_ms"]
    assert latency_ms.max() >= stall_s * 1e3
    assert 1 <= (latency_ms > stall_s * 1e3 / 2).sum() <= 2 * n_clients


@pytest.mark.parametrize("kind", KINDS)
def test_run_repeats_the_workload_for_its_time(kind: ClientKind) -> None:
    with InferenceOptimizer(echo, QUICK) as engine:
        trace = run_closed_loop(
            engine, Workload([0, 1]), 2, clients=kind, duration_s=0.2, progress=False
        )

    assert len(trace) > 2
    assert trace.metadata["cancelled"] is False


@pytest.mark.parametrize("kind", KINDS)
def test_stopped_run_returns_what_was_sent(kind: ClientKind) -> None:
    stop = threading.Event()

    def model(inputs: list[int]) -> list[int]:
        if 20 in inputs:
            stop.set()
        return inputs

    with InferenceOptimizer(model, QUICK) as engine:
        trace = run_closed_loop(
            engine, Workload(np.zeros(10_000)), 3, clients=kind, progress=False, stop=stop
        )

    assert 20 <= len(trace) < 10_000
    assert trace.results["error"].isna().all()
    assert trace.metadata["cancelled"] is True
    assert trace.metadata["n_submitted"] == len(trace)


@pytest.mark.parametrize("kind", KINDS)
def test_stop_ends_thinking(kind: ClientKind) -> None:
    stop = threading.Event()

    def stop_after_one(n_done: int, n_total: int) -> None:
        if n_done == 2:
            stop.set()

    with InferenceOptimizer(echo, QUICK) as engine:
        trace = run_closed_loop(
            engine,
            Workload([0, 0, 0]),
            2,
            think_time_ms=3_600_000,
            clients=kind,
            progress=stop_after_one,
            stop=stop,
        )

    assert len(trace) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_failing_model_is_recorded_and_others_are_left_out(kind: ClientKind) -> None:
    others = []

    def model(inputs: list[Any]) -> list[Any]:
        if inputs == [7]:
            others.extend([engine.submit("other"), engine.submit("bad")])
        if 3 in inputs or "bad" in inputs:
            raise ValueError("no")
        return inputs

    engine = InferenceOptimizer(model, QUICK.replace(max_batch_size=1))
    with engine:
        trace = run_closed_loop(engine, Workload(np.zeros(20)), 2, clients=kind, progress=False)

    assert len(others) == 2
    assert len(trace) == 20
    assert trace.results["error"].dropna().tolist() == ["ValueError: no"]


@pytest.mark.parametrize("kind", KINDS)
def test_requests_that_a_full_queue_turns_away_are_recorded(kind: ClientKind) -> None:
    config = QUICK.replace(
        max_queue_size=1, queue_full=QueueFullAction.REJECT, max_batch_size=1, num_workers=1
    )
    turned_away = threading.Event()

    class Watcher(TraceRecorder):
        def on_unserved(self, *event: Any) -> None:
            super().on_unserved(*event)
            turned_away.set()

    def model(inputs: list[int]) -> list[int]:
        assert turned_away.wait(PATIENCE_S)
        return inputs

    with InferenceOptimizer(model, config, observer=Watcher()) as engine:
        trace = run_closed_loop(engine, Workload(np.zeros(50)), 6, clients=kind, progress=False)

    errors = trace.results["error"].dropna()
    assert len(trace) == 50
    assert 0 < len(errors) < 50
    assert errors.str.startswith("QueueFullError").all()


@pytest.mark.parametrize("kind", KINDS)
def test_requests_have_the_deadlines_of_the_workload(kind: ClientKind) -> None:
    columns = pd.DataFrame({"timeout_ms": [np.nan, 1e-3, 60_000.0] * 4})
    workload = Workload(np.zeros(12), columns=columns)
    with InferenceOptimizer(echo, QUICK.replace(enable_caching=False)) as engine:
        trace = run_closed_loop(engine, workload, 1, clients=kind, progress=False)
    assert trace.results["error"].notna().tolist() == [False, True, False] * 4


@pytest.mark.parametrize("kind", KINDS)
def test_unkeyable_payload_ends_the_run(kind: ClientKind) -> None:
    recorder = TraceRecorder()
    workload = Workload(np.zeros(5), payloads=["a", "b", "c", object(), "d"])

    config = QUICK.replace(enable_caching=True)
    with InferenceOptimizer(echo, config, observer=recorder) as engine:
        with pytest.raises(UnkeyableInputError, match="key_fn") as caught:
            run_closed_loop(engine, workload, 1, clients=kind, progress=False)
        assert engine.infer("a").from_cache

    assert recorder.trace().summary().n_requests == 4
    assert caught.value.__notes__ == ["The run ended after 3 requests, all of which are answered."]


@pytest.mark.parametrize("kind", KINDS)
def test_partial_batch_that_nobody_can_fill_is_flushed(kind: ClientKind) -> None:
    config = QUICK.replace(batching_strategy=BatchingStrategy.FIXED, max_batch_size=4)

    with InferenceOptimizer(echo, config) as engine:
        trace = run_closed_loop(engine, Workload(np.zeros(10)), 4, clients=kind, progress=False)

    assert len(trace) == 10
    assert trace.batches["size"].sum() == 10
    assert "flush" in set(trace.batches["reason"])


@pytest.mark.parametrize("kind", KINDS)
def test_run_goes_on_until_it_is_confident(kind: ClientKind) -> None:
    until = Confidence(percent=50, relative_width=10, within_s=PATIENCE_S)
    window = MeasuringWindow(warmup_requests=20)

    with InferenceOptimizer(echo, QUICK) as engine:
        trace = run_closed_loop(
            engine,
            Workload([0]),
            2,
            think_time_ms=1,
            clients=kind,
            progress=False,
            until=until,
            window=window,
        )

    assert trace.metadata["until"]["reached"] is True
    assert trace.metadata["n_submitted"] == len(trace) + 20
    assert len(trace) > 0


def test_too_few_clients_for_fixed_batches_are_refused() -> None:
    config = QUICK.replace(batching_strategy=BatchingStrategy.FIXED, max_batch_size=4)
    with (
        InferenceOptimizer(echo, config) as engine,
        pytest.raises(SettingError, match="n_clients is 1, but under FIXED"),
    ):
        run_single_stream(engine, Workload([0]), progress=False)


@pytest.mark.parametrize("kind", KINDS)
def test_interrupt_leaves_the_engine_as_it_was(kind: ClientKind) -> None:
    def interrupt(n_done: int, n_total: int) -> None:
        raise KeyboardInterrupt

    with InferenceOptimizer(echo, QUICK) as engine:
        with pytest.raises(KeyboardInterrupt):
            run_closed_loop(
                engine,
                Workload([0]),
                2,
                think_time_ms=1,
                clients=kind,
                duration_s=3600,
                progress=interrupt,
            )
        assert engine.infer(1).output == 1
        n_requests = engine.stats.total_requests
        for thread in threading.enumerate():
            if thread.name.startswith("client-"):
                thread.join(PATIENCE_S)
        assert engine.stats.total_requests - n_requests <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_run_works_where_an_event_loop_runs_already(kind: ClientKind) -> None:
    async def cell_of_a_notebook() -> int:
        with InferenceOptimizer(echo, QUICK) as engine:
            return len(
                run_closed_loop(engine, Workload(np.zeros(9)), 2, clients=kind, progress=False)
            )

    assert asyncio.run(cell_of_a_notebook()) == 9


@pytest.mark.parametrize("kind", KINDS)
def test_warm_up_is_left_out(kind: ClientKind) -> None:
    with InferenceOptimizer(echo, QUICK) as engine:
        trace = run_closed_loop(
            engine,
            Workload(np.zeros(50)),
            2,
            clients=kind,
            progress=False,
            window=MeasuringWindow(warmup_requests=10, cooldown_requests=5),
        )

    assert len(trace) == 35
    assert trace.metadata["measuring_window"]["n_warmup"] == 10
    assert trace.metadata["n_submitted"] == 50


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n_clients": 0}, "n_clients is 0"),
        ({"think_time_ms": -1}, "think_time_ms is -1"),
        ({"duration_s": 0}, "duration_s is 0"),
        ({"clients": "processes"}, "clients is 'processes'"),
    ],
)
def test_settings_outside_their_range_are_refused(settings: dict[str, Any], said: str) -> None:
    with InferenceOptimizer(echo, QUICK) as engine, pytest.raises(SettingError, match=said):
        run_closed_loop(engine, Workload([0]), **{"n_clients": 1, "progress": False, **settings})


def test_engine_that_is_not_started_is_refused() -> None:
    with pytest.raises(NotRunningError, match="with engine:"):
        run_closed_loop(InferenceOptimizer(echo), Workload([0]), 1, progress=False)
