import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.errors import LoadGenError
from codomyrmex_lab.workloads.load_generator_clock import LoadGenClock, read_clock

ZERO_NS = 1_000_000_000
delays = st.integers(0, 10_000_000)


def test_narrowest_of_all_readings_decides() -> None:
    loadgen_ns = np.array([100, 5_000, 9_000])
    before_ns = loadgen_ns + ZERO_NS - np.array([50, 10, 900])
    after_ns = loadgen_ns + ZERO_NS + np.array([30, 400, 700])

    assert read_clock(before_ns, loadgen_ns, after_ns) == LoadGenClock(ZERO_NS + 10, 20)


@given(st.lists(st.tuples(delays, delays, delays), min_size=1))
def test_zero_is_within_the_uncertainty_whatever_the_delays(
    readings: list[tuple[int, int, int]],
) -> None:
    loadgen_ns, before, after = np.array(readings).T

    clock = read_clock(loadgen_ns + ZERO_NS - before, loadgen_ns, loadgen_ns + ZERO_NS + after)

    assert abs(clock.zero_ns - ZERO_NS) <= clock.uncertainty_ns
    assert 2 * clock.uncertainty_ns <= min(before) + min(after) + 1


def test_clock_that_was_set_meanwhile_is_one_sentence() -> None:
    loadgen_ns = np.array([0, 5_000_000])
    moved_ns = loadgen_ns + ZERO_NS - np.array([0, 3_000_000])

    with pytest.raises(LoadGenError, match=r"moved by 2\.98 ms or more"):
        read_clock(moved_ns - 10_000, loadgen_ns, moved_ns + 10_000)
