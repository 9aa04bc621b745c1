"""The place of a screen where its frames appear."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from typing import Any

import ipywidgets as widgets

__all__ = ["Picture"]

_TAG = (
    "<img class='codomyrmex-picture' alt='{alt}' draggable='false' decoding='sync' "
    "data-brush='{brush}' style='display:block;width:100%' "
    "src='data:image/png;base64,{data}'>"
)


class Picture(widgets.HTML):  # type: ignore[misc]
    """Shows one PNG after another.

    A browser loads the data of ``ipywidgets.Image`` from an address, as if it came from elsewhere,
    and decodes it when it finds the time: 10 to 20 ms for each frame. Here it stands in the page,
    and is decoded with the frame that paints it.

    Parameters
    ----------
    shows : str
        What it shows, for those who do not see it.
    **layout : Any
        Of the widget.
    """

    def __init__(self, shows: str, **layout: Any) -> None:
        super().__init__(layout={"width": "100%", "margin": "0", "max_width": "1120px", **layout})
        self._shows = escape(shows, quote=True)
        self._png = b""
        self.brush: tuple[float, float, float, float] | None = None
        """Left, top, right and bottom of a part to brush, in parts of the picture."""

    @property
    def png(self) -> bytes:
        """The frame; empty before the first. Set it to show another."""
        return self._png

    @png.setter
    def png(self, png: bytes) -> None:
        self._png = png
        brush = " ".join(f"{one:.4f}" for one in self.brush or ())
        data = b64encode(png).decode("ascii")
        self.value = _TAG.format(alt=self._shows, brush=brush, data=data)
