"""Figures in large type, in a row, which a screen reader reads as a list."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Reading", "number", "readout"]

_CAPTION = "font-size:11px;opacity:.75;line-height:1.2;margin:0 0 2px 8px"
_BOX = (
    "display:grid;grid-template-columns:repeat(auto-fill,minmax(84px,1fr));gap:2px 8px;"
    "margin:0 0 2px 8px"
)
_SMALL = "font-size:11px;opacity:.75;line-height:1.2"
_FIGURE = "font-size:17px;line-height:1.25;font-variant-numeric:tabular-nums;white-space:nowrap"


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure: its name, its value in words and a remark on it."""

    name: str
    value: str
    note: str = ""


def number(value: float, unit: str = "", digits: int = 3) -> str:
    """Return a figure in words; a dash where there is none."""
    if not math.isfinite(value):
        return "–"
    if abs(value) >= 10**digits:
        return f"{value:,.0f}{unit}"
    if abs(value) < 0.1:
        digits = min(digits, 2)
    return f"{value:.{digits}g}{unit}"


def readout(readings: Sequence[Reading], caption: str) -> str:
    """Return figures as HTML, each in a place of its own, so that none moves with the others.

    Parameters
    ----------
    readings : sequence of Reading
        From the left to the right.
    caption : str
        What they are figures of.
    """
    items = "".join(
        f"<div role='listitem'><div style='{_SMALL}'>{escape(one.name)}</div>"
        f"<div style='{_FIGURE}'>{escape(one.value)}</div>"
        + (f"<div style='{_SMALL}'>{escape(one.note)}</div>" if one.note else "")
        + "</div>"
        for one in readings
    )
    return (
        f"<div style='{_CAPTION}'>{escape(caption)}</div>"
        f"<div role='list' aria-label='{escape(caption, quote=True)}' style='{_BOX}'>{items}</div>"
    )
