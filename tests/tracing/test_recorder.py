import threading
from typing import Any

import numpy as np
import pytest

from codomyrmex_lab.errors import DrainTimeoutError, SettingError, TraceError
from codomyrmex_lab.optimization import (
    BatchingStrategy,
    CloseReason,
    InferenceOptimizer,
    OptimizationConfig,
)
from codomyrmex_lab.tracing import TraceRecorder

from .conftest import MakeBatch, MakeRequest

MS = 1_000_000


def test_computed_request_counts_from_its_arrival(
    make_batch: MakeBatch, make_request: MakeRequest
) -> None:
    recorder = TraceRecorder()
    requests = [make_request(7, 10 * MS, priority=3), make_request(8, 12 * MS)]
    recorder.on_batch(
        make_batch(4, requests, 15 * MS, 40 * MS, reason=CloseReason.TIMEOUT, worker=2)
    )

    trace = recorder.trace()

    frame = trace.frame()
    assert frame["id"].tolist() == [7, 8]
    assert frame["priority"].tolist() == [3, 0]
    assert frame["latency_ms"].tolist() == [30, 28]
    assert frame["queue_ms"].tolist() == [5, 3]
    assert frame["service_ms"].tolist() == [25, 25]
    assert frame["batch_id"].tolist() == [4, 4]
    assert frame["batch_size"].tolist() == [2, 2]
    assert frame["key"].isna().all()
    assert frame["error"].isna().all()
    assert trace.origin_ns == 10 * MS
    (batch,) = trace.batches.itertuples(index=False)
    assert (batch.batch_id, batch.size, batch.reason, batch.worker) == (4, 2, "timeout", 2)
    assert (batch.start.total_seconds(), batch.service_ms) == (0.005, 25)


def test_joined_request_starts_with_its_batch_or_when_it_arrives(
    make_batch: MakeBatch, make_request: MakeRequest
) -> None:
    recorder = TraceRecorder()
    early, late = make_request(1, 12 * MS, key="a"), make_request(2, 20 * MS, key="a")
    leader = make_request(0, 10 * MS, key="a", joined=(early, late))
    recorder.on_batch(make_batch(0, [leader], 15 * MS, 40 * MS))

    trace = recorder.trace()

    frame = trace.frame()
    assert frame["joined"].tolist() == [False, True, True]
    assert frame["queue_ms"].tolist() == [5, 3, 0]
    assert frame["service_ms"].tolist() == [25, 25, 20]
    assert frame["batch_size"].tolist() == [1, 1, 1]
    assert frame["key"].nunique() == 1
    assert trace.batches["size"].tolist() == [1]


def test_cache_hit_has_no_batch_and_no_service_time() -> None:
    recorder = TraceRecorder()
    recorder.on_cache_hit(5, 1, "key", 10 * MS, 11 * MS)

    (row,) = recorder.trace().frame().itertuples(index=False)

    assert (row.from_cache, row.joined, row.priority) == (True, False, 1)
    assert (row.start, row.latency_ms, row.queue_ms, row.service_ms) == (row.end, 1, 1, 0)
    assert row.key == hash("key")
    assert recorder.trace().frame()[["batch_id", "batch_size"]].isna().all(axis=None)


def test_unserved_request_has_an_error_and_no_start(make_request: MakeRequest) -> None:
    recorder = TraceRecorder()
    recorder.on_unserved(make_request(1, 10 * MS, key="a"), 30 * MS, DrainTimeoutError("late"))

    frame = recorder.trace().frame()

    assert frame["error"].tolist() == ["DrainTimeoutError: late"]
    assert frame["latency_ms"].tolist() == [20]
    assert frame["key"].notna().all()
    assert frame[["start", "queue_ms", "service_ms", "batch_id"]].isna().all(axis=None)


