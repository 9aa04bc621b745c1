import threading
from typing import Any

import numpy as np
import pytest

from codomyrmex_lab.errors import SettingError, UnkeyableInputError
from codomyrmex_lab.optimization import BatchingStrategy, InferenceOptimizer, OptimizationConfig
from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.max_throughput import run_max_throughput

UNCACHED = OptimizationConfig(batch_timeout_ms=1, enable_caching=False, max_batch_size=4)


def echo(inputs: list[Any]) -> list[Any]:
    return inputs


def test_engine_never_lacks_work() -> None:
    """With two batches in flight per worker the next one is full when a batch ends."""
    pause = threading.Event()  # never set
    config = UNCACHED.replace(num_workers=2, batch_timeout_ms=1000)

    def model(inputs: list[int]) -> list[int]:
        pause.wait(0.003)
        return inputs

    with InferenceOptimizer(model, config) as engine:
        trace = run_max_throughput(engine, Workload(np.zeros(400)), progress=False)

    assert len(trace) == 400
    assert trace.results["error"].isna().all()
    assert trace.metadata["n_in_flight"] == 16
    assert trace.summary().mean_batch_size == 4
    assert trace.metadata["driver"] == "max throughput"


def test_requests_in_flight_are_bounded() -> None:
    config = UNCACHED.replace(num_workers=1, max_batch_size=64, batch_timeout_ms=0.2)

    with InferenceOptimizer(echo, config) as engine:
        trace = run_max_throughput(engine, Workload(np.zeros(200)), n_in_flight=3, progress=False)

    assert len(trace) == 200
    assert trace.batches["size"].max() <= 3


def test_bounded_queue_is_not_overrun() -> None:
    config = UNCACHED.replace(num_workers=2, max_queue_size=5)

    with InferenceOptimizer(echo, config) as engine:
        trace = run_max_throughput(engine, Workload(np.zeros(100)), progress=False)

    assert trace.metadata["n_in_flight"] == 5
    assert trace.results["error"].isna().all()


def test_run_repeats_the_workload_for_its_time() -> None:
    with InferenceOptimizer(echo, UNCACHED) as engine:
        trace = run_max_throughput(engine, Workload([0, 0]), duration_s=0.2, progress=False)

    assert len(trace) > 2
    assert trace.metadata["cancelled"] is False


def test_identical_requests_under_fixed_do_not_wait_for_ever() -> None:
    config = UNCACHED.replace(
        enable_caching=True, cache_max_size=1, batching_strategy=BatchingStrategy.FIXED
    )
    workload = Workload(np.zeros(40), keys=np.arange(40) % 3)

    with InferenceOptimizer(echo, config) as engine:
        trace = run_max_throughput(engine, workload, n_in_flight=4, duration_s=0.3, progress=False)

    assert trace.results["error"].isna().all()
    assert len(trace) > 3


def test_stopped_run_returns_what_was_sent() -> None:
    stop = threading.Event()

    def model(inputs: list[int]) -> list[int]:
        if 20 in inputs:
            stop.set()
        return inputs

    with InferenceOptimizer(model, UNCACHED) as engine:
        trace = run_max_throughput(engine, Workload(np.zeros(50_000)), progress=False, stop=stop)

    assert 20 <= len(trace) < 50_000
    assert trace.metadata["cancelled"] is True


def test_failing_model_is_recorded_and_not_raised() -> None:
    def model(inputs: list[int]) -> list[int]:
        if 3 in inputs:
            raise ValueError("three")
        return inputs

    with InferenceOptimizer(model, UNCACHED.replace(max_batch_size=1)) as engine:
        trace = run_max_throughput(engine, Workload(np.zeros(10)), progress=False)

    assert trace.results["error"].dropna().tolist() == ["ValueError: three"]


def test_unkeyable_payload_ends_the_run() -> None:
    workload = Workload(np.zeros(3), payloads=["a", "b", object()])
    config = UNCACHED.replace(enable_caching=True)
    with (
        InferenceOptimizer(echo, config) as engine,
        pytest.raises(UnkeyableInputError) as caught,
    ):
        run_max_throughput(engine, workload, progress=False)
    assert "after 2 requests" in caught.value.__notes__[0]


def test_settings_outside_their_range_are_refused() -> None:
    config = UNCACHED.replace(batching_strategy=BatchingStrategy.FIXED)
    with InferenceOptimizer(echo, config) as engine:
        with pytest.raises(SettingError, match="n_in_flight is 0"):
            run_max_throughput(engine, Workload([0]), n_in_flight=0)
        with pytest.raises(SettingError, match="n_in_flight is 3, but under FIXED"):
            run_max_throughput(engine, Workload([0]), n_in_flight=3)
