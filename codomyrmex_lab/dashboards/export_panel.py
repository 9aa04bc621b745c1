"""The settings on screen as a file for a server: its text is shown before it is written."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from codomyrmex_lab.dashboards.screen import paragraph
from codomyrmex_lab.errors import ConfigFileError, ExportWarning
from codomyrmex_lab.export import TARGETS, export, render
from codomyrmex_lab.export.target import Evidence
from codomyrmex_lab.optimization.models import OptimizationConfig

__all__ = ["ExportPanel"]

_TEXT = (
    # no wider than the panel, however long a line is
    "margin:0;box-sizing:border-box;width:0;min-width:calc(100% - 6px);"
    "padding:6px 8px;max-height:330px;overflow:auto;font-size:12px;"
    "line-height:1.35;border:1px solid rgba(128,128,128,.4);white-space:pre;tab-size:4"
)


class ExportPanel(widgets.VBox):  # type: ignore[misc]
    """Shows the settings as text of a target, writes them, and says where, or why not.

    Parameters
    ----------
    current : callable
        Returns the config to write, and the evidence for it, or None.
    """

    def __init__(self, current: Callable[[], tuple[OptimizationConfig, Evidence | None]]) -> None:
        self._current = current
        self._busy = threading.Lock()
        self._message = ""
        self.target = widgets.Dropdown(
            options=list(TARGETS),
            value="json",
            description="Target",
            tooltip="Server, or format, to write the settings for",
            style={"description_width": "60px"},
            layout={"width": "230px"},
        )
        self.file_name = widgets.Text(
            value="tuned.json",
            description="File",
            tooltip="Name of the file to write, from the notebook's folder",
            style={"description_width": "40px"},
            layout={"width": "260px"},
        )
        self.replace = widgets.Checkbox(
            description="Replace an existing file",
            indent=False,
            tooltip="Whether a file of that name is overwritten",
            layout={"width": "180px"},
        )
        self.button = widgets.Button(
            description="Write",
            tooltip="Write the text below to the file",
            icon="save",
            layout={"width": "100px"},
        )
        self.outcome = widgets.HTML()
        self.losses = widgets.HTML()
        self.text = widgets.HTML(layout={"width": "100%"})
        super().__init__(
            children=[
                widgets.HBox([self.target, self.file_name, self.replace, self.button]),
                self.outcome,
                self.losses,
                self.text,
            ]
        )
        self.target.observe(self._choose, names="value")
        self.button.on_click(self._write)

    @property
    def message(self) -> str:
        """What the last export came to, as plain text."""
        return self._message

    def refresh(self) -> None:
        """Show the text of the settings of now."""
        config, evidence = self._current()
        try:
            rendered = render(config, self.target.value, evidence)
        except ConfigFileError as error:
            self.losses.value = paragraph(f"This target cannot hold the settings: {error}")
            self.text.value = ""
            return
        self.losses.value = "".join(paragraph(f"⚠ {loss}") for loss in rendered.warnings)
        self.text.value = (
            f"<pre role='region' aria-label='Text of the file' tabindex='0' style='{_TEXT}'>"
            f"{escape(rendered.text)}</pre>"
        )

    def _choose(self, change: dict[str, Any]) -> None:
        """Let the file name follow the target, where it was not chosen by hand."""
        customary = [_file_name(name) for name in TARGETS]
        if self.file_name.value.strip() in ("", *customary):
            self.file_name.value = _file_name(change["new"])
        self.refresh()

    def _write(self, _button: object) -> None:
        with self._busy:
            name = self.file_name.value.strip()
            try:
                if not name:
                    raise ConfigFileError("The file name is empty; expected one such as a.json.")
                path = Path(name).expanduser()
                config, evidence = self._current()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ExportWarning)  # the panel shows what is lost
                    export(config, self.target.value, path, self.replace.value, evidence)
            except (ConfigFileError, RuntimeError) as error:  # RuntimeError: no such user's home
                self._say(f"Not written: {error}")
            else:
                self._say(f"Written: {path.resolve()}")

    def _say(self, message: str) -> None:
        self._message = message
        self.outcome.value = paragraph(message, role="status")


def _file_name(target: str) -> str:
    """Return what a file of a target is called at first."""
    return f"tuned.{target}" if target in ("json", "toml", "yaml") else TARGETS[target].file_name
