import gc
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomyrmex_lab.errors import (
    LateDriverWarning,
    NotRunningError,
    SettingError,
    UnkeyableInputError,
    WorkloadError,
)
from codomyrmex_lab.optimization import (
    BatchingStrategy,
    EngineObserver,
    InferenceOptimizer,
    OptimizationConfig,
    QueueFullAction,
)
from codomyrmex_lab.tracing import Trace, TraceRecorder
from codomyrmex_lab.workloads import Workload, Zipf, replay
from codomyrmex_lab.workloads.confidence import Confidence
from codomyrmex_lab.workloads.measuring_window import MeasuringWindow

PATIENCE_S = 20.0
QUICK = OptimizationConfig(batch_timeout_ms=1)
UNCACHED = QUICK.replace(enable_caching=False)


def echo(inputs: list[Any]) -> list[Any]:
    return inputs


def arrivals_ns(trace: Trace) -> np.ndarray:
    return trace.requests["arrival"].to_numpy().astype(np.int64)


def on_submit(act: Callable[[Any], object]) -> Callable[[Any], Any]:
    """Return a key function that acts in the driver, just when a payload is submitted."""

    def key(payload: Any) -> Any:
        act(payload)
        return payload

    return key


class WatchedEngine(InferenceOptimizer):
    """Counts the observers that are attached."""

    n_observers = 0

    def attach(self, observer: EngineObserver) -> None:
        self.n_observers += 1
        super().attach(observer)

    def detach(self, observer: EngineObserver) -> None:
        self.n_observers -= 1
        super().detach(observer)


@pytest.fixture(scope="module")
def production(shared_data: Path) -> Workload:
    path = shared_data / "AzureLLMInferenceTrace_conv.csv"
    payloads = [f"prompt {i}" for i in range(3000)]
    return Workload.from_csv(path, arrival="TIMESTAMP").with_payloads(payloads, keys=Zipf(1.1))


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(0, 0.05), min_size=1, max_size=40).map(sorted),
    st.sampled_from([1.0, 2.5, 10]),
    st.sampled_from(list(BatchingStrategy)),
    st.integers(1, 5),
)
def test_every_request_is_answered_once_and_was_due_as_the_workload_says(
    arrival_s: list[float], speed: float, strategy: BatchingStrategy, max_batch_size: int
) -> None:
    workload = Workload(arrival_s, priorities=np.arange(len(arrival_s)) % 3)
    config = QUICK.replace(batching_strategy=strategy, max_batch_size=max_batch_size)

    with InferenceOptimizer(echo, config) as engine:
        trace = replay(engine, workload, speed, progress=False)

    expected_ns = (workload.arrival_s - workload.arrival_s[0]) / speed * 1e9
    assert np.abs(arrivals_ns(trace) - expected_ns).max() <= 1
    assert trace.requests["id"].is_unique
    assert sorted(trace.requests["priority"]) == sorted(workload.priorities)
    assert trace.results["error"].isna().all()
    assert trace.summary().n_requests == len(workload)


def test_first_requests_of_a_production_trace_keep_their_times(production: Workload) -> None:
    workload, speed = production.head(2000), 240

    with InferenceOptimizer(echo, QUICK) as engine:
        trace = replay(engine, workload, speed, progress=False)

    assert np.abs(arrivals_ns(trace) / 1e9 - workload.arrival_s / speed).max() < 1e-6
    assert len(trace) == 2000
    assert trace.results["error"].isna().all()
    assert trace.requests["key"].nunique() == workload.n_keys
    assert trace.summary().cache_hit_rate > 0.5


def test_whole_production_trace_is_answered(production: Workload) -> None:
    with InferenceOptimizer(echo, QUICK) as engine:
        trace = replay(engine, production, speed=1200, progress=False)
        stats = engine.stats

    assert np.abs(arrivals_ns(trace) / 1e9 - production.arrival_s / 1200).max() < 1e-6
    assert len(trace) == stats.total_requests == 19_366
    assert trace.results["error"].isna().all()
    assert trace.summary().cache_hit_rate == stats.cache_hit_rate
    assert trace.metadata["n_submitted"] == 19_366


