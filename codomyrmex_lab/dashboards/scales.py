"""The positions of the sliders."""

from __future__ import annotations

__all__ = ["logarithmic_positions"]


def logarithmic_positions(low: float, high: float) -> list[float]:
    """Return round numbers from ``low`` to ``high``: 1, 1.5, 2, 3, 5, 7 times powers of ten."""
    steps = (10, 15, 20, 30, 50, 70)
    exponents = range(-6, 10)
    values = (step * 10.0**exponent / 10 for exponent in exponents for step in steps)
    return [round(value, 9) for value in values if low <= value <= high]
