import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from codomyrmex_lab.errors import (
    DeadlineExceededError,
    DrainTimeoutError,
    NotRunningError,
    ProcessorTimeoutError,
    QueueFullError,
)
from codomyrmex_lab.optimization import (
    BatchingStrategy,
    InferenceOptimizer,
    OptimizationConfig,
    QuantizationType,
    QueueFullAction,
)

from .conftest import wait_until

PATIENCE_S = 20.0
QUICK = OptimizationConfig(batch_timeout_ms=0.0)
ONE_BY_ONE = OptimizationConfig(batch_timeout_ms=0.0, max_batch_size=1, num_workers=1)


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, PATIENCE_S))


def test_awaiting_many_answers_shares_batches():
    calls = []
    fixed = OptimizationConfig(max_batch_size=16, batching_strategy=BatchingStrategy.FIXED)
    with InferenceOptimizer(lambda xs: calls.append(len(xs)) or xs, fixed) as engine:

        async def main():
            return await asyncio.gather(*(engine.ainfer(i) for i in range(64)))

        results = run(main())
    assert [r.output for r in results] == list(range(64))
    assert calls == [16] * 4


def test_the_cache_answers_without_leaving_the_loop():
    with InferenceOptimizer(lambda xs: xs, QUICK) as engine:
        engine.infer("a")

        async def main():
            return await engine.ainfer("a")

        assert run(main()).from_cache


