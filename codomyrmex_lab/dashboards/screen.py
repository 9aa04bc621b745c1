"""What all screens share: a picture with words for it, a saved state, and an end."""

from __future__ import annotations

import json
from base64 import b64encode
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import ipywidgets as widgets

from codomyrmex_lab.dashboards.page import PageLink, PointerDrag
from codomyrmex_lab.dashboards.picture import Picture
from codomyrmex_lab.dashboards.still import with_words
from codomyrmex_lab.errors import ConfigFileError
from codomyrmex_lab.plots.theme import LIGHT, Theme

__all__ = ["CONTROLS_WIDTH", "Screen", "paragraph"]

CONTROLS_WIDTH = "340px"
_FORMAT_VERSION = 1
_LARGEST_STATE = 1_000_000


class Screen(widgets.VBox):  # type: ignore[misc]
    """A screen: settings at the left, a picture and its numbers at the right.

    Where widgets cannot be shown, as on GitHub or in a converted notebook, its picture with its
    words below stands in its place.
    """

    kind: ClassVar[str]
    """What the saved state is called."""

    def __init__(self) -> None:
        self.theme: Theme = LIGHT
        self.page = PageLink(self._follow_theme, self._on_drag, self._on_aim, self._on_typed)
        self.picture = Picture(
            f"Figures of the {self.kind} screen; their numbers stand beside them"
        )
        self.words = widgets.HTML(layout={"width": "100%"})
        self.status_line = widgets.HTML(layout={"width": CONTROLS_WIDTH, "min_height": "38px"})
        self._status_text = ""
        super().__init__(layout={"width": "100%"})
        self.add_class("codomyrmex-screen")
        self.add_class(self.page.screen_class)

    # -- what each screen gives ---------------------------------------------------------------

    @property
    def summary(self) -> str:
        """What the screen shows, as plain text."""
        raise NotImplementedError

    @property
    def state(self) -> dict[str, Any]:
        """What to restore it from: plain values."""
        raise NotImplementedError

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        raise NotImplementedError

    def _retheme(self) -> None:
        """Draw everything anew in ``self.theme``."""
        raise NotImplementedError

    def _on_drag(self, drag: PointerDrag) -> None:
        """Follow the pointer on the picture; does nothing where a screen has no use for it."""

    def _on_aim(self, slider: str, place: int) -> None:
        """Make ready for a slider to move; does nothing where a screen has no use for it."""

    def _on_typed(self, slider: str, text: str) -> None:
        """Take over a number that was typed beside a slider of positions, where there are any."""

    # -- what programs use --------------------------------------------------------------------

    @property
    def status(self) -> str:
        """What the screen says is going on, as plain text."""
        return self._status_text

    def save(self, path: str | Path) -> Path:
        """Write the state of the screen to a small JSON file.

        Raises
        ------
        ConfigFileError
            The file cannot be written.
        """
        path = Path(path)
        record = {"format_version": _FORMAT_VERSION, "screen": self.kind, **self.state}
        try:
            path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise ConfigFileError(f"{path} cannot be written ({error.strerror}).") from error
        return path

    def restore(self, path: str | Path) -> None:
        """Put the screen into a state that was saved.

        Raises
        ------
        ConfigFileError
            The file cannot be read, or holds something else than the state of such a screen.
        """
        self.state = _read_state(Path(path), self.kind)

    def close(self) -> None:
        """Let go of the widgets, and of the layouts and styles that the page keeps for them."""
        for widget in _descendants(self):
            widget.unobserve_all()
            _close_look(widget)
            widget.close()
        _close_look(self)
        super().close()

    def _say(self, sentence: str) -> None:
        self._status_text = sentence
        self.status_line.value = paragraph(sentence, role="status")

    def _refuse(self, reason: str) -> None:
        self._say(f"Refused: {reason}")

    def _arrange(self, controls: list[Any], shown: list[Any], below: list[Any]) -> None:
        left = widgets.VBox(
            controls, layout={"width": "350px", "flex": "0 0 350px", "overflow": "hidden"}
        )
        right = widgets.VBox(
            shown, layout={"flex": "1 1 0", "min_width": "0", "overflow": "hidden"}
        )
        columns = widgets.HBox([left, right], layout={"width": "100%"})
        self.children = (columns, *below, self.page)

    def _follow_theme(self, theme: Theme) -> None:
        if theme is not self.theme:
            self.theme = theme
            self._retheme()

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options)
        bundle["text/plain"] = self.summary
        if self.picture.png:
            still = with_words(self.picture.png, self.summary, self.theme)
            bundle["image/png"] = b64encode(still).decode("ascii")
        return bundle

    def __repr__(self) -> str:
        return self.summary


def paragraph(text: str, *, role: str = "note") -> str:
    """Return text as HTML, with its role for screen readers."""
    return f"<div role='{role}' style='line-height:1.35'>{escape(text)}</div>"


def _read_state(path: Path, kind: str) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        state = json.loads(text[:_LARGEST_STATE])
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigFileError(f"{path} cannot be read as a saved screen ({error}).") from error
    found = state.get("screen") if isinstance(state, dict) else None
    if not isinstance(state, dict) or found != kind:
        raise ConfigFileError(
            f"{path} is not the saved state of such a screen: screen is {found!r}; expected "
            f"{kind!r}, in a file that save() wrote."
        )
    if state.get("format_version") != _FORMAT_VERSION:
        raise ConfigFileError(
            f"{path} has format_version {state.get('format_version')!r}; expected "
            f"{_FORMAT_VERSION}, the one that this release reads."
        )
    return state


def _close_look(widget: Any) -> None:
    widget.layout.close()
    if widget.has_trait("style"):  # not what only holds others
        widget.style.close()


def _descendants(widget: Any) -> list[Any]:
    """Return the widgets inside a container, the innermost first."""
    found: list[Any] = []
    for child in getattr(widget, "children", ()):
        found += [*_descendants(child), child]
    return found
