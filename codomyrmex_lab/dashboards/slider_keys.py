"""Where a slider can stand, and where a hand sends it next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from codomyrmex_lab.errors import SettingError

__all__ = ["POSITIONS_CLASS", "places_by_key", "positions", "typed_value"]

POSITIONS_CLASS = "codomyrmex-positions"
"""Of sliders that take a number which is typed beside them; by themselves they do not."""

_PAGE = 5
"""Positions that the page keys move a handle in JupyterLab's sliders."""


def positions(widget: Any) -> Sequence[Any]:
    """Return the values that a slider can stand on; none of what is no slider."""
    if isinstance(widget, widgets.IntSlider):
        return range(widget.min, widget.max + 1)
    if isinstance(widget, widgets.SelectionSlider):
        return [value for _, value in widget.options]
    return ()


def places_by_key(place: int, step: int, n_positions: int) -> list[int]:
    """Return the places that one key leads to, the likeliest first.

    Parameters
    ----------
    place : int
        Where the handle stands.
    step : int
        How far it has just come; whoever follows a slider moves on as far as before.
    n_positions : int
        Length of the slider.
    """
    steps = (step, 1, -1, _PAGE, -_PAGE)
    places = [min(max(place + one, 0), n_positions - 1) for one in steps]
    ends = [0, n_positions - 1]
    return [one for one in dict.fromkeys([*places, *ends]) if one != place]


def typed_value(slider: widgets.SelectionSlider, text: str) -> Any:
    """Return the value that a text stands for beside a slider of positions.

    Raises
    ------
    SettingError
        It is neither a number nor the label of a position.
    """
    labels: dict[str, Any] = {label: value for label, value in slider.options}
    if text in labels:
        return labels[text]
    try:
        number = float(text.replace(",", ""))
    except ValueError:
        raise SettingError(f"{slider.description} is {text!r}; expected a number.") from None
    counts = all(isinstance(value, int) for value in labels.values())
    return int(number) if counts and number.is_integer() else number
