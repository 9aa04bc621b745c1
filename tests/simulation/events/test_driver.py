import numpy as np

from codomyrmex_lab.simulation.events.driver import submitted_ns


def submitted(arrival_ns, late_ns, interval_ns):
    ticks = (np.array(values, np.int64) for values in (arrival_ns, late_ns))
    return submitted_ns(*ticks, interval_ns).tolist()


def test_driver_that_adds_nothing_submits_each_request_when_it_is_due():
    assert submitted([0, 0, 5, 9], [0], 0) == [0, 0, 5, 9]


def test_driver_that_slept_is_late_by_one_draw_after_the_other():
    assert submitted([100, 200, 300], [10, 20], 1) == [110, 220, 310]


def test_request_that_is_due_while_the_driver_is_awake_follows_at_once():
    assert submitted([100, 104, 111, 115], [10], 5) == [110, 115, 120, 125]


def test_driver_that_fell_behind_catches_up_at_its_own_pace():
    assert submitted([0, 0, 0, 30], [2], 7) == [2, 9, 16, 32]
