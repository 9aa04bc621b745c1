"""What a person can do beside moving a slider of the tuning screen, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

__all__ = ["Actions"]


class Actions(widgets.VBox):  # type: ignore[misc]
    """Two buttons and a progress bar; the buttons wait for :meth:`enable`.

    Parameters
    ----------
    on_verify, on_pin : callable
        Called when their button is pressed.
    width : str
        Of all of it, in CSS.
    """

    def __init__(
        self, on_verify: Callable[[], object], on_pin: Callable[[], object], width: str
    ) -> None:
        self.verify_button = _button(
            "Verify", "check", "Replay on the real engine, beside what is predicted", on_verify
        )
        self.pin_button = _button(
            "Pin",
            "thumb-tack",
            "Keep what is simulated now to compare with; once more forgets it",
            on_pin,
        )
        self._bar = widgets.IntProgress(
            min=0, max=1, layout={"width": width, "height": "8px", "margin": "4px 0 2px 0"}
        )
        super().__init__([widgets.HBox([self.verify_button, self.pin_button]), self._bar])

    def enable(self) -> None:
        """Let the buttons be pressed."""
        self.verify_button.disabled = self.pin_button.disabled = False
        self._bar.layout.visibility = "hidden"

    def begin(self) -> None:
        """Show the progress of a verification; no other can be asked for meanwhile."""
        self.verify_button.disabled = True
        self._bar.value = 0
        self._bar.layout.visibility = "visible"

    def show_progress(self, n_done: int, n_total: int) -> None:
        """Move the bar."""
        self._bar.max, self._bar.value = max(n_total, 1), n_done


def _button(words: str, icon: str, tooltip: str, act: Callable[[], object]) -> Any:
    made = widgets.Button(
        description=words, icon=icon, tooltip=tooltip, disabled=True, layout={"width": "166px"}
    )
    made.on_click(lambda _button: act())
    return made