def test_stall_of_the_model_is_in_the_latencies() -> None:
    """No coordinated omission: who was due during the stall waited from then on."""
    n, n_stalled = 60, 40
    release = threading.Event()

    def model(inputs: list[int]) -> list[int]:
        assert release.wait(PATIENCE_S)
        return inputs

    key_fn = on_submit(lambda payload: release.set() if payload == n_stalled else None)
    config = QUICK.replace(num_workers=1, max_batch_size=1)
    workload = Workload(np.arange(n) * 0.001)

    with InferenceOptimizer(model, config, key_fn=key_fn) as engine:
        trace = replay(engine, workload, progress=False)

    frame = trace.frame()
    arrival_ms = frame["arrival"].dt.total_seconds() * 1e3
    stalled = frame.index < n_stalled
    until_release_ms = arrival_ms[n_stalled] - arrival_ms[stalled]
    assert (frame.loc[stalled, "latency_ms"] >= until_release_ms).all()
    assert trace.summary().p99_ms >= np.percentile(until_release_ms, 98)


def test_stall_of_the_driver_is_in_the_latencies_and_in_its_lateness() -> None:
    stall_ms = 30.0
    pause = threading.Event()  # never set
    key_fn = on_submit(lambda payload: pause.wait(stall_ms / 1e3) if payload == 0 else None)
    workload = Workload(np.arange(20) * 0.001)

    with InferenceOptimizer(echo, QUICK, key_fn=key_fn) as engine:
        trace = replay(engine, workload, progress=False)

    assert (np.diff(arrivals_ns(trace)) == 1_000_000).all()
    assert trace.metadata["lateness_ms"]["max"] >= stall_ms - 1
    assert (trace.results["latency_ms"] >= stall_ms - np.arange(20)).all()


def test_production_trace_at_60_times_its_speed_is_sent_when_due(production: Workload) -> None:
    """What the trace calls arrival is the file's time; the lateness says when it was sent."""
    speed = 60
    workload = production.head(int((production.arrival_s < 120).sum()))
    sent_ns: list[int] = []
    key_fn = on_submit(lambda payload: sent_ns.append(time.perf_counter_ns()))

    with InferenceOptimizer(echo, QUICK, key_fn=key_fn) as engine:
        trace = replay(engine, workload, speed, progress=False)

    assert len(trace) == len(workload) > 300
    assert np.abs(arrivals_ns(trace) - workload.arrival_s / speed * 1e9).max() <= 1
    late_ms = (np.array(sent_ns) - trace.origin_ns - arrivals_ns(trace)) / 1e6
    stated_ms = trace.metadata["lateness_ms"]
    assert (late_ms >= 0).all()
    for name, percent in [("p50", 50), ("p99", 99), ("max", 100)]:
        assert 0 <= stated_ms[name] <= np.percentile(late_ms, percent)


def test_late_driver_is_warned_of() -> None:
    pause = threading.Event()  # never set
    key_fn = on_submit(lambda payload: pause.wait(0.03) if payload == 0 else None)

    with (
        InferenceOptimizer(echo, QUICK, key_fn=key_fn) as engine,
        pytest.warns(LateDriverWarning, match="Offer fewer requests per second") as caught,
    ):
        replay(engine, Workload(np.arange(20) * 0.001), progress=False)

    assert caught[0].filename == __file__


def test_requests_that_a_full_queue_turns_away_are_recorded() -> None:
    config = UNCACHED.replace(
        max_queue_size=1, queue_full=QueueFullAction.REJECT, max_batch_size=1, num_workers=1
    )
    release = threading.Event()
    key_fn = on_submit(lambda payload: release.set() if payload == 19 else None)

    def model(inputs: list[int]) -> list[int]:
        assert release.wait(PATIENCE_S)
        return inputs

    config = config.replace(enable_caching=True)
    with InferenceOptimizer(model, config, key_fn=key_fn) as engine:
        trace = replay(engine, Workload(np.zeros(20)), progress=False)

    errors = trace.results["error"].dropna()
    assert len(trace) == 20
    assert 17 <= len(errors) < 20
    assert errors.str.startswith("QueueFullError").all()


def with_timeouts(timeouts_ms: list[float]) -> Workload:
    columns = pd.DataFrame({"timeout_ms": timeouts_ms})
    return Workload(np.arange(len(timeouts_ms)) * 1e-4, columns=columns)


