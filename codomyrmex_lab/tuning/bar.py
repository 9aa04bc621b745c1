"""How far a search has come: a bar with the time left, or a function that is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from tqdm.auto import tqdm

__all__ = ["SearchBar", "SearchProgress"]

SearchProgress = Callable[[int, int], object]
"""Told how many configs, or runs, are done, of how many."""


class SearchBar:
    """Shows progress; use it as a context manager.

    Parameters
    ----------
    shown : bool or callable
        True for a bar in the notebook or the terminal, False for nothing, or a function that is
        called with the numbers done and in total.
    total : int or None
        Number of configs, where it is known already.
    title, unit : str
        Shown before the bar, and what it counts.
    """

    def __init__(
        self,
        shown: bool | SearchProgress,
        total: int | None,
        title: str = "Tune",
        unit: str = "config",
    ) -> None:
        self._bar = tqdm(total=total, unit=unit, desc=title) if shown is True else None
        self._tell = shown if callable(shown) else None
        self._total = total or 0
        self._n_done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def expect(self, total: int) -> None:
        """Set the number of configs."""
        self._total = total
        if self._bar is not None:
            self._bar.reset(total)

    def advance(self, n: int) -> None:
        """Count configs that are done; what goes beyond the total enlarges it."""
        self._n_done += n
        if self._n_done > self._total:
            self._total = self._n_done
            if self._bar is not None:
                self._bar.total = self._total
        if self._bar is not None:
            self._bar.update(n)
        if self._tell is not None and n:
            self._tell(self._n_done, self._total)
