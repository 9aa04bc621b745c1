import logging
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest

from codomyrmex_lab.errors import (
    DrainTimeoutError,
    NotRunningError,
    OutputCountError,
    UnkeyableInputError,
)
from codomyrmex_lab.optimization import (
    BatchingStrategy,
    CloseReason,
    InferenceOptimizer,
    OptimizationConfig,
    QuantizationType,
)

PATIENCE_S = 20.0


class CountingModel:
    """Doubles its inputs and remembers every call."""

    def __init__(self):
        self.calls = []

    def __call__(self, inputs):
        self.calls.append(list(inputs))
        return [2 * x for x in inputs]


class GatedModel(CountingModel):
    """As above, but each call waits at a gate."""

    def __init__(self):
        super().__init__()
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)

    def __call__(self, inputs):
        outputs = super().__call__(inputs)
        self.entered.release()
        assert self.open.wait(PATIENCE_S)
        return outputs

    def wait_entered(self):
        assert self.entered.acquire(timeout=PATIENCE_S)


class Recorder:
    def __init__(self):
        self.hits, self.batches, self.unserved = [], [], []

    def on_cache_hit(self, request_id, priority, key, arrival_ns, end_ns):
        self.hits.append((request_id, end_ns - arrival_ns))

    def on_batch(self, batch):
        self.batches.append(batch)

    def on_unserved(self, request, end_ns, error):
        self.unserved.append((request.id, error))


@pytest.fixture
def model():
    return CountingModel()


@pytest.fixture
def gated():
    model = GatedModel()
    yield model
    model.open.set()


def quick(**settings):
    return OptimizationConfig(**({"batch_timeout_ms": 0.0} | settings))


# -- direct calls ---------------------------------------------------------------------------------


def test_an_engine_that_is_not_started_calls_the_model_directly(model):
    engine = InferenceOptimizer(model)
    result = engine.infer(3)
    assert (result.output, result.from_cache, result.batch_size) == (6, False, 1)
    assert result.latency_ms == pytest.approx(result.queue_ms + result.service_ms)
    assert model.calls == [[3]]


def test_the_second_identical_input_is_answered_from_the_cache(model):
    engine = InferenceOptimizer(model)
    engine.infer("a")
    result = engine.infer("a")
    assert (result.output, result.from_cache, result.batch_id) == ("aa", True, None)
    assert model.calls == [["a"]]
    assert (engine.stats.cache_hits, engine.stats.cache_misses) == (1, 1)
    assert engine.stats.cache_hit_rate == 0.5


@pytest.mark.parametrize("output", [None, False, 0])
def test_a_stored_falsy_output_is_a_hit(output):
    engine = InferenceOptimizer(lambda inputs: [output for _ in inputs])
    engine.infer("a")
    assert engine.infer("a").from_cache


def test_inputs_that_look_alike_never_share_an_answer():
    engine = InferenceOptimizer(lambda inputs: [type(x).__name__ for x in inputs])
    assert [engine.infer(x).output for x in (1, 1.0, True, "1")] == ["int", "float", "bool", "str"]
    assert engine.stats.cache_hits == 0


def test_large_arrays_that_print_alike_never_share_an_answer():
    engine = InferenceOptimizer(lambda inputs: [float(x.sum()) for x in inputs])
    array = np.zeros(10_000)
    assert engine.infer(array).output == 0.0
    array[5_000] = 1.0
    assert engine.infer(array).output == 1.0
    array[5_000] = 0.0
    assert engine.infer(array).from_cache


def test_an_input_changed_after_an_echoing_model_stored_it_leaves_the_cache_as_it_was():
    engine = InferenceOptimizer(lambda inputs: inputs)
    prompt = ["a"]
    engine.infer(prompt)
    prompt.append("b")
    assert engine.infer(["a"]).output == ["a"]
    assert engine.infer(["a"]).from_cache


def test_use_cache_false_neither_reads_nor_writes_the_cache(model):
    engine = InferenceOptimizer(model)
    engine.infer(1, use_cache=False)
    engine.infer(1)
    engine.infer(1, use_cache=False)
    assert len(model.calls) == 3
    assert (engine.stats.cache_hits, engine.stats.cache_misses) == (0, 1)


