"""What is left of an engine when something around it breaks."""

import ctypes
import signal
import subprocess
import sys
import threading

import pytest

from codomyrmex_lab.errors import (
    DrainTimeoutError,
    OutputCountError,
    ProcessorTimeoutError,
    WorkerCrashedError,
)
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig, RequestBatcher

from .conftest import wait_until

PATIENCE_S = 20.0
ONE_BY_ONE = OptimizationConfig(batch_timeout_ms=0.0, max_batch_size=1, num_workers=1)


def worker(place=0):
    return next(t for t in threading.enumerate() if t.name == f"batch-worker-{place}")


def kill(thread):
    """Make a thread die of SystemExit wherever it is."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
    )


def test_a_hanging_model_fails_its_callers_and_a_fresh_worker_takes_over(gate):
    def model(inputs):
        return gate(inputs) if inputs == ["hang"] else inputs

    config = ONE_BY_ONE.replace(processor_timeout_ms=50.0)
    with InferenceOptimizer(model, config) as engine:
        hanging, joined = engine.submit("hang"), engine.submit("hang")
        next_one = engine.submit("next")
        for future in (hanging, joined):
            with pytest.raises(ProcessorTimeoutError, match="processor_timeout_ms = 50"):
                future.result(PATIENCE_S)
        assert next_one.result(PATIENCE_S).output == "next"
        gate.open.set()
        assert engine.infer("another").output == "another"
        assert engine.stats.failed_requests == 2


def test_a_model_call_within_its_limit_is_left_alone(clock):
    def model(inputs):
        clock._now_ns += 40_000_000
        return inputs

    batcher = RequestBatcher(1, 0.0, model, processor_timeout_ms=50.0)
    with batcher:
        assert [batcher.submit_sync(i) for i in range(20)] == list(range(20))


def test_a_limit_can_be_set_and_lifted_while_running(gate):
    with InferenceOptimizer(gate, ONE_BY_ONE) as engine:
        hanging = engine.submit("hang")
        gate.wait_entered()
        engine.reconfigure(ONE_BY_ONE.replace(processor_timeout_ms=20.0))
        assert isinstance(hanging.exception(PATIENCE_S), ProcessorTimeoutError)
        engine.reconfigure(ONE_BY_ONE)
        patient = engine.submit("patient")
        gate.wait_entered()
        gate.open.set()
        assert patient.result(PATIENCE_S).output == "patient"


def test_a_worker_that_dies_while_it_waits_is_replaced():
    with InferenceOptimizer(lambda xs: xs, ONE_BY_ONE) as engine:
        engine.infer("before")
        old = worker()
        kill(old)
        engine.flush()  # wakes it up to die
        old.join(PATIENCE_S)
        assert engine.infer("after").output == "after"
        assert engine.infer("still").output == "still"
        assert worker() is not old


def test_a_worker_that_dies_between_model_and_answer_fails_its_batch_with_a_named_error(caplog):
    class Observer:
        """Kills the worker while it answers a batch."""

        def on_batch(self, batch):
            if batch.outputs == ["die"]:
                raise SystemExit

        def on_cache_hit(self, *event):
            pass

        on_unserved = on_cache_hit

    with InferenceOptimizer(lambda xs: xs, ONE_BY_ONE, observer=Observer()) as engine:
        future = engine.submit("die")
        assert isinstance(future.exception(PATIENCE_S), WorkerCrashedError)
        assert engine.infer("after").output == "after"
    assert "died" in caplog.text


def test_an_output_that_cannot_be_copied_is_delivered_but_not_cached(caplog):
    lock = threading.Lock()
    with InferenceOptimizer(lambda xs: [lock for _ in xs], ONE_BY_ONE) as engine:
        assert engine.infer("a").output is lock
        assert not engine.infer("a").from_cache
    assert "cannot be copied" in caplog.text


class Labelled(list):
    """Outputs whose items are not found by position, as in a pandas Series with an index."""

    def __getitem__(self, index):
        raise KeyError(index)


@pytest.mark.parametrize("use_cache", [True, False])
def test_outputs_are_taken_in_their_order_however_they_are_indexed(use_cache):
    with InferenceOptimizer(Labelled, ONE_BY_ONE) as engine:
        assert engine.infer("a", use_cache).output == "a"


def test_outputs_whose_length_is_not_their_number_are_refused():
    class Misleading(list):
        def __len__(self):
            return 1

    def model(inputs):
        return Misleading(["one", "two"])

    with (
        InferenceOptimizer(model, ONE_BY_ONE) as engine,
        pytest.raises(OutputCountError, match="returned 2 outputs for 1 inputs"),
    ):
        engine.infer("a")


def test_after_a_crash_on_the_way_to_the_cache_the_same_input_is_computed_anew():
    class Unsizable:
        broken = True

        def __sizeof__(self):
            if self.broken:
                raise OSError("no size")
            return 100

    config = ONE_BY_ONE.replace(cache_max_bytes=1000, max_batch_size=2, batch_timeout_ms=5.0)
    with InferenceOptimizer(lambda xs: [Unsizable() for _ in xs], config) as engine:
        futures = [engine.submit("a"), engine.submit("b")]
        for future in futures:
            assert isinstance(future.exception(PATIENCE_S), WorkerCrashedError)
        Unsizable.broken = False
        for text in "ab":  # "b" had not even come to the cache
            assert not engine.submit(text).result(PATIENCE_S).from_cache


def run_script(script):
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_interrupted_stop_fails_what_is_left_and_the_engine_can_be_started_again(gate):
    """The stop button of a notebook, pressed because stopping takes too long."""
    engine = InferenceOptimizer(gate, ONE_BY_ONE)
    engine.start()
    future = engine.submit("running")
    gate.wait_entered()
    waiting = engine.submit("waiting")
    main, dispatcher = threading.main_thread().ident, engine._dispatcher

    def interrupt():
        wait_until(lambda: dispatcher._closed)
        signal.pthread_kill(main, signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        engine.stop(drain_timeout_s=None)
    interrupter.join()
    for one in (future, waiting):
        assert isinstance(one.exception(PATIENCE_S), DrainTimeoutError)
    starter = threading.Thread(target=engine.start, daemon=True)
    starter.start()
    starter.join(PATIENCE_S)
    assert not starter.is_alive()
    gate.open.set()
    assert engine.infer("after").output == "after"
    engine.stop()


def test_at_interpreter_exit_pending_requests_are_answered():
    script = """