def test_requests_have_the_deadlines_of_the_workload() -> None:
    workload = with_timeouts([math.nan, 1e-3, 60_000.0])
    with InferenceOptimizer(echo, UNCACHED) as engine:
        trace = replay(engine, workload, progress=False)
        assert engine.stats.expired_requests == 1
    error = trace.results["error"]
    assert error.notna().tolist() == [False, True, False]
    assert error.dropna().str.startswith("DeadlineExceededError").all()


def test_request_whose_deadline_comes_before_a_place_is_recorded() -> None:
    config = UNCACHED.replace(max_queue_size=1, max_batch_size=1, num_workers=1)
    gave_up = threading.Event()

    class Watcher(TraceRecorder):
        def on_unserved(self, *event: Any) -> None:
            super().on_unserved(*event)
            gave_up.set()

    def model(inputs: list[int]) -> list[int]:
        assert gave_up.wait(PATIENCE_S)
        return inputs

    with InferenceOptimizer(model, config, observer=Watcher()) as engine:
        trace = replay(engine, with_timeouts([math.nan, math.nan, 1.0, 1.0]), progress=False)
    error = trace.results["error"]
    assert len(trace) == 4
    assert error.dropna().str.startswith("DeadlineExceededError").all()
    assert 1 <= error.notna().sum() <= 2


@pytest.mark.parametrize("timeout_ms", [0.0, -1.0, math.inf])
def test_deadline_that_is_none_is_refused(timeout_ms: float) -> None:
    with (
        InferenceOptimizer(echo, UNCACHED) as engine,
        pytest.raises(WorkloadError, match="ms above"),
    ):
        replay(engine, with_timeouts([1.0, timeout_ms]), progress=False)


def test_warm_up_and_cool_down_are_left_out() -> None:
    window = MeasuringWindow(warmup_s=0.01, cooldown_requests=5)

    with InferenceOptimizer(echo, QUICK) as engine:
        trace = replay(engine, Workload(np.arange(40) * 0.001), progress=False, window=window)

    assert len(trace) == 25
    assert trace.summary().n_requests == 25
    assert trace.metadata["measuring_window"]["n_warmup"] == 10
    assert trace.metadata["measuring_window"]["n_cooldown"] == 5


def test_replay_goes_on_until_it_is_confident() -> None:
    until = Confidence(percent=50, relative_width=10, within_s=PATIENCE_S)

    with InferenceOptimizer(echo, UNCACHED) as engine:
        trace = replay(engine, Workload(np.arange(5) * 0.001), progress=False, until=until)

    verdict = trace.metadata["until"]
    assert verdict["reached"] is True
    assert verdict["ci_high_ms"] - verdict["ci_low_ms"] <= 10 * verdict["value_ms"]
    assert len(trace) > 5
    assert trace.metadata["cancelled"] is False
    gaps_ns = np.diff(arrivals_ns(trace))
    assert np.abs(gaps_ns - 1_000_000).max() <= 1  # the repetitions follow without a seam


def test_replay_that_is_not_confident_in_its_time_says_so() -> None:
    until = Confidence(relative_width=1e-6, within_s=0.2)

    with InferenceOptimizer(echo, UNCACHED) as engine:
        trace = replay(engine, Workload(np.arange(5) * 0.001), progress=False, until=until)

    assert trace.metadata["until"]["reached"] is False
    assert len(trace) > 5


def test_workload_that_takes_no_time_cannot_be_repeated() -> None:
    with (
        InferenceOptimizer(echo, QUICK) as engine,
        pytest.raises(SettingError, match="all its requests are due at once"),
    ):
        replay(engine, Workload([0, 0]), progress=False, until=Confidence())


def test_answers_are_not_waited_for() -> None:
    """The model answers nothing before the last request is submitted."""
    release = threading.Event()

    def model(inputs: list[int]) -> list[int]:
        assert release.wait(PATIENCE_S)
        return inputs

    key_fn = on_submit(lambda payload: release.set() if payload == 49 else None)
    with InferenceOptimizer(model, QUICK.replace(max_batch_size=4), key_fn=key_fn) as engine:
        trace = replay(engine, Workload(np.zeros(50)), progress=False)

    assert len(trace) == 50
    assert trace.results["error"].isna().all()


