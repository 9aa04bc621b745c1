import math
import warnings
from array import array

import pytest

from codomyrmex_lab.errors import LabError, LateDriverWarning
from codomyrmex_lab.workloads.driver_lateness import lateness_ms, warn_if_late


def late(p99_ms: float) -> dict[str, float]:
    return {"p50": 0.0, "p99": p99_ms, "max": p99_ms}


def test_lateness_is_told_in_percentiles() -> None:
    told = lateness_ms(array("q", range(0, 101_000_000, 1_000_000)))
    assert told == {"p50": 50.0, "p99": 99.0, "max": 100.0}


def test_no_request_has_no_lateness() -> None:
    assert all(math.isnan(value) for value in lateness_ms(array("q")).values())


@pytest.mark.parametrize(("p99_ms", "p50_latency_ms"), [(1.1, 10.9), (30, 5), (1.01, 0)])
def test_lateness_above_a_tenth_of_the_latency_is_warned_of(
    p99_ms: float, p50_latency_ms: float
) -> None:
    with pytest.warns(LateDriverWarning, match=f"more than {p99_ms:.3g} ms"):
        warn_if_late(late(p99_ms), p50_latency_ms, stacklevel=1)


@pytest.mark.parametrize(
    ("p99_ms", "p50_latency_ms"), [(0.9, 0.1), (1.1, 11.1), (math.nan, 5), (5, math.nan)]
)
def test_negligible_lateness_is_not(p99_ms: float, p50_latency_ms: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_late(late(p99_ms), p50_latency_ms, stacklevel=1)


def test_the_warning_is_one_of_the_lab_and_can_be_made_an_error() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(LabError):
            warn_if_late(late(50), 1, stacklevel=1)
