"""A load that goes on and on, at a pace that can be changed."""

import threading
from collections.abc import Iterator

import pytest

from codomyrmex_lab.dashboards.paced_load import PacedLoad
from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig
from codomyrmex_lab.tracing import TraceRecorder
from codomyrmex_lab.workloads import Workload
from tests.dashboards.conftest import WAIT_S, double


class Counter:
    """Lets a test wait for a number of requests."""

    def __init__(self) -> None:
        self.seen = threading.Semaphore(0)

    def __call__(self, inputs: list[int]) -> list[int]:
        for _ in inputs:
            self.seen.release()
        return double(inputs)

    def wait(self, n: int) -> None:
        for _ in range(n):
            assert self.seen.acquire(timeout=WAIT_S)


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def engine(counter: Counter) -> Iterator[InferenceOptimizer]:
    with InferenceOptimizer(
        counter, OptimizationConfig(enable_caching=False, batch_timeout_ms=0.0)
    ) as engine:
        yield engine


def test_it_begins_anew_at_the_end_of_the_workload(
    engine: InferenceOptimizer, counter: Counter
) -> None:
    load = PacedLoad(engine, Workload([0.0, 0.001, 0.002]), pytest.fail)
    load.start()
    try:
        counter.wait(10)
    finally:
        load.close()
    assert not load.is_running


def test_latency_counts_from_due_times_at_the_speed(
    engine: InferenceOptimizer, counter: Counter
) -> None:
    recorder = TraceRecorder()
    engine.attach(recorder)
    load = PacedLoad(engine, Workload([0.0, 0.1, 0.2, 0.3]), pytest.fail)
    load.speed = 50.0
    assert load.rate_rps == pytest.approx(500)
    load.start()
    try:
        counter.wait(20)
    finally:
        load.close()
    gaps_s = recorder.trace().requests["arrival"].dt.total_seconds().diff().iloc[2:9]
    assert gaps_s.to_numpy() == pytest.approx(0.002, rel=0.01)


def test_a_change_of_speed_ends_a_long_wait(engine: InferenceOptimizer, counter: Counter) -> None:
    load = PacedLoad(engine, Workload([0.0, 3600.0, 3600.001]), pytest.fail)
    load.speed = 1e6
    load.start()
    counter.wait(1)
    load.speed = 1e-3  # the next request is due in weeks
    load.speed = 1e9
    try:
        counter.wait(2)
    finally:
        load.close()


def test_paused_it_offers_nothing_and_goes_on_afterwards(
    engine: InferenceOptimizer, counter: Counter
) -> None:
    load = PacedLoad(engine, Workload([0.0, 0.001]), pytest.fail)
    load.start()
    counter.wait(2)
    load.pause()
    assert not load.is_running
    load.start()
    try:
        counter.wait(2)
    finally:
        load.close()
    load.start()  # closed: nothing happens
    assert not load.is_running


def test_an_engine_that_is_stopped_elsewhere_ends_the_load_with_a_reason(counter: Counter) -> None:
    engine = InferenceOptimizer(counter)
    reasons: list[str] = []
    told = threading.Event()

    def note(reason: str) -> None:
        reasons.append(reason)
        told.set()

    load = PacedLoad(engine, Workload([0.0, 0.001]), note)
    load.start()
    assert told.wait(WAIT_S)
    load.close()
    assert "stopped elsewhere" in reasons[0]


def test_a_speed_of_zero_is_refused(engine: InferenceOptimizer) -> None:
    with pytest.raises(SettingError, match="speed"):
        PacedLoad(engine, Workload([0.0]), pytest.fail).speed = 0
