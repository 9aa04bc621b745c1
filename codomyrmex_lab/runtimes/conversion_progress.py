"""How far a conversion has come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from tqdm.auto import tqdm

__all__ = ["ConversionProgress", "ProgressFunction"]

ProgressFunction = Callable[[str, int, int], object]
"""Told what is being converted, how many steps are done, and of how many."""

_QUIET_S = 5.0  # most conversions end within it, and need no bar


class ConversionProgress:
    """Shows a bar once a conversion takes more than 5 s, or tells a function of each step.

    Parameters
    ----------
    shown : bool or callable
        True for a bar in the notebook or the terminal, False for nothing, or a function that is
        called with the title and the numbers of steps done and in total.
    title : str
        What is being converted.
    """

    def __init__(self, shown: bool | ProgressFunction, title: str) -> None:
        self._title = title
        self._bar = tqdm(desc=title, unit="step", delay=_QUIET_S) if shown is True else None
        self._tell = shown if callable(shown) else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, n_done: int, n_total: int) -> None:
        """Show that so many steps are done."""
        if self._bar is not None:
            self._bar.total = n_total
            self._bar.update(n_done - self._bar.n)
        if self._tell is not None:
            self._tell(self._title, n_done, n_total)
