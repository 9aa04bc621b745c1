"""The future keeps every promise of ``concurrent.futures``, with its lock made late."""

import asyncio
import threading
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Future,
    InvalidStateError,
    as_completed,
    wait,
)
from concurrent.futures import TimeoutError as FutureTimeoutError

import pytest

from codomyrmex_lab.optimization.futures import AnswerFuture
from codomyrmex_lab.optimization.request import ORDINARY, PendingRequest

PATIENCE_S = 20.0


def resolve_soon(future, value):
    thread = threading.Thread(target=future.set_result, args=(value,))
    thread.start()
    return thread


def test_it_is_a_future_that_starts_without_lock_or_lists():
    future = AnswerFuture()
    assert isinstance(future, Future)
    assert future._audience is None
    assert not future.done()
    assert not future.cancelled()
    assert not future.running()
    assert "pending" in repr(future)


def test_no_future_of_the_engine_ever_has_an_instance_dict_that_is_used():
    """CPython 3.11 crashes when one thread makes an object's dict while another writes to it."""
    request = PendingRequest(0, "input", 1, 1, ORDINARY)
    request.join(PendingRequest(1, "input", 1, 1, ORDINARY))
    request.own_terms().placed = True
    request.add_done_callback(lambda future: None)
    thread = resolve_soon(request, 7)
    assert request.result(PATIENCE_S) == 7
    thread.join()
    assert vars(request) == {}
    assert vars(AnswerFuture()) == {}


def test_result_and_exception_after_and_before_the_answer():
    future = AnswerFuture()
    with pytest.raises(FutureTimeoutError):
        future.result(timeout=0)
    thread = resolve_soon(future, 7)
    assert future.result(PATIENCE_S) == future.result() == 7
    assert future.exception() is None
    assert future.done()
    thread.join()
    failed = AnswerFuture()
    failed.set_exception(KeyError("x"))
    assert isinstance(failed.exception(), KeyError)
    with pytest.raises(KeyError):
        failed.result()


def test_a_result_of_none_is_a_result():
    future = AnswerFuture()
    future.set_result(None)
    assert future.done()
    assert future.result() is None


def test_several_waiters_all_wake():
    future, results = AnswerFuture(), []
    waiters = [
        threading.Thread(target=lambda: results.append(future.result(PATIENCE_S))) for _ in range(8)
    ]
    for waiter in waiters:
        waiter.start()
    future.set_result(3)
    for waiter in waiters:
        waiter.join(PATIENCE_S)
    assert results == [3] * 8


def test_wait_and_as_completed_see_answers_before_and_after_they_look():
    futures = [AnswerFuture() for _ in range(4)]
    futures[0].set_result(0)
    threads = [resolve_soon(future, i) for i, future in enumerate(futures[1:], 1)]
    assert {f.result() for f in as_completed(futures, PATIENCE_S)} == {0, 1, 2, 3}
    done, pending = wait(futures, PATIENCE_S)
    assert (len(done), len(pending)) == (4, 0)
    open_future = AnswerFuture()
    done, pending = wait([open_future, futures[0]], return_when=FIRST_COMPLETED)
    assert (done, pending) == ({futures[0]}, {open_future})
    for thread in threads:
        thread.join()


def test_asyncio_can_await_it():
    async def main():
        future = AnswerFuture()
        wrapped = asyncio.wrap_future(future)
        thread = resolve_soon(future, 5)
        assert await asyncio.wait_for(wrapped, PATIENCE_S) == 5
        thread.join()

    asyncio.run(main())


def test_callbacks_run_whether_added_before_or_after_and_a_broken_one_disturbs_nobody(caplog):
    seen = []

    def broken(future):
        raise SystemExit

    future = AnswerFuture()
    future.add_done_callback(broken)
    future.add_done_callback(lambda f: seen.append(f.result()))
    future.set_result(1)
    future.add_done_callback(lambda f: seen.append(f.result() + 1))
    assert seen == [1, 2]
    assert "callback" in caplog.text


def test_cancelling_works_until_the_computation_begins():
    future = AnswerFuture()
    assert future.cancel()
    assert future.cancel()
    assert future.cancelled()
    assert not future.set_running_or_notify_cancel()
    assert not future.set_running_or_notify_cancel()
    with pytest.raises(CancelledError):
        future.result()
    running = AnswerFuture()
    assert running.set_running_or_notify_cancel()
    assert not running.cancel()
    running.set_result(1)
    assert not running.cancel()


def test_a_cancelled_future_is_reported_to_waiters_and_tells_its_engine():
    told = []

    class Told(AnswerFuture):
        def withdrawn(self):
            told.append(True)

    future = Told()
    future.cancel()
    future.set_running_or_notify_cancel()
    assert wait([future], PATIENCE_S).done == {future}
    assert told == [True]


def test_a_second_answer_is_refused():
    future = AnswerFuture()
    future.set_result(1)
    with pytest.raises(InvalidStateError):
        future.set_result(2)
    with pytest.raises(InvalidStateError):
        future.set_exception(ValueError())


def test_cancel_and_begin_never_both_win():
    for _ in range(2000):
        future = AnswerFuture()
        barrier, won = threading.Barrier(2), []

        def cancel(future=future, barrier=barrier, won=won):
            barrier.wait()
            won.append(("cancel", future.cancel()))

        thread = threading.Thread(target=cancel)
        thread.start()
        barrier.wait()
        began = future.set_running_or_notify_cancel()
        thread.join()
        assert began != won[0][1]
        assert future.cancelled() == won[0][1]


def test_no_wake_up_is_lost_between_answer_and_waiter():
    for _ in range(2000):
        future = AnswerFuture()
        thread = resolve_soon(future, 1)
        assert future.result(PATIENCE_S) == 1
        thread.join()
