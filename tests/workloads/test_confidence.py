import math

import numpy as np
import pytest

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.workloads.confidence import Confidence, ConfidenceWatch


def test_samples_that_are_all_equal_are_known_at_once() -> None:
    wanted = Confidence(percent=99)
    assert wanted.reached(wanted.estimate(np.full(1000, 2.0)))
    assert not wanted.reached(wanted.estimate(np.full(100, 2.0)))
    assert not wanted.reached(wanted.estimate([]))


def test_watch_ends_the_run_once_it_is_confident() -> None:
    samples = np.full(1000, 2.0)
    with ConfidenceWatch(Confidence(within_s=20), lambda: samples) as watch:
        assert watch.over.wait(20)
    verdict = watch.verdict()
    assert verdict["reached"] is True
    assert (verdict["ci_low_ms"], verdict["value_ms"], verdict["ci_high_ms"]) == (2, 2, 2)


def test_watch_ends_the_run_when_its_time_is_up() -> None:
    with ConfidenceWatch(Confidence(within_s=0.05), lambda: np.arange(10.0)) as watch:
        assert watch.over.wait(20)
    assert watch.verdict()["reached"] is False
    assert watch.verdict()["ci_high_ms"] == math.inf


def test_watch_without_a_wish_does_nothing() -> None:
    with ConfidenceWatch(None, lambda: np.zeros(0)) as watch:
        pass
    assert not watch.over.is_set()
    assert watch.verdict() == {}


@pytest.mark.parametrize(
    "wish",
    [
        {"percent": 100},
        {"percent": 0},
        {"relative_width": 0},
        {"confidence": 1},
        {"within_s": math.inf},
    ],
)
def test_wish_outside_its_range_is_refused(wish: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(wish))):
        Confidence(**wish)
