"""What a screen learns from the page that shows it: the theme, what is pointed at and typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from uuid import uuid4

import ipywidgets as widgets

from codomyrmex_lab.plots.theme import THEMES, Theme

__all__ = ["PageLink", "PointerDrag"]


@dataclass(frozen=True, slots=True)
class PointerDrag:
    """A press of the pointer on a picture and its release, in parts of the picture, 0 to 1.

    ``x`` counts from the left and ``y`` from the bottom.
    """

    x0: float
    y0: float
    x1: float
    y1: float


class PageLink(widgets.Box):  # type: ignore[misc]
    """Hidden fields that a small script on the page fills in.

    The script also names sliders for screen readers. Where a page runs no scripts
    the fields stay empty.

    Parameters
    ----------
    on_theme : callable
        Told the page's theme when the screen is shown and whenever it changes.
    on_drag : callable
        Told where the pointer was pressed and released on a picture.
    on_aim : callable
        Told a slider's name and a place on it, counted from 0, when a hand may be about to move it:
        the pointer rests on its track, or it has the focus of the keyboard.
    on_typed : callable
        Told a slider's name and what was typed beside it, of those that stand on positions.
    """

    def __init__(
        self,
        on_theme: Callable[[Theme], object],
        on_drag: Callable[[PointerDrag], object],
        on_aim: Callable[[str, int], object],
        on_typed: Callable[[str, str], object],
    ) -> None:
        self.screen_class = f"codomyrmex-screen-{uuid4().hex[:8]}"
        """The class that the screen's outermost widget must have."""
        self._on_theme, self._on_drag = on_theme, on_drag
        self._on_aim, self._on_typed = on_aim, on_typed
        fields = {name: widgets.Text() for name in ("theme", "pointer", "aim", "typed")}
        for name, field in fields.items():
            field.add_class(f"codomyrmex-{name}")
        self.theme, self.pointer = fields["theme"], fields["pointer"]
        self.aim, self.typed = fields["aim"], fields["typed"]
        script = files(__package__).joinpath("page.js").read_text(encoding="utf-8")
        script = script.replace("SCREEN", self.screen_class)
        run: dict[str, Any] = {
            "output_type": "display_data",
            "data": {"application/javascript": script},
            "metadata": {},
        }
        super().__init__(
            children=[*fields.values(), widgets.Output(outputs=(run,))],
            layout={"display": "none"},
        )
        self.theme.observe(self._read_theme, names="value")
        self.pointer.observe(self._read_pointer, names="value")
        self.aim.observe(self._read_aim, names="value")
        self.typed.observe(self._read_typed, names="value")

    def _read_theme(self, change: dict[str, Any]) -> None:
        theme = THEMES.get(change["new"])
        if theme is not None:
            self._on_theme(theme)

    def _read_pointer(self, change: dict[str, Any]) -> None:
        try:
            x0, y0, x1, y1, _ = map(float, change["new"].split("|"))
        except ValueError:  # not what the script sends
            return
        self._on_drag(PointerDrag(x0, 1 - y0, x1, 1 - y1))

    def _read_aim(self, change: dict[str, Any]) -> None:
        try:
            slider, place, _ = change["new"].split("|")
            aimed = int(place)
        except ValueError:  # not what the script sends
            return
        self._on_aim(slider, aimed)

    def _read_typed(self, change: dict[str, Any]) -> None:
        try:
            slider, text, _ = change["new"].split("|")
        except ValueError:  # not what the script sends
            return
        self._on_typed(slider, text)
