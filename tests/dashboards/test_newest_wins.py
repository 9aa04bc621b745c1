"""The newest item wins, nothing queues up, and the thread ends when told to."""

import threading

import pytest

from codomyrmex_lab.dashboards.newest_wins import NewestWins

LONG_S = 20.0


def is_running(name: str) -> bool:
    return any(thread.name == name for thread in threading.enumerate())


def test_an_item_is_worked_on() -> None:
    done: list[int] = []
    runner = NewestWins[int](lambda item, _: done.append(item), settle_s=0, name="worker-1")
    runner.submit(7)
    assert runner.wait(LONG_S)
    assert done == [7]
    assert runner.close()


def test_a_newer_item_stops_the_work_on_an_older_one() -> None:
    began, done = threading.Event(), []

    def work(item: int, stop: threading.Event) -> None:
        began.set()
        if item == 1:
            assert stop.wait(LONG_S), "nobody stopped the older work"
        else:
            done.append((item, stop.is_set()))

    runner = NewestWins[int](work, settle_s=0, name="worker-2")
    runner.submit(1)
    assert began.wait(LONG_S)
    runner.submit(2)
    assert runner.wait(LONG_S)
    assert done == [(2, False)]
    assert runner.close()


def test_of_many_items_handed_in_meanwhile_only_the_last_is_taken() -> None:
    began, go_on, taken = threading.Event(), threading.Event(), []

    def work(item: int, _stop: threading.Event) -> None:
        taken.append(item)
        began.set()
        assert go_on.wait(LONG_S)

    runner = NewestWins[int](work, settle_s=0, name="worker-3")
    runner.submit(0)
    assert began.wait(LONG_S)
    for item in range(1, 100):
        runner.submit(item)
    go_on.set()
    assert runner.wait(LONG_S)
    assert taken == [0, 99]
    assert runner.close()


def test_items_that_follow_each_other_quickly_settle_first() -> None:
    taken: list[int] = []
    runner = NewestWins[int](lambda item, _: taken.append(item), settle_s=2.0, name="worker-4")
    for item in range(50):
        runner.submit(item)
    assert runner.wait(LONG_S)
    assert taken == [49]
    assert runner.close()


def test_what_waits_is_dropped_and_what_runs_is_stopped() -> None:
    began, ended = threading.Event(), []

    def work(item: int, stop: threading.Event) -> None:
        began.set()
        ended.append((item, stop.wait(LONG_S)))

    runner = NewestWins[int](work, settle_s=0, name="worker-6")
    runner.drop()
    runner.submit(1)
    assert began.wait(LONG_S)
    runner.drop()
    assert runner.wait(LONG_S)
    assert ended == [(1, True)]
    settling = NewestWins[int](work, settle_s=LONG_S, name="worker-7")
    settling.submit(2)
    settling.drop()
    assert settling.wait(LONG_S)
    assert ended == [(1, True)]
    assert runner.close()
    assert settling.close()


def test_wait_says_when_the_time_ran_out() -> None:
    go_on = threading.Event()
    runner = NewestWins[int](lambda _, __: go_on.wait(LONG_S), settle_s=0, name="worker-5")
    assert runner.wait(0)
    runner.submit(1)
    assert not runner.wait(0)
    go_on.set()
    assert runner.wait(LONG_S)
    assert runner.close()


@pytest.mark.parametrize("busy", [True, False])
def test_close_stops_the_work_and_ends_the_thread(busy: bool) -> None:
    began, stopped = threading.Event(), []

    def work(_item: int, stop: threading.Event) -> None:
        began.set()
        stopped.append(stop.wait(LONG_S))

    runner = NewestWins[int](work, settle_s=0, name="worker-6")
    assert is_running("worker-6")
    if busy:
        runner.submit(1)
        assert began.wait(LONG_S)
    assert runner.close()
    assert not is_running("worker-6")
    assert stopped == ([True] if busy else [])
    runner.submit(2)
    assert runner.wait(0)
    assert runner.close()
