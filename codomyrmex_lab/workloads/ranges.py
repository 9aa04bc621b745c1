"""The check that a setting is a number within its range."""

from __future__ import annotations

import math
from numbers import Real

from codomyrmex_lab.errors import SettingError

__all__ = ["check_number", "check_share"]


def check_number(name: str, value: object, *, above_zero: bool) -> None:
    """Raise ``SettingError`` unless ``value`` is finite and above 0, or at least 0."""
    allowed = "above 0" if above_zero else "of at least 0"
    if not _is_finite(value) or value < 0 or (above_zero and value == 0):  # type: ignore[operator]
        raise SettingError(f"{name} is {value!r}; expected a finite number {allowed}.")


def check_share(name: str, value: object) -> None:
    """Raise ``SettingError`` unless ``value`` is a number from 0 to 1."""
    if not _is_finite(value) or not 0 <= value <= 1:  # type: ignore[operator]
        raise SettingError(f"{name} is {value!r}; expected a number from 0 to 1.")


def _is_finite(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
