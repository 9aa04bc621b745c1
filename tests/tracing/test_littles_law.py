import numpy as np
import pytest

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tracing import littles_law

from .traces import queue_trace, trace_of


def test_whole_run_obeys_the_law_exactly() -> None:
    law = littles_law(trace_of([0, 100, 200], [0, 0, 0], [50, 100, 0]), trim=0)

    assert law.mean_in_system == pytest.approx(150 / 200)
    assert law.arrival_rate_rps == pytest.approx(2 / 0.2)
    assert law.mean_latency_ms == pytest.approx(75)
    assert law.relative_difference == pytest.approx(0, abs=1e-9)


def test_steady_queue_obeys_the_law_and_has_its_known_length() -> None:
    law = littles_law(queue_trace(200_000, 0.5, seed=1))

    assert law.relative_difference == pytest.approx(0, abs=0.01)
    assert law.mean_in_system == pytest.approx(1, rel=0.05)  # load / (1 - load)


def test_growing_queue_is_seen() -> None:
    n = 1000
    law = littles_law(trace_of(np.arange(n), 2.0 * np.arange(n), np.ones(n)))

    assert law.relative_difference < -0.2


def test_records_that_are_missing_are_seen() -> None:
    trace = queue_trace(50_000, 0.5, seed=2)
    arrival_s = trace.requests["arrival"].dt.total_seconds().to_numpy()
    late = arrival_s > arrival_s[-1] * 0.5

    held_up = trace_of(arrival_s * 1e3, np.where(late, 0.0, 20_000.0), np.ones(len(trace)))

    assert abs(littles_law(held_up).relative_difference) > 0.05


@pytest.mark.parametrize("n", [0, 1])
def test_trace_without_duration_has_no_rate(n: int) -> None:
    law = littles_law(trace_of(np.zeros(n), np.zeros(n), np.ones(n)))

    assert law.arrival_rate_rps == 0
    assert np.isnan(law.relative_difference)


def test_trim_outside_its_range_is_refused() -> None:
    with pytest.raises(SettingError, match=r"trim is 0\.5"):
        littles_law(queue_trace(10, 0.5, 1), trim=0.5)