def test_disabled_caching_counts_no_lookups_and_takes_any_input(model):
    engine = InferenceOptimizer(lambda inputs: inputs, quick(enable_caching=False))
    engine.infer(object())
    assert (engine.stats.cache_hits, engine.stats.cache_misses) == (0, 0)


def test_unkeyable_input_is_refused_naming_key_fn_and_works_with_one():
    with pytest.raises(UnkeyableInputError, match="key_fn"):
        InferenceOptimizer(lambda inputs: inputs).infer(object())
    engine = InferenceOptimizer(lambda inputs: [x.name for x in inputs], key_fn=lambda x: x.name)
    thread = threading.Thread(name="keyed")
    assert [engine.infer(thread).from_cache for _ in range(2)] == [False, True]


def test_a_key_fn_that_returns_something_unhashable_is_refused():
    engine = InferenceOptimizer(lambda inputs: inputs, key_fn=lambda x: [x])
    with pytest.raises(UnkeyableInputError, match="key_fn returned a list"):
        engine.infer(1)


def test_clear_cache_forgets_results(model):
    engine = InferenceOptimizer(model)
    engine.infer(1)
    engine.clear_cache()
    assert not engine.infer(1).from_cache


def test_the_cache_holds_no_more_than_its_size(model):
    engine = InferenceOptimizer(model, quick(cache_max_size=2))
    for x in (1, 2, 1, 3):
        engine.infer(x)
    assert [engine.infer(x).from_cache for x in (1, 3, 2)] == [True, True, False]


# -- infer_batch ----------------------------------------------------------------------------------


def test_infer_batch_answers_from_the_cache_and_computes_all_others_in_one_call(model):
    engine = InferenceOptimizer(model)
    engine.infer(2)
    results = engine.infer_batch([1, 2, 3])
    assert [r.output for r in results] == [2, 4, 6]
    assert [r.from_cache for r in results] == [False, True, False]
    assert [r.batch_size for r in results] == [2, 1, 2]
    assert model.calls == [[2], [1, 3]]
    assert engine.infer(3).from_cache
    stats = engine.stats
    assert (stats.total_requests, stats.total_batches, stats.avg_batch_size) == (5, 2, 1.5)
    assert (stats.cache_hits, stats.cache_misses) == (2, 3)


def test_infer_batch_bypasses_a_started_batcher(model):
    with InferenceOptimizer(model, OptimizationConfig(batch_timeout_ms=1e6)) as engine:
        assert [r.output for r in engine.infer_batch([1, 2])] == [2, 4]


def test_infer_batch_of_nothing_calls_nothing(model):
    assert InferenceOptimizer(model).infer_batch([]) == []
    assert model.calls == []


def test_infer_batch_with_a_wrong_output_count_raises_and_caches_nothing():
    engine = InferenceOptimizer(lambda inputs: inputs[:1])
    with pytest.raises(OutputCountError, match="1 outputs for 2 inputs"):
        engine.infer_batch(["a", "b"])
    assert not engine.infer("a").from_cache


# -- started engine -------------------------------------------------------------------------------


def test_concurrent_callers_share_batches():
    model = CountingModel()
    config = OptimizationConfig(
        max_batch_size=8, batching_strategy=BatchingStrategy.FIXED, num_workers=1
    )
    with InferenceOptimizer(model, config) as engine, ThreadPoolExecutor(8) as callers:
        results = list(callers.map(engine.infer, range(8)))
    assert [r.output for r in results] == [2 * i for i in range(8)]
    assert {r.batch_size for r in results} == {8}
    assert len(model.calls) == 1


def test_submitting_to_an_engine_that_is_not_started_is_an_error_at_once(model):
    engine = InferenceOptimizer(model)
    with pytest.raises(NotRunningError, match=r"start\(\)"):
        engine.submit(1)
    engine.start()
    engine.stop()
    with pytest.raises(NotRunningError):
        engine.submit(1)
    assert engine.infer(1).output == 2


