"""How far a replay has come, shown a few times per second at most."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Self

from tqdm.auto import tqdm

__all__ = ["Progress", "ProgressFunction"]

ProgressFunction = Callable[[int, int], object]
"""Told how many requests are done, of how many."""

_INTERVAL_NS = 200_000_000


class Progress:
    """Shows a bar, or tells a function; use it as a context manager.

    Parameters
    ----------
    shown : bool or callable
        True for a bar in the notebook or the terminal, False for nothing, or a function that is
        called with the numbers done and in total.
    total : int or None
        Number of requests; where it is not known beforehand the number done stands for it.
    title : str
        Shown before the bar.
    unit : str
        What is counted.
    """

    def __init__(
        self,
        shown: bool | ProgressFunction,
        total: int | None,
        title: str = "Replay",
        unit: str = "request",
    ) -> None:
        self._total = total
        self._bar = tqdm(total=total, unit=unit, desc=title) if shown is True else None
        self._tell = shown if callable(shown) else None
        self._due_ns = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def update(self, n_done: int, *, now: bool = False) -> None:
        """Show a new number, if the last one has been shown for long enough, or ``now``."""
        tick_ns = time.perf_counter_ns()
        if tick_ns < self._due_ns and not now:
            return
        self._due_ns = tick_ns + _INTERVAL_NS
        if self._bar is not None:
            self._bar.update(n_done - self._bar.n)
        if self._tell is not None:
            self._tell(n_done, n_done if self._total is None else self._total)
