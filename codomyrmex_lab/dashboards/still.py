"""A picture with words below it, for places that show no widgets and pick one of the two."""

from __future__ import annotations

import textwrap
from io import BytesIO

from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from codomyrmex_lab.plots.theme import Theme

__all__ = ["with_words"]

_SIZE_PX, _LINE_PX, _MARGIN_PX = 17, 24, 12
_N_COLOURS = 64


def with_words(png: bytes, words: str, theme: Theme) -> bytes:
    """Return a picture with words below it.

    Parameters
    ----------
    png : bytes
        The picture.
    words : str
        Broken into lines of its width.
    theme : Theme
        In which colours.
    """
    font = ImageFont.truetype(findfont("DejaVu Sans"), _SIZE_PX)
    with Image.open(BytesIO(png)) as picture:
        width, height = picture.size
        lines = textwrap.wrap(words, int((width - 2 * _MARGIN_PX) / font.getlength("n")))
        taller = height + len(lines) * _LINE_PX + 2 * _MARGIN_PX
        still = Image.new("RGB", (width, taller), theme.background)
        still.paste(picture, (0, 0))
    draw = ImageDraw.Draw(still)
    for number, line in enumerate(lines):
        place = (_MARGIN_PX, height + _MARGIN_PX + number * _LINE_PX)
        draw.text(place, line, fill=theme.text, font=font)
    buffer = BytesIO()
    still.quantize(_N_COLOURS, dither=Image.Dither.NONE).save(buffer, "png", optimize=True)
    return buffer.getvalue()
