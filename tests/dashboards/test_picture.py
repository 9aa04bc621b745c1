"""The place of a screen where its frames appear."""

from base64 import b64encode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from codomyrmex_lab.dashboards.picture import Picture
from codomyrmex_lab.dashboards.still import with_words
from codomyrmex_lab.plots.theme import DARK, LIGHT, Theme


def test_a_frame_stands_in_the_page_with_words_for_it() -> None:
    picture = Picture("Latency of 'a' & \"b\"")
    assert picture.png == b""
    assert picture.value == ""
    picture.png = b"\x89PNG one"
    assert picture.png == b"\x89PNG one"
    assert b64encode(picture.png).decode() in picture.value
    assert "data-brush=''" in picture.value
    assert "alt='Latency of &#x27;a&#x27; &amp; &quot;b&quot;'" in picture.value


def test_a_part_to_brush_is_told_with_the_frame() -> None:
    picture = Picture("Latency")
    picture.brush = (0.1, 0.2, 0.45, 0.5)
    picture.png = b"one"
    assert "data-brush='0.1000 0.2000 0.4500 0.5000'" in picture.value


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_words_stand_below_a_still_picture_in_lines_of_its_width(theme: Theme) -> None:
    blue = Image.new("RGB", (400, 100), "#0072b2")
    buffer = BytesIO()
    blue.save(buffer, "png")
    heights = []
    for n_words in (3, 30):
        still = Image.open(BytesIO(with_words(buffer.getvalue(), "latency " * n_words, theme)))
        pixels = np.asarray(still.convert("RGB")).astype(int)
        assert pixels.shape[1] == 400
        assert (np.abs(pixels[:100] - (0x00, 0x72, 0xB2)) <= 4).all()
        below = pixels[100:]
        paper = np.array(Image.new("RGB", (1, 1), theme.background))[0, 0].astype(int)
        written = (np.abs(below - paper) > 60).any(axis=2)
        assert 0.02 < written.mean() < 0.4
        assert not written[:, -8:].any()
        heights.append(len(below))
    assert heights[1] > 3 * heights[0]
