"""The check that a setting is a number within its range."""

from __future__ import annotations

import math

from codomyrmex_lab.errors import SettingError

__all__ = ["check_number"]


def check_number(name: str, value: object, *, above_zero: bool) -> None:
    """Raise ``SettingError`` unless ``value`` is finite and above 0, or at least 0."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    allowed = "above 0" if above_zero else "of at least 0"
    if not number or not math.isfinite(value) or value < 0 or (above_zero and value == 0):  # type: ignore[arg-type, operator]
        raise SettingError(f"{name} is {value!r}; expected a finite number {allowed}.")
