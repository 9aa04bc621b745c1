import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tracing import BatchColumns, RequestColumns, Trace
from codomyrmex_lab.workloads.measuring_window import MeasuringWindow


def trace_of(arrival_s: list[float]) -> Trace:
    arrival_ns = (np.array(arrival_s, dtype=np.float64) * 1e9).astype(np.int64) + 5_000
    return Trace(RequestColumns.of(arrival_ns, arrival_ns, arrival_ns + 1000), BatchColumns.of())


def test_requests_are_marked_by_the_time_of_their_arrival() -> None:
    window = MeasuringWindow(warmup_s=1, cooldown_s=2)
    phases = window.phases(trace_of([0, 0.5, 1, 2, 3, 4.5, 5]))
    assert list(phases) == [*["warm-up"] * 2, *["measured"] * 3, *["cool-down"] * 2]


def test_requests_are_marked_by_their_number() -> None:
    window = MeasuringWindow(warmup_requests=2, cooldown_requests=1)
    phases = window.phases(trace_of([0, 0, 0, 1, 1]))
    assert list(phases) == ["warm-up", "warm-up", "measured", "measured", "cool-down"]


def test_figures_are_those_of_the_measured_requests() -> None:
    trace = trace_of([0, 1, 2, 3])
    measured = MeasuringWindow(warmup_requests=1, cooldown_s=0.5).select(trace)

    assert measured.requests["id"].tolist() == [1, 2]
    assert measured.summary().n_requests == 2
    assert measured.metadata["measuring_window"] == {
        "warmup_s": 0.0,
        "cooldown_s": 0.5,
        "warmup_requests": 1,
        "cooldown_requests": 0,
        "n_warmup": 1,
        "n_cooldown": 1,
    }
    assert "measuring_window" not in trace.metadata


def test_window_without_a_rule_leaves_nothing_out() -> None:
    assert len(MeasuringWindow().select(trace_of([0, 1]))) == 2


def test_empty_trace_stays_empty() -> None:
    window = MeasuringWindow(warmup_s=1, cooldown_s=1, warmup_requests=3, cooldown_requests=3)
    assert len(window.select(trace_of([]))) == 0


@given(
    st.lists(st.floats(0, 10), max_size=30).map(sorted),
    st.floats(0, 12),
    st.floats(0, 12),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_phases_follow_each_other(
    arrival_s: list[float], warmup_s: float, cooldown_s: float, n_first: int, n_last: int
) -> None:
    window = MeasuringWindow(warmup_s, cooldown_s, n_first, n_last)
    codes = window.phases(trace_of(arrival_s)).codes
    assert (np.diff(codes) >= 0).all()


@pytest.mark.parametrize(
    "rule", [{"warmup_s": -1}, {"cooldown_s": float("nan")}, {"warmup_requests": 1.5}]
)
def test_rule_outside_its_range_is_refused(rule: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(rule))):
        MeasuringWindow(**rule)
