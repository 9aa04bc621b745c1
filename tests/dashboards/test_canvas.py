"""The kept picture: what is blitted is what a whole drawing would give."""

from io import BytesIO

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from codomyrmex_lab.dashboards.canvas import BlittedCanvas, Cell, grid_of_cells, header_cell
from codomyrmex_lab.dashboards.panels.legend import Legend
from codomyrmex_lab.dashboards.panels.look import dress, line
from codomyrmex_lab.plots.theme import DARK, LIGHT, THEMES, Theme


def drawn(theme: Theme = LIGHT) -> tuple[list[Cell], list, BlittedCanvas]:
    figure = Figure(figsize=(6, 4), dpi=100)
    cells = grid_of_cells(figure, 2, 2, header_in=0.2)
    lines = []
    for cell in cells:
        dress(cell, theme, "Title", "x", "y")
        cell.main.set_xlim(0, 1)
        cell.main.set_ylim(0, 1)
        lines.append(line(cell, theme.blue))
        lines[-1].set_data([0, 0.5, 1], [0, 1, 0])
    return cells, lines, BlittedCanvas(figure, [header_cell(figure, 0.2), *cells], theme)


def test_a_moved_line_costs_no_new_background() -> None:
    _, lines, canvas = drawn()
    first = canvas.frame().copy()
    n = canvas.n_drawn_anew
    lines[0].set_data([0, 1], [1, 0])
    assert not np.array_equal(canvas.frame(), first)
    assert canvas.n_drawn_anew == n


def test_a_line_that_is_moved_back_leaves_no_trace() -> None:
    _, lines, canvas = drawn()
    first = canvas.frame().copy()
    lines[0].set_data([0, 1], [1, 0])
    canvas.frame()
    lines[0].set_data([0, 0.5, 1], [0, 1, 0])
    assert np.array_equal(canvas.frame(), first)


def test_changed_limits_redraw_their_axes_alone_and_as_matplotlib_would() -> None:
    cells, lines, canvas = drawn()
    others, other_lines, whole = drawn()
    for one in (*lines, *other_lines):
        one.set_data([], [])
    canvas.frame()
    n = canvas.n_drawn_anew
    cells[2].limit(cells[2].main, x=(0, 2), y=(0, 5))
    blitted = canvas.frame().astype(int)
    assert canvas.n_drawn_anew == n + 2
    cells[2].limit(cells[2].main, x=(0, 1))
    canvas.frame()
    assert canvas.n_drawn_anew == n + 2  # both axes were drawn before

    others[2].main.set_xlim(0, 2)
    others[2].main.set_ylim(0, 5)
    agg = FigureCanvasAgg(whole.figure)
    agg.draw()
    difference = np.abs(blitted - np.asarray(agg.buffer_rgba()).astype(int))
    assert difference.max() <= 2  # a rounding of a blended edge


def test_limits_that_come_again_are_not_drawn_again_and_look_the_same() -> None:
    cells, _, canvas = drawn()
    canvas.frame()
    cells[1].limit(cells[1].main, x=(0, 2))
    wide = canvas.frame().copy()
    cells[1].limit(cells[1].main, x=(0, 3))
    canvas.frame()
    n = canvas.n_drawn_anew
    cells[1].limit(cells[1].main, x=(0, 2))
    assert np.array_equal(canvas.frame(), wide)
    assert canvas.n_drawn_anew == n


def test_the_same_limits_under_another_legend_are_drawn_anew() -> None:
    cells, lines, canvas = drawn()
    legend = Legend(cells[1], LIGHT)
    legend.show([(lines[1], "one")])
    one = canvas.frame().copy()
    legend.show([(lines[1], "other")])
    assert not np.array_equal(canvas.frame(), one)


def test_a_legend_shows_a_sample_of_what_is_not_drawn_at_the_moment() -> None:
    frames = []
    for is_drawn in (True, False):
        cells, _, canvas = drawn()
        bars = cells[1].main.stairs([0.5], [0.0, 1.0], fill=True, facecolor=LIGHT.blue)
        cells[1].add(bars)
        bars.set_visible(is_drawn)
        Legend(cells[1], LIGHT).show([(bars, "bars")])
        bars.set_visible(False)
        frames.append(canvas.frame().copy())
    assert np.array_equal(*frames)


def test_equal_limits_redraw_nothing() -> None:
    cells, _, canvas = drawn()
    canvas.frame()
    cells[0].limit(cells[0].main, x=(0.0, 1.0), y=(0.0, 1.0))
    assert not cells[0].stale


def test_axes_at_the_right_stand_behind_the_main_ones() -> None:
    cells, _, canvas = drawn()
    right = cells[0].add_right()
    assert cells[0].axes == (right, cells[0].main)
    canvas.frame()


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
def test_the_picture_has_the_colours_of_its_theme_and_is_small(theme: Theme) -> None:
    _, _, canvas = drawn(theme)
    png = canvas.png()
    assert len(png) < 100_000
    pixels = np.asarray(Image.open(BytesIO(png)).convert("RGB"))
    paper = tuple(int(theme.background[place : place + 2], 16) for place in (1, 3, 5))
    assert tuple(pixels[0, 0]) == paper
    assert tuple(pixels[-1, -1]) == paper
    blue = np.array([int(theme.blue[place : place + 2], 16) for place in (1, 3, 5)])
    assert (np.abs(pixels.astype(int) - blue).max(axis=2) < 12).sum() > 200


def luminance(colour: str) -> float:
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
def test_text_and_lines_stand_out_from_the_paper(theme: Theme) -> None:
    def contrast(colour: str) -> float:
        high, low = sorted([luminance(colour), luminance(theme.background)], reverse=True)
        return (high + 0.05) / (low + 0.05)

    assert contrast(theme.text) >= 7
    assert contrast(theme.faint_text) >= 4.5
    for name in ("blue", "vermillion", "green", "purple", "sky_blue"):
        assert contrast(getattr(theme, name)) >= 3, name
    assert contrast(theme.orange) >= 2  # only of filled areas and of broken lines


# Machado, Oliveira, Fernandes: A physiologically-based model for simulation of color vision
# deficiency, IEEE TVCG 15, 2009; complete deficiency of each kind.
DEFICIENT = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=lambda theme: theme.name)
@pytest.mark.parametrize("kind", DEFICIENT)
def test_simulated_and_measured_differ_to_every_kind_of_colour_vision(
    theme: Theme, kind: str
) -> None:
    matrix = np.array(DEFICIENT[kind])

    def seen(colour: str) -> np.ndarray:
        parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
        return np.clip(matrix @ parts, 0, 1) * 255

    for one, other in [(theme.blue, theme.vermillion), (theme.blue, theme.orange)]:
        assert np.linalg.norm(seen(one) - seen(other)) > 40, (one, other)