def test_partial_batch_leaves_at_the_end() -> None:
    config = UNCACHED.replace(batching_strategy=BatchingStrategy.FIXED, max_batch_size=8)

    with InferenceOptimizer(echo, config) as engine:
        trace = replay(engine, Workload(np.zeros(20)), progress=False)

    assert trace.batches["size"].tolist() == [8, 8, 4]
    assert trace.batches["reason"].tolist() == ["full", "full", "flush"]


def test_stopped_replay_returns_what_was_submitted() -> None:
    stop = threading.Event()

    def model(inputs: list[int]) -> list[int]:
        assert stop.wait(PATIENCE_S)  # nothing is answered before the replay is stopped
        return inputs

    key_fn = on_submit(lambda payload: stop.set() if payload == 20 else None)
    with WatchedEngine(model, QUICK, key_fn=key_fn) as engine:
        trace = replay(engine, Workload(np.zeros(100)), progress=False, stop=stop)
        assert engine.n_observers == 0
        assert engine.infer(5).output == 5

    assert len(trace) == 21
    assert trace.results["error"].isna().all()
    assert trace.metadata["n_submitted"] == 21
    assert trace.metadata["cancelled"] is True


def test_replay_stops_while_it_waits_for_a_due_time() -> None:
    stop = threading.Event()

    def when_one_is_answered(n_done: int, n_total: int) -> None:
        if n_done == 1:
            stop.set()

    with InferenceOptimizer(echo, QUICK) as engine:
        trace = replay(engine, Workload([0, 3600]), progress=when_one_is_answered, stop=stop)

    assert len(trace) == 1


def test_replay_that_is_stopped_before_it_begins_is_empty() -> None:
    stop = threading.Event()
    stop.set()

    with InferenceOptimizer(echo, QUICK) as engine:
        trace = replay(engine, Workload([0, 1]), progress=False, stop=stop)

    assert len(trace) == 0
    assert trace.metadata["cancelled"] is True
    assert math.isnan(trace.metadata["lateness_ms"]["max"])


def test_failing_model_is_recorded_and_not_raised() -> None:
    def model(inputs: list[int]) -> list[int]:
        if 3 in inputs:
            raise ValueError("three")
        return inputs[:-1] if 5 in inputs else inputs

    config = UNCACHED.replace(max_batch_size=1)
    with InferenceOptimizer(model, config) as engine:
        trace = replay(engine, Workload(np.zeros(8)), progress=False)

    errors = trace.results.set_index("id")["error"]
    assert errors[3] == "ValueError: three"
    assert errors[5].startswith("OutputCountError: The batch function returned 0 outputs for 1")
    assert trace.summary().n_errors == 2
    assert trace.batches["error"].notna().sum() == 2


def test_unkeyable_payload_ends_the_replay_after_the_others_are_answered() -> None:
    recorder = TraceRecorder()
    workload = Workload(np.zeros(5), payloads=["a", "b", "c", object(), "d"])

    with WatchedEngine(echo, QUICK, observer=recorder) as engine:
        with pytest.raises(UnkeyableInputError, match="key_fn") as caught:
            replay(engine, workload, progress=False)
        assert engine.n_observers == 0
        assert recorder.trace().summary().n_requests == 3
        assert engine.infer("a").from_cache

    assert caught.value.__notes__ == [
        "The replay ended at request 3 (counting from 0) of 5; those before it are answered."
    ]


def test_engine_stopped_meanwhile_ends_the_replay() -> None:
    recorder = TraceRecorder()
    engine = WatchedEngine(
        echo,
        QUICK,
        observer=recorder,
        key_fn=on_submit(lambda payload: engine.stop() if payload == 3 else None),
    )
    with engine, pytest.raises(NotRunningError):
        replay(engine, Workload(np.zeros(9)), progress=False)

    assert engine.n_observers == 0
    answered = recorder.trace().results["error"].isna()
    assert answered.tolist()[:3] == [True, True, True]


def test_interrupt_leaves_the_engine_as_it_was() -> None:
    def interrupt(payload: int) -> None:
        if payload == 3:
            raise KeyboardInterrupt

    with WatchedEngine(echo, QUICK, key_fn=on_submit(interrupt)) as engine:
        with pytest.raises(KeyboardInterrupt):
            replay(engine, Workload(np.zeros(9)), progress=False)
        assert engine.n_observers == 0
        assert engine.infer(1).output == 1