def test_error_of_a_batch_is_that_of_all_its_requests(
    make_batch: MakeBatch, make_request: MakeRequest
) -> None:
    recorder = TraceRecorder()
    failed = [
        make_request(0, 0),
        make_request(1, 1, key="a", joined=(make_request(2, 2, key="a"),)),
    ]
    recorder.on_batch(make_batch(0, failed, 5, 6, error=ValueError("no such token")))
    recorder.on_batch(make_batch(1, [make_request(3, 3)], 7, 8))

    trace = recorder.trace()

    assert trace.results["error"].tolist()[:3] == ["ValueError: no such token"] * 3
    assert trace.results["error"].isna().tolist() == [False, False, False, True]
    assert trace.batches["error"].isna().tolist() == [False, True]
    assert trace.summary().n_errors == 3


@pytest.mark.parametrize("payloads", [False, True])
def test_only_those_whose_deadline_was_before_the_end_of_their_batch_are_late(
    make_batch: MakeBatch, make_request: MakeRequest, payloads: bool
) -> None:
    recorder = TraceRecorder(payloads=payloads)
    patient = make_request(3, 12 * MS, key="a", deadline_ns=41 * MS)
    hasty = make_request(2, 11 * MS, key="a", deadline_ns=39 * MS)
    leader = make_request(1, 10 * MS, key="a", deadline_ns=40 * MS, joined=(hasty, patient))
    alone = make_request(4, 13 * MS, deadline_ns=20 * MS)
    in_time = make_request(5, 14 * MS, deadline_ns=60 * MS)
    recorder.on_batch(make_batch(0, [leader, alone], 15 * MS, 40 * MS))
    recorder.on_batch(
        make_batch(1, [make_request(6, 15 * MS, deadline_ns=16 * MS)], 40 * MS, 50 * MS)
    )
    recorder.on_batch(make_batch(2, [in_time], 50 * MS, 60 * MS))

    trace = recorder.trace()

    frame = trace.frame().set_index("id")
    late = frame.index[frame["error"].notna()]
    assert late.tolist() == [2, 4, 6]
    assert frame["error"].dropna().str.startswith("DeadlineExceededError: The deadline").all()
    assert frame["batch_id"].tolist() == [0, 0, 0, 0, 2, 1]
    assert trace.batches["error"].isna().all()
    assert trace.summary().n_errors == 3
    assert recorder.window(1e9).throughput_rps == pytest.approx(3 / 1e9)


def test_frames_are_in_the_order_of_arrival(
    make_batch: MakeBatch, make_request: MakeRequest
) -> None:
    recorder = TraceRecorder()
    recorder.on_batch(make_batch(0, [make_request(9, 50)], 60, 70))
    recorder.on_cache_hit(3, 0, "key", 40, 41)
    recorder.on_batch(make_batch(1, [make_request(1, 20), make_request(2, 45)], 80, 90))

    trace = recorder.trace()

    assert trace.requests["id"].tolist() == [1, 3, 2, 9]
    assert trace.results["id"].tolist() == [1, 3, 2, 9]
    assert trace.results["batch_id"].astype(object).tolist()[2:] == [1, 0]


def test_trace_does_not_change_when_more_is_recorded() -> None:
    recorder = TraceRecorder()
    recorder.on_cache_hit(0, 0, "key", 0, 1)
    before = recorder.trace()
    recorder.on_cache_hit(1, 0, "key", 2, 3)

    assert len(before) == 1
    assert len(before.frame()) == 1
    assert len(recorder.trace()) == len(recorder) == 2


def test_clear_forgets_everything(make_batch: MakeBatch, make_request: MakeRequest) -> None:
    recorder = TraceRecorder()
    recorder.on_cache_hit(0, 0, "key", 0, 1)
    recorder.on_unserved(make_request(1, 0), 1, ValueError("x"))
    recorder.on_batch(make_batch(0, [make_request(2, 0)], 1, 2))

    recorder.clear()

    assert len(recorder) == 0
    assert len(recorder.trace()) == 0
    assert recorder.trace().batches.empty