def test_identical_requests_in_flight_share_one_computation(gated):
    with InferenceOptimizer(gated, quick(max_batch_size=1)) as engine:
        first = engine.submit("a")
        gated.wait_entered()
        others = [engine.submit("a") for _ in range(3)]
        gated.open.set()
        results = [f.result(PATIENCE_S) for f in (first, *others)]
    assert [r.output for r in results] == ["aa"] * 4
    assert [r.joined for r in results] == [False, True, True, True]
    assert gated.calls == [["a"]]
    stats = engine.stats
    assert (stats.total_requests, stats.cache_hits, stats.cache_misses) == (4, 0, 4)
    assert (stats.total_batches, stats.avg_batch_size) == (1, 1.0)


def test_all_who_share_a_failing_computation_get_its_error_and_nothing_is_cached(gated):
    failures = [ZeroDivisionError("once")]

    def failing(inputs):
        outputs = gated(inputs)
        if failures:
            raise failures.pop()
        return outputs

    with InferenceOptimizer(failing, quick(max_batch_size=1)) as engine:
        first = engine.submit("a")
        gated.wait_entered()
        second = engine.submit("a")
        gated.open.set()
        for future in (first, second):
            assert isinstance(future.exception(PATIENCE_S), ZeroDivisionError)
        assert engine.infer("a").output == "aa"


def test_a_leader_that_is_cancelled_is_still_computed_for_those_who_joined(gated):
    with InferenceOptimizer(gated, quick(max_batch_size=1, num_workers=1)) as engine:
        engine.submit("busy")
        gated.wait_entered()
        leader, joined = engine.submit("a"), engine.submit("a")
        assert leader.cancel()
        gated.open.set()
        assert joined.result(PATIENCE_S).output == "aa"
        assert leader.cancelled()
    stats = engine.stats
    assert (stats.total_requests, stats.joined_requests) == (3, 1)
    assert (stats.failed_requests, stats.cancelled_requests) == (1, 1)


def test_a_cancelled_request_that_nobody_joined_is_not_computed_and_blocks_nobody(gated):
    with InferenceOptimizer(gated, quick(max_batch_size=1, num_workers=1)) as engine:
        engine.submit("busy")
        gated.wait_entered()
        assert engine.submit("a").cancel()
        gated.open.set()
        engine.infer("b")
        assert ["a"] not in gated.calls
        assert engine.infer("a").output == "aa"


def test_one_who_joined_and_cancelled_does_not_disturb_the_others(gated):
    with InferenceOptimizer(gated, quick(max_batch_size=1)) as engine:
        first = engine.submit("a")
        gated.wait_entered()
        second, third = engine.submit("a"), engine.submit("a")
        assert second.cancel()
        gated.open.set()
        assert first.result(PATIENCE_S).output == third.result(PATIENCE_S).output == "aa"
    stats = engine.stats
    assert (stats.total_requests, stats.joined_requests) == (3, 1)
    assert (stats.failed_requests, stats.cancelled_requests) == (1, 1)


def test_clear_cache_during_a_computation_keeps_its_result_out(gated):
    with InferenceOptimizer(gated, quick(max_batch_size=1, num_workers=2)) as engine:
        before = engine.submit("a")
        gated.wait_entered()
        engine.clear_cache()
        after = engine.submit("a")
        gated.wait_entered()
        gated.open.set()
        assert before.result(PATIENCE_S).output == after.result(PATIENCE_S).output == "aa"
        assert not after.result().joined
        assert gated.calls == [["a"], ["a"]]
        assert engine.infer("a").from_cache


def test_larger_priority_is_computed_first(gated):
    config = quick(max_batch_size=1, num_workers=1, enable_caching=False)
    with InferenceOptimizer(gated, config) as engine:
        futures = [engine.submit("busy")]
        gated.wait_entered()
        futures += [engine.submit(f"p{p}", priority=p) for p in (0, 2, 1)]
        gated.open.set()
        wait(futures, PATIENCE_S)
    assert gated.calls == [["busy"], ["p2"], ["p1"], ["p0"]]


def test_latency_counts_from_the_time_the_request_was_due(model, clock):
    config = OptimizationConfig(batch_timeout_ms=5.0, num_workers=1)
    with InferenceOptimizer(model, config, clock=clock) as engine:
        clock.advance_ms(20)
        future = engine.submit(1, arrival_ns=clock.now_ns() - 7_000_000)
        clock.advance_ms(5)
        result = future.result(PATIENCE_S)
    assert (result.latency_ms, result.queue_ms, result.service_ms) == (12.0, 12.0, 0.0)


