"""What the tuning screen shows of its answers: a picture, figures in large type, and a table."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.dashboards.findings import Findings
from codomyrmex_lab.dashboards.numbers_table import numbers_table
from codomyrmex_lab.dashboards.picture import Picture
from codomyrmex_lab.dashboards.quality_words import QualityWords
from codomyrmex_lab.dashboards.readout import readout
from codomyrmex_lab.dashboards.tuning_picture import TuningPicture
from codomyrmex_lab.dashboards.tuning_words import caption_of, no_readings, readings_of
from codomyrmex_lab.dashboards.verification import Verification
from codomyrmex_lab.plots.theme import Theme

__all__ = ["TuningView"]

_KEPT = 256  # of 34 KB each
_LINES = {"now": "simulated", "measured": "measured", "pinned": "pinned, simulated"}


@dataclass(frozen=True, slots=True)
class _Frame:
    shown: tuple[Findings, ...]
    """Held, so that no other findings get their identity."""
    png: bytes


def _key(chosen: Findings, lines: Mapping[str, Findings]) -> tuple[int | str, ...]:
    """Return what tells a frame from others."""
    return (id(chosen), *(part for kind, one in lines.items() for part in (kind, id(one))))


class TuningView:
    """Fills the widgets; may be used from several threads.

    Parameters
    ----------
    theme : Theme
        In which colours.
    picture : Picture
        The four panels.
    words : ipywidgets.HTML
        Figures in large type.
    quality : QualityWords
        What stands beside the speed.
    """

    def __init__(
        self, theme: Theme, picture: Picture, words: widgets.HTML, quality: QualityWords
    ) -> None:
        self._theme, self._picture, self._words, self._quality = theme, picture, words, quality
        self.table = widgets.HTML(layout={"width": "100%"})
        """One row per line of the picture."""
        self._drawing = threading.RLock()
        self._drawn = TuningPicture(theme)
        self._curve: tuple[NDArray[np.int64], NDArray[np.float64]] | None = None
        self._shown: dict[str, Findings] = {}
        self._chosen: Findings | None = None
        self._pinned: Findings | None = None
        self._frames: dict[tuple[int | str, ...], _Frame] = {}  # the latest last
        self._picture.png = self._drawn.png({})  # in its final shape, still empty
        self._words.value = readout(no_readings(), "Not simulated yet")

    def set_curve(self, curve: tuple[NDArray[np.int64], NDArray[np.float64]]) -> None:
        """Draw the hit rate of every cache size from now on."""
        with self._drawing:
            self._curve = curve
            self._begin_anew(self._theme)

    def retheme(self, theme: Theme) -> None:
        """Draw in other colours, at once."""
        with self._drawing:
            self._begin_anew(theme)
            self._picture.png = self._drawn.png(self._shown, self._chosen)

    def _begin_anew(self, theme: Theme) -> None:
        self._theme = theme
        self._drawn = TuningPicture(theme, self._curve)
        self._frames.clear()

    def pin(self, now: Findings) -> bool:
        """Keep a line to compare with; the same once more forgets it. Return whether it is kept."""
        with self._drawing:
            self._pinned = None if self._pinned is now else now
            return self._pinned is not None

    def draw(self, now: Findings, verified: Verification | None) -> None:
        """Show the picture and the figures of an answer.

        A verified one is shown for the requests that were replayed, so that what is measured and
        what is predicted are of the same requests.
        """
        with self._drawing:
            self._chosen, self._shown = now, self._lines(now, verified)
            self._picture.png = self._frame(now, self._shown)
            said = self._shown["now"]
            figures = readings_of(said, self._shown.get("measured"))
            self._words.value = readout(
                [*figures, *self._quality.readings(now.config)], caption_of(said, verified)
            )

    def show_kept(self, now: Findings, verified: Verification | None) -> None:
        """Show the picture of an answer at once, if it is among the latest.

        It waits for no drawing that is under way: whoever calls this has it drawn again.
        """
        kept = self._frames.get(_key(now, self._lines(now, verified)))
        if kept is not None:
            self._picture.png = kept.png

    def prepare(self, next_one: Findings, verified: Verification | None) -> None:
        """Draw an answer that is probably shown next."""
        with self._drawing:
            self._frame(next_one, self._lines(next_one, verified))

    def _lines(self, now: Findings, verified: Verification | None) -> dict[str, Findings]:
        lines = {"now": now}
        if verified is not None:
            lines = {"now": verified.predicted, "measured": verified.measured}
        if self._pinned is not None and self._pinned is not now:
            lines["pinned"] = self._pinned
        return lines

    def _frame(self, chosen: Findings, lines: dict[str, Findings]) -> bytes:
        """Return a frame, drawn unless it is among the latest."""
        key = _key(chosen, lines)
        frame = self._frames.pop(key, None)
        if frame is None:
            frame = _Frame((chosen, *lines.values()), self._drawn.png(lines, chosen))
        self._frames[key] = frame
        if len(self._frames) > _KEPT:
            del self._frames[next(iter(self._frames))]
        return frame.png

    def tabulate(self, now: Findings, verified: Verification | None) -> None:
        """Show the table of an answer that was drawn."""
        with self._drawing:
            lines = {**self._shown, "now": now}
        rows = [(_LINES[kind], one) for kind, one in lines.items()]
        self.table.value = numbers_table(rows, verified)
