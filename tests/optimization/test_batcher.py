import logging
import threading
from concurrent.futures import CancelledError, wait
from contextlib import suppress

import pytest

from codomyrmex_lab.errors import (
    DrainTimeoutError,
    NotRunningError,
    OutputCountError,
    RequestTimeoutError,
)
from codomyrmex_lab.optimization import BatchingStrategy, CloseReason, RequestBatcher

PATIENCE_S = 20.0


class Recorder:
    """Keeps the sizes and reasons of the batches that it is told of."""

    def __init__(self):
        self.batches = []

    def on_batch(self, batch):
        self.batches.append((len(batch.requests), batch.reason))

    def on_unserved(self, request, end_ns, error):
        self.batches.append((0, type(error)))

    def on_cache_hit(self, *event):
        raise AssertionError("a batcher has no cache")


class Gate:
    """A batch function that waits at a gate; notes the batches that came in."""

    def __init__(self):
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)
        self.batches = []

    def __call__(self, inputs):
        self.batches.append(inputs)
        self.entered.release()
        assert self.open.wait(PATIENCE_S)
        return inputs

    def wait_entered(self):
        assert self.entered.acquire(timeout=PATIENCE_S)


def double(inputs):
    return [2 * x for x in inputs]


def test_answers_go_to_those_who_asked():
    with RequestBatcher(8, 1.0, double, num_workers=3) as batcher:
        futures = [batcher.submit_async(i) for i in range(500)]
        assert [f.result(PATIENCE_S) for f in futures] == [2 * i for i in range(500)]
        assert batcher.submit_sync(21) == 42


