"""Callers of one batch wake one another; whatever one of them does, all the others wake."""

import ctypes
import threading
import time
from concurrent.futures import TimeoutError as FutureTimeoutError

import pytest

from codomyrmex_lab.optimization.futures import AnswerFuture, announce
from codomyrmex_lab.optimization.sleepers import Sleeper, wake

PATIENCE_S = 10.0


class Caller:
    """A thread that waits for one future and notes what it got."""

    def __init__(self, timeout_s=None, before_it_returns=None):
        self.future = AnswerFuture()
        self.outcome = None
        self._timeout_s = timeout_s
        self._before_it_returns = before_it_returns
        self.thread = threading.Thread(target=self._call, daemon=True)
        self.thread.start()

    def _call(self):
        try:
            self.outcome = self.future.result(self._timeout_s)
        except BaseException as error:
            self.outcome = error
        if self._before_it_returns is not None:
            self._before_it_returns()

    def is_asleep(self):
        audience = self.future._audience
        return audience is not None and bool(audience.sleepers)


def asleep(callers):
    deadline_s = time.monotonic() + PATIENCE_S
    while not all(caller.is_asleep() for caller in callers):
        assert time.monotonic() < deadline_s
        time.sleep(0.001)
    return callers


def answer(callers):
    for place, caller in enumerate(callers):
        caller.future.settle(place)
    announce(caller.future for caller in callers)


def outcomes(callers):
    for caller in callers:
        caller.thread.join(PATIENCE_S)
        assert not caller.thread.is_alive()
    return [caller.outcome for caller in callers]


@pytest.mark.parametrize("n_callers", [1, 2, 3, 64])
def test_all_callers_of_a_batch_wake(n_callers):
    callers = asleep([Caller() for _ in range(n_callers)])
    answer(callers)
    assert outcomes(callers) == list(range(n_callers))


def test_callers_that_gave_up_before_the_answer_are_passed_over():
    hasty = [Caller(timeout_s=0.001) for _ in range(8)]
    for caller in hasty:
        caller.thread.join(PATIENCE_S)
    patient = asleep([Caller() for _ in range(8)])
    answer([caller for pair in zip(hasty, patient, strict=True) for caller in pair])
    assert outcomes(patient) == list(range(1, 16, 2))
    assert all(isinstance(caller.outcome, FutureTimeoutError) for caller in hasty)


def test_interrupted_callers_wake_all_who_wait_behind_them():
    callers = asleep([Caller() for _ in range(16)])
    for caller in callers[:2]:  # those who are woken first, and would wake the others
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(caller.thread.ident), ctypes.py_object(KeyboardInterrupt)
        )
    answer(callers)
    assert outcomes(callers)[2:] == list(range(2, 16))
    assert all(isinstance(caller.outcome, KeyboardInterrupt) for caller in callers[:2])


def test_callers_that_stay_busy_after_their_answer_hold_up_nobody():
    go_on = threading.Event()
    callers = asleep([Caller(before_it_returns=go_on.wait) for _ in range(16)])
    answer(callers)
    deadline_s = time.monotonic() + PATIENCE_S
    while any(caller.outcome is None for caller in callers):
        assert time.monotonic() < deadline_s
        time.sleep(0.001)
    go_on.set()
    assert outcomes(callers) == list(range(16))


def test_who_wakes_late_wakes_everybody_else():
    sleepers, now_ns = [Sleeper() for _ in range(8)], 0
    wake(sleepers, lambda: now_ns)
    assert [sleeper.lock.locked() for sleeper in sleepers] == [False] * 2 + [True] * 6
    now_ns = 100_000
    sleepers[0].leave()
    assert [sleeper.lock.locked() for sleeper in sleepers] == [False] * 3 + [True] * 5
    now_ns = 2_000_000
    sleepers[1].leave()
    assert not any(sleeper.lock.locked() for sleeper in sleepers)
