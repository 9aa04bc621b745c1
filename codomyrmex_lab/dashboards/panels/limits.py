"""Limits that change in steps, so that an axis is not drawn anew with every frame."""

from __future__ import annotations

import math

__all__ = ["Ceiling", "decades"]

_STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0)
_SHRINK_BELOW = 0.4


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


def decades(lowest: float, highest: float, floor: float) -> tuple[float, float]:
    """Return the whole powers of ten around some values, at least one decade apart.

    Parameters
    ----------
    lowest, highest : float
        Ends of the values; what lies below ``floor``, and NaN, counts as ``floor``.
    floor : float
        Above 0.
    """
    low, high = (max(end, floor) if math.isfinite(end) else floor for end in (lowest, highest))
    first = math.floor(math.log10(low) + 1e-9)
    last = max(math.ceil(math.log10(high) - 1e-9), first + 1)
    return 10.0**first, 10.0**last


def _round_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in _STEPS if step * power >= value * (1 - 1e-9))