def test_requests_of_others_are_not_in_the_trace() -> None:
    def model(inputs: list[Any]) -> list[Any]:
        if "bad" in inputs or 7 in inputs:
            raise ValueError("bad")
        return inputs

    others = []

    def serve_others(payload: Any) -> None:
        if payload == 5:
            others.extend(engine.submit(other) for other in ("other", "bad", "other"))

    config = QUICK.replace(max_batch_size=1)
    engine = InferenceOptimizer(model, config, key_fn=on_submit(serve_others))
    with engine:
        trace = replay(engine, Workload(np.arange(20) * 1e-4), progress=False)

    assert len(others) == 3
    assert len(trace) == 20
    other_ids = {other.result().request_id for other in others if other.exception() is None}
    assert other_ids.isdisjoint(trace.requests["id"])
    assert trace.summary().n_errors == 1
    assert (np.diff(arrivals_ns(trace)) == 100_000).all()


def test_second_replay_has_a_trace_of_its_own() -> None:
    workload = Workload(np.arange(10) * 1e-3)

    with InferenceOptimizer(echo, QUICK) as engine:
        first = replay(engine, workload, progress=False)
        second = replay(engine, workload, progress=False)

    assert first.summary().cache_hit_rate == 0
    assert second.summary().cache_hit_rate == 1
    assert len(second) == 10
    assert set(first.requests["id"]).isdisjoint(second.requests["id"])


def test_recorder_and_replay_see_the_same() -> None:
    recorder = TraceRecorder()
    with InferenceOptimizer(echo, QUICK.replace(num_workers=1), observer=recorder) as engine:
        trace = replay(engine, Workload.poisson(5000, 200), progress=False)

    assert recorder.trace().frame().equals(trace.frame())
    assert recorder.trace().batches.equals(trace.batches)


def test_metadata_say_how_the_run_came_about() -> None:
    with InferenceOptimizer(echo, QUICK) as engine:
        trace = replay(engine, Workload([0, 0.01], keys=[1, 1]), speed=2, progress=False)

    lateness_ms = trace.metadata.pop("lateness_ms")
    workload = trace.metadata.pop("workload")
    assert trace.metadata == {
        "simulated": False,
        "driver": "open loop",
        "speed": 2,
        "config": QUICK,
        "model": f"{__name__}.echo",
        "n_submitted": 2,
        "cancelled": False,
    }
    assert workload["n_requests"] == 2
    assert workload["n_keys"] == 1
    assert 0 <= lateness_ms["p50"] <= lateness_ms["p99"] <= lateness_ms["max"]


def test_progress_ends_with_everything_answered() -> None:
    seen: list[tuple[int, int]] = []

    with InferenceOptimizer(echo, QUICK) as engine:
        replay(engine, Workload(np.zeros(300)), progress=lambda *told: seen.append(told))

    assert seen[-1] == (300, 300)
    assert sorted(seen) == seen
    assert len(seen) < 300


def test_bar_counts_the_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with InferenceOptimizer(echo, QUICK) as engine:
        replay(engine, Workload(np.zeros(30)))

    assert "30/30" in capsys.readouterr().err


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf"), "fast", True])
def test_speed_outside_its_range_is_refused(speed: float) -> None:
    with InferenceOptimizer(echo, QUICK) as engine, pytest.raises(SettingError, match="speed is"):
        replay(engine, Workload([0]), speed=speed, progress=False)


def test_engine_that_is_not_started_is_refused() -> None:
    with pytest.raises(NotRunningError, match="with engine:"):
        replay(InferenceOptimizer(echo), Workload([0]), progress=False)


def test_garbage_of_before_is_left_alone_while_requests_are_measured():
    frozen = []
    note = on_submit(lambda payload: frozen.append(gc.get_freeze_count() > 0))
    with InferenceOptimizer(echo, QUICK, key_fn=note) as engine:
        replay(engine, Workload([0.0, 0.001]), progress=False)
    assert frozen == [True, True]
    assert gc.get_freeze_count() == 0
