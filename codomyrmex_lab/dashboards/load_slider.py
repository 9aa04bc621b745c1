"""How many times faster than its own pace a workload is offered."""

from __future__ import annotations

import math
from collections.abc import Callable

import ipywidgets as widgets

from codomyrmex_lab.dashboards.scales import logarithmic_positions
from codomyrmex_lab.dashboards.slider_keys import POSITIONS_CLASS, typed_value
from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.workloads.ranges import check_number

__all__ = ["LoadSlider"]

_LOADS = logarithmic_positions(0.1, 100)


class LoadSlider(widgets.SelectionSlider):  # type: ignore[misc]
    """A logarithmic slider of the load, 1 being the workload's own pace.

    Parameters
    ----------
    load : float
        Where it begins, above 0.
    on_change : callable
        Told each new load.
    """

    def __init__(self, load: float, on_change: Callable[[float], object]) -> None:
        super().__init__(
            description="Load (×)",
            tooltip="How many times faster than its own pace the workload comes",
            options=[(f"{one:g}", one) for one in _LOADS],
            value=1.0,
            style={"description_width": "112px"},
            layout={"width": "340px"},
        )
        self.add_class(POSITIONS_CLASS)
        self.load = load
        self.observe(lambda change: on_change(change["new"]), names="value")

    @property
    def load(self) -> float:
        """What it stands at; setting it adds a position where there is none."""
        load: float = self.get_interact_value()
        return load

    @load.setter
    def load(self, load: float) -> None:
        options: list[tuple[str, float]] = list(self.trait_values()["options"])
        positions = {position: label for label, position in options}
        if load not in positions:
            positions[load] = f"{load:g}"
            self.options = [(positions[one], one) for one in sorted(positions)]
        self.value = load

    def type(self, slider: str, text: str, on_refusal: Callable[[str], object]) -> None:
        """Take over what was typed beside a slider, if it is this one.

        Parameters
        ----------
        slider : str
            What stands beside it.
        text : str
            A number above 0.
        on_refusal : callable
            Told why it was refused.
        """
        if slider != self.description:
            return
        try:
            load = typed_value(self, text)
            check_number("load", load, above_zero=True)
        except SettingError as error:
            on_refusal(str(error))
        else:
            self.load = load

    def restore(self, load: object) -> None:
        """Take over a load from a saved state; anything that is no load is let be."""
        if isinstance(load, int | float) and math.isfinite(load) and load > 0:
            self.load = float(load)
