"""Where a slider can stand, and where a hand sends it next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

__all__ = ["places_ahead", "positions", "steps_ahead"]

_PAGE = 5
"""Positions that the page keys move a handle in JupyterLab's sliders."""


def positions(widget: Any) -> Sequence[Any]:
    """Return the values that a slider can stand on; none of what is no slider."""
    if isinstance(widget, widgets.IntSlider):
        return range(widget.min, widget.max + 1)
    if isinstance(widget, widgets.SelectionSlider):
        return [value for _, value in widget.options]
    return ()


def places_ahead(place: int, step: int, n_positions: int) -> list[int]:
    """Return all other places of a slider that is in use, the likeliest first.

    These are the ones that one key leads to, then the nearest.

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
    keys = [min(max(place + one, 0), n_positions - 1) for one in steps]
    nearest = sorted(range(n_positions), key=lambda one: abs(one - place))
    return [one for one in dict.fromkeys([*keys, 0, n_positions - 1, *nearest]) if one != place]


def steps_ahead(place: int, n_positions: int) -> list[int]:
    """Return the places beside the one where a handle stands."""
    return [one for one in (place + 1, place - 1) if 0 <= one < n_positions]