import time
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig

engine = InferenceOptimizer(lambda xs: xs, OptimizationConfig(batch_timeout_ms=1e6))
engine.start()
engine.submit("a").add_done_callback(lambda f: print("answered", f.result().output, flush=True))
"""
    done = run_script(script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "answered a\n", "")


def test_a_thread_that_waits_for_a_partial_batch_ends_with_the_stop_of_the_main_thread():
    script = """
from concurrent.futures import ThreadPoolExecutor
from codomyrmex_lab.optimization import BatchingStrategy, InferenceOptimizer, OptimizationConfig

fixed = OptimizationConfig(batching_strategy=BatchingStrategy.FIXED, max_batch_size=8)
threads = ThreadPoolExecutor()
with InferenceOptimizer(lambda xs: xs, fixed) as engine:
    future = threads.submit(engine.infer, "a")
    while not engine.queue_length:
        pass
future.add_done_callback(lambda f: print("answered", f.result().output, flush=True))
"""
    done = run_script(script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "answered a\n", "")


def test_a_model_that_hangs_does_not_keep_the_interpreter_alive():
    script = """
import threading
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig, lifetimes

lifetimes.EXIT_DRAIN_S = 0.1
engine = InferenceOptimizer(lambda xs: threading.Event().wait(), OptimizationConfig())
engine.start()
engine.submit("a").add_done_callback(lambda f: print(type(f.exception()).__name__, flush=True))
engine.flush()
"""
    done = run_script(script)
    assert (done.returncode, done.stdout) == (0, "DrainTimeoutError\n")


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this platform cannot fork")
def test_a_forked_child_holds_a_stopped_copy_and_the_parent_goes_on():
    script = """
import os, sys
from codomyrmex_lab.errors import NotRunningError
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig

config = OptimizationConfig(batch_timeout_ms=0.0)
engine = InferenceOptimizer(lambda xs: xs, config)
engine.start()
engine.infer("before")
child = os.fork()
if child == 0:
    try:
        engine.submit("in the child")
    except NotRunningError as error:
        assert "fork" in str(error)
        with InferenceOptimizer(lambda xs: xs, config) as own:
            assert own.infer("own").output == "own"
        engine.stop()
        with engine:
            os._exit(0 if engine.infer("anew").output == "anew" else 2)
    os._exit(1)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), engine.infer("after").output)
engine.stop()
"""
    done = run_script(script)
    assert done.stdout == "0 after\n", done.stderr


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this platform cannot fork")
@pytest.mark.parametrize("door", ["submit", "infer"])
def test_what_was_in_flight_at_a_fork_is_computed_anew_in_the_child(door):
    script = f"""
import os, threading
from codomyrmex_lab.optimization import InferenceOptimizer, OptimizationConfig

parent, forked, entered = os.getpid(), threading.Event(), threading.Event()

def model(inputs):
    entered.set()
    if os.getpid() == parent:
        forked.wait()
    return inputs

engine = InferenceOptimizer(model, OptimizationConfig(batch_timeout_ms=0.0))
if "{door}" == "submit":
    engine.start()
caller = threading.Thread(target=engine.{door}, args=("in flight",))
caller.start()
entered.wait()
child = os.fork()
if child == 0:
    engine.stop()
    with engine:
        os._exit(0 if engine.submit("in flight").result({PATIENCE_S}).output == "in flight" else 2)
_, status = os.waitpid(child, 0)
forked.set()
caller.join()
print(os.waitstatus_to_exitcode(status), engine.infer("in flight").output)
engine.stop()
"""
    done = run_script(script)
    assert done.stdout == "0 in flight\n", done.stderr


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this platform cannot fork")
def test_an_async_model_called_directly_works_in_a_forked_child():
    script = """
import os
from codomyrmex_lab.optimization import InferenceOptimizer

async def model(inputs):
    return inputs

engine = InferenceOptimizer(model)
engine.infer("before")
child = os.fork()
if child == 0:
    os._exit(0 if engine.infer("in the child").output == "in the child" else 2)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), engine.infer("after").output)
"""
    done = run_script(script)
    assert done.stdout == "0 after\n", done.stderr