def test_many_threads_get_their_own_answers():
    results = {}

    def client(n):
        results[n] = [batcher.submit_sync((n, i)) for i in range(100)]

    with RequestBatcher(16, 0.5, lambda inputs: inputs, num_workers=2) as batcher:
        threads = [threading.Thread(target=client, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert results == {n: [(n, i) for i in range(100)] for n in range(8)}


def test_stats_count_requests_and_batches():
    batcher = RequestBatcher(4, 0.0, double, strategy=BatchingStrategy.FIXED)
    empty = {"total_requests": 0, "total_batches": 0, "avg_batch_size": 0.0, "close_reasons": {}}
    assert batcher.stats == batcher.stats == empty
    with batcher:
        wait([batcher.submit_async(i) for i in range(8)])
        assert batcher.stats == {
            "total_requests": 8,
            "total_batches": 2,
            "avg_batch_size": 4.0,
            "close_reasons": {CloseReason.FULL: 2},
        }


def test_oldest_request_leaves_at_its_timeout(clock):
    recorder = Recorder()
    with RequestBatcher(4, 10.0, double, observer=recorder, clock=clock) as batcher:
        first = batcher.submit_async(1)
        clock.advance_ms(6)
        second = batcher.submit_async(2)
        clock.advance_ms(3.999)
        assert not first.done()
        clock.advance_ms(0.001)
        assert [first.result(PATIENCE_S), second.result(PATIENCE_S)] == [2, 4]
    assert recorder.batches == [(2, CloseReason.TIMEOUT)]


def test_a_full_batch_leaves_without_waiting(clock):
    recorder = Recorder()
    with RequestBatcher(2, 10.0, double, observer=recorder, clock=clock) as batcher:
        futures = [batcher.submit_async(i) for i in (1, 2)]
        assert [f.result(PATIENCE_S) for f in futures] == [2, 4]
    assert recorder.batches == [(2, CloseReason.FULL)]


def test_flush_lets_a_partial_batch_leave(clock):
    recorder = Recorder()
    fixed = BatchingStrategy.FIXED
    with RequestBatcher(4, 10.0, double, strategy=fixed, observer=recorder, clock=clock) as batcher:
        future = batcher.submit_async(1)
        clock.advance_ms(10_000)
        assert not future.done()
        batcher.flush()
        assert future.result(PATIENCE_S) == 2
    assert recorder.batches == [(1, CloseReason.FLUSH)]


def test_stop_answers_what_was_accepted(clock):
    recorder = Recorder()
    batcher = RequestBatcher(4, 1e6, double, observer=recorder, clock=clock)
    batcher.start()
    futures = [batcher.submit_async(i) for i in range(3)]
    batcher.stop()
    assert [f.result(0) for f in futures] == [0, 2, 4]
    assert recorder.batches == [(3, CloseReason.STOP)]


def test_submitting_to_a_stopped_batcher_is_an_error_at_once():
    batcher = RequestBatcher(4, 1.0, double)
    with pytest.raises(NotRunningError, match=r"start\(\)"):
        batcher.submit_async(1)
    batcher.start()
    batcher.stop()
    with pytest.raises(NotRunningError):
        batcher.submit_sync(1)


def test_a_stopped_batcher_can_be_started_again():
    batcher = RequestBatcher(4, 0.0, double)
    for i in range(3):
        with batcher:
            assert batcher.submit_sync(i) == 2 * i
    batcher.stop()
    assert not [t for t in threading.enumerate() if t.name.startswith("batch-worker")]


def test_a_batcher_without_processor_cannot_start():
    with pytest.raises(ValueError, match="processor is None"):
        RequestBatcher().start()


def test_no_future_is_pending_when_the_drain_time_ran_out():
    gate = Gate()
    batcher = RequestBatcher(1, 0.0, gate)
    batcher.start()
    futures = [batcher.submit_async(i) for i in range(3)]
    gate.wait_entered()
    batcher.stop(drain_timeout_s=0.0)
    for future in futures:
        with pytest.raises(DrainTimeoutError, match="drain_timeout_s"):
            future.result(0)
    gate.open.set()
    with RequestBatcher(1, 0.0, double) as fresh:
        assert fresh.submit_sync(1) == 2


def test_restart_while_an_old_worker_still_hangs_uses_new_workers_only():
    gate = Gate()
    batcher = RequestBatcher(1, 0.0, gate)
    batcher.start()
    lost = batcher.submit_async("old")
    gate.wait_entered()
    batcher.stop(drain_timeout_s=0.0)
    batcher.start()
    kept = batcher.submit_async("new")
    gate.wait_entered()
    gate.open.set()
    assert kept.result(PATIENCE_S) == "new"
    assert isinstance(lost.exception(0), DrainTimeoutError)
    batcher.stop()


def test_stop_called_by_the_processor_itself_does_not_deadlock():
    def stopping(inputs):
        batcher.stop(drain_timeout_s=0.0)
        return inputs

    batcher = RequestBatcher(1, 0.0, stopping)
    batcher.start()
    assert isinstance(batcher.submit_async(1).exception(PATIENCE_S), DrainTimeoutError)


def test_a_processor_exception_reaches_every_caller_of_the_batch_only(caplog):
    def fails_on_odd(inputs):
        if inputs[0] % 2:
            raise KeyError("odd")
        return inputs

    with (
        caplog.at_level(logging.ERROR, "codomyrmex_lab"),
        RequestBatcher(2, 0.0, fails_on_odd, strategy=BatchingStrategy.FIXED) as batcher,
    ):
        futures = [batcher.submit_async(i) for i in (1, 1, 2, 2)]
        for future in futures[:2]:
            with pytest.raises(KeyError, match="odd"):
                future.result(PATIENCE_S)
        assert [f.result(PATIENCE_S) for f in futures[2:]] == [2, 2]
    assert "request ids 0, 1" in caplog.text


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ([1], "1 outputs for 2 inputs"),
        ([1, 2, 3], "3 outputs for 2 inputs"),
        (None, "a NoneType for 2 inputs"),
        ("ab", "a str for 2 inputs"),
        ({1: 1, 2: 2}, "a dict for 2 inputs"),
        (iter([1, 2]), "iterator for 2 inputs"),
    ],
)
def test_another_number_of_outputs_is_an_error_that_says_both_numbers(outputs, says):
    fixed = BatchingStrategy.FIXED
    with RequestBatcher(2, 0.0, lambda inputs: outputs, strategy=fixed) as batcher:
        for future in [batcher.submit_async(i) for i in range(2)]:
            with pytest.raises(OutputCountError, match=says):
                future.result(PATIENCE_S)


