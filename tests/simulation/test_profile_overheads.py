from types import SimpleNamespace

import pytest

from codomyrmex_lab.optimization.models import CloseReason
from codomyrmex_lab.simulation.events.crew import IDLE_WEIGHT
from codomyrmex_lab.simulation.profile_overheads import Ticks, mean_without_accidents

MS = 1_000_000


def batch(start_ns, end_ns, *requests):
    """Make a batch of requests, each due at one tick and submitted at another."""
    return SimpleNamespace(
        start_ns=start_ns,
        end_ns=end_ns,
        reason=CloseReason.FULL,
        requests=[SimpleNamespace(arrival_ns=due, enqueue_ns=sent) for due, sent in requests],
    )


def test_driver_is_late_by_itself_only_where_no_worker_answers():
    ticks = Ticks()
    ticks.on_batch(batch(1 * MS, 2 * MS, (0, 50), (100, 170)))
    ticks.on_batch(batch(9 * MS, 10 * MS, (2 * MS + 1000, 2 * MS + 900_000), (8 * MS, 8 * MS + 90)))
    assert ticks.late_ns() == [70, 90]  # while the first batch was answered the driver was held up


def test_request_that_was_due_while_the_driver_was_awake_does_not_count():
    ticks = Ticks()
    ticks.on_batch(batch(1 * MS, 2 * MS, (0, 50), (20, 60), (100, 170)))
    assert ticks.late_ns() == [70]


def test_rests_are_averaged_as_the_simulation_does():
    ticks = Ticks()
    for start_ms, end_ms in ((0, 1), (3, 4), (14, 15), (20, 22), (30, 31)):
        ticks.on_batch(batch(start_ms * MS, end_ms * MS, (0, 50)))
    third = 2 + IDLE_WEIGHT * (10 - 2)
    fourth = third + IDLE_WEIGHT * (5 - third)
    fifth = fourth + IDLE_WEIGHT * (8 - fourth)
    (idle_ms, fourth_ms), (last_idle_ms, _) = ticks.idle_and_service_ms()
    assert (idle_ms, fourth_ms) == (pytest.approx(fourth), 2.0)  # those before are the warm-up
    assert last_idle_ms == pytest.approx(fifth)


def test_accidents_are_no_part_of_a_mean():
    assert mean_without_accidents([100, 100, 130, 90_000]) == 110
    assert mean_without_accidents([7]) == 7
