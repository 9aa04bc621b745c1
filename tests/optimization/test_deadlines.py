import signal
import threading

import pytest

from codomyrmex_lab.errors import DeadlineExceededError
from codomyrmex_lab.optimization import (
    BatchingStrategy,
    InferenceOptimizer,
    OptimizationConfig,
    RequestBatcher,
)

from .conftest import wait_until

PATIENCE_S = 20.0
ONE_BY_ONE = OptimizationConfig(batch_timeout_ms=0.0, max_batch_size=1, num_workers=1)


def test_a_waiting_request_fails_at_its_deadline_without_being_computed(clock):
    calls = []
    config = OptimizationConfig(batching_strategy=BatchingStrategy.FIXED, num_workers=1)
    with InferenceOptimizer(lambda xs: calls.append(xs) or xs, config, clock=clock) as engine:
        future = engine.submit("a", timeout_ms=10)
        clock.advance_ms(9.999)
        assert not future.done()
        clock.advance_ms(0.001)
        with pytest.raises(DeadlineExceededError, match="not computed"):
            future.result(PATIENCE_S)
        assert engine.stats.expired_requests == 1
    assert calls == []


def test_what_waited_beyond_its_deadline_for_a_worker_is_not_computed(gate, clock):
    with InferenceOptimizer(gate, ONE_BY_ONE, clock=clock) as engine:
        running = engine.submit("running")
        gate.wait_entered()
        late = engine.submit("late", timeout_ms=5)
        fine = engine.submit("fine", timeout_ms=50)
        clock._now_ns += 10_000_000
        gate.open.set()
        assert isinstance(late.exception(PATIENCE_S), DeadlineExceededError)
        assert fine.result(PATIENCE_S).output == "fine"
        assert running.result(PATIENCE_S).output == "running"
    assert gate.calls == [["running"], ["fine"]]


def test_an_answer_that_comes_after_the_deadline_is_an_error_but_is_cached(gate, clock):
    with InferenceOptimizer(gate, ONE_BY_ONE, clock=clock) as engine:
        future = engine.submit("a", timeout_ms=5)
        gate.wait_entered()
        clock._now_ns += 10_000_000
        gate.open.set()
        with pytest.raises(DeadlineExceededError, match="while the request's batch ran"):
            future.result(PATIENCE_S)
        assert engine.infer("a").from_cache
        assert engine.stats.expired_requests == engine.stats.failed_requests == 1


def test_infer_returns_at_its_deadline_though_every_worker_is_busy(gate):
    with InferenceOptimizer(gate, ONE_BY_ONE) as engine:
        engine.submit("running")
        gate.wait_entered()
        with pytest.raises(DeadlineExceededError, match="timeout_ms = 10"):
            engine.infer("waiting", timeout_ms=10)
        gate.open.set()
    assert gate.calls == [["running"]]
    assert engine.stats.cancelled_requests == 1


def test_the_wait_for_a_place_and_the_wait_for_the_answer_share_one_deadline(clock):
    """The clock stands; all but 10 ms of the minute are over when there is a place."""
    begun, may_end = threading.Semaphore(0), threading.Semaphore(0)
    errors = []

    def model(inputs):
        begun.release()
        assert may_end.acquire(timeout=PATIENCE_S)
        return inputs

    def ask():
        try:
            engine.infer("late", timeout_ms=60_000)
        except DeadlineExceededError as error:
            errors.append(str(error))

    with InferenceOptimizer(model, ONE_BY_ONE.replace(max_queue_size=1), clock=clock) as engine:
        engine.submit("running")
        assert begun.acquire(timeout=PATIENCE_S)
        engine.submit("waiting")
        caller = threading.Thread(target=ask)
        caller.start()
        wait_until(lambda: engine._dispatcher._admission._free._waiters)
        clock._now_ns += 59_990_000_000
        may_end.release()
        caller.join(PATIENCE_S)
        may_end.release(2)
        assert len(errors) == 1
        assert errors[0].startswith("No answer within timeout_ms = 60000")


