"""How many times faster than its own pace a workload is offered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from codomyrmex_lab.dashboards.scales import logarithmic_positions
from codomyrmex_lab.dashboards.slider_keys import POSITIONS_CLASS, typed_value
from codomyrmex_lab.errors import ConfigFileError, SettingError
from codomyrmex_lab.workloads.ranges import check_number

__all__ = ["LoadSlider", "check_load", "load_from_state"]

_LOADS = logarithmic_positions(0.1, 100)
_LEAST, _MOST = 0.001, 10_000


def check_load(load: object) -> None:
    """Raise ``SettingError`` unless this is a load that can be offered."""
    words = f"load is {load!r}; expected a number from {_LEAST:g} to {_MOST:,}."
    try:
        check_number("load", load, above_zero=True)
    except SettingError as error:
        raise SettingError(words) from error
    if not _LEAST <= load <= _MOST:  # type: ignore[operator]
        raise SettingError(words)


def load_from_state(state: Mapping[str, Any]) -> float:
    """Return the load of a saved state.

    Raises
    ------
    ConfigFileError
        There is none, or it cannot be offered.
    """
    if "load" not in state:
        raise ConfigFileError("The saved state holds no load; expected one that save() wrote.")
    try:
        check_load(state["load"])
    except SettingError as error:
        raise ConfigFileError(f"In the saved state {error}") from error
    return float(state["load"])


class LoadSlider(widgets.SelectionSlider):  # type: ignore[misc]
    """A logarithmic slider of the load, 1 being the workload's own pace.

    Parameters
    ----------
    load : float
        Where it begins, from 0.001 to 10,000.
    on_change : callable
        Told each new load.

    Raises
    ------
    SettingError
        ``load`` outside its range.
    """

    def __init__(self, load: float, on_change: Callable[[float], object]) -> None:
        check_load(load)
        self._load, self._on_change = float(load), on_change
        self._adding = False
        super().__init__(
            description="Load (×)",
            tooltip="How many times faster than its own pace the workload comes",
            options=_labelled({*_LOADS, self._load}),
            value=self._load,
            style={"description_width": "112px"},
            layout={"width": "340px"},
        )
        self.add_class(POSITIONS_CLASS)
        self.observe(self._follow, names="value")

    @property
    def load(self) -> float:
        """What it stands at; setting it adds a position where there is none."""
        return self._load

    @load.setter
    def load(self, load: float) -> None:
        check_load(load)
        positions = {position for _, position in self.trait_values()["options"]}
        if load in positions:
            self.value = load
        else:
            self._add(float(load), positions)
            self._take_over(float(load))

    def type(self, slider: str, text: str, on_refusal: Callable[[str], object]) -> None:
        """Take over what was typed beside a slider, if it is this one.

        Parameters
        ----------
        slider : str
            What stands beside it.
        text : str
            A number from 0.001 to 10,000.
        on_refusal : callable
            Told why it was refused.
        """
        if slider != self.description:
            return
        try:
            load = typed_value(self, text)
            check_load(load)
        except SettingError as error:
            on_refusal(str(error))
        else:
            self.load = load

    def _add(self, load: float, positions: set[float]) -> None:
        """Stand on a new position; the widget itself goes to its first one meanwhile."""
        self._adding = True
        try:
            with self.hold_sync():
                self.options = _labelled({*positions, load})
                self.value = load
        finally:
            self._adding = False

    def _follow(self, change: dict[str, Any]) -> None:
        if not self._adding:
            self._take_over(change["new"])

    def _take_over(self, load: float) -> None:
        if load != self._load:
            self._load = load
            self._on_change(load)


def _labelled(positions: set[float]) -> list[tuple[str, float]]:
    return [(f"{one:g}", one) for one in sorted(positions)]
