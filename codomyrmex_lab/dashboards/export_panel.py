"""File name, format and a button: the settings on screen into a file."""

from __future__ import annotations

import threading
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from codomyrmex_lab.errors import ConfigFileError
from codomyrmex_lab.export import TARGETS, export
from codomyrmex_lab.optimization.models import OptimizationConfig

__all__ = ["ExportPanel"]


class ExportPanel(widgets.VBox):  # type: ignore[misc]
    """Writes the settings on screen and says where, or why not.

    Parameters
    ----------
    current : callable
        Returns the config to write.
    """

    def __init__(self, current: Callable[[], OptimizationConfig]) -> None:
        self._current = current
        self._busy = threading.Lock()
        self.file_name = widgets.Text(
            value="tuned.json",
            description="File",
            tooltip="Name of the file to write, from the notebook's folder",
            style={"description_width": "40px"},
            layout={"width": "250px"},
        )
        self.format = widgets.Dropdown(
            options=list(TARGETS), value="json", tooltip="Format", layout={"width": "82px"}
        )
        self.replace = widgets.Checkbox(
            description="Replace an existing file",
            indent=False,
            tooltip="Whether a file of that name is overwritten",
            layout={"width": "190px"},
        )
        self.button = widgets.Button(
            description="Export",
            tooltip="Write the settings on screen to the file",
            icon="save",
            layout={"width": "140px"},
        )
        self.outcome = widgets.HTML(layout={"width": "340px"})
        super().__init__(
            children=[
                widgets.HBox([self.file_name, self.format]),
                widgets.HBox([self.replace, self.button]),
                self.outcome,
            ]
        )
        self.format.observe(self._rename, names="value")
        self.button.on_click(self._write)

    @property
    def message(self) -> str:
        """What the last export came to, as plain text."""
        return self._message

    _message = ""

    def _rename(self, change: dict[str, Any]) -> None:
        """Let the file's ending follow the format."""
        name = self.file_name.value
        stem, dot, _ = name.rpartition(".")
        self.file_name.value = (stem if dot else name) + TARGETS[change["new"]].suffixes[0]

    def _write(self, _button: object) -> None:
        with self._busy:
            name = self.file_name.value.strip()
            try:
                if not name:
                    raise ConfigFileError("The file name is empty; expected one such as a.json.")
                path = Path(name).expanduser()
                export(self._current(), self.format.value, path, self.replace.value)
            except (ConfigFileError, RuntimeError) as error:  # RuntimeError: no such user's home
                self._say(f"Not written: {error}")
            else:
                self._say(f"Written: {path.resolve()}")

    def _say(self, message: str) -> None:
        self._message = message
        self.outcome.value = f"<div role='status' style='line-height:1.35'>{escape(message)}</div>"
