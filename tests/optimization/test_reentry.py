"""A model, or an observer, that calls back into the engine that runs it."""

import threading

import pytest

from codomyrmex_lab.errors import DrainTimeoutError
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig, RequestBatcher

PATIENCE_S = 20.0
ONE_BY_ONE = OptimizationConfig(batch_timeout_ms=0.0, max_batch_size=1, num_workers=1)


class Observer:
    """Does something when it is told of a batch, or of a request that was not served."""

    def __init__(self, on_batch=lambda: None, on_unserved=lambda: None):
        self._on_batch, self._on_unserved = on_batch, on_unserved

    def on_batch(self, batch):
        self._on_batch()

    def on_unserved(self, request, end_ns, error):
        self._on_unserved()

    def on_cache_hit(self, *event):
        raise AssertionError("nothing was asked twice")


def ends(function):
    """Tell whether a call that might deadlock comes back."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    return not thread.is_alive()


def test_an_observer_may_reconfigure_the_engine_at_every_batch():
    sizes = []
    engine = InferenceOptimizer(lambda xs: xs, ONE_BY_ONE)

    def reconfigure():
        sizes.append(engine.config.num_workers)
        engine.reconfigure(ONE_BY_ONE.replace(num_workers=1 + len(sizes) % 3))

    engine.attach(Observer(on_batch=reconfigure))
    with engine:
        assert [engine.infer(i).output for i in range(9)] == list(range(9))
    assert sizes == [1, 2, 3] * 3


def test_a_model_may_reconfigure_the_engine_while_it_is_being_stopped(gate):
    def model(inputs):
        gate(inputs)
        engine.reconfigure(ONE_BY_ONE)
        return inputs

    engine = InferenceOptimizer(model, ONE_BY_ONE)
    engine.start()
    future = engine.submit("a")
    gate.wait_entered()
    stopping = threading.Thread(target=engine.stop, kwargs={"drain_timeout_s": None}, daemon=True)
    stopping.start()
    while engine.is_running:  # until the stop is under way
        threading.Event().wait(0.001)
    gate.open.set()
    assert future.result(PATIENCE_S).output == "a"
    stopping.join(PATIENCE_S)
    assert not stopping.is_alive()


def test_a_processor_may_read_the_stats_while_its_batcher_is_being_stopped(gate):
    def model(inputs):
        gate(inputs)
        return [batcher.stats["total_requests"] for _ in inputs]

    batcher = RequestBatcher(1, 0.0, model)
    batcher.start()
    future = batcher.submit_async("a")
    gate.wait_entered()
    stopping = threading.Thread(target=batcher.stop, kwargs={"drain_timeout_s": None}, daemon=True)
    stopping.start()
    while batcher.is_running:
        threading.Event().wait(0.001)
    gate.open.set()
    assert future.result(PATIENCE_S) == 1
    stopping.join(PATIENCE_S)
    assert not stopping.is_alive()


def test_stopping_from_within_a_model_call_fails_what_the_stop_cannot_wait_for():
    def model(inputs):
        engine.stop()
        return inputs

    engine = InferenceOptimizer(model, ONE_BY_ONE)
    engine.start()
    futures = [engine.submit("a"), engine.submit("b")]
    for future in futures:
        assert isinstance(future.exception(PATIENCE_S), DrainTimeoutError)
    assert not engine.is_running


def test_a_model_that_stops_the_engine_while_it_is_being_stopped_holds_nobody_up(gate):
    def model(inputs):
        gate(inputs)
        engine.stop()
        return inputs

    engine = InferenceOptimizer(model, ONE_BY_ONE)
    engine.start()
    future = engine.submit("a")
    gate.wait_entered()
    stopping = threading.Thread(target=engine.stop, kwargs={"drain_timeout_s": None}, daemon=True)
    stopping.start()
    while engine.is_running:
        threading.Event().wait(0.001)
    gate.open.set()
    assert isinstance(future.exception(PATIENCE_S), DrainTimeoutError)
    stopping.join(PATIENCE_S)
    assert not stopping.is_alive()


def test_stopping_from_an_observer_of_a_cancelled_request_does_not_deadlock(gate):
    engine = InferenceOptimizer(gate, ONE_BY_ONE.replace(enable_caching=False))
    engine.attach(Observer(on_unserved=engine.stop))
    engine.start()
    running = engine.submit("running")
    gate.wait_entered()
    cancelled, waiting = engine.submit("cancelled"), engine.submit("waiting")
    assert cancelled.cancel()
    gate.open.set()
    assert running.result(PATIENCE_S).output == "running"
    assert isinstance(waiting.exception(PATIENCE_S), DrainTimeoutError)
    assert ends(engine.stop)


@pytest.mark.parametrize("n_stops", [1, 4])
def test_every_stop_returns_when_all_is_answered(gate, n_stops):
    engine = InferenceOptimizer(gate, ONE_BY_ONE)
    engine.start()
    future = engine.submit("a")
    gate.wait_entered()
    pending_after_stop = []

    def stop():
        engine.stop()
        pending_after_stop.append(not future.done())

    threads = [threading.Thread(target=stop, daemon=True) for _ in range(n_stops)]
    for thread in threads:
        thread.start()
    while engine.is_running:
        threading.Event().wait(0.001)
    gate.open.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert pending_after_stop == [False] * n_stops