@pytest.mark.parametrize("tick", [1.5, 2**70])
def test_event_that_is_no_integers_is_named_and_costs_only_itself(tick: int) -> None:
    recorder = TraceRecorder()
    recorder.on_cache_hit(0, 0, "key", 1, 2)
    recorder.on_cache_hit(1, 0, "key", tick, 2)
    recorder.on_cache_hit(2, 0, "key", 3, 4)

    with pytest.raises(TraceError, match="1 record was dropped, first that of request or batch 1"):
        recorder.trace()
    assert recorder.trace().requests["id"].tolist() == [0, 2]


def test_batch_with_one_bad_request_keeps_the_others(
    make_batch: MakeBatch, make_request: MakeRequest
) -> None:
    recorder = TraceRecorder()
    bad = make_request(1, 2.5)  # type: ignore[arg-type]
    recorder.on_batch(make_batch(0, [make_request(0, 1), bad, make_request(2, 3)], 4, 5))
    recorder.on_batch(make_batch(7, [make_request(3, 2.5)], 8, 9))  # type: ignore[arg-type]

    with pytest.raises(TraceError, match="2 records were dropped, first that of request or batch"):
        recorder.trace()
    assert recorder.trace().requests["id"].tolist() == [0, 2]


@pytest.mark.parametrize("other", [{"spill_to": "run"}, {"payloads": True}])
def test_latest_records_alone_go_without_folder_and_payloads(other: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="latest_only keeps no folder and no payloads"):
        TraceRecorder(latest_only=True, **other)


def test_unhashable_key_leaves_no_half_row() -> None:
    recorder = TraceRecorder()
    with pytest.raises(TypeError):
        recorder.on_cache_hit(0, 0, ["key"], 1, 2)

    assert len(recorder) == 0


@pytest.mark.parametrize("priority", [-(2**31), -1, 0, 1, 2**31 - 1])
def test_any_priority_comes_back(
    make_batch: MakeBatch, make_request: MakeRequest, priority: int
) -> None:
    recorder = TraceRecorder()
    recorder.on_cache_hit(0, priority, "key", 0, 9)
    recorder.on_unserved(make_request(1, 1, priority=priority), 9, ValueError("x"))
    recorder.on_batch(make_batch(0, [make_request(2, 2, priority=priority)], 3, 4))

    frame = recorder.trace().frame()

    assert frame["priority"].tolist() == [priority] * 3
    assert frame["error"].isna().tolist() == [True, False, True]


