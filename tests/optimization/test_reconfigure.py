import sys
import threading

import pytest

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization import (
    BatchingStrategy,
    CloseReason,
    InferenceOptimizer,
    OptimizationConfig,
    QuantizationType,
    QueueFullAction,
)

PATIENCE_S = 20.0
FP32, FP16, INT8, INT4 = QuantizationType
ONE_BY_ONE = OptimizationConfig(batch_timeout_ms=0.0, max_batch_size=1, num_workers=1)


def named(name):
    return lambda inputs: [(name, x) for x in inputs]


VARIANTS = {FP32: named("fp32"), INT8: named("int8")}


def test_waiting_requests_keep_their_place_and_follow_the_new_settings(clock):
    config = OptimizationConfig(batching_strategy=BatchingStrategy.FIXED, num_workers=1)
    with InferenceOptimizer(lambda xs: xs, config, clock=clock) as engine:
        futures = [engine.submit(i) for i in range(3)]
        clock.advance_ms(1000)
        assert not any(f.done() for f in futures)
        engine.reconfigure(config.replace(max_batch_size=3))
        assert [f.result(PATIENCE_S).batch_size for f in futures] == [3, 3, 3]
        assert engine.config.max_batch_size == 3


def test_a_swapped_variant_never_answers_with_what_the_other_cached():
    with InferenceOptimizer(VARIANTS, ONE_BY_ONE) as engine:
        assert engine.infer("a").output == ("fp32", "a")
        engine.reconfigure(ONE_BY_ONE.replace(quantization=INT8))
        result = engine.infer("a")
        assert (result.output, result.from_cache) == (("int8", "a"), False)
        engine.reconfigure(ONE_BY_ONE)
        result = engine.infer("a")
        assert (result.output, result.from_cache) == (("fp32", "a"), True)


def test_what_was_submitted_to_one_variant_and_computed_by_the_other_is_not_cached(gate):
    def gated(inputs):
        gate(inputs)
        return VARIANTS[FP32](inputs)

    config = ONE_BY_ONE
    with InferenceOptimizer({FP32: gated, INT8: VARIANTS[INT8]}, config) as engine:
        engine.submit("running")
        gate.wait_entered()
        waiting = engine.submit("waiting")
        engine.reconfigure(config.replace(quantization=INT8))
        gate.open.set()
        assert waiting.result(PATIENCE_S).output == ("int8", "waiting")
        assert engine.infer("waiting").output == ("int8", "waiting")
        engine.reconfigure(config)
        assert engine.infer("waiting").output == ("fp32", "waiting")


def test_a_missing_variant_is_refused_and_the_old_settings_stay():
    with InferenceOptimizer(VARIANTS, ONE_BY_ONE) as engine:
        with pytest.raises(ValueError, match="quantization is INT4"):
            engine.reconfigure(ONE_BY_ONE.replace(quantization=INT4))
        assert engine.config == ONE_BY_ONE
        assert engine.infer("a").output == ("fp32", "a")


def test_the_cache_keeps_the_most_recent_results_that_fit():
    with InferenceOptimizer(lambda xs: xs, ONE_BY_ONE) as engine:
        for x in range(10):
            engine.infer(x)
        engine.infer(0)
        engine.reconfigure(ONE_BY_ONE.replace(cache_max_size=3))
        assert engine.stats.cache_size == 3
        assert engine.stats.cache_evictions == 7
        assert [engine.infer(x).from_cache for x in (0, 9, 8)] == [True] * 3


def test_disabling_and_enabling_the_cache_keeps_what_is_in_it():
    with InferenceOptimizer(lambda xs: xs, ONE_BY_ONE) as engine:
        engine.infer("a")
        engine.reconfigure(ONE_BY_ONE.replace(enable_caching=False))
        assert not engine.infer("a").from_cache
        engine.reconfigure(ONE_BY_ONE)
        assert engine.infer("a").from_cache


def test_more_and_fewer_workers_take_over_without_a_restart(gate):
    with InferenceOptimizer(gate, ONE_BY_ONE) as engine:
        futures = [engine.submit(i) for i in range(4)]
        gate.wait_entered()
        engine.reconfigure(ONE_BY_ONE.replace(num_workers=3))
        gate.wait_entered()
        gate.wait_entered()
        engine.reconfigure(ONE_BY_ONE)
        gate.open.set()
        assert [f.result(PATIENCE_S).output for f in futures] == [0, 1, 2, 3]
        engine.infer("after")
        alive = [t for t in threading.enumerate() if t.name.startswith("batch-worker")]
        for thread in alive:
            if thread.name != "batch-worker-0":
                thread.join(PATIENCE_S)
        alive = [t for t in threading.enumerate() if t.name.startswith("batch-worker")]
        assert [t.name for t in alive] == ["batch-worker-0"]


def test_a_queue_can_be_bounded_and_unbounded_while_callers_wait(gate):
    bounded = ONE_BY_ONE.replace(max_queue_size=1, queue_full=QueueFullAction.BLOCK)
    with InferenceOptimizer(gate, bounded) as engine:
        engine.submit("running")
        gate.wait_entered()
        engine.submit("waiting")
        accepted = []
        blocked = threading.Thread(target=lambda: accepted.append(engine.submit("blocked")))
        blocked.start()
        engine.reconfigure(ONE_BY_ONE)
        blocked.join(PATIENCE_S)
        assert len(accepted) == 1
        gate.open.set()


