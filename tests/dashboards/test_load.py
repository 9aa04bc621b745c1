"""Which slice of a workload a measurement replays, and how fast."""

import threading

import numpy as np
import pytest

from codomyrmex_lab.dashboards.load import LoadChoice, OfferedLoad
from codomyrmex_lab.errors import SettingError, WorkloadError
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.workloads import Workload
from tests.dashboards.conftest import double

CONFIG = OptimizationConfig()


def evenly(rate_rps: float, n: int) -> Workload:
    return Workload(np.arange(1, n + 1) / rate_rps)


def test_what_is_given_is_taken() -> None:
    load = LoadChoice(evenly(10, 1000), max_requests=100, speed=20).settle(double, CONFIG)
    assert (len(load.workload), load.speed) == (100, 20)
    assert load.rate_rps == pytest.approx(200)
    assert str(load) == "the first 100 of 1,000 requests at 20× their own pace: 200 requests/s"


def test_an_open_number_takes_what_arrives_within_a_few_seconds() -> None:
    load = LoadChoice(evenly(10, 10_000), speed=20).settle(double, CONFIG)
    assert len(load.workload) == 500


def test_slow_traffic_still_gives_some_requests() -> None:
    assert len(LoadChoice(evenly(1, 1000), speed=1).settle(double, CONFIG).workload) == 50
    assert len(LoadChoice(evenly(1, 20), speed=1).settle(double, CONFIG).workload) == 20


def test_fast_traffic_is_bounded() -> None:
    assert len(LoadChoice(evenly(50_000, 60_000), speed=1).settle(double, CONFIG).workload) == (
        20_000
    )


def test_an_open_speed_never_exceeds_the_highest_rate_for_a_quick_model() -> None:
    load = LoadChoice(evenly(10, 10_000)).settle(double, CONFIG)
    assert load.rate_rps == pytest.approx(2_000, rel=0.01)


def test_an_open_speed_never_slows_traffic_down() -> None:
    assert LoadChoice(evenly(10_000, 5_000)).settle(double, CONFIG).speed == 1.0


def test_an_open_speed_keeps_one_worker_busy_with_a_slow_model() -> None:
    def slow(inputs: list[int]) -> list[int]:
        threading.Event().wait(0.03)
        return inputs

    load = LoadChoice(evenly(1, 1_000)).settle(slow, CONFIG)
    assert load.rate_rps <= 34
    steps = load.rate_rps / 10 ** np.floor(np.log10(load.rate_rps * 1.000001))
    assert round(steps, 6) in (1, 2, 5)


def test_a_model_that_fails_gets_a_load_all_the_same() -> None:
    def broken(_inputs: list[int]) -> list[int]:
        raise ValueError("no")

    assert LoadChoice(evenly(1, 1_000)).settle(broken, CONFIG).rate_rps == pytest.approx(200)


def test_requests_that_arrive_at_once_say_so() -> None:
    load = OfferedLoad(Workload([0.0, 0.0]), 1.0, 2)
    assert str(load) == "all 2 requests at 1× their own pace: all at once"


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf"), True, "2"])
def test_a_speed_outside_its_range_is_refused(speed: object) -> None:
    with pytest.raises(SettingError, match=r"speed is .*; expected a finite number above 0"):
        LoadChoice(evenly(1, 10), speed=speed)  # type: ignore[arg-type]


@pytest.mark.parametrize("max_requests", [0, -1, 2.5, True])
def test_a_number_outside_its_range_is_refused(max_requests: object) -> None:
    with pytest.raises(SettingError, match="max_requests is"):
        LoadChoice(evenly(1, 10), max_requests=max_requests)  # type: ignore[arg-type]


def test_something_else_than_a_workload_is_refused() -> None:
    with pytest.raises(WorkloadError, match="The workload is a list; expected a Workload"):
        LoadChoice([1, 2, 3])  # type: ignore[arg-type]