def test_many_records_come_back_as_they_went_in(
    make_batch: MakeBatch, make_request: MakeRequest
) -> None:
    recorder = TraceRecorder()
    reasons = list(CloseReason)
    for batch in range(1500):
        first, n = 10 * batch, 1 + batch % 5
        requests = [make_request(first + i, first + i, key=("k", i)) for i in range(n)]
        error = ValueError(str(batch % 3)) if batch % 7 == 0 else None
        recorder.on_batch(
            make_batch(
                batch, requests, first + 20, first + 30, reason=reasons[batch % 6], error=error
            )
        )
        recorder.on_cache_hit(first + 9, 0, ("k", 0), first + 9, first + 9)

    trace = recorder.trace()

    assert len(recorder) == len(trace) == 1500 * (3 + 1)
    batches = trace.batches
    assert batches["size"].tolist() == [1 + batch % 5 for batch in range(1500)]
    assert batches["reason"].tolist() == [reasons[batch % 6].value for batch in range(1500)]
    assert batches["error"].isna().tolist() == [batch % 7 != 0 for batch in range(1500)]
    frame = trace.frame()
    computed = frame[~frame["from_cache"]]
    assert (computed["id"] // 10 == computed["batch_id"]).all()
    messages = [f"ValueError: {batch % 3}" for batch in range(0, 1500, 7)]
    assert batches["error"].dropna().tolist() == messages


def test_metadata_are_passed_on() -> None:
    trace = TraceRecorder({"model": "digits"}).trace({"speed": 2})

    assert trace.metadata == {"simulated": False, "model": "digits", "speed": 2}


def test_several_threads_lose_nothing(make_batch: MakeBatch, make_request: MakeRequest) -> None:
    recorder = TraceRecorder()
    n_threads, n_batches = 4, 200

    def record(thread: int) -> None:
        for number in range(n_batches):
            batch = thread * n_batches + number
            ids = range(4 * batch, 4 * batch + 3)
            recorder.on_batch(make_batch(batch, [make_request(id, id) for id in ids], batch, batch))
            recorder.on_cache_hit(4 * batch + 3, 0, "key", 4 * batch + 3, 4 * batch + 3)

    threads = [threading.Thread(target=record, args=(i,)) for i in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    frame = recorder.trace().frame()
    assert frame["id"].tolist() == list(range(4 * n_threads * n_batches))
    computed = frame[~frame["from_cache"]]
    assert (computed["batch_id"] == computed["id"] // 4).all()


def test_trace_agrees_with_the_engine_that_it_observed() -> None:
    def model(inputs: list[int]) -> list[int]:
        if 13 in inputs:
            raise ValueError("thirteen")
        return inputs

    recorder = TraceRecorder()
    config = OptimizationConfig(max_batch_size=4, batch_timeout_ms=1, num_workers=2)
    engine = InferenceOptimizer(model, config, observer=recorder)
    results = []
    for _ in range(2):  # two lives of one engine
        with engine:
            futures = [engine.submit(i % 40, use_cache=i % 3 > 0) for i in range(300)]
            results += [f.result() for f in futures if f.exception() is None]
            engine.infer_batch([1000, 1001, 1])
    results.append(engine.infer(2000))

    trace, stats = recorder.trace(), engine.stats

    frame, summary = trace.frame(), trace.summary()
    assert len(trace) == stats.total_requests == 2 * 303 + 1
    assert frame["id"].is_unique
    assert summary.cache_hit_rate == stats.cache_hit_rate
    assert len(trace.batches) == stats.total_batches
    assert summary.mean_batch_size == pytest.approx(stats.avg_batch_size)
    assert frame["latency_ms"].mean() == pytest.approx(stats.avg_latency_ms)
    assert set(frame["error"].dropna()) == {"ValueError: thirteen"}
    by_id = frame.set_index("id")
    for result in results:
        row = by_id.loc[result.request_id]
        assert row["latency_ms"] == result.latency_ms
        assert row["from_cache"] == result.from_cache
        assert row["joined"] == result.joined
    assert np.allclose(frame["queue_ms"] + frame["service_ms"], frame["latency_ms"])
    direct = trace.batches[trace.batches["reason"] == "direct"]
    assert (direct["worker"] == -1).all()
    assert len(direct) == 2


def test_requests_that_outlive_the_drain_time_are_recorded() -> None:
    release = threading.Event()

    def model(inputs: list[int]) -> list[int]:
        release.wait(20)
        return inputs

    recorder = TraceRecorder()
    config = OptimizationConfig(
        max_batch_size=1, num_workers=1, batching_strategy=BatchingStrategy.FIXED
    )
    engine = InferenceOptimizer(model, config, observer=recorder)
    engine.start()
    futures = [engine.submit(i) for i in range(3)]
    engine.stop(drain_timeout_s=0.0)
    release.set()

    assert all(future.done() for future in futures)
    errors = recorder.trace().results["error"]
    assert len(errors) == 3
    assert errors.str.startswith("DrainTimeoutError: ").all()


def test_latest_only_keeps_a_bounded_number_of_records() -> None:
    recorder = TraceRecorder(latest_only=True)
    n = 700 * 1024
    for number in range(n):
        recorder.on_cache_hit(number, 0, "key", number, number + 1)
    trace = recorder.trace()
    assert len(recorder) == n
    assert 400_000 < len(trace) < n
    assert trace.requests["id"].max() == n - 1
    assert recorder.window(1).n_requests == 0


def test_latest_only_keeps_a_bounded_number_of_messages(make_request: MakeRequest) -> None:
    recorder = TraceRecorder(latest_only=True)
    for number in range(1_200):
        recorder.on_unserved(make_request(number, 0), 1, ValueError(f"request {number}"))
    assert recorder.trace().results["error"].nunique() == 1_000