def test_stop_fails_what_is_left_after_the_drain_time_those_who_joined_included(gated):
    engine = InferenceOptimizer(gated, quick(max_batch_size=1, num_workers=1))
    engine.start()
    futures = [engine.submit("running")]
    gated.wait_entered()
    futures += [engine.submit(x) for x in ("running", "waiting", "waiting")]
    engine.stop(drain_timeout_s=0.0)
    for future in futures:
        assert isinstance(future.exception(0), DrainTimeoutError)
    assert engine.stats.total_requests == 4


def test_a_model_error_is_logged_with_the_request_id_and_raised_to_the_caller(caplog):
    def broken(inputs):
        raise LookupError("no weights")

    engine = InferenceOptimizer(broken)
    with caplog.at_level(logging.ERROR, "codomyrmex_lab"), pytest.raises(LookupError):
        engine.infer(1)
    with engine, pytest.raises(LookupError, match="no weights"):
        engine.infer(1)
    assert "request ids 0" in caplog.text
    assert "request ids 1" in caplog.text
    assert engine.stats.total_requests == 2


def test_counts_add_up_under_concurrent_callers(model):
    with (
        InferenceOptimizer(model, quick(cache_max_size=20)) as engine,
        ThreadPoolExecutor(8) as callers,
    ):
        results = list(callers.map(lambda i: engine.infer(i % 50), range(2000)))
    stats = engine.stats
    assert [r.output for r in results] == [2 * (i % 50) for i in range(2000)]
    assert stats.total_requests == stats.cache_hits + stats.cache_misses == 2000
    assert stats.cache_hits == sum(r.from_cache for r in results)
    assert stats.total_batches == len(model.calls)
    assert stats.avg_batch_size == sum(map(len, model.calls)) / len(model.calls)
    assert stats.avg_latency_ms == pytest.approx(sum(r.latency_ms for r in results) / 2000)


# -- observers ------------------------------------------------------------------------------------


def test_an_observer_is_told_of_every_request_exactly_once(gated):
    recorder = Recorder()
    engine = InferenceOptimizer(gated, quick(max_batch_size=2, num_workers=1), observer=recorder)
    gated.open.set()
    engine.start()
    futures = [engine.submit(x) for x in ("a", "b")]
    wait(futures, PATIENCE_S)
    futures.append(engine.submit("a"))
    gated.open.clear()
    futures += [engine.submit(x) for x in ("c", "d", "c", "late")]
    for _ in range(len(gated.calls)):
        gated.wait_entered()
    engine.stop(drain_timeout_s=0.05)
    ids = [i for i, _ in recorder.hits] + [i for i, _ in recorder.unserved]
    ids += [r.id for b in recorder.batches for leader in b.requests for r in leader.everyone]
    assert sorted(ids) == list(range(7))
    assert len(recorder.hits) == 1


def test_an_attached_observer_sees_until_it_is_detached(model):
    recorder = Recorder()
    engine = InferenceOptimizer(model)
    engine.infer(1)
    engine.attach(recorder)
    engine.infer(2)
    engine.infer(2)
    engine.detach(recorder)
    engine.infer(3)
    assert [b.reason for b in recorder.batches] == [CloseReason.DIRECT]
    assert len(recorder.hits) == 1


# -- variants -------------------------------------------------------------------------------------


def test_the_config_chooses_the_variant_of_a_mapping():
    variants = {
        QuantizationType.FP32: lambda inputs: ["fp32" for _ in inputs],
        QuantizationType.INT8: lambda inputs: ["int8" for _ in inputs],
    }
    config = OptimizationConfig(quantization=QuantizationType.INT8)
    assert InferenceOptimizer(variants, config).infer(1).output == "int8"
    with pytest.raises(ValueError, match=r"quantization is INT4.*FP32, INT8"):
        InferenceOptimizer(variants, config.replace(quantization=QuantizationType.INT4))


def test_a_plain_callable_with_anything_but_fp32_is_refused(model):
    with pytest.raises(ValueError, match=r"quantization is INT8.*plain callable"):
        InferenceOptimizer(model, OptimizationConfig(quantization=QuantizationType.INT8))


def test_something_that_is_no_model_is_refused():
    with pytest.raises(ValueError, match="The model is a str"):
        InferenceOptimizer("model.onnx")
