"""How far a conversion has come."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock, Timer
from typing import Any, Self

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
        self._tell = shown if callable(shown) else None
        # The bar appears by the clock and not with a step: the longest step may be the only one.
        self._timer = Timer(_QUIET_S, self._show_bar) if shown is True else None
        self._bar: Any = None
        self._lock = Lock()
        self._n_done, self._n_total = 0, 0
        self._ended = False

    def __enter__(self) -> Self:
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._ended = True
            if self._bar is not None:
                self._bar.close()

    def update(self, n_done: int, n_total: int) -> None:
        """Show that so many steps are done."""
        with self._lock:
            self._n_done, self._n_total = n_done, n_total
            if self._bar is not None:
                self._bar.total = n_total
                self._bar.update(n_done - self._bar.n)
        if self._tell is not None:
            self._tell(self._title, n_done, n_total)

    def _show_bar(self) -> None:
        with self._lock:
            if not self._ended:
                self._bar = tqdm(
                    desc=self._title,
                    unit="step",
                    initial=self._n_done,
                    total=self._n_total or None,
                )