def test_an_engine_that_is_not_started_can_be_reconfigured():
    engine = InferenceOptimizer(VARIANTS, ONE_BY_ONE)
    engine.reconfigure(ONE_BY_ONE.replace(quantization=INT8))
    assert engine.infer("a").output == ("int8", "a")


def test_reconfiguring_under_load_loses_no_request_and_mixes_no_variants():
    seen = []

    class Recorder:
        def on_batch(self, batch):
            seen.append({output[0] for output in batch.outputs})

        def on_cache_hit(self, *event):
            pass

        def on_unserved(self, request, end_ns, error):
            raise AssertionError(error)

    config = OptimizationConfig(batch_timeout_ms=0.2, cache_max_size=50, num_workers=2)
    wrong, finished = [], threading.Event()

    def client(n):
        i = 0
        while not finished.is_set():
            x = (n * 7 + i) % 200
            if engine.infer(x).output[1] != x:
                wrong.append(x)
            i += 1

    with InferenceOptimizer(VARIANTS, config, observer=Recorder()) as engine:
        clients = [threading.Thread(target=client, args=(n,)) for n in range(6)]
        for one in clients:
            one.start()
        for step in range(60):
            engine.reconfigure(
                config.replace(
                    quantization=(FP32, INT8)[step % 2],
                    max_batch_size=1 + step % 8,
                    num_workers=1 + step % 4,
                    cache_max_size=1 + step % 60,
                    batching_strategy=(BatchingStrategy.DYNAMIC, BatchingStrategy.ADAPTIVE)[
                        step // 2 % 2
                    ],
                )
            )
            engine.infer(1000 + step)
        finished.set()
        for one in clients:
            one.join(PATIENCE_S)
        stats = engine.stats
    assert not wrong
    assert all(len(names) == 1 for names in seen)
    assert stats.failed_requests == 0
    assert stats.cache_hits + stats.cache_misses == stats.total_requests
    assert stats.total_requests == (
        stats.cache_hits + stats.joined_requests + stats.avg_batch_size * stats.total_batches
    )


def test_stats_say_why_batches_closed(clock):
    config = OptimizationConfig(max_batch_size=2, batch_timeout_ms=5, num_workers=1)
    with InferenceOptimizer(lambda xs: xs, config, clock=clock) as engine:
        for future in [engine.submit(0), engine.submit(1)]:
            future.result(PATIENCE_S)
        late = engine.submit(2)
        clock.advance_ms(5)
        late.result(PATIENCE_S)
        flushed = engine.submit(3)
        engine.flush()
        flushed.result(PATIENCE_S)
        engine.infer_batch([4])
        engine.submit(5)
    assert engine.stats.close_reasons == {
        CloseReason.FULL: 1,
        CloseReason.TIMEOUT: 1,
        CloseReason.FLUSH: 1,
        CloseReason.DIRECT: 1,
        CloseReason.STOP: 1,
    }


def test_requests_of_like_length_share_a_batch():
    batches = []
    config = OptimizationConfig(
        max_batch_size=4, batching_strategy=BatchingStrategy.FIXED, num_workers=1
    )
    texts = ["a", "bbbb", "c", "dddd", "e", "ffff", "g", "hhhh"]
    with InferenceOptimizer(lambda xs: batches.append(xs) or xs, config, bucket_fn=len) as engine:
        for future in [engine.submit(text) for text in texts]:
            future.result(PATIENCE_S)
    assert batches == [["a", "c", "e", "g"], ["bbbb", "dddd", "ffff", "hhhh"]]


def test_a_bucket_fn_that_raises_tells_the_caller_and_blocks_nobody():
    with InferenceOptimizer(lambda xs: xs, ONE_BY_ONE, bucket_fn=len) as engine:
        with pytest.raises(TypeError):
            engine.submit(5)
        assert engine.infer("text").output == "text"
        with pytest.raises(TypeError):
            engine.submit(5)


def test_a_bucket_that_is_not_hashable_is_refused_and_costs_no_worker(caplog):
    with (
        InferenceOptimizer(lambda xs: xs, ONE_BY_ONE, bucket_fn=list) as engine,
        pytest.raises(SettingError, match="bucket_fn returned a list"),
    ):
        engine.submit("text")
    assert "died" not in caplog.text


def test_the_queue_length_can_be_read_while_buckets_come_and_go():
    config = OptimizationConfig(max_batch_size=2, batch_timeout_ms=0.0, enable_caching=False)
    answered, failures = threading.Event(), []

    def read(engine):
        while not answered.is_set():
            try:
                assert engine.queue_length >= 0
            except RuntimeError as error:
                failures.append(error)

    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with InferenceOptimizer(lambda xs: xs, config, bucket_fn=lambda x: x) as engine:
            reader = threading.Thread(target=read, args=(engine,))
            reader.start()
            futures = [engine.submit(number) for number in range(500)]
            outputs = [future.result(PATIENCE_S).output for future in futures]
            answered.set()
            reader.join()
    finally:
        sys.setswitchinterval(interval_s)
        answered.set()
    assert outputs == list(range(500))
    assert not failures
