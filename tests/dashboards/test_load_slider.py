"""The slider of the load: one word for each movement, and a range."""

from typing import Any

import pytest

from codomyrmex_lab.dashboards.load_slider import LoadSlider, load_from_state
from codomyrmex_lab.errors import ConfigFileError, SettingError


def test_a_load_between_the_positions_is_told_once() -> None:
    told: list[float] = []
    slider = LoadSlider(1.0, told.append)
    slider.load = 4.0
    assert told == [4.0]
    assert (slider.load, slider.value, slider.label) == (4.0, 4.0, "4")


@pytest.mark.parametrize("load", [0.05, 0.9, 1.2, 250.0])
def test_wherever_a_position_is_added_the_handle_stands_on_it(load: float) -> None:
    told: list[float] = []
    slider = LoadSlider(1.0, told.append)
    slider.load = load
    assert told == [load]
    assert slider.options[slider.index] == (f"{load:g}", load)


def test_a_moved_handle_is_told_and_the_same_load_again_is_not() -> None:
    told: list[float] = []
    slider = LoadSlider(4.0, told.append)
    slider.value = 2.0
    slider.load = 2.0
    assert told == [2.0]
    assert slider.load == 2.0


@pytest.mark.parametrize("load", [0, -1.0, "x", None, True, float("nan"), 1e9, 1e-9])
def test_a_load_outside_the_range_is_refused(load: Any) -> None:
    slider = LoadSlider(1.0, print)
    with pytest.raises(SettingError, match=r"expected .* from 0\.001 to 10,000"):
        slider.load = load
    assert slider.load == 1.0
    with pytest.raises(ConfigFileError, match=r"load is .*; expected .* from 0\.001 to 10,000"):
        load_from_state({"load": load})


def test_a_state_without_a_load_is_refused() -> None:
    with pytest.raises(ConfigFileError, match="no load"):
        load_from_state({})
    assert load_from_state({"load": 2}) == 2.0
