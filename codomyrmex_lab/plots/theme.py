"""Colours of a light and of a dark page, which any kind of colour vision can tell apart."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from codomyrmex_lab.optimization.models import CloseReason

__all__ = ["DARK", "LIGHT", "THEMES", "Theme"]

_SHADES = 9
_MOST_COLOURS = 256
_LEAST_STEP = 0.05


@dataclass(frozen=True, slots=True)
class Theme:
    """What each kind of mark is drawn in, as ``#rrggbb``.

    Lines differ in style, and bars in hatch, as well: colour never stands alone.
    """

    name: str
    background: str
    text: str
    faint_text: str
    grid: str
    blue: str
    vermillion: str
    green: str
    orange: str
    purple: str
    sky_blue: str

    def reason(self, reason: CloseReason) -> tuple[str, str]:
        """Return colour and hatch of a reason for which batches leave."""
        return {
            CloseReason.FULL: (self.blue, ""),
            CloseReason.TIMEOUT: (self.orange, "////"),
            CloseReason.TARGET: (self.green, "||||"),
            CloseReason.FLUSH: (self.purple, "\\\\\\\\"),
            CloseReason.STOP: (self.vermillion, "xxxx"),
            CloseReason.DIRECT: (self.sky_blue, "----"),
        }[reason]

    def palette(self) -> NDArray[np.uint8]:
        """Return the colours of a picture: each mark's, in steps to the background and the text.

        Returns
        -------
        uint8, shape (n_colours, 3)
            Red, green and blue of at most 256 colours.
        """
        names = [field.name for field in fields(self) if field.name not in ("name", "background")]
        ends = [to_rgb(getattr(self, name)) for name in names]
        share = np.linspace(0, 1, _SHADES)[:, np.newaxis]
        base = np.array(to_rgb(self.background))
        shades = [base + share * (np.array(end) - base) for end in ends]
        shades.append(base + np.linspace(0, 1, 24)[:, np.newaxis] * (np.array(ends[0]) - base))
        # a line's edge over the filled queue behind it
        fill = base + 0.25 * (np.array(to_rgb(self.orange)) - base)
        shades += [fill + share * (np.array(end) - fill) for end in ends[-6:]]
        # what can hardly be told from the paper would be taken for it
        apart = [shade[np.abs(shade - base).max(axis=1) > _LEAST_STEP] for shade in shades]
        colours = np.unique(np.rint(np.vstack([base, *apart]) * 255).astype(np.uint8), axis=0)
        assert len(colours) <= _MOST_COLOURS, "a palette has no room for more"
        return colours


# Okabe and Ito's palette; on dark, those of its colours that are too dark are lightened.
LIGHT = Theme(
    name="light",
    background="#FFFFFF",
    text="#1A1A1A",
    faint_text="#555555",
    grid="#DDDDDD",
    blue="#0072B2",
    vermillion="#D55E00",
    green="#009E73",
    orange="#E69F00",
    purple="#B8578F",
    sky_blue="#3A94C9",
)
DARK = Theme(
    name="dark",
    background="#111111",
    text="#E6E6E6",
    faint_text="#A8A8A8",
    grid="#363636",
    blue="#56B4E9",
    vermillion="#FF8A50",
    green="#2CC295",
    orange="#E9B949",
    purple="#E39AC7",
    sky_blue="#A5D8F5",
)
THEMES = {theme.name: theme for theme in (LIGHT, DARK)}
"""Each theme by its name."""
