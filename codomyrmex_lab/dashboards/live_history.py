"""What a live screen remembers: the figures of each moment of the last seconds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from codomyrmex_lab.tracing.live import WindowFigures

__all__ = ["LiveHistory", "Moment"]

_MOST_CHANGES = 100


@dataclass(frozen=True, slots=True)
class Moment:
    """The engine at one time.

    Parameters
    ----------
    at_s : float
        When, in s of some clock.
    figures : WindowFigures
        Of the requests that ended shortly before.
    queue_length : int
        Requests that wait.
    """

    at_s: float
    figures: WindowFigures
    queue_length: int

    def column(self, name: str) -> float:
        """Return a figure by its name; NaN where there was nothing to make it of."""
        figures = self.figures
        if name == "queue_length":
            return float(self.queue_length)
        nothing = {
            "cache_hit_rate": figures.n_requests == 0,
            "mean_batch_size": figures.mean_batch_size == 0,
        }
        return float("nan") if nothing.get(name, False) else float(getattr(figures, name))


class LiveHistory:
    """Moments and changes of settings within a span of time.

    Parameters
    ----------
    span_s : float
        How far back it remembers, in s.
    """

    def __init__(self, span_s: float) -> None:
        self._span_s = span_s
        self._moments: deque[Moment] = deque()
        self._changes: deque[tuple[float, str]] = deque(maxlen=_MOST_CHANGES)

    def __len__(self) -> int:
        return len(self._moments)

    @property
    def latest(self) -> Moment | None:
        """The last moment, if there is one."""
        return self._moments[-1] if self._moments else None

    def add(self, moment: Moment) -> None:
        """Add a moment and forget those that are past."""
        self._moments.append(moment)
        since_s = moment.at_s - self._span_s
        while self._moments[0].at_s < since_s:
            self._moments.popleft()
        while self._changes and self._changes[0][0] < since_s:
            self._changes.popleft()

    def note_change(self, at_s: float, words: str) -> None:
        """Remember that a setting changed."""
        self._changes.append((at_s, words))

    def clear(self) -> None:
        """Forget everything."""
        self._moments.clear()
        self._changes.clear()

    def ago_s(self) -> NDArray[np.float64]:
        """Return the times of the moments before the last one, in s: 0 or less, ascending."""
        times = np.array([moment.at_s for moment in self._moments], dtype=np.float64)
        return times - times[-1] if len(times) else times

    def column(self, name: str) -> NDArray[np.float64]:
        """Return one figure of every moment."""
        return np.array([moment.column(name) for moment in self._moments], dtype=np.float64)

    def gaps(self) -> list[int]:
        """Return the places of the moments before which nothing was measured for a while."""
        return [
            place
            for place, (before, moment) in enumerate(pairwise(self._moments), 1)
            if moment.at_s - moment.figures.seconds > before.at_s
        ]

    def changes(self) -> list[tuple[float, str]]:
        """Return changes until the last moment: how long before it, in s, and words.

        The oldest comes first, and times are 0 or less. A change while nothing is watched shows
        with the next moment.
        """
        if not self._moments:
            return []
        latest_s = self._moments[-1].at_s
        return [(at_s - latest_s, words) for at_s, words in self._changes if at_s <= latest_s]
