"""Start, pause and stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

__all__ = ["RunButtons"]


class RunButtons(widgets.HBox):  # type: ignore[misc]
    """Three buttons, of which those without an effect cannot be pressed.

    Parameters
    ----------
    on_start, on_pause, on_stop : callable
        Called when their button is pressed.
    """

    def __init__(
        self,
        on_start: Callable[[], object],
        on_pause: Callable[[], object],
        on_stop: Callable[[], object],
    ) -> None:
        self.start = _button("Start", "play", "Watch the engine, and offer the load", on_start)
        self.pause = _button("Pause", "pause", "Offer nothing; the picture stands still", on_pause)
        self.stop = _button(
            "Stop", "stop", "End the load; the last picture stays to be read", on_stop
        )
        super().__init__([self.start, self.pause, self.stop])
        self.show(is_running=False, is_stopped=True)

    def show(self, *, is_running: bool, is_stopped: bool) -> None:
        """Let only those be pressed that have an effect."""
        self.start.disabled = is_running
        self.pause.disabled = not is_running
        self.stop.disabled = is_stopped


def _button(words: str, icon: str, tooltip: str, act: Callable[[], object]) -> Any:
    made = widgets.Button(description=words, icon=icon, tooltip=tooltip, layout={"width": "108px"})
    made.on_click(lambda _button: act())
    return made