def test_several_event_loops_share_one_engine():
    outputs = {}

    async def client(n):
        outputs[n] = [(await engine.ainfer((n, i))).output for i in range(50)]

    with InferenceOptimizer(lambda xs: xs, QUICK) as engine:
        threads = [threading.Thread(target=run, args=(client(n),)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert outputs == {n: [(n, i) for i in range(50)] for n in range(4)}


def test_an_error_of_the_model_is_raised_to_the_awaiting_task():
    def broken(inputs):
        raise LookupError("no weights")

    with InferenceOptimizer(broken, QUICK) as engine:

        async def main():
            await engine.ainfer("a")

        with pytest.raises(LookupError, match="no weights"):
            run(main())


def test_cancelling_the_task_withdraws_the_request(gate):
    with InferenceOptimizer(gate, ONE_BY_ONE) as engine:
        engine.submit("running")
        gate.wait_entered()

        async def main():
            task = asyncio.create_task(engine.ainfer("cancelled"))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        run(main())
        gate.open.set()
        assert engine.infer("next").output == "next"
    assert gate.calls == [["running"], ["next"]]
    assert engine.stats.cancelled_requests == 1


def test_a_deadline_ends_the_wait(gate):
    with InferenceOptimizer(gate, ONE_BY_ONE) as engine:
        engine.submit("running")
        gate.wait_entered()

        async def main():
            await engine.ainfer("late", timeout_ms=10)

        with pytest.raises(DeadlineExceededError, match="timeout_ms = 10"):
            run(main())
        gate.open.set()


def test_a_deadline_is_named_though_the_answer_is_on_its_way_to_the_busy_loop(gate):
    with InferenceOptimizer(gate, ONE_BY_ONE) as engine:

        async def main():
            loop = asyncio.get_running_loop()
            task = asyncio.create_task(engine.ainfer("late", timeout_ms=50))
            await asyncio.sleep(0)
            due_s = loop.time() + 0.05
            gate.open.set()
            wait_until(lambda: loop.time() > due_s and engine.stats.total_requests == 1)
            with pytest.raises(DeadlineExceededError, match="timeout_ms = 50"):
                await task

        run(main())


def test_a_full_queue_blocks_the_task_but_not_the_loop(gate):
    config = ONE_BY_ONE.replace(max_queue_size=1)
    with InferenceOptimizer(gate, config) as engine:

        async def main():
            tasks = [asyncio.create_task(engine.ainfer(i)) for i in range(10)]
            await asyncio.to_thread(gate.wait_entered)
            ticks = [await asyncio.sleep(0, i) for i in range(100)]
            assert ticks == list(range(100))
            assert engine.queue_length <= 1
            tasks[7].cancel()
            gate.open.set()
            return await asyncio.gather(*tasks, return_exceptions=True)

        results = run(main())
    assert isinstance(results.pop(7), asyncio.CancelledError)
    assert [r.output for r in results] == [0, 1, 2, 3, 4, 5, 6, 8, 9]


def test_a_full_queue_that_rejects_raises_in_the_task(gate):
    config = ONE_BY_ONE.replace(max_queue_size=1, queue_full=QueueFullAction.REJECT)
    with InferenceOptimizer(gate, config) as engine:
        engine.submit("running")
        gate.wait_entered()
        engine.submit("waiting")

        async def main():
            await engine.ainfer("one too many")

        with pytest.raises(QueueFullError):
            run(main())
        gate.open.set()


def test_a_full_queue_that_rejects_does_so_at_once_though_the_task_has_a_deadline(gate, clock):
    config = ONE_BY_ONE.replace(max_queue_size=1, queue_full=QueueFullAction.REJECT)
    with InferenceOptimizer(gate, config, clock=clock) as engine:
        engine.submit("running")
        gate.wait_entered()
        engine.submit("waiting")
        with pytest.raises(QueueFullError):
            run(engine.ainfer("one too many", timeout_ms=60_000))
        gate.open.set()
    assert engine.stats.rejected_requests == 1


def test_a_full_queue_sheds_the_oldest_for_a_task_that_has_a_deadline(gate):
    config = ONE_BY_ONE.replace(max_queue_size=1, queue_full=QueueFullAction.SHED_OLDEST)
    with InferenceOptimizer(gate, config) as engine:
        engine.submit("running")
        gate.wait_entered()
        oldest = engine.submit("oldest")

        async def main():
            task = asyncio.create_task(engine.ainfer("newest", timeout_ms=60_000))
            with pytest.raises(QueueFullError, match="made room"):
                await asyncio.wrap_future(oldest)
            gate.open.set()
            return await task

        assert run(main()).output == "newest"
    assert engine.stats.shed_requests == 1


def test_a_blocked_task_is_told_when_a_full_queue_rejects_from_now_on(gate):
    blocking = ONE_BY_ONE.replace(max_queue_size=1)
    with InferenceOptimizer(gate, blocking) as engine:
        engine.submit("running")
        gate.wait_entered()
        engine.submit("waiting")

        async def main():
            task = asyncio.create_task(engine.ainfer("blocked"))
            await asyncio.sleep(0)
            engine.reconfigure(blocking.replace(queue_full=QueueFullAction.REJECT))
            with pytest.raises(QueueFullError):
                await task

        run(main())
        gate.open.set()


def test_tasks_blocked_by_a_full_queue_are_told_when_the_engine_stops(gate):
    config = ONE_BY_ONE.replace(max_queue_size=1)
    engine = InferenceOptimizer(gate, config)
    engine.start()

    async def main():
        tasks = [asyncio.create_task(engine.ainfer(i)) for i in range(4)]
        await asyncio.to_thread(gate.wait_entered)
        stop = asyncio.create_task(asyncio.to_thread(engine.stop))
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        gate.open.set()
        await stop
        return done, await asyncio.gather(*tasks, return_exceptions=True)

    told, outcomes = run(main())
    assert told
    assert outcomes[0].output == 0
    assert all(isinstance(error, NotRunningError) for error in outcomes[2:])


def test_on_an_engine_that_is_not_started_the_model_runs_in_another_thread():
    threads = []

    def model(inputs):
        threads.append(threading.current_thread())
        return inputs

    async def main():
        return await InferenceOptimizer(model).ainfer("a")

    assert run(main()).output == "a"
    assert threads[0] is not threading.main_thread()


def test_a_deadline_ends_the_wait_on_an_engine_that_is_not_started(gate):
    engine = InferenceOptimizer(gate)

    async def main():
        with pytest.raises(DeadlineExceededError, match="timeout_ms = 10"):
            await engine.ainfer("slow", timeout_ms=10)
        gate.open.set()

    run(main())
    assert engine.infer("slow").from_cache


def test_a_refused_deadline_is_named_on_an_engine_that_is_not_started():
    with pytest.raises(ValueError, match="timeout_ms is '5'"):
        run(InferenceOptimizer(lambda xs: xs).ainfer("a", timeout_ms="5"))


def test_an_async_batch_function_runs_on_one_loop_for_all_its_batches():
    loops = set()

    async def model(inputs):
        loops.add(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return [2 * x for x in inputs]

    with InferenceOptimizer(model, QUICK) as engine:
        assert [engine.infer(i).output for i in range(5)] == [0, 2, 4, 6, 8]
        assert [r.output for r in engine.infer_batch([7, 8])] == [14, 16]
    assert len(loops) == 1


def test_an_async_batch_function_works_directly_even_inside_a_running_loop():
    async def model(inputs):
        return [2 * x for x in inputs]

    async def main():
        engine = InferenceOptimizer(model)
        result = engine.infer(4)
        engine.stop()
        return result

    assert run(main()).output == 8


def test_an_object_with_an_async_call_is_a_model():
    class Model:
        async def __call__(self, inputs):
            return [x + 1 for x in inputs]

    with InferenceOptimizer(Model(), QUICK) as engine:
        assert engine.infer(1).output == 2


def test_a_stop_iteration_of_the_model_reaches_the_awaiting_tasks_as_a_runtime_error():
    def model(inputs):
        raise StopIteration

    async def main():
        return await asyncio.gather(*map(engine.ainfer, "ab"), return_exceptions=True)

    with InferenceOptimizer(model, QUICK) as engine:
        errors = run(main())
    assert [type(error) for error in errors] == [RuntimeError] * 2
    assert isinstance(errors[0].__cause__, StopIteration)


class SlowModel:
    """An ``async`` model whose calls wait until told to go on."""

    def __init__(self):
        self.entered = threading.Event()
        self._go_on = asyncio.Event()

    async def __call__(self, inputs):
        self._loop = asyncio.get_running_loop()
        self.entered.set()
        await self._go_on.wait()
        return inputs

    def go_on(self):
        self._loop.call_soon_threadsafe(self._go_on.set)


def test_an_async_batch_that_runs_while_its_variant_is_exchanged_is_answered():
    async def quick(inputs):
        return inputs

    slow = SlowModel()
    models = {QuantizationType.FP32: slow, QuantizationType.INT8: quick}
    with InferenceOptimizer(models, ONE_BY_ONE) as engine:
        running = engine.submit("running")
        assert slow.entered.wait(PATIENCE_S)
        engine.reconfigure(ONE_BY_ONE.replace(quantization=QuantizationType.INT8))
        slow.go_on()
        assert running.result(PATIENCE_S).output == "running"
        assert engine.infer("next").output == "next"


HASTY = ONE_BY_ONE.replace(processor_timeout_ms=300.0)


def test_an_async_batch_that_blocks_its_loop_fails_alone():
    go_on = threading.Event()

    async def model(inputs):
        if inputs == ["hang"]:
            go_on.wait(PATIENCE_S)
        return inputs

    with InferenceOptimizer(model, HASTY) as engine:
        with pytest.raises(ProcessorTimeoutError):
            engine.infer("hang")
        assert [engine.infer(x).output for x in "abc"] == ["a", "b", "c"]
        go_on.set()


def test_an_async_batch_that_takes_too_long_is_cancelled_and_its_loop_kept():
    loops, cancelled = [], threading.Event()

    async def model(inputs):
        loops.append(asyncio.get_running_loop())
        if inputs == ["hang"]:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()
        return inputs

    with InferenceOptimizer(model, HASTY) as engine:
        with pytest.raises(ProcessorTimeoutError):
            engine.infer("hang")
        assert cancelled.wait(PATIENCE_S)
        assert engine.infer("next").output == "next"
    assert loops[0] is loops[1]


def test_an_async_batch_that_outlasts_the_drain_time_is_cancelled():
    running, cancelled = threading.Event(), threading.Event()

    async def model(inputs):
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    engine = InferenceOptimizer(model, ONE_BY_ONE)
    engine.start()
    future = engine.submit("hang")
    assert running.wait(PATIENCE_S)
    engine.stop(drain_timeout_s=0.0)
    assert isinstance(future.exception(PATIENCE_S), DrainTimeoutError)
    assert cancelled.wait(PATIENCE_S)


def test_stopping_leaves_an_async_model_that_is_called_directly_its_loop():
    slow = SlowModel()
    engine = InferenceOptimizer(slow, ONE_BY_ONE)
    with ThreadPoolExecutor(1) as threads:
        direct = threads.submit(engine.infer, "direct")
        assert slow.entered.wait(PATIENCE_S)
        engine.stop()
        slow.go_on()
        assert direct.result(PATIENCE_S).output == "direct"