def test_a_system_exit_in_the_processor_fails_its_batch_and_spares_the_worker():
    def leaves(inputs):
        if inputs[0] == "exit":
            raise SystemExit(1)
        return inputs

    with RequestBatcher(1, 0.0, leaves) as batcher:
        assert isinstance(batcher.submit_async("exit").exception(PATIENCE_S), SystemExit)
        assert batcher.submit_sync("stay") == "stay"


def test_waiting_too_long_is_a_named_error_and_withdraws_the_request():
    gate = Gate()
    with RequestBatcher(1, 0.0, gate) as batcher:
        running = batcher.submit_async("first")
        gate.wait_entered()
        with pytest.raises(RequestTimeoutError, match=r"within 0\.01 s"):
            batcher.submit_sync("second", timeout=0.01)
        gate.open.set()
        assert running.result(PATIENCE_S) == "first"
    assert gate.batches == [["first"]]


def test_the_processors_own_timeout_error_is_passed_on():
    def times_out(inputs):
        raise TimeoutError("backend")

    with RequestBatcher(1, 0.0, times_out) as batcher, pytest.raises(TimeoutError, match="backend"):
        batcher.submit_sync(1)


def test_a_cancelled_request_is_not_computed():
    gate = Gate()
    with RequestBatcher(1, 0.0, gate) as batcher:
        batcher.submit_async("first")
        gate.wait_entered()
        second, third = batcher.submit_async("second"), batcher.submit_async("third")
        assert second.cancel()
        gate.open.set()
        assert third.result(PATIENCE_S) == "third"
        with pytest.raises(CancelledError):
            second.result(0)
    assert gate.batches == [["first"], ["third"]]


def test_workers_run_batches_at_the_same_time():
    meeting = threading.Barrier(3, timeout=PATIENCE_S)

    def meet(inputs):
        meeting.wait()
        return inputs

    with RequestBatcher(1, 0.0, meet, num_workers=3) as batcher:
        futures = [batcher.submit_async(i) for i in range(3)]
        assert [f.result(PATIENCE_S) for f in futures] == [0, 1, 2]


def test_an_observer_that_raises_is_logged_and_disturbs_nobody(caplog):
    class Broken(Recorder):
        def on_batch(self, batch):
            raise RuntimeError("observer broke")

    with RequestBatcher(1, 0.0, double, observer=Broken()) as batcher:
        assert batcher.submit_sync(1) == 2
    assert "observer broke" in caplog.text


@pytest.mark.parametrize("settings", [{"max_batch_size": 0}, {"timeout_ms": -1}])
def test_refused_settings_are_value_errors(settings):
    with pytest.raises(ValueError, match="expected"):
        RequestBatcher(**settings)


def test_nothing_is_lost_while_starting_and_stopping_under_load():
    batcher = RequestBatcher(8, 0.1, lambda inputs: inputs, num_workers=2)
    accepted, wrong = [], []
    finished = threading.Event()

    def client(n):
        i = 0
        while not finished.is_set():
            with suppress(NotRunningError):
                accepted.append(((n, i), batcher.submit_async((n, i))))
                if i % 20 == 0:
                    wait([accepted[-1][1]], PATIENCE_S)
            i += 1

    threads = [threading.Thread(target=client, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        with batcher:
            batcher.submit_sync("tick")
    finished.set()
    for thread in threads:
        thread.join()
    assert accepted
    for sent, future in accepted:
        assert future.done()
        if future.exception() is None and future.result() != sent:
            wrong.append(sent)
    assert not wrong