def test_an_answer_that_is_computed_directly_and_comes_late_is_an_error_but_is_cached(clock):
    def slow(inputs):
        clock._now_ns += 20_000_000
        return inputs

    engine = InferenceOptimizer(slow, clock=clock)
    with pytest.raises(DeadlineExceededError, match="while the request's batch ran"):
        engine.infer("a", timeout_ms=10)
    assert engine.infer("a", timeout_ms=10).from_cache
    assert engine.stats.expired_requests == 1


def test_one_with_more_time_keeps_the_shared_computation_alive(gate, clock):
    with InferenceOptimizer(gate, ONE_BY_ONE, clock=clock) as engine:
        engine.submit("running")
        gate.wait_entered()
        hasty, patient = engine.submit("a", timeout_ms=5), engine.submit("a")
        clock._now_ns += 10_000_000
        gate.open.set()
        assert patient.result(PATIENCE_S).output == "a"
        assert isinstance(hasty.exception(PATIENCE_S), DeadlineExceededError)


def test_infer_returns_at_its_deadline_though_it_joined_a_request_with_more_time(gate):
    with InferenceOptimizer(gate, ONE_BY_ONE) as engine:
        patient = engine.submit("a")
        gate.wait_entered()
        with pytest.raises(DeadlineExceededError):
            engine.infer("a", timeout_ms=5)
        gate.open.set()
        assert patient.result(PATIENCE_S).output == "a"
    assert (engine.stats.joined_requests, engine.stats.cancelled_requests) == (0, 1)


def test_infer_batch_fails_when_its_call_ends_after_the_deadline(clock):
    def slow(inputs):
        clock._now_ns += 20_000_000
        return inputs

    engine = InferenceOptimizer(slow, clock=clock)
    assert [r.output for r in engine.infer_batch(["a"], timeout_ms=30)] == ["a"]
    with pytest.raises(DeadlineExceededError):
        engine.infer_batch(["b"], timeout_ms=10)


@pytest.mark.parametrize("timeout_ms", [0, -1, float("nan"), "5"])
def test_a_refused_deadline_is_named(timeout_ms):
    engine = InferenceOptimizer(lambda inputs: inputs)
    with pytest.raises(ValueError, match="timeout_ms is"):
        engine.infer("a", timeout_ms=timeout_ms)
    with (
        RequestBatcher(1, 0.0, lambda inputs: inputs) as batcher,
        pytest.raises(ValueError, match="timeout_ms is"),
    ):
        batcher.submit_async("a", timeout_ms=timeout_ms)


def test_a_batcher_has_deadlines_too(clock):
    fixed = BatchingStrategy.FIXED
    with RequestBatcher(2, 0.0, lambda xs: xs, strategy=fixed, clock=clock) as batcher:
        future = batcher.submit_async("a", timeout_ms=10)
        clock.advance_ms(10)
        assert isinstance(future.exception(PATIENCE_S), DeadlineExceededError)


def test_a_cancelled_request_makes_room_in_a_fixed_batch(clock):
    fixed = BatchingStrategy.FIXED
    with RequestBatcher(2, 0.0, lambda xs: xs, strategy=fixed, clock=clock) as batcher:
        first = batcher.submit_async("first")
        clock.wait_until_idle()
        assert first.cancel()
        second = batcher.submit_async("second")
        clock.advance_ms(1)
        assert not second.done()
        third = batcher.submit_async("third")
        assert [f.result(PATIENCE_S) for f in (second, third)] == ["second", "third"]


def test_an_interrupted_caller_holds_no_place(gate):
    """A signal interrupts the wait, as the stop button of a notebook does."""
    main = threading.main_thread().ident
    with InferenceOptimizer(gate, ONE_BY_ONE) as engine:
        engine.submit("running")
        gate.wait_entered()
        timer = threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            engine.infer("interrupted")
        timer.join()
        gate.open.set()
        assert engine.infer("next").output == "next"
    assert ["interrupted"] not in gate.calls
