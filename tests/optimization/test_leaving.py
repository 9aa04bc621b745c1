"""Callers that leave before they have their answer, and those who ask for the same."""

import asyncio
import signal
import sys
import threading

import pytest

from codomyrmex_lab.errors import DeadlineExceededError
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig

from .conftest import PATIENCE_S, wait_until

ONE_BY_ONE = OptimizationConfig(batch_timeout_ms=0.0, max_batch_size=1, num_workers=1)
ONE_PLACE = ONE_BY_ONE.replace(max_queue_size=1)


def fill(engine, gate):
    """Leave the engine busy, and no place in its queue."""
    engine.submit("running")
    gate.wait_entered()
    engine.submit("waiting")


def interrupt_main_thread():
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


def interrupted_at(moment, function, *arguments):
    """Call a function and interrupt it at the n-th moment at which CPython looks for signals.

    It looks when a Python function begins and when a C function has returned.
    """
    n_left = moment

    def count(frame, event, argument):
        nonlocal n_left
        if event in {"call", "c_return"}:
            if n_left == 0:
                raise KeyboardInterrupt
            n_left -= 1

    try:
        sys.setprofile(count)
        function(*arguments)
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("config", [ONE_BY_ONE, ONE_PLACE])
def test_an_interrupt_at_any_moment_of_infer_leaves_the_engine_as_it_was(config, use_cache):
    with InferenceOptimizer(lambda xs: xs, config.replace(cache_max_size=10_000)) as engine:
        moment = 0
        while interrupted_at(moment, engine.infer, moment, use_cache):
            assert engine.submit(moment).result(PATIENCE_S).output == moment
            moment += 1
        assert moment > 20
        wait_until(lambda: engine._dispatcher._admission._n_waiting == 0)
        wait_until(lambda: engine.queue_length == 0)


def test_an_interrupt_at_any_moment_of_a_direct_call_leaves_the_input_computable():
    engine = InferenceOptimizer(lambda xs: xs)
    moment = 0
    while interrupted_at(moment, engine.infer, moment):
        again = []
        other = threading.Thread(target=lambda x=moment, out=again: out.append(engine.infer(x)))
        other.start()
        other.join(PATIENCE_S)
        assert [result.output for result in again] == [moment]
        moment += 1
    assert moment > 20


def test_an_interrupted_caller_that_waits_for_a_place_does_not_interrupt_who_joined_it(gate):
    outputs = []

    def follow():
        wait_until(lambda: engine.stats.cache_misses == 3)
        outputs.append(engine.infer("same").output)

    def interrupt():
        wait_until(lambda: engine.stats.cache_misses == 4)
        interrupt_main_thread()

    with InferenceOptimizer(gate, ONE_PLACE) as engine:
        fill(engine, gate)
        others = [threading.Thread(target=follow), threading.Thread(target=interrupt)]
        for other in others:
            other.start()
        with pytest.raises(KeyboardInterrupt):
            engine.infer("same")
        assert outputs == []
        gate.open.set()
        for other in others:
            other.join(PATIENCE_S)
        assert outputs == ["same"]
    assert engine.stats.cancelled_requests == 1
    assert gate.calls == [["running"], ["waiting"], ["same"]]


def test_an_interrupted_direct_call_does_not_interrupt_who_joined_it(gate):
    engine = InferenceOptimizer(gate)
    outputs = []

    def follow():
        gate.wait_entered()
        outputs.append(engine.infer("same").output)

    def interrupt():
        wait_until(lambda: engine.stats.cache_misses == 2)
        interrupt_main_thread()

    others = [threading.Thread(target=follow), threading.Thread(target=interrupt)]
    for other in others:
        other.start()
    with pytest.raises(KeyboardInterrupt):
        engine.infer("same")
    gate.open.set()
    for other in others:
        other.join(PATIENCE_S)
    assert outputs == ["same"]
    assert gate.calls == [["same"], ["same"]]
    assert (engine.stats.cancelled_requests, engine.stats.total_requests) == (1, 2)


def test_an_interrupted_direct_call_without_cache_is_counted():
    def interrupted(inputs):
        raise KeyboardInterrupt

    engine = InferenceOptimizer(interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.infer("a", use_cache=False)
    assert (engine.stats.cancelled_requests, engine.stats.total_requests) == (1, 1)


def test_a_cancelled_task_that_waits_for_a_place_does_not_cancel_who_joined_it(gate):
    with InferenceOptimizer(gate, ONE_PLACE) as engine:
        fill(engine, gate)

        async def main():
            leader, follower = (asyncio.create_task(engine.ainfer("same")) for _ in "ab")
            await asyncio.sleep(0)
            future = engine.submit("same")
            leader.cancel()
            outcomes = await asyncio.gather(leader, return_exceptions=True)
            assert isinstance(outcomes[0], asyncio.CancelledError)
            gate.open.set()
            return (await follower).output, (await asyncio.wrap_future(future)).output

        answers = asyncio.run(asyncio.wait_for(main(), PATIENCE_S))
    assert answers == ("same", "same")
    assert engine.stats.cancelled_requests == 1


def test_a_deadline_that_comes_before_a_place_fails_only_the_request_that_has_it(gate, clock):
    errors = []

    def lead():
        try:
            engine.infer("same", timeout_ms=60_000)
        except DeadlineExceededError as error:
            errors.append(error)

    with InferenceOptimizer(gate, ONE_PLACE, clock=clock) as engine:
        fill(engine, gate)
        leader = threading.Thread(target=lead)
        leader.start()
        wait_until(lambda: engine.stats.cache_misses == 3)
        patient, hasty = engine.submit("same"), engine.submit("same", timeout_ms=60_000)
        clock._now_ns += 60_001_000_000
        engine.reconfigure(ONE_PLACE)  # those who wait for a place look again
        leader.join(PATIENCE_S)
        assert len(errors) == 1
        gate.open.set()
        assert patient.result(PATIENCE_S).output == "same"
        assert isinstance(hasty.exception(PATIENCE_S), DeadlineExceededError)
    assert engine.stats.expired_requests == 2


def heir_of_a_cancelled_leader(engine):
    """Return a request that joined one which was cancelled while it waited for a place."""

    async def main():
        leader = asyncio.create_task(engine.ainfer("same"))
        await asyncio.sleep(0)
        heir = engine.submit("same")
        leader.cancel()
        await asyncio.gather(leader, return_exceptions=True)
        return heir

    return asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


def test_who_leads_in_another_ones_stead_and_is_cancelled_is_not_computed(gate):
    with InferenceOptimizer(gate, ONE_PLACE) as engine:
        fill(engine, gate)

        heir = heir_of_a_cancelled_leader(engine)
        assert heir.cancel()
        gate.open.set()
        assert engine.infer("next").output == "next"
        wait_until(lambda: engine.stats.cancelled_requests == 2)
    assert ["same"] not in gate.calls


def test_who_leads_in_another_ones_stead_is_told_when_the_engine_stops(gate):
    engine = InferenceOptimizer(gate, ONE_PLACE)
    engine.start()
    fill(engine, gate)
    heir = heir_of_a_cancelled_leader(engine)
    engine.stop(drain_timeout_s=0.0)
    assert heir.exception(PATIENCE_S) is not None
    gate.open.set()
