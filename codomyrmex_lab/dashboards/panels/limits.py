"""Limits that change in steps, so that an axis is not drawn anew with every frame."""

from __future__ import annotations

import math

__all__ = ["Ceiling", "Decades", "Span"]

_STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)
_SHRINK_BELOW = 0.4
_FILLED = 0.96
_NOWHERE = 10**6


class Ceiling:
    """Upper end of an axis that begins at zero: a round number that moves only when it must.

    Parameters
    ----------
    lowest : float
        The least that it ever is, above 0.
    """

    def __init__(self, lowest: float) -> None:
        self._lowest = lowest
        self.value = _round_up(lowest)

    def over(self, highest: float) -> float:
        """Return the end for data that reach up to ``highest``; NaN leaves it as it is."""
        if not math.isfinite(highest):
            return self.value
        if highest > self.value or highest < _SHRINK_BELOW * self.value:
            self.value = _round_up(max(highest, self._lowest))
        return self.value


class Span:
    """Upper end of an axis that data fill: a little above them, and moved only when it must be."""

    def __init__(self) -> None:
        self.value = 0.0

    def over(self, highest: float) -> float:
        """Return the end for data that reach up to ``highest``."""
        if not _FILLED * self.value <= highest <= self.value:
            self.value = highest * (1 + (1 - _FILLED) / 2)
        return self.value


class Decades:
    """Whole powers of ten around some values, at least one decade apart.

    They stay for as long as they hold the values and are no more than a decade too wide at either
    end.

    Parameters
    ----------
    floor : float
        What lies below it, and NaN, counts as it; above 0.
    """

    def __init__(self, floor: float) -> None:
        self._floor = floor
        self._first, self._last = _NOWHERE, _NOWHERE

    def around(self, lowest: float, highest: float) -> tuple[float, float]:
        """Return the ends of the axis for values from ``lowest`` to ``highest``."""
        low, high = (
            max(end, self._floor) if math.isfinite(end) else self._floor
            for end in (lowest, highest)
        )
        first = math.floor(math.log10(low) + 1e-9)
        last = max(math.ceil(math.log10(high) - 1e-9), first + 1)
        if not first - 1 <= self._first <= first:
            self._first = first
        if not last <= self._last <= last + 1:
            self._last = last
        return 10.0**self._first, 10.0**self._last


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in _STEPS if step * power >= value * (1 - 1e-9))
