"""The place of a screen where its frames appear."""

from base64 import b64encode

from codomyrmex_lab.dashboards.picture import Picture


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
